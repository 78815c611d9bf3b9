//! Rules on entries, read one after the other, and on the archive as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use serde::Deserialize;
use serde_json::value::RawValue;
use tar::EntryType;

use super::contents::{Contents, Findings, Rule};
use super::documents::{DocumentChecker, DocumentVisitor};
use crate::archive::error::{ReadError, Result};
use crate::archive::layout::{EntryKind, Limits, MAX_ENTRIES, max_text};
use crate::archive::manifest::{EntrySummary, FORMAT_VERSION, Manifest};
use crate::archive::read::{TarEntry, TarReader, read_pieces};
use crate::job::{self, Calendar, DataCounts, Filter, InputMappings, JobConfig, JobId, Snapshot};
use crate::json::{check_members, without_value};

/// Bytes of a path.
const MAX_PATH: usize = 1024;
/// Bytes of all paths together.
const MAX_PATHS: usize = 16 << 20;
/// Filters, or calendars; a job has a handful.
const MAX_ELEMENTS: usize = 10_000;

/// A pass under way.
pub(super) struct Checker<'v> {
    limits: Limits,
    contents: Contents,
    findings: Findings,
    documents: DocumentChecker<'v>,
    kinds: BTreeSet<EntryKind>,
    paths: BTreeSet<String>,
    path_bytes: usize,
    /// Of all entries.
    bytes: u64,
    /// The archive could not be read to its end: what was not seen may well be there.
    truncated: bool,
}

impl<'v> Checker<'v> {
    pub(super) fn new(limits: Limits, visitor: &'v mut dyn DocumentVisitor) -> Self {
        Self {
            limits,
            contents: Contents::default(),
            findings: Findings::default(),
            documents: DocumentChecker::new(limits.state, visitor),
            kinds: BTreeSet::new(),
            paths: BTreeSet::new(),
            path_bytes: 0,
            bytes: 0,
            truncated: false,
        }
    }

    /// Reads to the end, or to the damage after which nothing can be read.
    pub(super) fn read(&mut self, mut tar: TarReader<'_>) -> Result<()> {
        let mut path = String::new();
        match self.entries(&mut tar, &mut path) {
            Ok(ended) => self.truncated = !ended,
            Err(ReadError::Failed(error)) => return Err(error),
            Err(ReadError::Corrupt(why) | ReadError::Malformed(why)) => {
                if path.is_empty() {
                    self.findings.begin(Rule::File);
                }
                let place = match self.contents.entries.last() {
                    Some(before) if path.is_empty() => format!("after {}", before.name),
                    _ => path,
                };
                self.findings.fatal(&place, why);
                self.findings.mark_incomplete();
                self.truncated = true;
            }
        }
        Ok(())
    }

    /// False where an entry is too large to read on; `path` is that of the entry being read.
    fn entries(&mut self, tar: &mut TarReader<'_>, path: &mut String) -> Result<bool, ReadError> {
        loop {
            path.clear();
            let Some(entry) = tar.next()? else { return Ok(true) };
            path.push_str(&entry.path);
            self.findings.begin(Rule::of_path(path));
            if let Some(why) = self.too_large(&entry) {
                self.findings.fatal(path, why);
                self.findings.mark_incomplete();
                return Ok(false);
            }
            self.entry(tar, entry)?;
        }
    }

    fn too_large(&mut self, entry: &TarEntry) -> Option<String> {
        self.path_bytes += entry.path.len();
        self.bytes = self.bytes.saturating_add(entry.bytes);
        let Limits {
            entry: limit, total, ..
        } = self.limits;
        if self.contents.entries.len() >= MAX_ENTRIES || self.path_bytes > MAX_PATHS || entry.path.len() > MAX_PATH {
            Some("more entries or longer names than any export writes".to_owned())
        } else if entry.bytes > limit {
            let bytes = entry.bytes;
            Some(format!(
                "has {bytes} bytes, the limit is {limit} (--max-entry-size raises it)"
            ))
        } else if self.bytes > total {
            Some(format!("with it the archive has more than {total} bytes, decompressed"))
        } else {
            None
        }
    }

    fn entry(&mut self, tar: &mut TarReader<'_>, entry: TarEntry) -> Result<(), ReadError> {
        let kind = self.accepted_kind(&entry);
        let documents = match kind.map(|kind| (kind, kind.part())) {
            Some((_, Some(part))) => self.documents.check(tar, &entry.path, part, &mut self.findings)?,
            Some((kind, None)) => self.text(tar, &entry, kind)?,
            None => 0,
        };
        read_pieces(tar, |_| Ok::<_, ReadError>(()))?;
        self.contents.entries.push(EntrySummary {
            name: entry.path,
            kind,
            documents,
            bytes: entry.bytes,
            sha256: tar.sha256(),
            start: entry.start,
        });
        Ok(())
    }

    /// What the entry is taken for; `None` where it is unknown, or its path or type may do harm.
    fn accepted_kind(&mut self, entry: &TarEntry) -> Option<EntryKind> {
        self.findings.begin(Rule::File);
        let path = &entry.path;
        let plain = matches!(entry.kind, EntryType::Regular | EntryType::Continuous) && !path.ends_with('/');
        let kind = EntryKind::of_path(path);
        let refused = if !plain {
            "is not a plain file"
        } else if !stays_in_place(path) {
            "the path leads elsewhere: absolute, with `..`, or with a backslash"
        } else if !self.paths.insert(path.clone()) {
            "is there twice"
        } else if kind.is_none() {
            self.findings.warning(path, "an unknown entry: ignored");
            return None;
        } else {
            let after_manifest = self.kinds.contains(&EntryKind::Manifest);
            let accepted = kind.filter(|kind| self.kinds.insert(*kind));
            self.findings.begin(accepted.map_or(Rule::File, Rule::of));
            if after_manifest {
                let what = "stands behind the manifest, which must be the last entry";
                self.findings.fatal(path, what);
            }
            if accepted.is_some() {
                return accepted;
            }
            "another entry of this kind is there already"
        };
        self.findings.fatal(path, refused);
        None
    }

    /// An entry that is one JSON text; returns the number of its documents.
    fn text(&mut self, tar: &mut TarReader<'_>, entry: &TarEntry, kind: EntryKind) -> Result<u64, ReadError> {
        let max = max_text(kind);
        if entry.bytes > max {
            let what = format!("has {} bytes; no export writes more than {max} there", entry.bytes);
            self.findings.fatal(&entry.path, what);
            return Ok(0);
        }
        let mut text = Vec::new();
        tar.read_to_end(&mut text)?;
        if let Err(why) = parse_text(kind, text, &mut self.contents) {
            self.findings.fatal(&entry.path, why);
        }
        if let (EntryKind::Config, Some(config)) = (kind, &self.contents.config) {
            self.documents.visitor.config(config);
        }
        Ok(1)
    }

    /// Applies the rules on the archive as a whole.
    pub(super) fn finish(mut self) -> Result<Contents> {
        let (contents, findings) = (&mut self.contents, &mut self.findings);
        if let Some(job) = contents.job_id().cloned() {
            one_job(&job, contents, &self.documents, findings);
        }
        findings.begin(Rule::OtherEntry);
        self.documents.finish(contents, findings)?;
        if !self.truncated {
            complete(contents, findings);
        }
        input_numbers(contents, self.truncated, findings);
        if let Some(manifest) = &contents.manifest {
            as_listed(manifest, contents, findings);
        }
        if let Some(snapshot) = &contents.parsed.snapshot {
            findings.begin(Rule::Snapshot);
            let place = contents.place_of(EntryKind::Snapshot);
            let documents = contents.state.model_documents;
            match snapshot.snapshot_doc_count {
                None | Some(0) => {
                    let what = "says that the snapshot has no state documents: nothing can be restored";
                    findings.fatal(&place, what);
                }
                Some(count) if count != documents && !self.truncated => {
                    let what = format!("says that the model state has {count} documents, the archive has {documents}");
                    findings.fatal(&place, what);
                }
                Some(_) => {}
            }
        }
        if contents.is_missing_categorizer() && !self.truncated {
            findings.begin(Rule::State);
            let what =
                "holds no categorizer state though the job categorizes: its categories start anew after an import";
            findings.warning(&contents.place_of(EntryKind::State), what);
        }
        self.contents.findings = self.findings.into_list();
        Ok(self.contents)
    }
}

/// Whether a path is relative and leads nowhere else, on any system.
fn stays_in_place(path: &str) -> bool {
    let drive = path.as_bytes().get(1) == Some(&b':');
    let elsewhere = path.is_empty() || path.starts_with('/') || drive || path.contains(['\\', '\0']);
    !elsewhere && path.split('/').all(|component| component != "..")
}

/// Parses an entry as far as a rule or an import needs it.
fn parse_text(kind: EntryKind, text: Vec<u8>, contents: &mut Contents) -> Result<(), String> {
    let text = String::from_utf8(text).map_err(|cause| format!("not UTF-8: {cause}"))?;
    check_members(&text).map_err(|cause| unreadable(&cause))?;
    let value = RawValue::from_string(text).map_err(|cause| unreadable(&cause))?;
    let (json, parsed) = (value.get(), &mut contents.parsed);
    let why = |cause: job::Error| cause.to_string();
    let object = || match json.starts_with('{') {
        true => Ok(json),
        false => Err("not a JSON object"),
    };
    match kind {
        EntryKind::Config => contents.config = Some(JobConfig::parse(json.as_bytes()).map_err(why)?),
        EntryKind::Manifest => contents.manifest = Some(parse(json)?),
        EntryKind::Snapshot => {
            object()?;
            let snapshot = Snapshot::parse(value).map_err(why)?;
            contents.snapshot_id = Some(snapshot.snapshot_id.clone());
            (contents.snapshot, parsed.snapshot) = (Some(snapshot.text.clone()), Some(snapshot));
        }
        EntryKind::DataCounts => {
            let counts = DataCounts::parse(object()?.as_bytes()).map_err(why)?;
            let job = counts.job_id().ok_or("names no job (`job_id`)")?;
            parsed.counted_job = Some(job.to_owned());
            contents.data_counts = Some(value);
        }
        EntryKind::InputMapping => {
            parsed.mappings = InputMappings::parse(object()?.as_bytes()).map_err(why)?;
            contents.input_mapping = Some(value);
        }
        EntryKind::Filters => {
            parsed.filters = array_of(json, |json| {
                let id = Filter::parse(json.get())?.filter_id;
                Ok((id.to_string(), (id, json.to_owned())))
            })?;
            contents.filters = Some(value);
        }
        EntryKind::Calendars => {
            parsed.calendars = array_of(json, |json| {
                let calendar = Calendar::parse(json.get())?;
                Ok((calendar.calendar_id.to_string(), calendar))
            })?;
            contents.calendars = Some(value);
        }
        _ => {}
    }
    Ok(())
}

fn unreadable(cause: &serde_json::Error) -> String {
    format!("cannot be read: {}", without_value(cause))
}

fn parse<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, String> {
    serde_json::from_str(text).map_err(|cause| unreadable(&cause))
}

/// An array of elements, each with an ID of its own.
fn array_of<T>(text: &str, read: impl Fn(&RawValue) -> Result<(String, T), job::Error>) -> Result<Vec<T>, String> {
    let elements: Vec<&RawValue> = parse(text)?;
    if elements.len() > MAX_ELEMENTS {
        return Err(format!("cannot be read: more than {MAX_ELEMENTS} elements"));
    }
    let (mut ids, mut list) = (BTreeSet::new(), Vec::with_capacity(elements.len()));
    for element in elements {
        let (id, one) = read(element).map_err(|cause| format!("cannot be read: {cause}"))?;
        if let Some(id) = ids.replace(id) {
            return Err(format!("cannot be read: `{id}` is there twice"));
        }
        list.push(one);
    }
    Ok(list)
}

/// Everything belongs to one job and snapshot.
fn one_job(job: &JobId, contents: &Contents, documents: &DocumentChecker<'_>, findings: &mut Findings) {
    if let Some(snapshot) = &contents.parsed.snapshot {
        findings.begin(Rule::Snapshot);
        let place = contents.place_of(EntryKind::Snapshot);
        let quantiles = snapshot.quantiles.as_ref().map(|quantiles| &quantiles.job_id);
        let size = snapshot.model_size_stats.as_ref().and_then(|size| size.job_id.as_ref());
        let ids = [Some(&snapshot.job_id), quantiles, size].into_iter().flatten();
        for id in ids.filter(|id| *id != job.as_str()) {
            findings.fatal(&place, format!("belongs to job `{id}`, the configuration to `{job}`"));
        }
        if quantiles.is_none() {
            findings.warning(&place, "holds no quantiles: scores are normalised anew after an import");
        }
    }
    let counted = contents.parsed.counted_job.as_deref();
    if counted.is_some_and(|counted| counted != job.as_str()) {
        findings.begin(Rule::OtherEntry);
        let place = contents.place_of(EntryKind::DataCounts);
        findings.fatal(&place, format!("is not of job `{job}`"));
    }
    let datafeed = contents.config.as_ref().and_then(JobConfig::datafeed);
    if datafeed.is_some_and(|datafeed| datafeed.indices.is_empty()) {
        findings.begin(Rule::Config);
        let place = contents.place_of(EntryKind::Config);
        findings.fatal(&place, "its datafeed names no indices");
    }
    findings.begin(Rule::OtherEntry);
    documents.require_owner(job, findings);
    if let Some(snapshot) = &contents.snapshot_id {
        findings.begin(Rule::State);
        documents.state.require_owner(job, snapshot, findings);
    }
    if let Some(manifest) = &contents.manifest {
        let snapshot = contents.snapshot_id.as_ref();
        if manifest.job_id != job.as_str() || snapshot.is_some_and(|id| id.as_str() != manifest.snapshot_id) {
            let (job, snapshot) = (&manifest.job_id, &manifest.snapshot_id);
            findings.begin(Rule::Manifest);
            let place = contents.place_of(EntryKind::Manifest);
            findings.fatal(&place, format!("names job `{job}` and snapshot `{snapshot}`"));
        }
    }
}

/// What an import cannot do without is there.
fn complete(contents: &Contents, findings: &mut Findings) {
    findings.begin(Rule::File);
    if contents.entries.is_empty() {
        let what = "the archive is empty: there is nothing to import (the scripts' export writes such archives when \
                    run without --include_inputs); export again with esml-state";
        return findings.fatal("", what);
    }
    let required = [
        (
            EntryKind::Config,
            "the job's configuration (`…_config.json`) is missing: no job can be created without it",
        ),
        (
            EntryKind::Snapshot,
            "the snapshot document (`ml-anomalies-snapshot_doc_….json`) is missing: without it the cluster \
             does not know the state and cannot revert to it (the scripts' export loses it where the job has a \
             results index of its own or the shared one ends in -000001); export again with esml-state",
        ),
        (
            EntryKind::State,
            "the model state (`…_snapshot_docs.ndjson`) is missing: there is nothing learned to import",
        ),
    ];
    for (kind, missing) in required {
        if !contents.entries.iter().any(|entry| entry.kind == Some(kind)) {
            findings.begin(Rule::of(kind));
            findings.fatal("", missing);
        }
    }
}

/// Entries of inputs are numbered from 1 without a gap, or there is one of the older form.
fn input_numbers(contents: &Contents, truncated: bool, findings: &mut Findings) {
    findings.begin(Rule::OtherEntry);
    let number = |entry: &EntrySummary| match entry.kind {
        Some(EntryKind::Inputs { number }) => Some((number, entry.name.clone())),
        _ => None,
    };
    let numbered: BTreeMap<u64, String> = contents.entries.iter().filter_map(number).collect();
    if let Some(old) = numbered.get(&0) {
        if numbered.len() > 1 {
            let what = "input documents in one entry, and others in numbered entries: the same documents would be \
                        imported twice";
            findings.fatal(old, what);
        }
        return;
    }
    let mut in_order = numbered.iter().zip(1..);
    let gap = in_order.find(|((number, _), expected)| *number != expected);
    if let Some(((number, name), expected)) = gap.filter(|_| !truncated) {
        let what = format!("has number {number}, but there is no entry of input documents with number {expected}");
        findings.fatal(name, what);
    }
}

/// Every entry is what the manifest says.
fn as_listed(manifest: &Manifest, contents: &Contents, findings: &mut Findings) {
    findings.begin(Rule::Manifest);
    let place = contents.place_of(EntryKind::Manifest);
    if manifest.format_version != FORMAT_VERSION {
        let version = manifest.format_version;
        let what = format!("has format version {version}, only {FORMAT_VERSION} is known");
        findings.fatal(&place, what);
    }
    let mut listed = BTreeMap::new();
    for entry in &manifest.entries {
        if listed.insert(entry.name.as_str(), entry).is_some() {
            findings.fatal(&place, format!("lists `{}` twice", entry.name));
        }
    }
    let others = |entry: &&EntrySummary| entry.kind != Some(EntryKind::Manifest);
    for entry in contents.entries.iter().filter(others) {
        let difference = match listed.remove(entry.name.as_str()) {
            None => "the manifest does not list it: it was added later".to_owned(),
            Some(listed) if listed.bytes != entry.bytes => {
                format!("has {} bytes, not {}", entry.bytes, listed.bytes)
            }
            Some(listed) if listed.sha256 != entry.sha256 => {
                "its SHA-256 is not the manifest's: it was changed".to_owned()
            }
            Some(listed) if entry.kind.is_some() && listed.documents != entry.documents => {
                format!("has {} documents, not {}", entry.documents, listed.documents)
            }
            Some(_) => continue,
        };
        findings.begin(entry.kind.map_or(Rule::File, Rule::of));
        findings.fatal(&entry.name, difference);
    }
    for name in listed.keys() {
        findings.begin(Rule::of_path(name));
        findings.fatal(name, "the manifest lists it, but it is missing");
        findings.mark_incomplete();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_relative_paths_stay_in_place() {
        for good in ["a_config.json", "./a_config.json", "folder/a..b.json"] {
            assert!(stays_in_place(good), "{good}");
        }
        for bad in ["", "/a", "..", "a/..", "a/../b", "a\\b", "C:a", "a\0b"] {
            assert!(!stays_in_place(bad), "{bad:?}");
        }
    }
}
