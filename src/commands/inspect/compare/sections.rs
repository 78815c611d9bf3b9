//! What is compared.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::diff::differences as diff;
use super::documents::{calendars, categories, filters, without_values};
use super::report::Difference;
use crate::commands::inspect::examine::Examined;
use crate::commands::inspect::report::Report;
use crate::job::GENERATED;

/// All that differs, section by section.
pub(super) fn differences(first: &Examined, second: &Examined) -> Vec<Difference> {
    let both = [first, second];
    let [a, b] = both.map(|examined| configuration(&examined.contents));
    let mut found = Vec::new();
    for (section, a, b) in [
        ("job", &a.job, &b.job),
        ("datafeed", &a.datafeed, &b.datafeed),
        ("generated", &a.generated, &b.generated),
    ] {
        found.extend(diff(section, a, b));
    }
    let values = first.report.values.is_some() && second.report.values.is_some();
    let facts = |section, facts: &dyn Fn(&Examined) -> Value| diff(section, &facts(first), &facts(second));
    found.extend(facts("snapshot", &|one| value(&one.report.snapshot)));
    found.extend(facts("state", &|one| value(one.report.state)));
    found.extend(facts("data_counts", &|one| value(&one.report.data_counts)));
    found.extend(facts("patterns", &|one| patterns(&one.report)));
    found.extend(facts("parts", &|one| parts(&one.report)));
    found.extend(facts("inputs", &|one| inputs(&one.report)));
    found.extend(filters(&first.contents, &second.contents));
    found.extend(calendars(&first.contents, &second.contents));
    found.extend(categories(&first.report, &second.report));
    found.extend(facts("archive", &|one| written(&one.report)));
    if !values {
        without_values(&mut found);
    }
    found
}

/// A configuration in three parts.
#[derive(Default)]
struct Configuration {
    job: Value,
    datafeed: Value,
    generated: Value,
}

fn configuration(contents: &crate::archive::Contents) -> Configuration {
    let text = contents.config.as_ref().map(|config| config.text().get());
    let Some(Value::Object(mut job)) = text.and_then(|text| serde_json::from_str(text).ok()) else {
        return Configuration::default();
    };
    let mut datafeed = job.remove("datafeed_config").unwrap_or_default();
    // They differ wherever a job was created, or has run again.
    let mut generated = Map::new();
    for name in GENERATED {
        generated.extend(job.remove(name).map(|value| (name.to_owned(), value)));
    }
    let authorization = datafeed
        .as_object_mut()
        .and_then(|datafeed| datafeed.remove("authorization"));
    generated.extend(authorization.map(|value| ("datafeed_config.authorization".to_owned(), value)));
    Configuration {
        job: Value::Object(job),
        datafeed,
        generated: Value::Object(generated),
    }
}

/// A part of a report as it stands in its `--json` document.
fn value(part: impl Serialize) -> Value {
    #[allow(clippy::expect_used, reason = "a part that is left out would count as the same")]
    serde_json::to_value(part).expect("reports consist of texts and numbers")
}

fn patterns(report: &Report) -> Value {
    let named = report.patterns.iter().map(|pattern| {
        let detector = pattern.detector.map_or_else(String::new, |n| format!("detector {n}: "));
        let period = pattern
            .period
            .as_deref()
            .map_or_else(String::new, |period| format!(" of {period}"));
        let days = pattern.days.map_or_else(String::new, |days| format!(" on {days}"));
        (
            format!("{detector}{}{period}{days}", pattern.what),
            json!(pattern.series),
        )
    });
    Value::Object(named.collect())
}

fn parts(report: &Report) -> Value {
    let mut parts = Map::new();
    for part in &report.parts {
        let facts = json!({"documents": part.documents, "bytes": part.bytes, "first": part.first, "last": part.last});
        parts.insert(part.part.to_owned(), facts);
    }
    parts.insert("annotations_by".to_owned(), value(report.annotations));
    Value::Object(parts)
}

fn inputs(report: &Report) -> Value {
    let inputs = report.inputs.as_ref();
    inputs.map_or(
        Value::Null,
        |inputs| json!({"indices": inputs.indices, "mapping": inputs.mapping}),
    )
}

/// When it was written differs always, and says nothing of what is in it.
fn written(report: &Report) -> Value {
    let mut written = value(&report.archive.written);
    if let Some(written) = written.as_object_mut() {
        written.remove("at");
    }
    json!({"written": written, "importable": report.importable})
}
