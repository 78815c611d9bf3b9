//! Which checks passed.

use serde::Serialize;

use crate::archive::{Contents, EntryKind, EntrySummary, Finding, Manifest, Part, Rule, Severity};

/// The checks in the order of the page.
const CHECKS: [(Rule, &str); 6] = [
    (Rule::File, "the file is whole: gzip, tar, sizes, entries"),
    (Rule::Config, "the configuration is a job's"),
    (Rule::Snapshot, "the snapshot document is there, and of this job"),
    (
        Rule::State,
        "the state has every document of the snapshot, and decodes to its end",
    ),
    (Rule::OtherEntry, "every other entry is JSON, and of this job"),
    (
        Rule::Manifest,
        "every entry is what the manifest says: documents, bytes, SHA-256",
    ),
];

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    pub(crate) what: &'static str,
    #[serde(rename = "held")]
    pub(crate) passed: bool,
}

/// The checks of what the archive contains.
pub(super) fn checks(contents: &Contents) -> Vec<Check> {
    let fatal = |finding: &&Finding| finding.severity == Severity::Fatal;
    let broken = |rule: Rule| {
        let mut fatal = contents.findings.iter().filter(fatal);
        fatal.any(|finding| finding.rule == rule || (rule == Rule::File && finding.incomplete))
    };
    let is_other = |entry: &EntrySummary| Rule::of(entry.kind) == Rule::OtherEntry;
    let applies = |rule: Rule| match rule {
        Rule::OtherEntry => broken(rule) || contents.entries.iter().any(is_other),
        Rule::Manifest => contents.manifest.is_some(),
        _ => true,
    };
    let complete = |rule: Rule| match rule {
        Rule::Config => contents.config.is_some(),
        Rule::Snapshot => contents.snapshot.is_some(),
        Rule::State => contents.count(Part::State) > 0,
        Rule::Manifest => contents
            .manifest
            .as_ref()
            .is_some_and(|manifest| agrees(manifest, contents)),
        Rule::File | Rule::OtherEntry => true,
    };
    let checks = CHECKS.into_iter().filter(|(rule, _)| applies(*rule));
    let checks = checks.map(|(rule, what)| Check {
        what,
        passed: complete(rule) && !broken(rule),
    });
    checks.collect()
}

/// Documents of an unknown entry are not counted.
fn agrees(manifest: &Manifest, contents: &Contents) -> bool {
    let entries = contents.entries.iter();
    let others = entries.filter(|entry| entry.kind != Some(EntryKind::Manifest));
    let same = |(entry, listed): (&EntrySummary, &EntrySummary)| {
        (&entry.name, entry.bytes, &entry.sha256) == (&listed.name, listed.bytes, &listed.sha256)
            && (entry.kind.is_none() || entry.documents == listed.documents)
    };
    others.clone().count() == manifest.entries.len() && others.zip(&manifest.entries).all(same)
}
