//! The written archive searched for every value that was replaced, decoded state included.

use std::cell::Cell;
use std::collections::HashSet;
use std::io;

use serde_json::value::RawValue;

use super::fields::Input;
use super::read::{DOCUMENTS, Source};
use super::rewrite::{
    JOB, Rewriter, annotation_stays, category_stays, configuration_stays, notification_stays, snapshot_stays,
};
use crate::archive::{Limits, Part, Severity, Unnamed};
use crate::error::{Error, Result};
use crate::json::{Edit, Leaf, edit_leaves};
use crate::pseudonym::{Book, unescaped};
use crate::state::places::{Change, Place, Subject, Texts, What, read_quantiles};
use crate::state::{ChunkDecoder, StateDocId, StateKind};
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

    fn small(&self, source: &Source<'_>) -> Result<()> {
        let contents = source.contents;
        let read = |raw: &Option<Box<RawValue>>, name: &'static str, class: &dyn Fn(&Leaf<'_>) -> Class| {
            let text = raw.as_deref().map_or("null", RawValue::get);
            self.leaves(text.as_bytes(), &|| name.to_owned(), class)
        };
        let texts = |leaf: &Leaf<'_>, stays: bool| {
            if stays || !leaf.quoted {
                Class::Stays
            } else {
                Class::Texts
            }
        };
        let config = source.config.text().get().as_bytes();
        self.leaves(config, &|| "configuration".to_owned(), &|leaf| {
            texts(leaf, configuration_stays(leaf.path))
        })?;
        read(&contents.filters, "filters", &|leaf| match leaf.path {
            "items" => Class::Values,
            path => texts(leaf, path == "filter_id"),
        })?;
        read(&contents.calendars, "calendars", &|leaf| {
            texts(leaf, matches!(leaf.path, "calendar_id" | "job_ids"))
        })?;
        read(&contents.input_mapping, "input mapping", &|leaf| {
            let name = leaf.path.rsplit('.').next().unwrap_or_default();
            let held = [
                "source",
                "value",
                "null_value",
                "synonyms",
                "stopwords",
                "pattern",
                "replacement",
            ];
            texts(leaf, !held.contains(&name) && !leaf.path.contains(".meta."))
        })?;
        read(&contents.snapshot, "snapshot", &|leaf| {
            texts(
                leaf,
                leaf.path == "quantiles.quantile_state" || snapshot_stays(leaf.path, &leaf.text),
            )
        })?;
        let manifest = contents.manifest.as_ref();
        for name in manifest
            .iter()
            .flat_map(|manifest| [&manifest.source.cluster_name, &manifest.source.cluster_uuid])
        {
            if self.holds(name, Class::Values) {
                return Err(leaked("manifest"));
            }
        }
        self.quantiles(source)
    }

    fn quantiles(&self, source: &Source<'_>) -> Result<()> {
        #[derive(serde::Deserialize)]
        struct Snapshot {
            quantiles: Option<Quantiles>,
        }
        #[derive(serde::Deserialize)]
        struct Quantiles {
            quantile_state: Option<String>,
        }
        let snapshot = source.contents.snapshot.as_deref();
        let snapshot = snapshot.and_then(|text| serde_json::from_str::<Snapshot>(text.get()).ok());
        let Some(text) = snapshot.and_then(|snapshot| snapshot.quantiles?.quantile_state) else {
            return Ok(());
        };
        if text.is_empty() {
            return Ok(());
        }
        let mut found = false;
        let _ = read_quantiles(&text, source.state_limits(), |place: &Place<'_>, text: &str| {
            found |= self.leaks(place, text);
            Change::Keep
        })?;
        match found {
            true => Err(leaked("quantiles")),
            false => Ok(()),
        }
    }

    fn leaks(&self, place: &Place<'_>, text: &str) -> bool {
        match place.what {
            What::FieldName | What::FieldNames => false,
            What::Word | What::ScopeKey => !text.parse().is_ok_and(|hash| self.hashes.contains(&hash)),
            What::CategoryToken | What::CategoryMessage | What::CategoryExample => {
                let messages = self.rewriter.fields.replaces_messages();
                self.holds(text, if messages { Class::Values } else { Class::Texts })
            }
            What::Partition => self.holds(text, self.of(place.field.or(self.rewriter.fields.partition()))),
            _ => self.holds(text, self.of(place.field)),
        }
    }

    async fn state(&self, source: &Source<'_>, stage: &Stage) -> Result<()> {
        for kind in [StateKind::Model, StateKind::Categorizer] {
            let subject = match kind {
                StateKind::Model => Subject::Model,
                StateKind::Categorizer => Subject::Categorizer,
            };
            let found = Cell::new(None);
            let visitor = |place: &Place<'_>, text: &str| {
                if found.get().is_none() && self.leaks(place, text) {
                    found.set(Some(place.what));
                }
                Change::Keep
            };
            let texts = Texts::new(subject, visitor, io::sink());
            let mut decoder = ChunkDecoder::new(texts, source.state_limits());
            let mut documents = 0;
            source
                .each(Part::State, stage, &mut |document| {
                    let id = document.id.as_deref().unwrap_or_default();
                    let ours = StateDocId::parse(id, source.job(), source.snapshot()?);
                    if ours.is_some_and(|id| id.kind == kind) {
                        documents += 1;
                        decoder.document(id, &document.source)?;
                    }
                    Ok(())
                })
                .await?;
            if documents > 0 {
                let (_, texts) = decoder.finish()?;
                let ended = texts.finish();
                let _ = ended.map_err(|cause| crate::state::Error::of_sink("state", cause))?;
            }
            if let Some(what) = found.get() {
                return Err(leaked(&format!("state, {what:?}")));
            }
        }
        Ok(())
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
