//! Entries of documents, line by line.

use std::borrow::Cow;

use super::{Pass, Trouble};
use crate::archive::inflate::Inflated;
use crate::archive::lines::{Lines, Next, Owner, parse_document};
use crate::archive::tarball::Tarball;
use crate::archive::{MAX_INDICES, Part};
use crate::json::{check_members, replace_lone_surrogates, without_value};

/// Bytes of a source index's name, that of a remote cluster before it.
const LONGEST_INDEX: usize = 512;
/// Distinct job ids kept to be judged.
const MOST_OWNERS: usize = 8;
/// Bytes that Elasticsearch accepts as an ID.
const LONGEST_ID: usize = 512;
/// What stands between job and number in the id of a category.
const CATEGORY: &str = "_category_definition_";

impl Pass<'_> {
    pub(super) fn documents<I: Inflated>(
        &mut self,
        tar: &mut Tarball<I>,
        path: &str,
        part: Part,
    ) -> Result<u64, Trouble> {
        let mut lines = Lines::default();
        let mut documents = 0;
        loop {
            let action = match lines.next(tar, part)? {
                Next::Document(action) => action,
                Next::End => break,
                Next::Bad(why) => {
                    self.findings.fatal(&format!("{path}, line {}", lines.line()), why);
                    break;
                }
            };
            // What is checked is how Elasticsearch reads the document; its bytes are imported unchanged.
            let source = match part {
                Part::State => Cow::Borrowed(lines.source()),
                _ => replace_lone_surrogates(lines.source()),
            };
            let source = &*source;
            let (index, id) = (action.index.as_deref(), action.id.as_deref());
            let place = || format!("{path}, line {}", lines.line());
            if part != Part::Annotations && part != Part::Notifications && id.is_none_or(str::is_empty) {
                self.findings.fatal(&place(), "the action line names no `_id`");
                break;
            }
            match (part, id) {
                // The decoder reads all of it: no need to read 16 MB twice.
                (Part::State, Some(id)) => {
                    self.state
                        .document(id, source, &place(), &mut self.findings)
                        .map_err(Trouble::Temporary)?;
                }
                _ => match parse_document(source).and_then(|owner| once(part, source).map(|()| owner)) {
                    Ok(owner) => {
                        self.category(part, id, place)?;
                        self.owner(part, owner, place);
                    }
                    Err(why) => {
                        self.findings.fatal(&place(), why);
                        break;
                    }
                },
            }
            if part == Part::Inputs {
                self.input(index, id, place)?;
            }
            self.visitor.document(part, index, id, source);
            documents += 1;
        }
        *self.contents.documents.entry(part).or_default() += documents;
        Ok(documents)
    }

    /// Categories are written to an index that jobs share, under the ids that they bring along: any other
    /// id would overwrite a document of another job.
    fn category(&mut self, part: Part, id: Option<&str>, place: impl Fn() -> String) -> Result<(), Trouble> {
        let Some(id) = id.filter(|_| part == Part::Categories) else {
            return Ok(());
        };
        match id.rsplit_once(CATEGORY) {
            Some((job, number)) if is_number(number) => {
                self.categories.add(number).map_err(Trouble::Temporary)?;
                self.belongs_to(job.to_owned(), place);
            }
            _ => self
                .findings
                .fatal(&place(), format!("`{id}` is not the id of a category")),
        }
        Ok(())
    }

    fn belongs_to(&mut self, job: String, place: impl Fn() -> String) {
        if !self.owners.contains_key(&job) && self.owners.len() < MOST_OWNERS {
            self.owners.insert(job, place());
        }
    }

    fn owner(&mut self, part: Part, owner: Owner, place: impl Fn() -> String) {
        // Inputs may have a field of that name.
        if part == Part::Inputs {
            return;
        }
        if owner.job_ids.is_empty() {
            self.findings.fatal(&place(), "the document names no job (`job_id`)");
        }
        for id in owner.job_ids {
            self.belongs_to(id, &place);
        }
    }

    fn input(&mut self, index: Option<&str>, id: Option<&str>, place: impl Fn() -> String) -> Result<(), Trouble> {
        if id.is_some_and(|id| id.len() > LONGEST_ID) {
            let what = format!("the action line's `_id` has more than {LONGEST_ID} bytes");
            self.findings.fatal(&place(), what);
        }
        self.inputs.add((index, id)).map_err(Trouble::Temporary)?;
        self.input_index(index, place);
        Ok(())
    }

    fn input_index(&mut self, index: Option<&str>, place: impl Fn() -> String) {
        let Some(index) = index.filter(|index| !index.is_empty()) else {
            self.findings.fatal(&place(), "the action line names no `_index`");
            return;
        };
        if index.len() > LONGEST_INDEX {
            self.findings
                .fatal(&place(), "the action line's `_index` is no name of an index");
            return;
        }
        let indices = &mut self.contents.input_indices;
        if let Some(documents) = indices.get_mut(index) {
            *documents += 1;
        } else if indices.len() < MAX_INDICES {
            indices.insert(index.to_owned(), 1);
        } else {
            self.findings
                .fatal(&place(), "inputs of more source indices than can be told apart");
        }
    }
}

/// Checks what Elasticsearch refuses to index. Input documents are as the source cluster returned them, and many: it has
/// checked them before.
fn once(part: Part, source: &[u8]) -> Result<(), String> {
    if part == Part::Inputs {
        return Ok(());
    }
    let text = std::str::from_utf8(source).map_err(|cause| format!("not UTF-8: {cause}"))?;
    check_members(text).map_err(|cause| without_value(&cause))
}

/// A category's number as Elasticsearch writes it: no sign, no leading zeros.
fn is_number(text: &str) -> bool {
    !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u64>().is_ok()
}
