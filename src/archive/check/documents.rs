//! Rules on the documents of an archive, line by line.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::contents::{Contents, Findings, Rule};
use super::state::StateChecker;
use crate::archive::error::{Error, ReadError, Result};
use crate::archive::layout::{EntryKind, MAX_INDICES, Part};
use crate::archive::read::{DocumentReader, TarReader};
use crate::job::{JobConfig, JobId};
use crate::json::{check_members, for_each_member, replace_lone_surrogates, without_value};
use crate::state::StateKind;
use crate::util::spool::Repetitions;

/// Bytes of a source index's name, that of a remote cluster before it.
const MAX_INDEX: usize = 512;
/// Bytes that Elasticsearch accepts as an ID.
const MAX_ID: usize = 512;
/// Distinct job IDs that are kept.
const MAX_OWNERS: usize = 8;
/// Characters that are kept of a job ID; none of a job has so many.
const MAX_JOB_ID: usize = 100;
/// In the ID of a category between job and number.
const CATEGORY: &str = "_category_definition_";
/// Sees each document of the pass, after its line was found to be JSON.
pub trait DocumentVisitor {
    /// The job's configuration, once it was read; it comes before the inputs in every layout.
    fn config(&mut self, _config: &JobConfig) {}

    /// Where the decoded state of a kind goes, in order, whatever order its documents come in. It must accept everything:
    /// what it refuses would be reported as damage.
    fn decoded(&mut self, _kind: StateKind) -> Box<dyn Write> {
        Box::new(io::sink())
    }

    /// A document of a part; `index` and `id` from its action line.
    fn document(&mut self, part: Part, index: Option<&str>, id: Option<&str>, source: &[u8]);
}

impl DocumentVisitor for () {
    fn document(&mut self, _: Part, _: Option<&str>, _: Option<&str>, _: &[u8]) {}
}

/// Checks the documents of all entries.
pub(super) struct DocumentChecker<'v> {
    pub(super) visitor: &'v mut dyn DocumentVisitor,
    pub(super) state: StateChecker,
    /// Source indices and IDs of inputs.
    inputs: Repetitions,
    /// Numbers of categories.
    categories: Repetitions,
    /// Job IDs that documents name, with the first place of each.
    owners: BTreeMap<String, String>,
    counts: BTreeMap<Part, u64>,
    input_indices: BTreeMap<String, u64>,
}

impl<'v> DocumentChecker<'v> {
    /// `limit` bounds the decoded state.
    pub(super) fn new(limit: u64, visitor: &'v mut dyn DocumentVisitor) -> Self {
        Self {
            state: StateChecker::new(limit, &mut |kind| visitor.decoded(kind)),
            visitor,
            inputs: Repetitions::default(),
            categories: Repetitions::default(),
            owners: BTreeMap::new(),
            counts: BTreeMap::new(),
            input_indices: BTreeMap::new(),
        }
    }

    /// Reads the documents of an entry; returns how many there are.
    pub(super) fn check(
        &mut self,
        tar: &mut TarReader<'_>,
        path: &str,
        part: Part,
        findings: &mut Findings,
    ) -> Result<u64, ReadError> {
        let mut reader = DocumentReader::new(part);
        let mut documents = 0;
        loop {
            let next = reader.next(tar);
            let place = || format!("{path}, line {}", reader.line);
            let action = match next {
                Ok(Some(action)) => action,
                Ok(None) => break,
                Err(ReadError::Malformed(why)) => {
                    findings.fatal(&place(), why);
                    break;
                }
                Err(error) => return Err(error),
            };
            let (index, id) = (action.index.as_deref(), action.id.as_deref());
            let source = reader.source.as_slice();
            if let (Part::State, Some(id)) = (part, id) {
                // The decoder reads all of it: no need to read 16 MB twice.
                self.state.check(id, source, &place(), findings)?;
                self.visitor.document(part, index, Some(id), source);
            } else {
                // What is checked is how Elasticsearch reads the document; its bytes are imported unchanged.
                let source = replace_lone_surrogates(source);
                let job = match job_of(part, &source) {
                    Ok(job) => job,
                    Err(why) => {
                        findings.fatal(&place(), why);
                        break;
                    }
                };
                match (part, index, id) {
                    (Part::Inputs, Some(index), Some(id)) => self.input(index, id, place, findings)?,
                    (Part::Categories, _, Some(id)) => self.category(id, place, findings)?,
                    _ => {}
                }
                match job {
                    Some(job) => self.belongs_to(job, place),
                    // They may have a field of that name.
                    None if part == Part::Inputs => {}
                    None => findings.fatal(&place(), "the document names no job (`job_id`)"),
                }
                self.visitor.document(part, index, id, &source);
            }
            documents += 1;
        }
        *self.counts.entry(part).or_default() += documents;
        Ok(documents)
    }

    /// Categories are written to an index that jobs share, under the IDs that they have: any other ID would overwrite a
    /// document of another job.
    fn category(&mut self, id: &str, place: impl Fn() -> String, findings: &mut Findings) -> Result<()> {
        match id.rsplit_once(CATEGORY) {
            Some((job, number)) if is_category_number(number) => {
                self.categories.add(number).map_err(Error::temporary)?;
                self.belongs_to(job.to_owned(), place);
            }
            _ => findings.fatal(&place(), format!("`{id}` is not the id of a category")),
        }
        Ok(())
    }

    fn belongs_to(&mut self, job: String, place: impl Fn() -> String) {
        if !self.owners.contains_key(&job) && self.owners.len() < MAX_OWNERS {
            self.owners.insert(job, place());
        }
    }

    fn input(&mut self, index: &str, id: &str, place: impl Fn() -> String, findings: &mut Findings) -> Result<()> {
        if id.len() > MAX_ID {
            let what = format!("the action line's `_id` has more than {MAX_ID} bytes");
            findings.fatal(&place(), what);
        }
        self.inputs.add((index, id)).map_err(Error::temporary)?;
        if index.len() > MAX_INDEX {
            findings.fatal(&place(), "the action line's `_index` is no name of an index");
        } else if let Some(documents) = self.input_indices.get_mut(index) {
            *documents += 1;
        } else if self.input_indices.len() < MAX_INDICES {
            self.input_indices.insert(index.to_owned(), 1);
        } else {
            findings.fatal(&place(), "inputs of more source indices than can be told apart");
        }
        Ok(())
    }

    /// Everything belongs to one job.
    pub(super) fn require_owner(&self, job: &JobId, findings: &mut Findings) {
        for (id, place) in self.owners.iter().filter(|(id, _)| *id != job.as_str()) {
            findings.fatal(place, format!("belongs to job `{id}`, the configuration to `{job}`"));
        }
    }

    pub(super) fn finish(self, contents: &mut Contents, findings: &mut Findings) -> Result<()> {
        contents.documents = self.counts;
        contents.input_indices = self.input_indices;
        contents.repeated_inputs = self.inputs.any().map_err(Error::temporary)?;
        if self.categories.any().map_err(Error::temporary)? {
            let place = contents.place_of(EntryKind::Categories);
            findings.fatal(&place, "two categories have the same ID");
        }
        findings.begin(Rule::State);
        let place = contents.place_of(EntryKind::State);
        contents.state = self.state.finish(&place, findings);
        Ok(())
    }
}

/// Reads a document, which must be a JSON object; returns the job that it names, if any part but inputs.
///
/// Input documents are as the source cluster returned them, and many: it has checked them before. In the others a member
/// that is repeated is refused, as Elasticsearch does.
fn job_of(part: Part, source: &[u8]) -> Result<Option<String>, String> {
    let text = std::str::from_utf8(source).map_err(|cause| format!("not UTF-8: {cause}"))?;
    let mut job = None;
    let read = for_each_member(
        text,
        |name| part != Part::Inputs && name == "job_id",
        |_, value| job = Some(job_id_text(value.get())),
    );
    read.map_err(|cause| format!("not a JSON object: {}", without_value(&cause)))?;
    if part != Part::Inputs {
        check_members(text).map_err(|cause| without_value(&cause))?;
    }
    Ok(job)
}

/// The text of a `job_id`, cut where it is too long to be one.
fn job_id_text(json: &str) -> String {
    if !json.starts_with('"') {
        return "(not a string)".to_owned();
    }
    // An escape has six characters at most.
    let read = (json.len() <= MAX_JOB_ID * 6)
        .then(|| serde_json::from_str::<String>(json).ok())
        .flatten();
    let text = read.as_deref().unwrap_or(json);
    text.chars().take(MAX_JOB_ID).collect()
}

/// A category's number as Elasticsearch writes it: no sign, no leading zeros.
fn is_category_number(text: &str) -> bool {
    !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u64>().is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_document_is_an_object() {
        for bad in [&b""[..], b"[]", b"1", b"{", b"{} {}", b"{\"a\":\"\xff\"}"] {
            assert!(job_of(Part::Inputs, bad).is_err(), "{bad:?}");
            assert!(job_of(Part::Annotations, bad).is_err(), "{bad:?}");
        }
        let repeated = br#"{"a":[{"job_id":"x"}],"job_id":"a","job_id":"b"}"#;
        assert!(job_of(Part::Annotations, repeated).is_err());
        assert_eq!(job_of(Part::Inputs, repeated), Ok(None));
        for long in ["x".repeat(500), "x".repeat(5000), "\u{1}".repeat(90)] {
            let document = serde_json::json!({"job_id": long}).to_string();
            let job = job_of(Part::Annotations, document.as_bytes()).unwrap().unwrap();
            assert!(job.len() > 64 && job.len() <= MAX_JOB_ID, "{job}");
        }
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(5000), "]".repeat(5000));
        assert!(job_of(Part::Inputs, deep.as_bytes()).is_ok());
    }
}
