//! The job and its datafeed.

use crate::commands::inspect::report::Report;
use crate::report::Section;

use super::missing;
use super::words::{listed, memory};

pub(super) fn job(report: &Report) -> Section {
    let Some(job) = &report.job else {
        return missing("Job", "not known: no readable configuration");
    };
    let mut section = Section::new(format!("Job {}", job.id));
    section.fact("description", job.description.as_deref());
    section.fact("groups", listed(&job.groups));
    let span = job.bucket_span.as_deref().unwrap_or("of the default length");
    section.fact(
        "bucket span",
        Some(format!("{span}, by the time in {}", job.time_field)),
    );
    section.facts("detectors", job.detectors.iter().map(|detector| &detector.description));
    section.fact("influencers", listed(&job.influencers));
    section.fact("categorizes", job.categorization_field.as_deref());
    section.fact("counts by", job.summary_count_field.as_deref());
    section.fact("memory limit", job.model_memory_limit.map(memory));
    section.fact("job version", job.job_version.as_deref());
    section
}

pub(super) fn datafeed(report: &Report) -> Option<Section> {
    let datafeed = report.datafeed.as_ref()?;
    let with: Vec<String> = [
        (datafeed.query, "a query"),
        (datafeed.runtime_mappings, "runtime mappings"),
        (datafeed.script_fields, "script fields"),
        (datafeed.aggregations, "aggregations"),
    ]
    .into_iter()
    .filter(|(there, _)| *there)
    .map(|(_, name)| name.to_owned())
    .collect();
    let mut section = Section::new(format!("Datafeed {}", datafeed.id));
    section.fact("reads", listed(&datafeed.indices));
    let with = listed(&with).unwrap_or_else(|| "every document (no query)".to_owned());
    section.fact("with", Some(with));
    let remote = datafeed
        .remote
        .then_some("reads another cluster: that one must be connected where it runs");
    section.fact("remote", remote);
    Some(section)
}
