//! Passes the values of an archive's documents to a visitor.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::location::{
    ANNOTATIONS_OF_PEOPLE, ANNOTATIONS_OF_THE_JOB, ArchivePart, CLUSTER_NAME, JOB_USER, SNAPSHOT_DESCRIPTION, UNKNOWN,
    ValueSource,
};
use crate::archive::Contents;
use crate::job::JobConfig;
use crate::json::{Leaf, for_each_leaf};

/// Receives a value with its source.
type Visit<'v> = dyn FnMut(ValueSource<'_>, ArchivePart, &str) + 'v;

/// The texts of a job's configuration that contain values or describe their owner.
pub(crate) fn config_values(config: &JobConfig, visit: &mut Visit<'_>) {
    let part = ArchivePart::Configuration;
    // Numbers and booleans say nothing by themselves.
    for_each_leaf(
        config.text.get().as_bytes(),
        &mut |leaf| match part.text_at(leaf.path) {
            Some(label) if leaf.quoted && leaf.path == "model_plot_config.terms" => {
                let terms = leaf.text.split(',').map(str::trim);
                terms.for_each(|term| visit(ValueSource::Text(label), part, term));
            }
            Some(label) if leaf.quoted => visit(ValueSource::Text(label), part, &leaf.text),
            _ => {}
        },
    );
}

/// The values of an input document, except for its time. False where the document is not complete JSON.
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

/// A number in its shortest form.
fn as_autodetect_reads<'a>(leaf: &'a Leaf<'_>) -> Cow<'a, str> {
    let number = match !leaf.quoted && leaf.text.contains(['.', 'e', 'E']) {
        true => leaf.text.parse::<f64>().ok(),
        false => None,
    };
    match number.filter(|number| number.is_finite()) {
        Some(number) => Cow::Owned(number.to_string()),
        None => Cow::Borrowed(&leaf.text),
    }
}

/// The values of an annotation, notification or category definition. False where the document is not complete JSON.
pub(crate) fn document_values(part: ArchivePart, source: &[u8], visit: &mut Visit<'_>) -> bool {
    let mut annotation = None;
    let mut author = None;
    // Names and values of the fields that the document is about.
    let mut fields: BTreeMap<String, [Option<String>; 2]> = BTreeMap::new();
    let complete = for_each_leaf(source, &mut |leaf| {
        let text = &*leaf.text;
        let field = ["_field_name", "_field_value"].iter().position(|end| {
            let role = leaf.path.strip_suffix(end);
            role.is_some_and(|role| ["partition", "over", "by"].contains(&role))
        });
        if let (Some(member), Some((role, _))) = (field, leaf.path.split_once('_')) {
            fields.entry(role.to_owned()).or_default()[member] = Some(text.to_owned());
            return;
        }
        if leaf.path == "create_username" {
            author = Some(text.to_owned());
        }
        match (part, leaf.path) {
            (ArchivePart::Annotations, "annotation") => annotation = Some(text.to_owned()),
            (ArchivePart::Annotations, "create_username" | "modified_username") if text == JOB_USER => {}
            (ArchivePart::Categories, "terms") => {
                let tokens = text.split_whitespace();
                tokens.for_each(|token| visit(ValueSource::Text(ValueSource::CATEGORY_TOKENS), part, token));
            }
            (_, path) => match part.text_at(path) {
                Some(label) => visit(ValueSource::Text(label), part, text),
                None if part.may_have_value_at(path) => visit(ValueSource::Text(UNKNOWN), part, text),
                None => {}
            },
        }
    });
    for [name, value] in fields.into_values() {
        if let (Some(name), Some(value)) = (name, value) {
            visit(ValueSource::Field(&name), part, &value);
        }
    }
    if let Some(annotation) = annotation {
        let label = match author.as_deref() == Some(JOB_USER) {
            true => ANNOTATIONS_OF_THE_JOB,
            false => ANNOTATIONS_OF_PEOPLE,
        };
        visit(ValueSource::Text(label), part, &annotation);
    }
    complete
}

/// The values in the entries that are one JSON text each: filters, calendars, the snapshot, the manifest.
pub(crate) fn entry_values(contents: &Contents, visit: &mut Visit<'_>) {
    let fields: BTreeMap<_, _> = contents.config.iter().flat_map(JobConfig::filtered_fields).collect();
    for (id, filter) in &contents.parsed.filters {
        let items = match fields.get(id) {
            Some(field) => ValueSource::Field(field),
            None => ValueSource::Filter(id.as_str()),
        };
        let part = ArchivePart::Filters;
        for_each_leaf(filter.get().as_bytes(), &mut |leaf| match part.text_at(leaf.path) {
            Some(label) => visit(ValueSource::Text(label), part, &leaf.text),
            None if leaf.path == "items" => visit(items, part, &leaf.text),
            None => {}
        });
    }
    if let Some(calendars) = &contents.calendars {
        let part = ArchivePart::Calendars;
        for_each_leaf(calendars.get().as_bytes(), &mut |leaf| {
            if let Some(label) = part.text_at(leaf.path) {
                visit(ValueSource::Text(label), part, &leaf.text);
            }
        });
    }
    let snapshot = contents.parsed.snapshot.as_ref();
    if let Some(description) = snapshot.and_then(|snapshot| snapshot.description.as_deref()) {
        let source = ValueSource::Text(SNAPSHOT_DESCRIPTION);
        visit(source, ArchivePart::Configuration, description);
    }
    if let Some(manifest) = &contents.manifest {
        let source = ValueSource::Text(CLUSTER_NAME);
        visit(source, ArchivePart::Configuration, &manifest.source.cluster_name);
    }
}
