//! The written archive searched for every value that was replaced, decoded state included.

mod small;
mod state;

use std::collections::HashSet;

use super::fields::Input;
use super::read::{DOCUMENTS, Source};
use super::rewrite::{JOB, Rewriter, annotation_stays, category_stays, notification_stays};
use crate::archive::{Limits, Part, Severity, Unnamed};
use crate::error::{Error, Result};
use crate::json::{Edit, Leaf, edit_leaves};
use crate::pseudonym::{Book, unescaped};
use crate::terminal::Stage;

/// What may stand at a place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Values and messages: no value may stand here, whole or within.
    Values,
    /// Names, choices and generated texts, in which a message's word may stand by chance.
    Texts,
    /// Numbers, and what has a closed list of values.
    Stays,
}

/// Fails where a value is found.
pub(super) async fn search(unnamed: &Unnamed, rewriter: &Rewriter, limits: Limits, stage: &Stage) -> Result<()> {
    let Some(archive) = unnamed.archive()? else {
        return Ok(());
    };
    let contents = tokio::task::block_in_place(|| archive.check(limits, &mut (), &|_| {}))?;
    if let Some(finding) = contents
        .findings
        .iter()
        .find(|finding| finding.severity == Severity::Fatal)
    {
        return Err(Error::Failed {
            message: format!(
                "what was written cannot be imported: {}: {}",
                finding.place, finding.what
            ),
            hint: Some("this is a defect of esml-state: please report it".to_owned()),
        });
    }
    let Some(config) = contents.config.clone() else {
        return Ok(());
    };
    let source = Source {
        archive: &archive,
        contents: &contents,
        config: &config,
        limits,
    };
    let search = Search {
        rewriter,
        hashes: rewriter.hashes.written(),
    };
    search.small(&source)?;
    search.state(&source, stage).await?;
    for part in DOCUMENTS {
        let mut take = |document: &crate::archive::Document| {
            let place = || format!("{part:?}, document {}", document.line + 1);
            search.document(part, &document.source, &place)
        };
        source.each(part, stage, &mut take).await?;
    }
    Ok(())
}

struct Search<'a> {
    rewriter: &'a Rewriter,
    /// Hashes of tokens, and of nothing else.
    hashes: HashSet<u64>,
}

impl Search<'_> {
    fn book(&self) -> &Book {
        &self.rewriter.book
    }

    /// What may stand where a value of this field does; of none, a text.
    fn of(&self, field: Option<&str>) -> Class {
        match field {
            Some(field) if !self.rewriter.fields.is_chosen(field) => Class::Texts,
            _ => Class::Values,
        }
    }

    fn holds(&self, text: &str, class: Class) -> bool {
        let words = class == Class::Values;
        // What a query or a pattern has backslashes in is a value all the same.
        if text.contains('\\') && class != Class::Stays && self.book().found_in(&unescaped(text), words).is_some() {
            return true;
        }
        match class {
            Class::Stays => false,
            Class::Texts => self.book().found_in(text, words).is_some(),
            Class::Values => self.book().is_original(text, words) || self.book().found_in(text, words).is_some(),
        }
    }

    fn leaves(&self, source: &[u8], place: &dyn Fn() -> String, class: &dyn Fn(&Leaf<'_>) -> Class) -> Result<()> {
        let mut found = None;
        let read = edit_leaves(source, &mut |leaf| {
            if self.holds(&leaf.text, class(leaf)) {
                found.get_or_insert_with(|| leaf.path.to_owned());
            }
            Ok(Edit::Keep)
        });
        match (found, read) {
            (Some(path), _) => Err(leaked(&format!("{}, {path}", place()))),
            (None, Ok(_)) => Ok(()),
            (None, Err(cause)) => Err(super::read::said(cause)),
        }
    }

    fn document(&self, part: Part, source: &[u8], place: &dyn Fn() -> String) -> Result<()> {
        let fields = &self.rewriter.fields;
        let annotated = Annotated::read(part, source);
        let messages = fields.replaces_messages();
        self.leaves(source, place, &|leaf| {
            let stays = |stays: bool| {
                if stays || !leaf.quoted {
                    Class::Stays
                } else {
                    Class::Values
                }
            };
            match (part, leaf.path) {
                (Part::Annotations, "annotation") if annotated.is_by_job() => Class::Texts,
                (Part::Annotations | Part::Categories, path) if path.ends_with("_field_value") => {
                    self.of(annotated.field(path))
                }
                (Part::Categories, "terms" | "examples" | "regex" | "grok_pattern") if !messages => Class::Texts,
                (Part::Annotations, path) => stays(annotation_stays(path)),
                (Part::Notifications, path) => stays(notification_stays(path)),
                (Part::Categories, path) => stays(category_stays(path)),
                (_, path) => match fields.input(path) {
                    Input::Value(_) => Class::Values,
                    Input::Message | Input::Text | Input::Address if leaf.quoted => Class::Values,
                    Input::Read if leaf.quoted => Class::Texts,
                    _ => Class::Stays,
                },
            }
        })
    }
}

/// Which fields an annotation or a category is about, and who wrote it.
#[derive(Default, serde::Deserialize)]
struct Annotated {
    create_username: Option<String>,
    partition_field_name: Option<String>,
    over_field_name: Option<String>,
    by_field_name: Option<String>,
}

impl Annotated {
    fn read(part: Part, source: &[u8]) -> Self {
        match part {
            Part::Annotations | Part::Categories => serde_json::from_slice(source).unwrap_or_default(),
            _ => Self::default(),
        }
    }

    fn is_by_job(&self) -> bool {
        self.create_username.as_deref() == Some(JOB)
    }

    fn field(&self, path: &str) -> Option<&str> {
        match path {
            "partition_field_value" => self.partition_field_name.as_deref(),
            "over_field_value" => self.over_field_name.as_deref(),
            "by_field_value" => self.by_field_name.as_deref(),
            _ => None,
        }
    }
}

/// The value itself is not told: the message may be handed on.
fn leaked(place: &str) -> Error {
    Error::Failed {
        message: format!(
            "a value that was replaced still stands in what was written, in {place}: nothing is left of it"
        ),
        hint: Some(
            "this is a defect of esml-state, or the value is also a word of Elasticsearch: leave its field out with \
             --fields, or report it"
                .to_owned(),
        ),
    }
}
