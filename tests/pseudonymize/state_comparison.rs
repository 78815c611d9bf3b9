//! Compares two decoded states, and fails if anything differs that must not.

use super::json_tree::Tree;

/// The differences.
#[derive(Debug, Default)]
pub struct Differences {
    /// Texts, old and new.
    pub replaced: Vec<(String, String)>,
    /// The number of lengths in categories.
    pub lengths: usize,
    /// The number of scope hashes, old and new.
    pub keys: usize,
    /// The number of dropped entries.
    pub removed: usize,
}

/// Compares two states. Panics if anything other than a text differs.
pub fn compare(old: &Tree, new: &Tree) -> Differences {
    let mut differences = Differences::default();
    side_by_side(old, new, "", &mut differences);
    differences
}

fn side_by_side(old: &Tree, new: &Tree, path: &str, differences: &mut Differences) {
    match (old, new) {
        (Tree::Text(old), Tree::Text(new)) => {
            if old == new {
                return;
            }
            if matches!(path, ".b.c.d" | ".b.c.k") {
                // The lengths of a category depend on its message: see `categories`.
                differences.lengths += 1;
            } else if path == ".a.g.a.a" {
                differences.keys += 1;
            } else {
                differences.replaced.push((old.clone(), new.clone()));
            }
        }
        (Tree::List(old), Tree::List(new)) => {
            assert_eq!(old.len(), new.len(), "{path}");
            old.iter()
                .zip(new)
                .for_each(|(old, new)| side_by_side(old, new, path, differences));
        }
        (Tree::Object(old), Tree::Object(new)) if path == ".a.g" => largest_scores(old, new, path, differences),
        (Tree::Object(old), Tree::Object(new)) => {
            let names = |members: &[(String, Tree)]| members.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
            assert_eq!(names(old), names(new), "{path}");
            for ((name, old), (_, new)) in old.iter().zip(new) {
                side_by_side(old, new, &format!("{path}.{name}"), differences);
            }
        }
        (old, new) => assert_eq!(old, new, "{path}"),
    }
}

/// Compares the number of entries and the entries. Some may be dropped; the others must have their original scores.
fn largest_scores(old: &[(String, Tree)], new: &[(String, Tree)], path: &str, differences: &mut Differences) {
    let (size, entries) = new.split_first().unwrap();
    assert_eq!(size, &("d".to_owned(), Tree::Text(entries.len().to_string())), "{path}");
    assert_eq!(old[0].1, Tree::Text((old.len() - 1).to_string()), "{path}");
    let mut entries = entries.iter().peekable();
    for (name, old) in &old[1..] {
        let same = |new: &&(String, Tree)| scores(&new.1) == scores(old);
        match entries.next_if(|new| same(new)) {
            Some((_, new)) => side_by_side(old, new, &format!("{path}.{name}"), differences),
            None => differences.removed += 1,
        }
    }
    assert!(entries.next().is_none(), "{path}");
}

fn scores(entry: &Tree) -> Vec<(String, &str)> {
    let mut texts = entry.texts();
    texts.retain(|(path, _)| path != "a");
    texts
}
