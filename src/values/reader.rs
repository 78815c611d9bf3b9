//! Passes the values of an archive's documents to a visitor.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::documents::{
    ANNOTATIONS_OF_PEOPLE, CALENDAR, CONFIGURATION, Content, DocumentKind, FILTER, JOB_USER, NamedFields, SNAPSHOT,
};
use super::location::{ArchivePart, ValueSource};
use crate::archive::{Contents, EntryKind};
use crate::job::JobConfig;
use crate::json::{Kind, Leaf, for_each_leaf};

/// Receives a value with its source.
type Visit<'v> = dyn FnMut(ValueSource<'_>, ArchivePart, &str) + 'v;

/// Labels for texts that do not belong to a member of a document.
pub(super) const UNKNOWN: &str = "other texts";
pub(super) const ANNOTATIONS_OF_THE_JOB: &str = "job annotations";
pub(super) const CLUSTER_NAME: &str = "cluster name";

/// The texts of a job's configuration that contain values or describe their owner.
pub(crate) fn config_values(config: &JobConfig, visit: &mut Visit<'_>) {
    for_each_leaf(config.text.get().as_bytes(), &mut |leaf| {
        // Numbers and Booleans are not meaningful on their own.
        if leaf.kind == Kind::Text {
            member_values(&CONFIGURATION, leaf, visit);
        }
    });
}

/// Passes the values of an input document, except for its time. Returns false if the document is not complete JSON.
pub(crate) fn input_values(id: Option<&str>, source: &[u8], time_field: &str, visit: &mut Visit<'_>) -> bool {
    let part = ArchivePart::Inputs;
    if let Some(id) = id {
        visit(ValueSource::Field("_id"), part, id);
    }
    for_each_leaf(source, &mut |leaf| {
        if leaf.path != time_field {
            visit(ValueSource::Field(leaf.path), part, &as_autodetect_reads(leaf));
        }
    })
}

/// Returns a number in its shortest form, as autodetect reads it.
fn as_autodetect_reads<'a>(leaf: &'a Leaf<'_>) -> Cow<'a, str> {
    let is_float = leaf.kind == Kind::Literal && leaf.text.contains(['.', 'e', 'E']);
    match leaf.text.parse::<f64>() {
        Ok(number) if is_float && number.is_finite() => Cow::Owned(number.to_string()),
        _ => Cow::Borrowed(&leaf.text),
    }
}

/// Passes the values of an annotation, notification, category definition or result. Returns false if the document is not
/// complete JSON.
pub(crate) fn document_values(document: &DocumentKind, source: &[u8], visit: &mut Visit<'_>) -> bool {
    let part = document.part;
    let (mut annotation, mut by_job) = (None, false);
    let mut named = NamedFields::of(source);
    let complete = for_each_leaf(source, &mut |leaf| {
        named.note(leaf);
        let text = &*leaf.text;
        by_job |= leaf.path == "create_username" && text == JOB_USER;
        match leaf.path {
            path if document.content(path) == Content::ValueOfNamedField => {
                let field = named
                    .field_of(path)
                    .map_or(ValueSource::Text(UNKNOWN), ValueSource::Field);
                visit(field, part, text);
            }
            "annotation" if part == ArchivePart::Annotations => annotation = Some(text.to_owned()),
            "create_username" | "modified_username" if text == JOB_USER => {}
            path if document.has(path) => member_values(document, leaf, visit),
            // The value is also stored under the name of the field.
            path if named.contains(path) => {}
            path if part == ArchivePart::Results && leaf.kind == Kind::Text => {
                visit(ValueSource::Field(path), part, text)
            }
            _ if !matches!(part, ArchivePart::Categories | ArchivePart::Results) => {
                visit(ValueSource::Text(UNKNOWN), part, text);
            }
            _ => {}
        }
    });
    if let Some(annotation) = annotation {
        let label = match by_job {
            true => ANNOTATIONS_OF_THE_JOB,
            false => ANNOTATIONS_OF_PEOPLE,
        };
        visit(ValueSource::Text(label), part, &annotation);
    }
    complete
}

/// Passes the values of a member that is reported.
fn member_values(document: &DocumentKind, leaf: &Leaf<'_>, visit: &mut Visit<'_>) {
    let (part, text) = (document.part, &*leaf.text);
    match document.member(leaf.path) {
        None | Some((_, "")) => {}
        Some((Content::ValueList, label)) => {
            let values = text.split(',').map(str::trim);
            values.for_each(|value| visit(ValueSource::Text(label), part, value));
        }
        Some((Content::MessageWords, label)) => {
            let words = text.split_whitespace();
            words.for_each(|word| visit(ValueSource::Text(label), part, word));
        }
        Some((_, label)) => visit(ValueSource::Text(label), part, text),
    }
}

/// Passes the values of entries that are a single JSON text: filters, calendars, the snapshot, the manifest.
pub(crate) fn entry_values(contents: &Contents, visit: &mut Visit<'_>) {
    let fields: BTreeMap<_, _> = contents.config.iter().flat_map(JobConfig::filtered_fields).collect();
    for filter in &contents.filters {
        let items = match fields.get(&filter.id) {
            Some(field) => ValueSource::Field(field),
            None => ValueSource::Filter(filter.id.as_str()),
        };
        for_each_leaf(filter.text.get().as_bytes(), &mut |leaf| match leaf.path {
            "items" => visit(items, ArchivePart::Filters, &leaf.text),
            _ => member_values(&FILTER, leaf, visit),
        });
    }
    let (calendars, snapshot) = (contents.texts.get(&EntryKind::Calendars), contents.snapshot.as_ref());
    for (text, kind) in [
        (calendars, &CALENDAR),
        (snapshot.map(|snapshot| &snapshot.text), &SNAPSHOT),
    ] {
        let text = text.map_or(&b""[..], |text| text.get().as_bytes());
        for_each_leaf(text, &mut |leaf| member_values(kind, leaf, visit));
    }
    if let Some(manifest) = &contents.manifest {
        let source = ValueSource::Text(CLUSTER_NAME);
        visit(source, ArchivePart::Configuration, &manifest.source.cluster_name);
    }
}
