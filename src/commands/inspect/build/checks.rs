//! Which checks held: the findings, sorted by what they are about.

use crate::archive::{Contents, EntryKind, EntrySummary, Finding, Manifest, ManifestEntry, Part, Severity};
use crate::commands::inspect::report::Check;

/// What is checked, in the order of the page. What the archive has nothing of is not listed.
pub(super) fn checks(contents: &Contents) -> Vec<Check> {
    let fatal = contents
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Fatal);
    let subjects: Vec<Subject> = fatal.flat_map(|finding| subjects(contents, finding)).collect();
    let sound = |of: Subject| !subjects.contains(&of);
    let mut checks = vec![
        check("the file is whole: gzip, tar, sizes, entries", sound(Subject::Archive)),
        check(
            "the configuration is a job's",
            contents.config.is_some() && sound(Subject::Config),
        ),
        check(
            "the snapshot document is there, and of this job",
            contents.snapshot.is_some() && sound(Subject::Snapshot),
        ),
        check(
            "the state has every document of the snapshot, and decodes to its end",
            contents.count(Part::State) > 0 && sound(Subject::State),
        ),
    ];
    let others = contents.entries.iter().filter_map(|entry| entry.kind);
    if others.map(subject).any(|subject| subject == Subject::Others) || !sound(Subject::Others) {
        checks.push(check(
            "every other entry is JSON, and of this job",
            sound(Subject::Others),
        ));
    }
    if let Some(manifest) = &contents.manifest {
        checks.push(check(
            "every entry is what the manifest says: documents, bytes, SHA-256",
            sound(Subject::Manifest) && agrees(manifest, contents),
        ));
    }
    checks
}

fn check(what: &str, held: bool) -> Check {
    Check {
        what: what.to_owned(),
        held,
    }
}

/// What a finding is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subject {
    Archive,
    Config,
    Snapshot,
    State,
    Others,
    Manifest,
}

/// By the entry that the finding's place begins with. An entry that is not listed was not read to its
/// end, so the file is not whole either.
fn subjects(contents: &Contents, finding: &Finding) -> Vec<Subject> {
    let place = finding.place.as_str();
    let entries = contents.entries.iter().filter(|entry| place.starts_with(&entry.name));
    match entries.max_by_key(|entry| entry.name.len()) {
        Some(entry) => vec![entry.kind.map_or(Subject::Archive, subject)],
        // A whole archive without one of its entries: the check of that entry says so.
        None if place.is_empty() && !contents.entries.is_empty() => Vec::new(),
        None => named(place)
            .map(subject)
            .into_iter()
            .chain([Subject::Archive])
            .collect(),
    }
}

/// The kind of entry that a place begins with: `<entry>` or `<entry>, line <n>`; `after <entry>` is none.
fn named(place: &str) -> Option<EntryKind> {
    let entry = place.split(", line ").next().filter(|entry| !entry.contains(' '))?;
    EntryKind::of_path(entry)
}

fn subject(kind: EntryKind) -> Subject {
    match kind {
        EntryKind::Config => Subject::Config,
        EntryKind::Snapshot => Subject::Snapshot,
        EntryKind::State => Subject::State,
        EntryKind::Manifest => Subject::Manifest,
        _ => Subject::Others,
    }
}

/// What an unknown entry contains is not counted.
fn agrees(manifest: &Manifest, contents: &Contents) -> bool {
    let others = contents
        .entries
        .iter()
        .filter(|entry| entry.kind != Some(EntryKind::Manifest));
    let same = |(entry, listed): (&EntrySummary, &ManifestEntry)| {
        (&entry.name, entry.bytes, &entry.sha256) == (&listed.name, listed.bytes, &listed.sha256)
            && (entry.kind.is_none() || entry.documents == listed.documents)
    };
    others.clone().count() == manifest.entries.len() && others.zip(&manifest.entries).all(same)
}
