//! What a job imported from an archive would be without.

use crate::archive::{Contents, Part};
use crate::commands::compatibility::Requirement;
use crate::commands::inspect::report::{Lack, SnapshotFacts};

/// What is missing, with what follows; `filters` are the ids carried. What makes an import impossible is a
/// finding instead.
pub(super) fn lacks(contents: &Contents, filters: &[String], snapshot: Option<&SnapshotFacts>) -> Vec<Lack> {
    let mut lacks = Lacks::default();
    lacks.learned(contents, snapshot);
    lacks.inputs(contents);
    lacks.surroundings(contents, filters);
    lacks.0
}

#[derive(Default)]
struct Lacks(Vec<Lack>);

impl Lacks {
    fn say(&mut self, missing: bool, what: &'static str, consequence: impl Into<String>) {
        if missing {
            self.0.push(Lack {
                what,
                consequence: consequence.into(),
            });
        }
    }

    fn learned(&mut self, contents: &Contents, snapshot: Option<&SnapshotFacts>) {
        let categorizes = contents
            .config
            .as_ref()
            .is_some_and(|config| config.categorization_field().is_some());
        let no_categorizer = categorizes && contents.state.categorizer_documents == 0;
        self.say(
            no_categorizer,
            "categorizer_state",
            "no categorizer state: the job's categories start anew",
        );
        self.say(
            categorizes && contents.count(Part::Categories) == 0,
            "categories",
            "no category definitions: categories found so far have no examples until they are seen again",
        );
        self.say(
            contents.data_counts.is_none(),
            "data_counts",
            "no data counts: the job's counters start at 0",
        );
        let requirement = snapshot.and_then(|snapshot| Requirement::of(snapshot.min_version.as_deref()));
        if let Some(requirement) = requirement.filter(|requirement| requirement.too_old_for_9()) {
            self.say(
                true,
                "elasticsearch_9",
                format!("Elasticsearch 9 cannot open the snapshot: {requirement}"),
            );
        }
    }

    fn inputs(&mut self, contents: &Contents) {
        let inputs = contents.count(Part::Inputs) > 0;
        self.say(
            !inputs,
            "inputs",
            "no inputs: the datafeed keeps its own indices, which the other cluster must have",
        );
        let incomplete = contents.manifest.as_ref().map(|manifest| &manifest.incomplete_clusters);
        if let Some(incomplete) = incomplete.filter(|incomplete| !incomplete.is_empty()) {
            let names: Vec<&str> = incomplete.iter().map(String::as_str).collect();
            self.say(
                true,
                "remote_clusters",
                format!("input documents of remote clusters are missing: {}", names.join(", ")),
            );
        }
        self.say(
            inputs && contents.input_mapping.is_none(),
            "input_mapping",
            "no mapping of the inputs: field types are told from the job and the data",
        );
    }

    fn surroundings(&mut self, contents: &Contents, filters: &[String]) {
        let Some(config) = &contents.config else {
            return;
        };
        self.say(
            config.datafeed().is_none(),
            "datafeed",
            "no datafeed: the job gets one only by hand",
        );
        for named in config.filters() {
            self.say(
                !filters.iter().any(|filter| filter == named.as_str()),
                "filter",
                format!("filter `{named}`, which a rule names, is not in the archive: from 8.6 on the job does not open without it"),
            );
        }
        self.say(
            contents.calendars.is_none(),
            "calendars",
            "no calendars: events that the job was told of are not carried",
        );
        self.say(contents.count(Part::Annotations) == 0, "annotations", "no annotations");
        self.say(
            contents.count(Part::Notifications) == 0,
            "notifications",
            "no notifications",
        );
    }
}
