//! The archive, entry by entry, in the order of the archive contract.

use serde_json::Value;
use serde_json::value::RawValue;

use super::belongings::Belongings;
use super::carried::Carried;
use super::options::ExportOptions;
use super::sources::{Indices, Sources};
use super::subject::Subject;
use super::survey::Survey;
use super::written::{TEMPORARY_LEVEL, Written, with_tokens};
use super::{inputs, parts, replaced, state};
use crate::archive::{
    self, ArchiveWriter, EntryBuilder, EntryKind, EntryName, Manifest, ManifestSource, UnpublishedArchive,
};
use crate::cluster::ml::MlInfo;
use crate::cluster::{Hit, Pages, is_newer};
use crate::commands::session::Session;
use crate::error::{Error, Result};
use crate::job::{InputMappings, JobId};
use crate::util::format::{amount, count};
use crate::util::timestamp::EpochMillis;

/// Writes the archive; dropped half way it leaves nothing behind.
pub(super) async fn archive(
    session: &Session,
    options: &ExportOptions,
    subject: &Subject,
    sources: &Sources,
    survey: &Survey,
) -> Result<Written> {
    let target = options.target(subject.job.id());
    // With values it goes to no place that has a name.
    let writer = match options.tokens() {
        None => ArchiveWriter::create(&target, options.compression_level)?,
        Some(_) => ArchiveWriter::temporary(TEMPORARY_LEVEL)?,
    };
    let mut export = Export {
        session,
        options,
        subject,
        writer,
    };
    let (categories, dated): (Vec<_>, Vec<_>) = survey
        .found
        .iter()
        .partition(|(found, _)| found.entry == EntryKind::Categories);
    let long =
        subject.snapshot.state_documents > 1 || dated.iter().any(|(_, expected)| *expected > options.page_size as u64);
    // The first inputs come while what is short is asked for. What is long could outlast their point in time.
    let early = if long { None } else { export.open(sources).await? };
    export.json(EntryKind::Snapshot, &subject.document.source)?;
    export.json(EntryKind::Config, subject.config.get().as_bytes())?;
    export.state().await?;
    for (found, expected) in dated {
        export.found(found, *expected).await?;
    }
    let inputs = if long { export.open(sources).await? } else { early };
    let belongings = Belongings::read(&session.cluster, subject, &session.terminal).await?;
    let filters = array(&belongings.filters);
    let calendars = belongings.calendars()?;
    // Hours of inputs may follow before these are written.
    for (kind, text) in [(EntryKind::Filters, &filters), (EntryKind::Calendars, &calendars)] {
        export.name(kind).refuse_too_large(text.len() as u64)?;
    }
    let mut carried = Carried::new(sources, subject);
    export.inputs(inputs, survey, &mut carried).await?;
    export.mapping(&carried.mappings())?;
    if let Some(counts) = &belongings.data_counts {
        export.json(EntryKind::DataCounts, &counts.source)?;
    }
    for (found, expected) in categories {
        export.found(found, *expected).await?;
    }
    export.json(EntryKind::Filters, filters.as_bytes())?;
    export.json(EntryKind::Calendars, calendars.as_bytes())?;
    replaced::refuse_job(&session.cluster, subject).await?;
    let unnamed = export.finish(belongings.info)?;
    let Some(tokens) = options.tokens() else {
        let finished = tokio::task::block_in_place(|| unnamed.publish())?;
        return Ok(Written {
            target,
            finished,
            pseudonymized: None,
        });
    };
    session.leave_stage();
    with_tokens(unnamed, target, options, tokens, &session.terminal).await
}

struct Export<'a> {
    session: &'a Session,
    options: &'a ExportOptions,
    subject: &'a Subject,
    writer: ArchiveWriter,
}

impl Export<'_> {
    fn job(&self) -> &JobId {
        self.subject.job.id()
    }

    fn name(&self, kind: EntryKind) -> EntryName {
        EntryName::of(kind, self.job(), &self.subject.snapshot.id)
    }

    fn entry(&self, kind: EntryKind) -> EntryBuilder {
        EntryBuilder::new(self.name(kind), self.options.compression_level)
    }

    fn json(&mut self, kind: EntryKind, text: &[u8]) -> Result<()> {
        let mut entry = self.entry(kind);
        entry.json(text)?;
        Ok(self.writer.append(entry.seal()?)?)
    }

    async fn state(&mut self) -> Result<()> {
        let snapshot = &self.subject.snapshot;
        let stage = self
            .session
            .stage("Reading model state", Some(snapshot.state_documents));
        let entry = self.entry(EntryKind::State);
        let (entry, read) = state::append(
            &self.session.cluster,
            self.job(),
            &snapshot.id,
            snapshot.state_documents,
            entry,
            &stage,
        )
        .await?;
        if read.categorizer == 0 && self.subject.job.categorization_field().is_some() {
            state::refuse_deleted(&self.session.cluster, self.job(), &snapshot.id).await?;
            self.session
                .terminal
                .warn("the job has no categorizer state: where it is imported its categories start anew");
        }
        let sealed = tokio::task::block_in_place(|| entry.seal())?;
        self.writer.append(sealed)?;
        let mut line = format!("Model state: {}", amount(read.model, "document", "documents"));
        if read.categorizer > 0 {
            line += &format!(", {} of the categorizer", count(read.categorizer));
        }
        self.session.done(stage, &format!("{line} (snapshot {})", snapshot.id));
        Ok(())
    }

    async fn found(&mut self, found: &parts::Found, expected: u64) -> Result<()> {
        let stage = self.session.stage(&format!("Reading {}", found.title), Some(expected));
        let mut entry = self.entry(found.entry);
        let mut copies = Copies::default();
        let mut read = 0;
        let mut pages = match expected {
            0 => None,
            _ => Some(self.session.cluster.pages(found.search.clone()).await?),
        };
        while let Some(pages) = &mut pages
            && let Some(hits) = pages.next().await?
        {
            read += hits.len() as u64;
            stage.inc(hits.len() as u64);
            tokio::task::block_in_place(|| {
                hits.into_iter().try_for_each(|hit| match found.with_ids {
                    true => match copies.take(hit) {
                        Some(hit) => put(&mut entry, found, &hit),
                        None => Ok(()),
                    },
                    false => put(&mut entry, found, &hit),
                })
            })?;
        }
        if let Some(hit) = copies.0 {
            put(&mut entry, found, &hit)?;
        }
        nothing_lost(found.title, read, expected)?;
        let read = entry.documents;
        self.writer.append(entry.seal()?)?;
        self.session
            .done(stage, &format!("{}: {}", capitalized(found.title), count(read)));
        Ok(())
    }

    /// Readers begin at once, and wait when a few pages are there.
    async fn open(&self, sources: &Sources) -> Result<Option<Pages>> {
        match &sources.search {
            Some(search) => {
                let pages = self.session.cluster.pages(search.clone()).await?;
                replaced::refuse_indices(&self.session.cluster, sources).await?;
                Ok(Some(pages))
            }
            None => Ok(None),
        }
    }

    async fn inputs(&mut self, pages: Option<Pages>, survey: &Survey, carried: &mut Carried<'_>) -> Result<()> {
        let (Some(pages), Some(inputs)) = (pages, survey.inputs) else {
            return Ok(());
        };
        let stage = self.session.stage("Reading inputs", Some(inputs.documents));
        let level = self.options.compression_level;
        let indices = Indices {
            cluster: &self.session.cluster,
            options: self.options,
            subject: self.subject,
            terminal: &self.session.terminal,
        };
        let read = inputs::append(pages, &indices, level, &mut self.writer, carried, &stage).await?;
        nothing_lost("inputs", read, inputs.documents)?;
        let incomplete: Vec<String> = self.session.cluster.incomplete_clusters().into_iter().collect();
        if !incomplete.is_empty() {
            self.session.terminal.warn(&format!(
                "input documents of remote clusters are missing from the archive (--allow-partial): {}",
                incomplete.join(", ")
            ));
        }
        self.session.done(stage, &format!("Inputs: {}", count(read)));
        Ok(())
    }

    fn mapping(&mut self, mappings: &InputMappings) -> Result<()> {
        if mappings.is_empty() {
            return Ok(());
        }
        self.json(EntryKind::InputMapping, mappings.to_json().to_string().as_bytes())
    }

    fn finish(self, info: Option<MlInfo>) -> Result<UnpublishedArchive> {
        let manifest = Manifest {
            format_version: archive::FORMAT_VERSION,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            created: EpochMillis::now().to_string(),
            source: ManifestSource {
                cluster_version: self.session.cluster.version().to_string(),
                cluster_name: self.session.cluster.name().to_owned(),
                cluster_uuid: self.session.cluster.uuid().to_owned(),
                default_categorization_analyzer: info.and_then(|info| info.default_categorization_analyzer),
            },
            job_id: self.job().to_string(),
            snapshot_id: self.subject.snapshot.id.to_string(),
            incomplete_clusters: self.session.cluster.incomplete_clusters(),
            options: self
                .options
                .for_manifest()
                .into_iter()
                .collect::<serde_json::Map<String, Value>>(),
            entries: Vec::new(),
        };
        Ok(tokio::task::block_in_place(|| self.writer.close(manifest))?)
    }
}

fn put(entry: &mut EntryBuilder, found: &parts::Found, hit: &Hit) -> archive::Result<()> {
    let put = match found.with_ids {
        true => entry.action_and_line(None, &hit.id, &hit.source),
        false => entry.line(&hit.source),
    };
    put.map_err(|error| error.of_document(&hit.index, &hit.id))
}

/// Of copies of a document that follow one another the newest: after a rollover a document that changes is in both
/// indices.
#[derive(Default)]
struct Copies(Option<Hit>);

impl Copies {
    /// Takes the next document, and gives the one before it back once no further copy can come.
    fn take(&mut self, hit: Hit) -> Option<Hit> {
        match &mut self.0 {
            Some(held) if held.id == hit.id => {
                if is_newer(&hit.index, &held.index) {
                    *held = hit;
                }
                None
            }
            held => held.replace(hit),
        }
    }
}

/// A search that finds fewer than were counted a moment before has lost some, whatever the reason.
fn nothing_lost(what: &str, read: u64, counted: u64) -> Result<()> {
    if read >= counted {
        return Ok(());
    }
    Err(Error::failed(
        format!("{what}: {counted} documents were counted, {read} could be read"),
        "documents were deleted meanwhile, or shards went away: try again",
    ))
}

fn array(items: &[Box<RawValue>]) -> String {
    let items: Vec<&str> = items.iter().map(|item| item.get()).collect();
    format!("[{}]", items.join(","))
}

fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}
