//! Multi-fields of indices whose mapping cannot be read, by what `_field_caps` returns.

use std::collections::{BTreeMap, BTreeSet};

/// The names to ask for: fields with a dot, and all that they could be inside of. Patterns are left out.
pub fn names_with_parents(names: &BTreeSet<String>) -> BTreeSet<String> {
    let mut asked = BTreeSet::new();
    for name in names {
        // A list of names is divided by commas.
        if !name.contains(['*', ',']) && name.contains('.') {
            let ends = name.match_indices('.').map(|(at, _)| &name[..at]);
            asked.extend(ends.filter(|parent| !parent.is_empty()).map(str::to_owned));
            asked.insert(name.clone());
        }
    }
    asked
}

/// The fields that those of `names` are multi-fields of: a field that exists directly below another field, which is no
/// object there, has no place of its own in a document.
pub fn parents_of_multi_fields(
    names: &BTreeSet<String>,
    types: &BTreeMap<String, BTreeSet<String>>,
) -> BTreeSet<String> {
    let is_object = |kind: &String| matches!(kind.as_str(), "object" | "nested" | "flattened");
    let parents = names
        .iter()
        .filter(|name| types.contains_key(*name))
        .filter_map(|name| {
            let (parent, _) = name.rsplit_once('.')?;
            let has_multi_fields = types.get(parent)?.iter().any(|kind| !is_object(kind));
            has_multi_fields.then(|| parent.to_owned())
        });
    parents.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_field_below_a_field_is_its_multi_field() {
        let names = set(&[
            "u.keyword",
            "o.keyword",
            "a.b.raw",
            "none.keyword",
            "both.x",
            "plain",
            "p.*",
        ]);
        let asked = names_with_parents(&names);
        for name in ["u", "u.keyword", "a", "a.b", "a.b.raw"] {
            assert!(asked.contains(name), "{name}");
        }
        assert!(!asked.contains("plain") && !asked.iter().any(|name| name.contains('*')));
        let types = BTreeMap::from(
            [
                ("u", &["text"][..]),
                ("u.keyword", &["keyword"]),
                ("o", &["object"]),
                ("o.keyword", &["keyword"]),
                ("a", &["object"]),
                ("a.b", &["text", "match_only_text"]),
                ("a.b.raw", &["keyword"]),
                ("none", &["text"]),
                ("both", &["object", "text"]),
                ("both.x", &["keyword"]),
            ]
            .map(|(name, kinds)| (name.to_owned(), set(kinds))),
        );
        assert_eq!(parents_of_multi_fields(&names, &types), set(&["a.b", "both", "u"]));
    }
}
