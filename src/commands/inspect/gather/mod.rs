//! What a pass through the documents tells beyond their number.

mod categories;
mod histogram;
mod moments;
mod patterns;
mod times;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::rc::Rc;

use crate::archive::{DocumentVisitor, Part};
use crate::commands::inspect::values::{self, ValueGatherer};
use crate::job::JobConfig;
use crate::state::StateKind;
use crate::util::timestamp::EpochMillis;
pub(super) use categories::Categories;
use histogram::Histogram;
pub(super) use moments::from_text;
pub(super) use patterns::{JOB, Pattern, Patterns};
use times::time_of;

/// The time field of inputs that come before their configuration, or without one.
const USUAL_TIME_FIELD: &str = "@timestamp";

/// Hears each document of an archive once; holds no document.
#[derive(Debug, Default)]
pub(super) struct Gatherer {
    time_field: Option<String>,
    times: BTreeMap<Part, PartTimes>,
    patterns: Patterns,
    categories: Categories,
    /// Where values were asked for; shared with what takes the decoded state.
    values: Option<Rc<RefCell<ValueGatherer>>>,
}

/// When the documents of a part are from.
#[derive(Clone, Debug, Default)]
pub(super) struct PartTimes {
    histogram: Histogram,
    /// Documents whose moment could not be read.
    pub(super) undated: u64,
}

impl PartTimes {
    /// The histogram.
    pub(super) fn histogram(&self) -> &Histogram {
        &self.histogram
    }

    fn add(&mut self, moment: Option<EpochMillis>) {
        match moment {
            Some(moment) => self.histogram.add(moment),
            None => self.undated += 1,
        }
    }
}

impl Gatherer {
    /// With the values, which takes longer: all of the state and of the inputs is looked at.
    pub(super) fn with_values() -> Self {
        Self {
            values: Some(Rc::default()),
            categories: Categories::with_examples(true),
            ..Self::default()
        }
    }

    /// The values, once the archive was read.
    pub(super) fn take_values(&mut self) -> Option<ValueGatherer> {
        self.values.take().map(|values| values.take())
    }

    /// The times of a part; `None` for parts without time or without documents.
    pub(super) fn times(&self, part: Part) -> Option<&PartTimes> {
        self.times.get(&part)
    }

    /// What the job found in its series.
    pub(super) fn patterns(&self) -> &Patterns {
        &self.patterns
    }

    /// The categories.
    pub(super) fn categories(&self) -> &Categories {
        &self.categories
    }

    fn moment(&self, part: Part, source: &[u8]) -> Option<EpochMillis> {
        match part {
            Part::Inputs => time_of(source, self.time_field.as_deref().unwrap_or(USUAL_TIME_FIELD)),
            Part::Annotations => time_of(source, "timestamp").or_else(|| time_of(source, "create_time")),
            _ => time_of(source, "timestamp"),
        }
    }
}

impl DocumentVisitor for Gatherer {
    fn config(&mut self, config: &JobConfig) {
        self.time_field = Some(config.time_field().to_owned());
        if let Some(values) = &self.values {
            values.borrow_mut().config(config);
        }
    }

    fn decoded(&mut self, kind: StateKind) -> Box<dyn Write> {
        match &self.values {
            Some(values) => values::sink(kind, Rc::clone(values)),
            None => Box::new(io::sink()),
        }
    }

    fn document(&mut self, part: Part, _: Option<&str>, id: Option<&str>, source: &[u8]) {
        if let Some(values) = &self.values {
            values.borrow_mut().document(part, id, source);
        }
        match part {
            Part::Annotations => self.patterns.add(source),
            Part::Categories => self.categories.add(source),
            _ => {}
        }
        if matches!(part, Part::Inputs | Part::Annotations | Part::Notifications) {
            let moment = self.moment(part, source);
            self.times.entry(part).or_default().add(moment);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn annotations_fall_back_to_when_they_were_written() {
        let mut gatherer = Gatherer::default();
        for source in [
            r#"{"timestamp": 1704300000000, "create_time": 1}"#,
            r#"{"create_time": 1795432900000}"#,
            "{}",
        ] {
            gatherer.document(Part::Annotations, None, None, source.as_bytes());
        }
        let times = gatherer.times(Part::Annotations).unwrap();
        assert_eq!(
            times.histogram().range(),
            Some((EpochMillis(1_704_300_000_000), EpochMillis(1_795_432_900_000)))
        );
        assert_eq!(times.undated, 1);
    }

    #[test]
    fn state_has_no_time() {
        let mut gatherer = Gatherer::default();
        gatherer.document(Part::State, None, None, br#"{"timestamp": 1704300000000}"#);
        assert!(gatherer.times(Part::State).is_none());
    }

    #[test]
    fn inputs_have_the_time_field_of_their_job() {
        let mut gatherer = Gatherer {
            time_field: Some("event.created".to_owned()),
            ..Gatherer::default()
        };
        gatherer.document(
            Part::Inputs,
            None,
            None,
            br#"{"@timestamp": 1, "event": {"created": 1704300000000}}"#,
        );
        let range = gatherer.times(Part::Inputs).unwrap().histogram().range();
        assert_eq!(
            range,
            Some((EpochMillis(1_704_300_000_000), EpochMillis(1_704_300_000_000)))
        );
    }
}
