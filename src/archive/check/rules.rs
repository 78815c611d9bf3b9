//! Rules for single entries and for the archive as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};

use serde_json::value::RawValue;
use tar::EntryType;

use super::contents::{Contents, Findings, Place};
use super::documents::Checker;
use crate::archive::error::{ReadError, Result};
use crate::archive::layout::{EntryKind, EntrySummary, FORMAT_VERSION, MAX_ENTRIES, Manifest, Part, max_text};
use crate::archive::read::TarReader;
use crate::job::{self, Calendar, DataCounts, Filter, InputMappings, JobConfig, JobId, Snapshot};
use crate::json::{check_members, without_value};
use crate::util::format::exact_bytes;

/// The maximum size of a path in bytes.
const MAX_PATH: usize = 1024;
/// The maximum size of all paths in bytes.
const MAX_PATHS: usize = 16 << 20;
/// The maximum number of filters or calendars, far above the number that a job uses.
const MAX_ELEMENTS: usize = 10_000;

/// The entries that an import requires.
const REQUIRED: [(EntryKind, &str); 3] = [
    (
        EntryKind::Config,
        "the job configuration (`…_config.json`) is missing: the job cannot be created without it",
    ),
    (
        EntryKind::Snapshot,
        "the snapshot document (`ml-anomalies-snapshot_doc_….json`) is missing: without it, the cluster cannot revert to \
         the state (the Python scripts do not export it if the job has its own results index, or if the \
         shared index ends in -000001)",
    ),
    (
        EntryKind::State,
        "the model state (`…_snapshot_docs.ndjson`) is missing: there is no model to import",
    ),
];

impl Checker<'_> {
    /// Reads to the end, or until damage prevents further reading.
    pub(super) fn read(&mut self, mut tar: TarReader<'_>) -> Result<()> {
        match self.entries(&mut tar) {
            Ok(()) => return Ok(()),
            Err(ReadError::Failed(error)) => return Err(error),
            Err(ReadError::Corrupt(why)) => self.findings.incomplete(&self.place, why),
            Err(ReadError::Malformed(why)) => self.findings.fatal(&self.place, why),
        }
        self.truncated = true;
        Ok(())
    }

    fn entries(&mut self, tar: &mut TarReader<'_>) -> Result<(), ReadError> {
        while let Some((entry_type, mut entry)) = tar.next()? {
            self.place = Place::new(None, entry.name.as_str());
            self.require_bounded(&entry)?;
            entry.kind = self.accepted_kind(entry_type, &entry.name);
            entry.documents = match entry.kind.map(|kind| (kind, kind.part())) {
                Some((_, Some(part))) => self.documents(tar, part)?,
                Some((kind, None)) => self.text(tar, entry.bytes, kind)?,
                None => 0,
            };
            // The rest of the entry is hashed too.
            io::copy(tar, &mut io::sink())?;
            self.place = Place::new(None, format!("after {}", entry.name));
            entry.sha256 = tar.sha256();
            self.contents.entries.push(entry);
        }
        Ok(())
    }

    /// Refuses to read an entry that is too large, and everything after it.
    fn require_bounded(&mut self, entry: &EntrySummary) -> Result<(), ReadError> {
        self.path_bytes += entry.name.len();
        self.bytes = self.bytes.saturating_add(entry.bytes);
        let (bytes, limit, total) = (entry.bytes, self.limits.entry, self.limits.total);
        let why =
            if self.contents.entries.len() >= MAX_ENTRIES || self.path_bytes > MAX_PATHS || entry.name.len() > MAX_PATH
            {
                "more entries or longer names than an export writes".to_owned()
            } else if bytes > limit {
                let [bytes, limit] = [bytes, limit].map(exact_bytes);
                format!("has {bytes}, but the limit is {limit} (raise it with --max-entry-size)")
            } else if self.bytes > total {
                format!("the decompressed size of the archive exceeds {}", exact_bytes(total))
            } else {
                return Ok(());
            };
        Err(ReadError::Malformed(why))
    }

    /// Returns the kind of the entry; `None` if it is unknown, or if its path or type could do harm.
    fn accepted_kind(&mut self, entry_type: EntryType, path: &str) -> Option<EntryKind> {
        let plain = matches!(entry_type, EntryType::Regular | EntryType::Continuous) && !path.ends_with('/');
        self.place = Place::new(None, path);
        let refused = if !plain {
            "not a regular file"
        } else if !stays_in_place(path) {
            "unsafe path: it is absolute, or contains `..` or a backslash"
        } else if !self.paths.insert(path.to_owned()) {
            "duplicate entry"
        } else if let Some(kind) = EntryKind::of_path(path) {
            let after_manifest = self.kinds.contains(&EntryKind::Manifest);
            let accepted = Some(kind).filter(|kind| self.kinds.insert(*kind));
            self.place = Place::new(accepted, path);
            if after_manifest {
                let what = "follows the manifest, which must be the last entry";
                self.findings.fatal(&self.place, what);
            }
            if accepted.is_some() {
                return accepted;
            }
            "the archive already has an entry of this kind"
        } else {
            self.findings.warning(&self.place, "unknown entry, ignored");
            return None;
        };
        self.findings.fatal(&self.place, refused);
        None
    }

    /// Reads an entry with a single JSON text and returns the number of its documents.
    fn text(&mut self, tar: &mut TarReader<'_>, bytes: u64, kind: EntryKind) -> Result<u64, ReadError> {
        let max = max_text(kind);
        if bytes > max {
            let what = format!("has {}, but the maximum is {}", exact_bytes(bytes), exact_bytes(max));
            self.findings.fatal(&self.place, what);
            return Ok(0);
        }
        let mut text = Vec::new();
        tar.read_to_end(&mut text)?;
        if let Err(why) = parse_text(kind, text, &mut self.contents) {
            self.findings.fatal(&self.place, why);
        }
        if let (EntryKind::Config, Some(config)) = (kind, &self.contents.config) {
            self.visitor.config(config);
        }
        Ok(1)
    }

    /// Applies the rules for the archive as a whole.
    pub(super) fn finish(mut self) -> Result<Contents> {
        if let Some(job) = self.contents.job_id().cloned() {
            self.one_job(&job);
        }
        self.finish_documents()?;
        let (contents, findings, truncated) = (&self.contents, &mut self.findings, self.truncated);
        if !truncated {
            complete(contents, findings);
        }
        for (part, documents) in [(Part::Inputs, "input documents"), (Part::Results, "results")] {
            entry_numbers(contents, part, documents, truncated, findings);
        }
        if let Some(manifest) = &contents.manifest {
            as_listed(manifest, contents, findings);
        }
        if let Some(snapshot) = &contents.snapshot {
            let place = contents.place_of(EntryKind::Snapshot);
            let (count, documents) = (snapshot.snapshot_doc_count.unwrap_or(0), contents.state.model_documents);
            if count == 0 {
                let what = "the snapshot has no state documents (`snapshot_doc_count`): nothing can be restored";
                findings.fatal(&place, what);
            } else if count != documents && !truncated {
                let what =
                    format!("`snapshot_doc_count` is {count}, but the archive has {documents} model state documents");
                findings.fatal(&place, what);
            }
        }
        if contents.is_missing_categorizer() && !truncated {
            let what = "the categorizer state is missing: categorization starts from the beginning after an import";
            findings.warning(&contents.place_of(EntryKind::State), what);
        }
        self.contents.findings = self.findings.into_list();
        Ok(self.contents)
    }

    /// Checks that everything belongs to one job and snapshot.
    fn one_job(&mut self, job: &JobId) {
        let (contents, findings) = (&self.contents, &mut self.findings);
        if let Some(snapshot) = &contents.snapshot {
            let place = contents.place_of(EntryKind::Snapshot);
            let quantiles = snapshot.quantiles.as_ref().map(|quantiles| &quantiles.job_id);
            let size = snapshot.model_size_stats.as_ref().and_then(|size| size.job_id.as_ref());
            let ids = [Some(&snapshot.job_id), quantiles, size].into_iter().flatten();
            for id in ids.filter(|id| *id != job.as_str()) {
                findings.other_job(&place, id, job);
            }
            if quantiles.is_none() {
                let what =
                    "the quantiles are missing: normalization of scores starts from the beginning after an import";
                findings.warning(&place, what);
            }
        }
        let counts = contents.data_counts.as_ref();
        if counts.is_some_and(|counts| counts.job_id() != Some(job.as_str())) {
            let place = contents.place_of(EntryKind::DataCounts);
            findings.fatal(&place, format!("does not belong to job `{job}`"));
        }
        let datafeed = contents.config.as_ref().and_then(JobConfig::datafeed);
        if datafeed.is_some_and(|datafeed| datafeed.indices.is_empty()) {
            findings.fatal(&contents.place_of(EntryKind::Config), "the datafeed has no indices");
        }
        self.require_owner(job);
        if let Some(manifest) = &self.contents.manifest {
            let (named, snapshot) = (&manifest.job_id, &manifest.snapshot_id);
            if named != job.as_str() || self.contents.snapshot_id().is_some_and(|id| id.as_str() != snapshot) {
                let what = format!("belongs to job `{named}` and snapshot `{snapshot}`");
                let place = self.contents.place_of(EntryKind::Manifest);
                self.findings.fatal(&place, what);
            }
        }
    }
}

/// Whether a path is relative and stays inside its directory on every system.
fn stays_in_place(path: &str) -> bool {
    let drive = path.as_bytes().get(1) == Some(&b':');
    let elsewhere = path.is_empty() || path.starts_with('/') || drive || path.contains(['\\', '\0']);
    !elsewhere && path.split('/').all(|component| component != "..")
}

/// Parses an entry as far as a rule or an import needs it.
pub(super) fn parse_text(kind: EntryKind, text: Vec<u8>, contents: &mut Contents) -> Result<(), String> {
    let text = String::from_utf8(text).map_err(|cause| format!("not UTF-8: {cause}"))?;
    check_members(&text).map_err(unreadable)?;
    let value = RawValue::from_string(text).map_err(unreadable)?;
    let json = value.get();
    let why = |cause: job::Error| cause.to_string();
    match kind {
        EntryKind::Config => contents.config = Some(JobConfig::parse(json.as_bytes()).map_err(why)?),
        EntryKind::Manifest => contents.manifest = Some(serde_json::from_str(json).map_err(unreadable)?),
        EntryKind::Snapshot => contents.snapshot = Some(Snapshot::parse(value).map_err(why)?),
        _ => {
            match kind {
                EntryKind::DataCounts => contents.data_counts = Some(DataCounts::parse(json.as_bytes()).map_err(why)?),
                EntryKind::InputMapping => contents.mappings = InputMappings::parse(json).map_err(why)?,
                EntryKind::Filters => contents.filters = array_of(json, Filter::parse, |filter| filter.id.as_str())?,
                EntryKind::Calendars => {
                    contents.calendars = array_of(json, Calendar::parse, |one| one.calendar_id.as_str())?
                }
                _ => {}
            }
            contents.texts.insert(kind, value);
        }
    }
    Ok(())
}

fn unreadable(cause: serde_json::Error) -> String {
    format!("cannot be read: {}", without_value(&cause))
}

/// Parses an array of elements with unique IDs.
fn array_of<T>(text: &str, read: fn(&RawValue) -> Result<T, job::Error>, id: fn(&T) -> &str) -> Result<Vec<T>, String> {
    let elements: Vec<&RawValue> = serde_json::from_str(text).map_err(unreadable)?;
    if elements.len() > MAX_ELEMENTS {
        return Err(format!("cannot be read: more than {MAX_ELEMENTS} elements"));
    }
    let (mut ids, mut list) = (BTreeSet::new(), Vec::with_capacity(elements.len()));
    for element in elements {
        let element = read(element).map_err(|cause| format!("cannot be read: {cause}"))?;
        if let Some(id) = ids.replace(id(&element).to_owned()) {
            return Err(format!("duplicate ID `{id}`"));
        }
        list.push(element);
    }
    Ok(list)
}

/// Checks that everything that an import requires is present.
fn complete(contents: &Contents, findings: &mut Findings) {
    if contents.entries.is_empty() {
        let what = "the archive is empty: there is nothing to import (the Python scripts write such archives if they \
                    are run without --include_inputs)";
        return findings.fatal(&Place::default(), what);
    }
    let is_missing = |kind| !contents.entries.iter().any(|entry| entry.kind == Some(kind));
    for (kind, what) in REQUIRED.into_iter().filter(|(kind, _)| is_missing(*kind)) {
        findings.fatal(&Place::new(Some(kind), ""), what);
    }
}

/// Checks that the entries of a part are numbered from 1 without gaps. For input documents, there may be a single
/// entry of the older form instead.
fn entry_numbers(contents: &Contents, part: Part, documents: &str, truncated: bool, findings: &mut Findings) {
    let number = |entry: &EntrySummary| {
        let kind = entry.kind.filter(|kind| kind.part() == Some(part));
        Some((kind?.number()?, Place::new(kind, entry.name.as_str())))
    };
    let numbered: BTreeMap<u64, Place> = contents.entries.iter().filter_map(number).collect();
    if let Some(old) = numbered.get(&0).filter(|_| part == Part::Inputs) {
        if numbered.len() > 1 {
            let what = "the archive has both the old and the new form of entries with input documents: the same documents \
                        would be imported twice";
            findings.fatal(old, what);
        }
        return;
    }
    let mut in_order = numbered.iter().zip(1..);
    let gap = in_order.find(|((number, _), expected)| *number != expected);
    if let Some(((number, place), expected)) = gap.filter(|_| !truncated) {
        let what = format!("is number {number}, but there is no entry of {documents} with number {expected}");
        findings.fatal(place, what);
    }
}

/// Checks that every entry matches the manifest.
fn as_listed(manifest: &Manifest, contents: &Contents, findings: &mut Findings) {
    let place = contents.place_of(EntryKind::Manifest);
    if manifest.format_version != FORMAT_VERSION {
        let version = manifest.format_version;
        let what = format!("unknown format version {version}; only {FORMAT_VERSION} is supported");
        findings.fatal(&place, what);
    }
    let mut listed = BTreeMap::new();
    for entry in &manifest.entries {
        if listed.insert(entry.name.as_str(), entry).is_some() {
            findings.fatal(&place, format!("duplicate entry `{}`", entry.name));
        }
    }
    let others = |entry: &&EntrySummary| entry.kind != Some(EntryKind::Manifest);
    for entry in contents.entries.iter().filter(others) {
        let difference = match listed.remove(entry.name.as_str()) {
            None => "not in the manifest: the entry was added later".to_owned(),
            Some(listed) if listed.bytes != entry.bytes => {
                format!("has {} bytes, but the manifest lists {}", entry.bytes, listed.bytes)
            }
            Some(listed) if listed.sha256 != entry.sha256 => {
                "its SHA-256 does not match the manifest: the entry was changed".to_owned()
            }
            Some(listed) if entry.kind.is_some() && listed.documents != entry.documents => {
                let (archived, listed) = (entry.documents, listed.documents);
                format!("has {archived} documents, but the manifest lists {listed}")
            }
            Some(_) => continue,
        };
        findings.fatal(&Place::new(entry.kind, entry.name.as_str()), difference);
    }
    for name in listed.keys() {
        findings.incomplete(
            &Place::new(EntryKind::of_path(name), *name),
            "the entry is in the manifest, but it is missing",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_relative_paths_without_parents_are_accepted() {
        for good in ["a_config.json", "./a_config.json", "folder/a..b.json"] {
            assert!(stays_in_place(good), "{good}");
        }
        for bad in ["", "/a", "..", "a/..", "a/../b", "a\\b", "C:a", "a\0b"] {
            assert!(!stays_in_place(bad), "{bad:?}");
        }
    }
}
