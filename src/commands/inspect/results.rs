//! The section about results: counts by type, anomaly scores over time, and the records with the highest scores.

use super::facts::{RecordFacts, Report, Timeline};
use super::timeline::to_the_minute;
use crate::report::Column::{Flexible, Numbers, Words};
use crate::report::{Block, Section, SwimLanes, Table, Text};
use crate::util::format::count;

/// Larger and smaller numbers are in scientific notation.
const LARGE: f64 = 1e9;
const SMALL: f64 = 0.01;

pub(super) fn results(report: &Report) -> Option<Section> {
    let results = report.results.as_ref()?;
    let mut section = Section::new("Results");
    let types = results.types.iter();
    let types: Vec<String> = types
        .map(|(name, number)| format!("{name} {}", count(*number)))
        .collect();
    section.fact("By type", types.join(", "));
    if let Some(timeline) = &results.timeline {
        section.push(Block::SwimLanes("Anomalies over time", swim_lanes(timeline)));
    }
    if !results.records.is_empty() {
        section.paragraph("Records with the highest scores:");
        section.table(records(&results.records));
    }
    if report.values.is_none() && (!results.records.is_empty() || results.timeline.is_some()) {
        section.paragraph("Influencers are numbered. To show their values and those of the records, use --values.");
    }
    Some(section)
}

fn swim_lanes(timeline: &Timeline) -> SwimLanes {
    let influencers = timeline.influencers.iter().zip(1..).map(|(influencer, number)| {
        let field = influencer.field.as_deref().unwrap_or("influencer");
        let label = match &influencer.value {
            Some(value) => format!("{field}: {value}"),
            None => format!("{field} {number}"),
        };
        (Text::from(label), influencer.scores.clone())
    });
    let all = ("All buckets".into(), timeline.scores.clone());
    SwimLanes {
        columns: timeline.columns,
        lanes: [all].into_iter().chain(influencers).collect(),
    }
}

/// The values of the series are in a column of their own, if there are any.
fn records(records: &[RecordFacts]) -> Table {
    let has_values = records.iter().any(|record| !record.values.is_empty());
    let rows = records.iter().map(|record| {
        let detector = match (&record.function, &record.field) {
            (Some(function), Some(field)) => format!("{function}({field})"),
            (function, _) => function.clone().unwrap_or_default(),
        };
        let [typical, actual] = [&record.typical, &record.actual].map(|numbers| {
            let numbers: Vec<String> = numbers.iter().map(|number| figure(*number)).collect();
            Text::from(numbers.join(", ")).or_none()
        });
        let (time, score) = (to_the_minute(record.time), format!("{:.1}", record.score));
        let values = record.values.iter().map(|(field, value)| format!("{field}: {value}"));
        let values = values.collect::<Vec<_>>().join(", ");
        let detector = Text::from(detector).or_none();
        vec![time, score.into(), detector, actual, typical, values.into()]
    });
    let columns = [
        (Words, "Time"),
        (Numbers, "Score"),
        (Flexible, "Detector"),
        (Numbers, "Actual"),
        (Numbers, "Typical"),
        (Flexible, "Values"),
    ];
    Table::new(&columns[..if has_values { 6 } else { 5 }], rows)
}

/// A number with a few digits: `12.5`, `1034.567`, `1.24e12`.
fn figure(number: f64) -> String {
    let size = number.abs();
    if size != 0.0 && !(SMALL..LARGE).contains(&size) {
        return format!("{number:.2e}");
    }
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_a_few_digits() {
        for (number, text) in [
            (0.0, "0"),
            (12.5, "12.5"),
            (1034.5678, "1034.568"),
            (-0.12345, "-0.123"),
            (99.0, "99"),
            (123_456.7, "123456.7"),
            (1.2e300, "1.20e300"),
            (-4.5e-9, "-4.50e-9"),
            (100.0, "100"),
        ] {
            assert_eq!(figure(number), text);
        }
    }
}
