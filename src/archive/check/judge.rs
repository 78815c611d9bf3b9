//! What can be said only of the archive as a whole.

use std::collections::BTreeMap;

use crate::archive::manifest::FORMAT_VERSION;
use crate::archive::{Contents, EntryKind, EntrySummary, Manifest};
use crate::job::{JobConfig, Snapshot};

use super::findings::Findings;
use super::pass::Pass;

/// Everything belongs to one job and snapshot.
pub(super) fn job(pass: &mut Pass<'_>) {
    let findings = &mut pass.findings;
    let Some(job) = pass.contents.job_id().cloned() else {
        return;
    };
    if let Some(head) = &pass.contents.parsed.snapshot {
        let place = place_of(&pass.contents, EntryKind::Snapshot);
        let quantiles = head.quantiles.as_ref().map(|quantiles| &quantiles.job_id);
        let size = head.model_size_stats.as_ref().and_then(|size| size.job_id.as_ref());
        let ids = [Some(&head.job_id), quantiles, size].into_iter().flatten();
        for id in ids.filter(|id| *id != job.as_str()) {
            findings.fatal(&place, format!("belongs to job `{id}`, the configuration to `{job}`"));
        }
        if head.quantiles.is_none() {
            findings.warning(&place, "holds no quantiles: scores are normalised anew after an import");
        }
    }
    if let Some(counted) = &pass.contents.parsed.counted_job
        && counted != job.as_str()
    {
        findings.fatal(
            &place_of(&pass.contents, EntryKind::DataCounts),
            format!("is not of job `{job}`"),
        );
    }
    let datafeed = pass.contents.config.as_ref().and_then(JobConfig::datafeed);
    if datafeed.is_some_and(|datafeed| datafeed.indices.is_empty()) {
        findings.fatal(
            &place_of(&pass.contents, EntryKind::Config),
            "its datafeed names no indices",
        );
    }
    for (id, place) in pass.owners.iter().filter(|(id, _)| *id != job.as_str()) {
        findings.fatal(place, format!("belongs to job `{id}`, the configuration to `{job}`"));
    }
    if let Some(snapshot) = &pass.contents.snapshot_id {
        pass.state.judge_ids(&job, snapshot, findings);
    }
    if let Some(manifest) = &pass.contents.manifest {
        let snapshot = pass.contents.snapshot_id.as_ref();
        let same = manifest.job_id == job.as_str() && snapshot.is_none_or(|id| id.as_str() == manifest.snapshot_id);
        if !same {
            let what = format!(
                "names job `{}` and snapshot `{}`",
                manifest.job_id, manifest.snapshot_id
            );
            findings.fatal(&place_of(&pass.contents, EntryKind::Manifest), what);
        }
    }
}

/// Nothing is missing.
pub(super) fn counts(contents: &Contents, cut: bool, findings: &mut Findings) {
    if !cut {
        missing(contents, findings);
    }
    inputs(contents, cut, findings);
    if let Some(manifest) = &contents.manifest {
        compare(manifest, contents, findings);
    }
    if let Some(head) = &contents.parsed.snapshot {
        state_count(contents, head, cut, findings);
    }
    let categorizes = contents
        .config
        .as_ref()
        .is_some_and(|config| config.categorization_field().is_some());
    if categorizes && !cut && contents.state.categorizer_documents == 0 {
        let what = "holds no categorizer state though the job categorizes: its categories start anew after an import";
        findings.warning(&place_of(contents, EntryKind::State), what);
    }
}

fn missing(contents: &Contents, findings: &mut Findings) {
    if contents.entries.is_empty() {
        let what = "the archive is empty: there is nothing to import (the scripts' export writes such archives when \
                    run without --include_inputs); export again with esml-state";
        return findings.fatal("", what);
    }
    let lacks = |kind| !contents.entries.iter().any(|entry| entry.kind == Some(kind));
    if lacks(EntryKind::Config) {
        findings.fatal(
            "",
            "the job's configuration (`…_config.json`) is missing: no job can be created without it",
        );
    }
    if lacks(EntryKind::Snapshot) {
        let what = "the snapshot document (`ml-anomalies-snapshot_doc_….json`) is missing: without it the cluster \
                    does not know the state and cannot revert to it (the scripts' export loses it where the job has a \
                    results index of its own or the shared one ends in -000001); export again with esml-state";
        findings.fatal("", what);
    }
    if lacks(EntryKind::State) {
        findings.fatal(
            "",
            "the model state (`…_snapshot_docs.ndjson`) is missing: there is nothing learned to import",
        );
    }
}

/// Entries of inputs are numbered from 1 without a gap, or there is one of the older form.
fn inputs(contents: &Contents, cut: bool, findings: &mut Findings) {
    let number = |entry: &EntrySummary| match entry.kind {
        Some(EntryKind::Inputs { number }) => Some((number, entry.name.clone())),
        _ => None,
    };
    let numbered: BTreeMap<u64, String> = contents.entries.iter().filter_map(number).collect();
    if let Some(old) = numbered.get(&0).filter(|_| numbered.len() > 1) {
        let what = "input documents in one entry, and others in numbered entries: the same documents would be imported \
                    twice";
        return findings.fatal(old, what);
    }
    let expected = 1..;
    let gap = numbered
        .iter()
        .zip(expected)
        .find(|((number, _), expected)| *number != expected);
    if let Some(((number, name), expected)) = gap.filter(|((number, _), _)| !cut && **number != 0) {
        let what = format!("has number {number}, but there is no entry of input documents with number {expected}");
        findings.fatal(name, what);
    }
}

fn state_count(contents: &Contents, head: &Snapshot, cut: bool, findings: &mut Findings) {
    let place = place_of(contents, EntryKind::Snapshot);
    let documents = contents.state.model_documents;
    match head.snapshot_doc_count {
        None | Some(0) => findings.fatal(
            &place,
            "says that the snapshot has no state documents: nothing can be restored",
        ),
        Some(count) if count != documents && !cut => {
            let what = format!("says that the model state has {count} documents, the archive has {documents}");
            findings.fatal(&place, what);
        }
        Some(_) => {}
    }
}

/// The manifest against what was read.
fn compare(manifest: &Manifest, contents: &Contents, findings: &mut Findings) {
    let place = place_of(contents, EntryKind::Manifest);
    if manifest.format_version != FORMAT_VERSION {
        let what = format!(
            "has format version {}, only {FORMAT_VERSION} is known",
            manifest.format_version
        );
        findings.fatal(&place, what);
    }
    let mut listed: BTreeMap<&str, _> = BTreeMap::new();
    for entry in &manifest.entries {
        if listed.insert(entry.name.as_str(), entry).is_some() {
            findings.fatal(&place, format!("lists `{}` twice", entry.name));
        }
    }
    let others = |entry: &&EntrySummary| entry.kind != Some(EntryKind::Manifest);
    for entry in contents.entries.iter().filter(others) {
        match listed.remove(entry.name.as_str()) {
            None => findings.fatal(&entry.name, "the manifest does not list it: it was added later"),
            Some(promised) if promised.bytes != entry.bytes => {
                findings.fatal(
                    &entry.name,
                    format!("has {} bytes, not {}", entry.bytes, promised.bytes),
                );
            }
            Some(promised) if promised.sha256 != entry.sha256 => {
                findings.fatal(&entry.name, "its SHA-256 is not the manifest's: it was changed");
            }
            Some(promised) if entry.kind.is_some() && promised.documents != entry.documents => {
                findings.fatal(
                    &entry.name,
                    format!("has {} documents, not {}", entry.documents, promised.documents),
                );
            }
            Some(_) => {}
        }
    }
    for name in listed.keys() {
        findings.fatal(name, "the manifest lists it, but it is missing");
    }
}

pub(super) fn place_of(contents: &Contents, kind: EntryKind) -> String {
    let entry = contents.entries.iter().find(|entry| entry.kind == Some(kind));
    entry.map_or_else(String::new, |entry| entry.name.clone())
}
