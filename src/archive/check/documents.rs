//! Rules for the documents of an archive, line by line.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use serde::de::IgnoredAny;

use super::contents::{Contents, Findings, Place, StateSummary};
use crate::archive::error::{Error, ReadError, Result};
use crate::archive::layout::{EntryKind, Limits, MAX_INDICES, MAX_STATE_DOCUMENTS, Part};
use crate::archive::read::{DocumentOrder, DocumentReader, Position, TarReader};
use crate::job::{JobConfig, JobId, ResultType};
use crate::json::{Object, check_and_visit, replace_lone_surrogates, without_value};
use crate::state::{ChunkDecoder, StateDocId, StateKind, split_number};
use crate::util::spool::Repetitions;

/// The maximum size of the name of a source index in bytes, including the remote cluster.
const MAX_INDEX: usize = 512;
/// The maximum size of an ID in Elasticsearch in bytes.
const MAX_ID: usize = 512;
/// The maximum number of distinct job IDs that are stored.
const MAX_OWNERS: usize = 8;
/// The maximum number of characters stored of a job ID or a type, which is above the limit for job IDs.
const MAX_JOB_ID: usize = 100;
/// The part of a category's document ID between the job and the number.
const CATEGORY: &str = "_category_definition_";

/// Receives each document after its line was parsed as JSON.
pub trait DocumentVisitor {
    /// Receives the job configuration after it was read. In every layout it precedes the input documents.
    fn config(&mut self, _config: &JobConfig) {}

    /// Returns a writer for the decoded state of a kind, which is written in order regardless of the order of the
    /// documents. The writer must accept everything: an error would be reported as damage.
    fn decoded(&mut self, _kind: StateKind) -> Box<dyn Write> {
        Box::new(io::sink())
    }

    /// Receives a document with the `index` and `id` of its action line.
    fn document(&mut self, part: Part, index: Option<&str>, id: Option<&str>, source: &[u8]);
}

impl DocumentVisitor for () {
    fn document(&mut self, _: Part, _: Option<&str>, _: Option<&str>, _: &[u8]) {}
}

/// The state of a check.
pub(super) struct Checker<'v> {
    pub(super) limits: Limits,
    pub(super) visitor: &'v mut dyn DocumentVisitor,
    pub(super) contents: Contents,
    pub(super) findings: Findings,
    /// The current place.
    pub(super) place: Place,
    pub(super) kinds: BTreeSet<EntryKind>,
    pub(super) paths: BTreeSet<String>,
    pub(super) path_bytes: usize,
    /// The size of all entries so far in bytes.
    pub(super) bytes: u64,
    /// Whether the archive could not be read to its end. Missing entries are then not reported.
    pub(super) truncated: bool,
    /// The state of the model and of the categorizer.
    state: [KindChecker; 2],
    /// The number of state documents of both kinds.
    state_documents: usize,
    /// The source indices and IDs of input documents.
    inputs: Repetitions,
    /// The numbers of categories.
    categories: Repetitions,
    /// The IDs of results.
    results: Repetitions,
    /// The job IDs in documents, each with its first place.
    owners: BTreeMap<String, Place>,
}

impl<'v> Checker<'v> {
    pub(super) fn new(limits: Limits, visitor: &'v mut dyn DocumentVisitor) -> Self {
        let state = [StateKind::Model, StateKind::Categorizer].map(|kind| KindChecker {
            kind,
            base: None,
            order: DocumentOrder::default(),
            decoder: Some(ChunkDecoder::new(visitor.decoded(kind), limits.state)),
        });
        Self {
            limits,
            visitor,
            contents: Contents::default(),
            findings: Findings::default(),
            place: Place::default(),
            kinds: BTreeSet::new(),
            paths: BTreeSet::new(),
            path_bytes: 0,
            bytes: 0,
            truncated: false,
            state,
            state_documents: 0,
            inputs: Repetitions::default(),
            categories: Repetitions::default(),
            results: Repetitions::default(),
            owners: BTreeMap::new(),
        }
    }

    /// Reads the documents of an entry and returns their number.
    pub(super) fn documents(&mut self, tar: &mut TarReader<'_>, part: Part) -> Result<u64, ReadError> {
        let mut reader = DocumentReader::new(part);
        let mut documents = 0;
        loop {
            match self.document(&mut reader, tar) {
                Ok(true) => documents += 1,
                Ok(false) => break,
                Err(ReadError::Malformed(why)) => {
                    self.findings.fatal(&self.place.line(reader.line), why);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(documents)
    }

    /// Reads the next document; false at the end of the entry.
    fn document(&mut self, reader: &mut DocumentReader, tar: &mut TarReader<'_>) -> Result<bool, ReadError> {
        if !reader.next(tar)? {
            return Ok(false);
        }
        let (part, source) = (reader.part, reader.source.as_slice());
        let place = &self.place.line(reader.line);
        let (index, id) = (reader.action.index.as_deref(), reader.action.id.as_deref());
        if let (Part::State, Some(id)) = (part, id) {
            // The decoder reads the complete document, so that 16 MiB need not be parsed twice.
            self.state(id, source, place)?;
            self.visitor.document(part, index, Some(id), source);
            return Ok(true);
        }
        // The check uses the document as Elasticsearch reads it. Its bytes are imported unchanged.
        let source = replace_lone_surrogates(source);
        if id.is_some_and(|id| id.len() > MAX_ID) {
            let what = format!("the action line's `_id` has more than {MAX_ID} bytes");
            self.findings.fatal(place, what);
        }
        let members = members_of(part, &source).map_err(ReadError::Malformed)?;
        match (part, index, id) {
            (Part::Inputs, Some(index), Some(id)) => self.input(index, id, place)?,
            (Part::Categories, _, Some(id)) => self.category(id, place)?,
            (Part::Results, _, Some(id)) => self.result(id, &members, place)?,
            _ => {}
        }
        match members.job {
            Some(job) => self.belongs_to(&job, place),
            // A field of input documents may have this name.
            None if part == Part::Inputs => {}
            None => self.findings.fatal(place, "the document does not have a `job_id`"),
        }
        self.visitor.document(part, index, id, &source);
        Ok(true)
    }

    fn state(&mut self, id: &str, source: &[u8], place: &Place) -> Result<()> {
        let (findings, [model, categorizer]) = (&mut self.findings, &mut self.state);
        self.state_documents += 1;
        if self.state_documents > MAX_STATE_DOCUMENTS {
            findings.fatal(place, format!("more than {MAX_STATE_DOCUMENTS} state documents"));
            return Ok(());
        }
        let (kind, base, number) = match split_number(id) {
            Some((base, number)) if base.ends_with("_categorizer_state") => (categorizer, base, number - 1),
            Some((base, number)) if base.contains("_model_state_") => (model, base, number - 1),
            _ => {
                findings.fatal(place, format!("`{id}` is not the ID of a state document"));
                return Ok(());
            }
        };
        let (first, _) = kind.base.get_or_insert_with(|| (base.to_owned(), place.clone()));
        if first != base {
            let what = format!("`{id}` belongs to a different job or snapshot than the previous state documents");
            findings.fatal(place, what);
            return Ok(());
        }
        match kind.order.take(number, id, source)? {
            Position::Next => {
                kind.decode(id, source, place, findings);
                while let Some((id, source)) = kind.order.next_kept()? {
                    kind.decode(&id, &source, place, findings);
                }
            }
            Position::Early => {}
            Position::Duplicate => findings.fatal(place, format!("duplicate state document `{id}`")),
        }
        Ok(())
    }

    /// Categories are written under their original IDs to an index that jobs share. An invalid ID would overwrite
    /// another document.
    fn category(&mut self, id: &str, place: &Place) -> Result<()> {
        let parts = id.rsplit_once(CATEGORY);
        let Some((job, number)) = parts.filter(|(_, number)| is_category_number(number)) else {
            let what = format!("`{id}` is not the ID of a category");
            self.findings.fatal(place, what);
            return Ok(());
        };
        self.categories.add(number).map_err(Error::temporary)?;
        self.belongs_to(job, place);
        Ok(())
    }

    /// Results are written to the same index as categories.
    fn result(&mut self, id: &str, members: &Members, place: &Place) -> Result<()> {
        let Some(job) = &members.job else {
            return Ok(());
        };
        let result_type = members.result_type.as_deref().and_then(ResultType::parse);
        let what = match result_type {
            None => "the document is not a result: its `result_type` is missing or has another value".to_owned(),
            Some(result_type) if !result_type.is_id_of(job, id) => {
                format!("`{id}` is not the ID of a result of type `{result_type}` of job `{job}`")
            }
            Some(_) => return self.results.add(id).map_err(Error::temporary),
        };
        self.findings.fatal(place, what);
        Ok(())
    }

    fn belongs_to(&mut self, job: &str, place: &Place) {
        if !self.owners.contains_key(job) && self.owners.len() < MAX_OWNERS {
            self.owners.insert(job.to_owned(), place.clone());
        }
    }

    fn input(&mut self, index: &str, id: &str, place: &Place) -> Result<()> {
        let (findings, indices) = (&mut self.findings, &mut self.contents.input_indices);
        self.inputs.add((index, id)).map_err(Error::temporary)?;
        if index.len() > MAX_INDEX {
            findings.fatal(place, "the action line's `_index` is not an index name");
        } else if let Some(documents) = indices.get_mut(index) {
            *documents += 1;
        } else if indices.len() < MAX_INDICES {
            indices.insert(index.to_owned(), 1);
        } else {
            let what = format!("the input documents are from more than {MAX_INDICES} source indices");
            findings.fatal(place, what);
        }
        Ok(())
    }

    /// Checks that everything belongs to one job, and the state to one snapshot.
    pub(super) fn require_owner(&mut self, job: &JobId) {
        let findings = &mut self.findings;
        for (id, place) in self.owners.iter().filter(|(id, _)| *id != job.as_str()) {
            findings.other_job(place, id, job);
        }
        let Some(snapshot) = self.contents.snapshot_id() else {
            return;
        };
        for checker in &self.state {
            let Some((base, place)) = &checker.base else { continue };
            let id = StateDocId::parse(&format!("{base}#1"), job, snapshot);
            if id.is_none_or(|id| id.kind != checker.kind) {
                let what = format!("`{base}` is not state of job `{job}` and its snapshot `{snapshot}`");
                findings.fatal(place, what);
            }
        }
    }

    /// Applies the rules for all documents together.
    pub(super) fn finish_documents(&mut self) -> Result<()> {
        let (contents, findings) = (&mut self.contents, &mut self.findings);
        contents.repeated_inputs = std::mem::take(&mut self.inputs).any().map_err(Error::temporary)?;
        for (ids, kind, documents) in [
            (&mut self.categories, EntryKind::Categories, "categories"),
            (&mut self.results, EntryKind::Results { number: 1 }, "results"),
        ] {
            if std::mem::take(ids).any().map_err(Error::temporary)? {
                findings.fatal(&contents.place_of(kind), format!("two {documents} have the same ID"));
            }
        }
        let place = contents.place_of(EntryKind::State);
        let [model, categorizer] = &mut self.state;
        let (model, categorizer) = (model.finish(&place, findings), categorizer.finish(&place, findings));
        contents.state = StateSummary {
            model_documents: model.0,
            model_bytes: model.1,
            categorizer_documents: categorizer.0,
            categorizer_bytes: categorizer.1,
        };
        Ok(())
    }
}

/// The members of a document that determine whether it belongs to the archive.
#[derive(Debug, Default, PartialEq, Eq)]
struct Members {
    job: Option<String>,
    result_type: Option<String>,
}

/// Parses a document, which must be a JSON object. Members of input documents are not returned.
///
/// Input documents are numerous and unchanged from the source cluster, which has already checked them. In other
/// documents, duplicate members are refused, as Elasticsearch does.
fn members_of(part: Part, source: &[u8]) -> Result<Members, String> {
    let text = std::str::from_utf8(source).map_err(|cause| format!("not UTF-8: {cause}"))?;
    let not_an_object = |cause: serde_json::Error| format!("not a JSON object: {}", without_value(&cause));
    if part == Part::Inputs {
        let read = serde_json::from_str::<Object<IgnoredAny>>(text);
        return read.map(|_| Members::default()).map_err(not_an_object);
    }
    let mut members = Members::default();
    let read = check_and_visit(text, &["job_id", "result_type"], |name, value| {
        let text = Some(short_text(value.get()));
        match name {
            "job_id" => members.job = text,
            _ => members.result_type = text,
        }
    });
    read.map_err(|cause| match serde_json::from_str::<Object<IgnoredAny>>(text) {
        Err(cause) => not_an_object(cause),
        Ok(_) => without_value(&cause),
    })?;
    Ok(members)
}

/// Returns the text of a job ID or a type, truncated if it is too long.
fn short_text(json: &str) -> String {
    if !json.starts_with('"') {
        return "(not a string)".to_owned();
    }
    // An escape has at most six characters.
    let readable = Some(json).filter(|json| json.len() <= MAX_JOB_ID * 6);
    let text: Option<String> = readable.and_then(|json| serde_json::from_str(json).ok());
    text.as_deref().unwrap_or(json).chars().take(MAX_JOB_ID).collect()
}

/// Whether a text is the number of a category as Elasticsearch writes it, without a sign or leading zeros.
fn is_category_number(text: &str) -> bool {
    !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u64>().is_ok()
}

/// Checks the state of one kind. The job and snapshot that it must belong to may only be known at the end.
struct KindChecker {
    kind: StateKind,
    /// What precedes `#` in the first ID, with its place. It must be the same in every ID.
    base: Option<(String, Place)>,
    order: DocumentOrder,
    /// `None` after a document could not be decoded. Consequential errors are not reported.
    decoder: Option<ChunkDecoder<Box<dyn Write>>>,
}

impl KindChecker {
    fn decode(&mut self, id: &str, source: &[u8], place: &Place, findings: &mut Findings) {
        if let Some(decoder) = &mut self.decoder
            && let Err(error) = decoder.document(id, source)
        {
            findings.fatal(place, error.to_string());
            self.decoder = None;
        }
    }

    /// Returns the number of documents and decoded bytes. Reports gaps and an incomplete base64 text or gzip stream.
    fn finish(&mut self, place: &Place, findings: &mut Findings) -> (u64, u64) {
        let documents = self.order.next;
        let decoder = self.decoder.take().filter(|_| documents > 0);
        let decoded = match (self.order.gap(), decoder.map(ChunkDecoder::finish)) {
            (Some(missing), _) => {
                let (base, number) = (self.base.as_ref().map_or("", |(base, _)| base), missing + 1);
                Err(format!(
                    "`{base}#{number}` is missing: without it, opening the job crashes or hangs"
                ))
            }
            (None, Some(decoded)) => decoded.map(|(bytes, _)| bytes).map_err(|error| error.to_string()),
            (None, None) => Ok(0),
        };
        if let Err(why) = &decoded {
            findings.fatal(place, why);
        }
        (documents, decoded.unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn documents_other_than_objects_are_refused() {
        for bad in [&b""[..], b"[]", b"1", b"{", b"{} {}", b"{\"a\":\"\xff\"}"] {
            assert!(members_of(Part::Inputs, bad).is_err(), "{bad:?}");
            assert!(members_of(Part::Annotations, bad).is_err(), "{bad:?}");
        }
        let repeated = br#"{"a":[{"job_id":"x"}],"job_id":"a","job_id":"b"}"#;
        assert!(members_of(Part::Annotations, repeated).is_err());
        assert_eq!(members_of(Part::Inputs, repeated), Ok(Members::default()));
        for long in ["x".repeat(500), "x".repeat(5000), "\u{1}".repeat(90)] {
            let document = serde_json::json!({"job_id": long}).to_string();
            let members = members_of(Part::Annotations, document.as_bytes()).unwrap();
            let job = members.job.unwrap();
            assert!(job.len() > 64 && job.len() <= MAX_JOB_ID, "{job}");
        }
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(5000), "]".repeat(5000));
        assert!(members_of(Part::Inputs, deep.as_bytes()).is_ok());
    }

    #[test]
    fn state_document_limit_applies_to_model_and_categorizer_together() {
        let visitor = &mut ();
        let mut checker = Checker::new(Limits::default(), visitor);
        let max = MAX_STATE_DOCUMENTS as u64;
        // During an import, the documents of the categorizer wait for the last one of the model.
        let ids = (1..=max / 2).map(|n| format!("j_categorizer_state#{n}"));
        let ids = ids.chain((2..=max / 2 + 1).map(|n| format!("j_model_state_1#{n}")));
        for id in ids {
            checker.state(&id, b"{\"compressed\":[]}", &Place::default()).unwrap();
        }
        let refused = |findings: &mut Findings| {
            let list = std::mem::take(findings).into_list();
            list.iter().any(|finding| finding.what.contains("more than"))
        };
        assert!(!refused(&mut checker.findings));
        checker
            .state("j_model_state_1#1", b"{\"compressed\":[]}", &Place::default())
            .unwrap();
        assert!(refused(&mut checker.findings));
    }
}
