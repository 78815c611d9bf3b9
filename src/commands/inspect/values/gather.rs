//! The values of an archive, document by document.

use std::borrow::Cow;

use serde::Deserialize;

use super::configuration;
use super::hashes::Hashes;
use super::leaves::leaves;
use super::other::Other;
use super::part::Part;
use super::roles::Roles;
use super::store::{Field, Store};
use crate::archive;
use crate::commands::inspect::gather::JOB;
use crate::job::JobConfig;

/// Gathers values; holds no document.
#[derive(Debug, Default)]
pub(in crate::commands::inspect) struct ValueGatherer {
    pub(super) store: Store,
    pub(super) roles: Roles,
    pub(super) hashes: Hashes,
    /// Parts of a form that is not known, and why.
    pub(super) unread: Vec<(&'static str, String)>,
    pub(super) categorization_field: Option<String>,
    time_field: String,
}

/// The members of an annotation that hold values.
#[derive(Deserialize)]
struct Annotation<'a> {
    #[serde(borrow, default)]
    annotation: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    create_username: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    modified_username: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    partition_field_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    partition_field_value: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    over_field_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    over_field_value: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    by_field_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    by_field_value: Option<Cow<'a, str>>,
}

/// The members of a notification that hold values.
#[derive(Deserialize)]
struct Notification<'a> {
    #[serde(borrow, default)]
    message: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    node_name: Option<Cow<'a, str>>,
}

/// The members of a category definition that hold values.
#[derive(Deserialize)]
struct Category<'a> {
    #[serde(borrow, default)]
    terms: Option<Cow<'a, str>>,
    #[serde(default)]
    examples: Vec<String>,
    #[serde(borrow, default)]
    partition_field_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    partition_field_value: Option<Cow<'a, str>>,
}

/// Members of an annotation that are read above, or hold nothing that names anybody.
const ANNOTATION: [&str; 17] = [
    "annotation",
    "create_username",
    "modified_username",
    "partition_field_name",
    "partition_field_value",
    "over_field_name",
    "over_field_value",
    "by_field_name",
    "by_field_value",
    "create_time",
    "modified_time",
    "timestamp",
    "end_timestamp",
    "job_id",
    "type",
    "event",
    "detector_index",
];
/// Members of a notification, likewise.
const NOTIFICATION: [&str; 6] = ["message", "node_name", "job_id", "job_type", "level", "timestamp"];

impl ValueGatherer {
    /// Reads the configuration: what its fields are for, and the values that it holds itself.
    pub(in crate::commands::inspect) fn config(&mut self, config: &JobConfig) {
        self.roles = Roles::of(config);
        config.time_field().clone_into(&mut self.time_field);
        self.categorization_field = config.categorization_field().map(str::to_owned);
        configuration::values(config, &mut |what, text| self.other(what, Part::Configuration, text));
    }

    /// Reads a document of a part; state comes decoded, another way.
    pub(in crate::commands::inspect) fn document(&mut self, part: archive::Part, id: Option<&str>, source: &[u8]) {
        match part {
            archive::Part::Inputs => self.input(id, source),
            archive::Part::Annotations => self.annotation(source),
            archive::Part::Notifications => self.notification(source),
            archive::Part::Categories => self.category(source),
            archive::Part::State => {}
        }
    }

    fn input(&mut self, id: Option<&str>, source: &[u8]) {
        if let Some(id) = id {
            self.data("_id", Part::Inputs, id);
        }
        let Self {
            store,
            roles,
            time_field,
            ..
        } = self;
        // Made once: most documents have the fields of the one before.
        let mut field = Field::Data(String::new());
        let whole = leaves(source, &mut |path, text| {
            if path == time_field {
                return;
            }
            if let Field::Data(name) = &mut field {
                path.clone_into(name);
            }
            store.add(&field, !roles.roles(path).is_empty(), Part::Inputs, text);
        });
        self.read(Part::Inputs, whole);
    }

    fn annotation(&mut self, source: &[u8]) {
        let Ok(annotation) = serde_json::from_slice::<Annotation<'_>>(source) else {
            self.others(Part::Annotations, &[], source);
            return;
        };
        self.others(Part::Annotations, &ANNOTATION, source);
        for author in [&annotation.create_username, &annotation.modified_username] {
            if let Some(author) = author.as_deref().filter(|author| *author != JOB) {
                self.other(Other::AnnotationAuthors, Part::Annotations, author);
            }
        }
        if let Some(text) = annotation.annotation.as_deref() {
            let by_job = annotation.create_username.as_deref() == Some(JOB);
            let what = if by_job {
                Other::AnnotationsOfTheJob
            } else {
                Other::AnnotationsOfPeople
            };
            self.other(what, Part::Annotations, text);
        }
        for (name, value) in [
            (&annotation.partition_field_name, &annotation.partition_field_value),
            (&annotation.over_field_name, &annotation.over_field_value),
            (&annotation.by_field_name, &annotation.by_field_value),
        ] {
            if let (Some(name), Some(value)) = (name, value) {
                self.data(name, Part::Annotations, value);
            }
        }
    }

    fn notification(&mut self, source: &[u8]) {
        let Ok(notification) = serde_json::from_slice::<Notification<'_>>(source) else {
            self.others(Part::Notifications, &[], source);
            return;
        };
        self.others(Part::Notifications, &NOTIFICATION, source);
        if let Some(message) = &notification.message {
            self.other(Other::Notifications, Part::Notifications, message);
        }
        if let Some(node) = &notification.node_name {
            self.other(Other::NodeNames, Part::Notifications, node);
        }
    }

    fn category(&mut self, source: &[u8]) {
        let Ok(category) = serde_json::from_slice::<Category<'_>>(source) else {
            self.others(Part::Categories, &[], source);
            return;
        };
        for token in category.terms.iter().flat_map(|terms| terms.split_whitespace()) {
            self.other(Other::CategoryTokens, Part::Categories, token);
        }
        for example in &category.examples {
            self.other(Other::CategorizedMessages, Part::Categories, example);
        }
        if let (Some(name), Some(value)) = (&category.partition_field_name, &category.partition_field_value) {
            self.data(name, Part::Categories, value);
        }
    }

    /// Texts of a document in members that are not known: each may be a value.
    fn others(&mut self, part: Part, known: &[&str], source: &[u8]) {
        let whole = leaves(source, &mut |path, text| {
            if !known.contains(&path) {
                self.store.add(&Field::Other(Other::Unknown), true, part, text);
            }
        });
        self.read(part, whole);
    }

    fn read(&mut self, part: Part, whole: bool) {
        if !whole {
            self.unread(
                part,
                "a document is nested too deeply, or holds a number that is too large",
            );
        }
    }

    /// A part, or the rest of it, that was not understood.
    pub(super) fn unread(&mut self, part: Part, why: &str) {
        let unread = (part.name(), why.to_owned());
        if !self.unread.contains(&unread) {
            self.unread.push(unread);
        }
    }

    /// A value, wherever it belongs.
    pub(super) fn add(&mut self, field: &Field, part: Part, text: &str) {
        match field {
            Field::Data(name) => self.data(name, part, text),
            other => self.store.add(other, true, part, text),
        }
    }

    /// A value of a field of the data.
    pub(super) fn data(&mut self, name: &str, part: Part, text: &str) {
        let wanted = !self.roles.roles(name).is_empty();
        self.store.add(&Field::Data(name.to_owned()), wanted, part, text);
    }

    /// A value of something else.
    pub(super) fn other(&mut self, what: Other, part: Part, text: &str) {
        self.store.add(&Field::Other(what), true, part, text);
    }
}
