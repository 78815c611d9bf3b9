//! Every text of the project uses the words of Elasticsearch, Rust and standard English: no file contains one of these
//! phrases.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Phrases to avoid, each with what to use instead. Uppercase is ignored, and `_` separates words. `(a|b)` matches one of
/// several words, `!(a|b)` any other one, and `!(a|)` neither `a` nor punctuation.
const PHRASES: &[(&str, &str)] = &[
    ("(checks|all|what|it) held", "passed, or: is true"),
    ("(not|must|checks) hold", "fail, pass"),
    ("opens from elasticsearch", "requires Elasticsearch … or later"),
    ("(goes|go|went) on", "continues"),
    ("(takes|take|taking) (them|it) along", "includes"),
    (
        "(takes|take|taken|comes|come|came|goes|go|went) along",
        "is included, includes",
    ),
    ("(nobody|somebody|anybody)", "another user, no user, any user"),
    ("(somebody|someone) else", "another user, another job"),
    ("leaves your house", "you share"),
    ("what goes with what", "compatibility"),
    ("(is|are) seen to", "is guaranteed"),
    ("(survive|survives|survived|survivor)", "succeeds, is retried, remains"),
    ("(anew|meanwhile)", "again, in the meantime"),
    ("once more", "again"),
    ("(archive|file|state) is whole", "is complete"),
    ("lacks !(permissions|)", "does not have, is missing"),
    ("lacked", "did not have, was missing"),
    ("but for", "except"),
    ("(tell|tells|told|untold)", "prints, reports, shows, distinguishes"),
    ("(says|said)", "states, prints, reports"),
    ("say more", "verbose output"),
    ("stands", "is, is stored"),
    ("(lies|lie|sits|sit) (in|on|behind|there)", "is, is stored"),
    ("(look|looks|looked) whether", "checks whether"),
    ("an import will find", "missing from this archive"),
    ("has seen", "data range, read"),
    ("in the place of", "instead of"),
    ("where it is left out", "if omitted"),
    ("everything (it|they) has learned", "its learned model"),
    ("bound it", "limit"),
    ("nothing of this import remains", "rolled back"),
    ("!(there) (is|are|was|were) no !(longer|more|such|)", "is not a"),
    ("(the|a) first contact", "initial connection"),
    ("first contact has", "initial connection"),
    (
        "foreign (id|ids|job|jobs|index|indices|document|documents|snapshot|snapshots|annotation|annotations|counts)",
        "of another job",
    ),
    ("not a valid (job|filter|calendar|datafeed) id", "invalid job ID"),
    (
        "(narrator|surroundings|belongings|patience|gatherer)",
        "see docs/architecture.md",
    ),
    (
        "(leniently|loosen|scrubbed)",
        "allow missing, store uncompressed, redact",
    ),
    ("(steer|steers|steering) characters", "control characters"),
    ("put off", "retried, rejected"),
];

/// Directories with recorded data, which is not written by the project.
const RECORDED: [&str; 3] = ["fixtures", "seeds", "target"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All texts of the project except this file.
fn files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Cargo.toml", ".ci/run"]
        .map(|name| root().join(name))
        .to_vec();
    let mut folders: Vec<PathBuf> = ["src", "docs", "tests", "benches", "examples", "fuzz"]
        .map(|name| root().join(name))
        .to_vec();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            let extension = path.extension().and_then(|extension| extension.to_str());
            if path.is_dir() {
                // `tests/support/fixtures` is code.
                let is_recorded = RECORDED.contains(&name) && !folder.ends_with("support");
                folders.extend((!is_recorded).then_some(path));
            } else if matches!(extension, Some("rs" | "md" | "snap" | "toml" | "sh" | "txt")) || name == "run" {
                files.push(path);
            }
        }
    }
    files.retain(|path| !path.ends_with("tests/wording.rs"));
    files
}

/// The words of a text in lowercase, each with the number of its line. Punctuation is an empty word, so that no phrase
/// continues after it; the marks of comments are not words.
fn words(text: &str) -> Vec<(String, usize)> {
    let mut words = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start().trim_start_matches(['/', '!', '#']);
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            let is_word = |c: char| c.is_alphanumeric() || c == '-' || c == '\'';
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            if end > 0 {
                words.push((rest[..end].to_lowercase(), index + 1));
                rest = &rest[end..];
                continue;
            }
            if !first.is_whitespace() && !matches!(first, '_' | '`' | '/') {
                words.push((String::new(), index + 1));
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    words
}

/// One place in a phrase: whether the words are excluded, and the words.
type Element = (bool, Vec<&'static str>);

/// The phrases by each of their words at the anchor, which is the first place that does not exclude words.
struct Phrases {
    by_word: HashMap<&'static str, Vec<usize>>,
    elements: Vec<Vec<Element>>,
    anchors: Vec<usize>,
}

impl Phrases {
    fn parse() -> Self {
        let (mut by_word, mut elements, mut anchors) = (HashMap::<_, Vec<_>>::new(), Vec::new(), Vec::new());
        for (number, (phrase, _)) in PHRASES.iter().enumerate() {
            let element = |text: &'static str| {
                let words = text.trim_start_matches('!').trim_matches(['(', ')']);
                (text.starts_with('!'), words.split('|').collect())
            };
            let parsed: Vec<Element> = phrase.split(' ').map(element).collect();
            let anchor = parsed.iter().position(|(is_excluded, _)| !is_excluded).unwrap();
            for word in &parsed[anchor].1 {
                by_word.entry(*word).or_default().push(number);
            }
            elements.push(parsed);
            anchors.push(anchor);
        }
        Self {
            by_word,
            elements,
            anchors,
        }
    }

    /// The line of each phrase in a text, with the phrase and what to use instead.
    fn find(&self, text: &str) -> Vec<(usize, &'static str, &'static str)> {
        let words = words(text);
        let word = |at: usize| words.get(at).map_or("", |(word, _)| word.as_str());
        let mut found = Vec::new();
        for (at, (first, line)) in words.iter().enumerate() {
            for number in self.by_word.get(first.as_str()).into_iter().flatten() {
                let mut elements = self.elements[*number].iter().enumerate();
                let anchor = self.anchors[*number];
                if elements.all(|(place, (is_excluded, expected))| {
                    let found = (at + place).checked_sub(anchor).map_or("", word);
                    expected.contains(&found) != *is_excluded
                }) {
                    found.push((*line, PHRASES[*number].0, PHRASES[*number].1));
                }
            }
        }
        found
    }
}

#[test]
fn no_text_contains_a_phrase_to_avoid() {
    let (phrases, mut found) = (Phrases::parse(), Vec::new());
    for path in files() {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(root()).unwrap().display();
        let lines = phrases.find(&text).into_iter();
        found.extend(lines.map(|(line, phrase, instead)| format!("{name}:{line}: {phrase} → use: {instead}")));
    }
    found.sort();
    assert!(
        found.is_empty(),
        "{} phrases to avoid:\n{}",
        found.len(),
        found.join("\n")
    );
}

#[test]
fn phrases_are_found_across_lines_and_in_names() {
    let phrases = Phrases::parse();
    let phrases = |text| {
        phrases
            .find(text)
            .into_iter()
            .map(|(line, ..)| line)
            .collect::<Vec<_>>()
    };
    assert_eq!(phrases("/// All 6 checks\n/// held. Nobody"), [1, 2]);
    assert_eq!(phrases("fn damage_is_told() {}"), [1]);
    assert_eq!(phrases("this is no archive"), [1]);
    assert_eq!(phrases("there is no archive, and it is no longer needed"), [0; 0]);
    assert_eq!(phrases("the user lacks permissions"), [0; 0]);
    assert_eq!(phrases("a job that is. No archive"), [0; 0]);
}
