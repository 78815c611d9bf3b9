//! The phases of pseudonymization: values are collected, tokens are assigned, the archive is written with tokens and
//! searched for values.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{self, Write};

use flate2::write::GzEncoder;
use serde_json::{Map, Value};

use super::datafeed::{self, DatafeedDecision};
use super::fields::ReplacedFields;
use super::hashes::TimeShiftRules;
use super::leak_search;
use super::rewrite::Rewriter;
use crate::archive::{
    self, Archive, ArchiveWriter, CheckedArchive, Contents, Document, ENDINGS, EntryBuilder, EntryKind, EntryName,
    EntrySummary, Limits, Manifest, ManifestSource, Part, Progress, Target, UnpublishedArchive,
};
use crate::job::JobConfig;
use crate::pseudonym::error::{Error, Result};
use crate::pseudonym::tokens::{KeyFile, TokenMap};
use crate::state::schema::{StateRewriter, StateStream};
use crate::state::{self, ChunkDecoder, ChunkEncoder, StateDocId, StateKind};
use crate::util::process::{self, Cancellable};
use crate::util::timestamp::EpochMillis;

/// The index of state documents. It is not used: the Python scripts and this tool determine the index themselves.
const STATE_INDEX: &str = ".ml-state";

/// What is replaced.
pub(crate) struct Options<'a> {
    /// The fields whose values are replaced, if not all.
    pub(crate) fields: Option<&'a [String]>,
    /// Whether free text stays, except for values in it.
    pub(crate) keep_text: bool,
    pub(crate) skip_datafeed: bool,
}

/// An archive whose values are replaced.
pub(crate) struct Pseudonymizer {
    archive: CheckedArchive,
    /// The maximum number of bytes of decompressed state.
    max_state: u64,
    /// The job, without its datafeed if that is skipped.
    config: JobConfig,
    pub(crate) datafeed: DatafeedDecision,
    pub(crate) rewriter: Rewriter,
}

impl Pseudonymizer {
    /// Uses a new key. Refuses a datafeed that reads replaced fields.
    pub(crate) fn new(archive: CheckedArchive, limits: Limits, options: &Options<'_>) -> Result<Self> {
        let config = match options.skip_datafeed {
            true => archive.config.without_datafeed()?,
            false => archive.config.clone(),
        };
        let manifest = archive.contents.manifest.as_ref();
        let asked = manifest.and_then(|manifest| manifest.options.get("input-field")?.as_array());
        let asked = asked.into_iter().flatten().filter_map(Value::as_str);
        let asked: Vec<String> = asked.map(str::to_owned).collect();
        let (job, mappings) = (&archive.config, archive.contents.mappings.clone());
        let fields = ReplacedFields::of(job, &config, mappings, &asked, options.fields)?;
        let time_shifts = TimeShiftRules::of(job, &archive.contents.calendars);
        let tokens = TokenMap::new(KeyFile::new()?);
        let rewriter = Rewriter::new(tokens, fields, time_shifts, options.keep_text);
        Ok(Self {
            datafeed: datafeed::decide(&config, &rewriter, archive.contents.count(Part::Inputs) > 0)?,
            archive,
            max_state: limits.state,
            config,
            rewriter,
        })
    }

    /// Collects every value without writing anything.
    pub(crate) async fn collect_values(&mut self, progress: Progress<'_>) -> Result<()> {
        for kind in entry_kinds() {
            let rewriter = &mut self.rewriter;
            match kind.part() {
                None => drop(self.json_entry(kind, None)?),
                Some(Part::State) => {
                    let max = self.max_state;
                    rewrite_state(&self.archive, max, rewriter, progress, |_| io::sink(), |_, _| Ok(())).await?;
                }
                Some(part) => {
                    let mut note = |document: &Document| rewriter.document(part, &document.source).map(drop);
                    for_each_document(&self.archive, part, progress, &mut note).await?;
                }
            }
        }
        let manifest = self.archive.contents.manifest.clone();
        manifest.map_or(Ok(()), |mut manifest| self.replace_cluster_names(&mut manifest.source))
    }

    /// Refuses, before anything is written, what would leave a value in the archive or change the results of the job.
    pub(crate) fn refuse_unsafe(&mut self, accept_names: bool) -> Result<()> {
        if let Some((field, why)) = self.rewriter.irreplaceable.first_key_value() {
            return Err(Error::irreplaceable_field(field, why));
        }
        // Only now is it known whether the datafeed contains values.
        let has_inputs = self.archive.contents.count(Part::Inputs) > 0;
        self.datafeed = datafeed::decide(&self.config, &self.rewriter, has_inputs)?;
        self.json_entry(EntryKind::InputMapping, None)?;
        let names = self.names();
        let holds_value = |name: &&str| self.rewriter.tokens.contains_value(name);
        let holding: Vec<&str> = names.iter().map(String::as_str).filter(holds_value).collect();
        match accept_names || holding.is_empty() {
            true => Ok(()),
            false => Err(Error::names_contain_values(&holding)),
        }
    }

    /// Returns the names that are not replaced: of the job, its fields, aggregations, indices, filters and calendars.
    /// They may contain values.
    fn names(&self) -> BTreeSet<String> {
        let (archive, config) = (&self.archive, &self.datafeed.config);
        let mut names = self.datafeed.names.clone();
        names.insert(config.id().to_string());
        names.extend(config.groups.iter().cloned());
        names.extend(config.results_index_name.clone());
        if let Some(feed) = config.datafeed() {
            names.insert(feed.id.to_string());
            names.extend(feed.indices.iter().cloned());
        }
        names.extend(archive.contents.input_indices.keys().cloned());
        names.extend(self.rewriter.fields.places.keys().cloned());
        let (filters, calendars) = (&archive.contents.filters, &archive.contents.calendars);
        names.extend(filters.iter().map(|filter| filter.id.to_string()));
        names.extend(calendars.iter().map(|calendar| calendar.calendar_id.to_string()));
        names
    }

    /// Writes the archive with tokens, without publishing it.
    pub(crate) async fn write(
        &mut self,
        target: &Target,
        level: u32,
        options: Map<String, Value>,
        progress: Progress<'_>,
    ) -> Result<UnpublishedArchive> {
        let mut writer = match target {
            Target::Stdout => ArchiveWriter::temporary(level)?,
            target => ArchiveWriter::create(target, level)?,
        };
        // The snapshot contains the number of state documents, but precedes them.
        let (state, documents) = self.write_state(level, progress).await?;
        let mut state = Some(state);
        for kind in entry_kinds() {
            let mut entry = self.entry(kind, level);
            match kind.part() {
                None => match self.json_entry(kind, Some(documents))? {
                    Some(text) => entry.json(&text)?,
                    None => continue,
                },
                Some(Part::State) => entry = state.take().unwrap_or(entry),
                Some(part) => entry = self.write_documents(part, entry, level, &mut writer, progress).await?,
            }
            let is_existing = |known: &EntrySummary| known.kind == Some(kind) && kind.number().is_none();
            if entry.documents > 0 || self.archive.contents.entries.iter().any(is_existing) {
                let sealed = tokio::task::block_in_place(|| entry.seal())?;
                writer.append(sealed)?;
            }
        }
        let manifest = self.manifest(options)?;
        Ok(tokio::task::block_in_place(|| writer.close(manifest))?)
    }

    /// Fails if a value is found in the new archive; `contents` is the result of its check.
    pub(crate) fn search(&self, archive: &Archive, contents: &Contents, progress: Progress<'_>) -> Result<()> {
        leak_search::search(archive, contents, &self.rewriter, self.names(), progress)
    }

    fn entry(&self, kind: EntryKind, level: u32) -> EntryBuilder {
        let name = EntryName::of(kind, self.archive.job(), &self.archive.snapshot.snapshot_id);
        EntryBuilder::new(name, level)
    }

    /// Returns an entry with a single JSON text, if the archive has one of this kind.
    fn json_entry(&mut self, kind: EntryKind, state_documents: Option<u64>) -> Result<Option<Vec<u8>>> {
        let (contents, config) = (&self.archive.contents, &self.datafeed.config);
        let rewriter = &mut self.rewriter;
        Ok(Some(match (kind, contents.texts.get(&kind)) {
            (EntryKind::Snapshot, _) => {
                rewriter.snapshot(&self.archive.snapshot.text, state_documents, self.max_state)?
            }
            (EntryKind::Config, _) => rewriter.configuration(config)?,
            (EntryKind::InputMapping, Some(_)) => rewriter.mapping(&self.datafeed.names)?,
            (EntryKind::Filters, Some(text)) => rewriter.filters(text, config)?,
            (EntryKind::Calendars, Some(text)) => rewriter.calendars(text, config)?,
            (_, Some(text)) => text.get().as_bytes().to_vec(),
            (_, None) => return Ok(None),
        }))
    }

    /// Returns the entry of the state, and the number of model state documents.
    async fn write_state(&mut self, level: u32, progress: Progress<'_>) -> Result<(EntryBuilder, u64)> {
        let (job, snapshot) = (self.archive.job(), &self.archive.snapshot.snapshot_id);
        let (entry, failed) = (self.entry(EntryKind::State, level), None::<archive::Error>);
        let shared = RefCell::new((entry, failed));
        let output = &shared;
        let open = |kind| {
            ChunkEncoder::compressing(move |number, document: &[u8]| {
                let id = StateDocId { kind, number }.format(job, snapshot);
                let (entry, failed) = &mut *output.borrow_mut();
                let written = entry.action_and_line(Some(STATE_INDEX), &id, document);
                written.map_err(|error| {
                    *failed = Some(error);
                    io::Error::other("the entry of the state")
                })
            })
        };
        let mut documents = 0;
        let close = |kind, encoder: GzEncoder<ChunkEncoder<_>>| {
            let written = encoder.finish().and_then(ChunkEncoder::finish);
            let written = written.map_err(Error::of_edit)?;
            if kind == StateKind::Model {
                documents = written;
            }
            Ok(())
        };
        let written = rewrite_state(&self.archive, self.max_state, &mut self.rewriter, progress, open, close).await;
        // An error of a document is more specific than the failure to write the state.
        match shared.into_inner() {
            (_, Some(error)) => Err(error.into()),
            (entry, None) => written.map(|()| (entry, documents)),
        }
    }

    /// Writes the documents of a part in order. Input documents and results are divided into entries as in an export, and
    /// the last entry is returned. The IDs of input documents are replaced, since they may contain values, and those of
    /// results contain hashes of values.
    async fn write_documents(
        &mut self,
        part: Part,
        mut entry: EntryBuilder,
        level: u32,
        writer: &mut ArchiveWriter,
        progress: Progress<'_>,
    ) -> Result<EntryBuilder> {
        let (job, snapshot) = (self.archive.job(), &self.archive.snapshot.snapshot_id);
        let rewriter = &mut self.rewriter;
        let mut write = |document: &Document| {
            let text = rewriter.document(part, &document.source)?;
            if let Some(next) = entry.kind().next()
                && archive::is_full(entry.documents, entry.bytes, text.len())
            {
                let name = EntryName::of(next, job, snapshot);
                let full = std::mem::replace(&mut entry, EntryBuilder::new(name, level));
                writer.append(full.seal()?)?;
            }
            if part == Part::Inputs {
                let id = rewriter.tokens.file.key.unrecorded_token(document.action.own_id());
                return Ok(entry.action_and_line(Some(document.action.source_index()), &id, &text)?);
            }
            match &document.action.id {
                Some(id) if part == Part::Results => {
                    entry.action_and_line(None, &rewriter.result_id(id, &document.source, &text), &text)?;
                }
                Some(id) => entry.action_and_line(document.action.index.as_deref(), id, &text)?,
                None => entry.line(&text)?,
            }
            Ok(())
        };
        for_each_document(&self.archive, part, progress, &mut write).await?;
        Ok(entry)
    }

    fn manifest(&mut self, options: Map<String, Value>) -> Result<Manifest> {
        let known = self.archive.contents.manifest.clone();
        let mut manifest = known.unwrap_or_else(|| Manifest {
            format_version: archive::FORMAT_VERSION,
            job_id: self.archive.job().to_string(),
            source: ManifestSource {
                cluster_version: "unknown".to_owned(),
                ..ManifestSource::default()
            },
            ..Manifest::default()
        });
        // The content differs from that of the export.
        manifest.fingerprint = None;
        self.replace_cluster_names(&mut manifest.source)?;
        env!("CARGO_PKG_VERSION").clone_into(&mut manifest.tool_version);
        manifest.created = EpochMillis::now().to_string();
        manifest.snapshot_id = self.archive.snapshot.snapshot_id.to_string();
        manifest.options.extend(options);
        let query_only = &self.rewriter.fields.query_only;
        let leaves_out_fields = !query_only.paths.is_empty() || !query_only.runtime.is_empty();
        self.datafeed.record(&mut manifest, leaves_out_fields);
        Ok(manifest)
    }

    fn replace_cluster_names(&mut self, source: &mut ManifestSource) -> Result<()> {
        for name in [&mut source.cluster_name, &mut source.cluster_uuid] {
            *name = self.rewriter.other_value(name)?;
        }
        Ok(())
    }
}

/// Returns the kinds of entries in the order in which they are written.
fn entry_kinds() -> impl Iterator<Item = EntryKind> {
    let kinds = ENDINGS.into_iter().map(|(_, kind)| kind);
    std::iter::once(EntryKind::Snapshot).chain(kinds)
}

/// Passes each document of a part to a function. Reports the average size of the documents in bytes for each.
async fn for_each_document(
    archive: &CheckedArchive,
    part: Part,
    progress: Progress<'_>,
    take: &mut dyn FnMut(&Document) -> Result<()>,
) -> Result<()> {
    let of_part = |entry: &&EntrySummary| entry.kind.and_then(EntryKind::part) == Some(part);
    let entries = archive.contents.entries.iter().filter(of_part);
    let bytes: u64 = entries.map(|entry| entry.bytes).sum();
    let average = bytes / archive.contents.count(part).max(1);
    let mut stream = archive.documents(part);
    while let Some(batch) = stream.next().await? {
        process::fail_if_cancelled()?;
        tokio::task::block_in_place(|| batch.iter().try_for_each(&mut *take))?;
        progress(batch.len() as u64 * average);
    }
    Ok(())
}

/// Passes the state through the rewriter. The result is written to what `open` returns, and `close` receives it when
/// the state of its kind has ended.
async fn rewrite_state<W: Write>(
    archive: &CheckedArchive,
    max_bytes: u64,
    rewriter: &mut Rewriter,
    progress: Progress<'_>,
    mut open: impl FnMut(StateKind) -> W,
    mut close: impl FnMut(StateKind, W) -> Result<()>,
) -> Result<()> {
    let mut close = |(kind, decoder): (StateKind, ChunkDecoder<Cancellable<StateRewriter<_, W>>>)| {
        let (_, Cancellable(texts)) = decoder.finish()?;
        let (rewriter, out) = texts.finish().map_err(|cause| state::Cause::from(cause).of("state"))?;
        close(kind, out)?;
        Ok::<&mut Rewriter, Error>(rewriter)
    };
    // While documents of a kind are read, its decoder owns the rewriter.
    let (mut rewriter, mut current) = (Some(rewriter), None);
    for_each_document(archive, Part::State, progress, &mut |document| {
        let id = document.action.own_id();
        let known = StateDocId::parse(id, archive.job(), &archive.snapshot.snapshot_id);
        let kind = known.ok_or_else(|| state::Cause::ForeignId.of(id))?.kind;
        if let Some(ended) = current.take_if(|(current, _)| *current != kind) {
            rewriter = Some(close(ended)?);
        }
        if let Some(rewriter) = rewriter.take() {
            let stream = match kind {
                StateKind::Model => StateStream::Model,
                StateKind::Categorizer => StateStream::Categorizer,
            };
            let texts = StateRewriter::new(stream, rewriter, open(kind));
            current = Some((kind, ChunkDecoder::new(Cancellable(texts), max_bytes)));
        }
        if let Some((_, decoder)) = &mut current {
            decoder.document(id, &document.source)?;
        }
        Ok(())
    })
    .await?;
    current.map_or(Ok(()), |ended| close(ended).map(drop))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use super::*;
    use crate::util::process::cancellable;

    /// Counts the bytes written, and requests cancellation with the first ones.
    struct Signaling {
        cancelled: Option<Arc<AtomicBool>>,
        written: Arc<AtomicU64>,
    }

    impl Write for Signaling {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if let Some(cancelled) = &self.cancelled {
                cancelled.store(true, Ordering::Relaxed);
            }
            self.written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Returns the number of bytes of the state that are written if cancellation is requested with the first of them,
    /// and the result.
    async fn written(interrupted: bool) -> (u64, Result<()>) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/from-python/complete.tar.gz");
        let limits = Limits::default();
        let archive = Archive::open(&path).unwrap();
        let archive = archive.require_importable(limits, &mut (), &|_| {}).unwrap();
        let options = Options {
            fields: None,
            keep_text: false,
            skip_datafeed: false,
        };
        let mut source = Pseudonymizer::new(archive, limits, &options).unwrap();
        let cancelled = Arc::new(AtomicBool::new(false));
        let counted = Arc::new(AtomicU64::new(0));
        let open = |_| Signaling {
            cancelled: interrupted.then(|| Arc::clone(&cancelled)),
            written: Arc::clone(&counted),
        };
        let (archive, max_bytes, rewriter) = (&source.archive, source.max_state, &mut source.rewriter);
        let walk = rewrite_state(archive, max_bytes, rewriter, &|_| {}, open, |_, _| Ok(()));
        let is_cancelled = Arc::clone(&cancelled);
        let outcome = cancellable(move || is_cancelled.load(Ordering::Relaxed), walk).await;
        (counted.load(Ordering::Relaxed), outcome)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn cancellation_stops_within_a_document() {
        let (whole, outcome) = written(false).await;
        outcome.unwrap();
        let (part, outcome) = written(true).await;
        assert!(outcome.is_err());
        assert!(
            part > 0 && part < 128 << 10 && part * 8 < whole,
            "{part} of {whole} bytes"
        );
    }
}
