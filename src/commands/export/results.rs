//! The results of the job up to the exported snapshot, and their entries.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};

use super::numbered::{NumberedEntries, require_all, retain_newest, size_of};
use super::options::ResultOptions;
use super::plan::{Export, in_range};
use crate::archive::{ArchiveWriter, EntryKind};
use crate::cluster::{Search, SearchRange};
use crate::error::{Error, Result};
use crate::job::ResultType;
use crate::util::format::{amount, count};
use crate::util::timestamp::EpochMillis;

/// The time of the bucket that a result belongs to. Some versions write sizes of the model without it.
const TIME: &str = "timestamp";
/// The time at which other results were written.
const LOG_TIME: &str = "log_time";
/// The time at which a forecast was created.
const CREATE_TIME: &str = "forecast_create_timestamp";
/// Forecasts are later than the snapshot by nature.
const FORECASTS: [ResultType; 2] = [ResultType::ModelForecast, ResultType::ModelForecastRequestStats];
/// The maximum number of terms in a query (the default of `index.max_terms_count`).
const MAX_FORECASTS: usize = 65_536;
/// Snapshots have their time of creation in whole seconds, in milliseconds.
const SECOND: i64 = 1_000;

/// The results that are exported.
pub(super) struct Results<'a> {
    export: &'a Export<'a>,
    /// The searches for results with and without the time of a bucket, each with the number of documents.
    searches: [(Search, u64); 2],
    pub(super) documents: u64,
    /// The number of results that are not exported because they are later than the snapshot; each forecast counts as one.
    pub(super) later: u64,
    /// Whether several indices may contain copies of a result.
    has_copies: bool,
}

impl<'a> Results<'a> {
    /// Counts the results; `None` without `--include-results`.
    pub(super) async fn find(export: &'a Export<'a>) -> Result<Option<Self>> {
        let Some(options) = export.options.source.results() else {
            return Ok(None);
        };
        let cluster = export.cluster();
        let (times, creation_times) = bounds(export, options);
        let forecasts = json!({"terms": {"forecast_id": forecast_ids(export, creation_times).await?}});
        let dated = search(export, TIME, times, &forecasts);
        let undated = search(export, LOG_TIME, creation_times, &forecasts);
        let of_job = export.search(&export.job.id().results_alias(), export.of_job(), TIME);
        let (dated_count, undated_count, indices) = tokio::try_join!(
            cluster.count(&dated),
            cluster.count(&undated),
            cluster.indices_of(&of_job, 2)
        )?;
        let later = match options.all_results {
            true => 0,
            false => count_later(export, times.until, creation_times.until).await?,
        };
        if later > 0 {
            let results = amount(later, "result is", "results are");
            export.session.terminal.print(&format!(
                "note: {results} not included: they are later than snapshot {}, and an imported job writes them again if its \
                 datafeed continues at its end; to include them: --all-results",
                export.snapshot.id
            ));
        }
        Ok(Some(Self {
            export,
            searches: [(dated, dated_count), (undated, undated_count)],
            documents: dated_count + undated_count,
            later,
            has_copies: indices.len() > 1,
        }))
    }

    /// The searches that find documents.
    pub(super) fn searches(&self) -> impl Iterator<Item = &Search> {
        let found = self.searches.iter().filter(|(_, documents)| *documents > 0);
        found.map(|(search, _)| search)
    }

    /// Appends the entries.
    pub(super) async fn write(self, readers: usize, writer: &mut ArchiveWriter) -> Result<()> {
        let (export, job) = (self.export, self.export.job.id());
        let stage = export.session.stage("Reading results", Some(self.documents));
        let mut entries = NumberedEntries::new(export, EntryKind::Results { number: 1 });
        let (mut read, mut written, mut unknown) = (0, 0, 0);
        for search in self.searches() {
            let mut pages = export
                .cluster()
                .pages(Search {
                    slices: readers,
                    ..search.clone()
                })
                .await?;
            while let Some(mut hits) = pages.next().await? {
                read += hits.len() as u64;
                stage.inc_with_size(hits.len() as u64, size_of(&hits));
                if self.has_copies {
                    retain_newest(export, &mut hits).await?;
                }
                let current = hits.len();
                hits.retain(|hit| is_result_id(job.as_str(), &hit.id));
                unknown += (current - hits.len()) as u64;
                written += hits.len() as u64;
                entries.add(hits, writer).await?;
            }
        }
        entries.append_until(0, writer).await?;
        require_all("results", read, self.documents)?;
        if unknown > 0 {
            export.warn(&format!(
                "{} missing from the archive: their document IDs are not those of results of job {job} (versions before 7.6 \
                 generated IDs)",
                amount(unknown, "result is", "results are")
            ));
        }
        stage.done(&format!("Results: {}", count(written)));
        Ok(())
    }
}

/// The bounds for the times of buckets, and for the times at which other results were written or created. Later results
/// would be written again by an imported job.
fn bounds(export: &Export<'_>, options: &ResultOptions) -> (SearchRange, SearchRange) {
    let after = |time: EpochMillis, millis| Some(EpochMillis(time.0.saturating_add(millis)));
    let snapshot = &export.snapshot;
    let (times, creation_times) = match (options.all_results, snapshot.latest_result) {
        (true, _) => (export.options.source.before(), export.options.source.before()),
        (false, Some(latest)) => (after(latest, 1), after(snapshot.timestamp, SECOND)),
        // The model does not have results yet.
        (false, None) => (Some(EpochMillis(0)), after(snapshot.timestamp, SECOND)),
    };
    let from = options.after;
    let range = |until| SearchRange { from, until };
    (range(times), range(creation_times))
}

fn of_types(types: impl IntoIterator<Item = ResultType>) -> Value {
    let names: Vec<&str> = types.into_iter().map(ResultType::name).collect();
    json!({"terms": {"result_type": names}})
}

/// A search for the results whose `field` is in a range, and for those of forecasts that match a query, in order of the
/// field. The results without the time of a bucket are found by another field.
fn search(export: &Export<'_>, field: &str, range: SearchRange, forecasts: &Value) -> Search {
    let all = ResultType::NAMES.into_iter().map(|(result_type, _)| result_type);
    let others = of_types(all.filter(|result_type| !FORECASTS.contains(result_type)));
    let has_time = if field == TIME { "filter" } else { "must_not" };
    let query = json!({"bool": {
        "filter": [export.of_job(), {"bool": {has_time: [{"exists": {"field": TIME}}]}}],
        "should": [
            {"bool": {"filter": [others, in_range(field, range)]}},
            {"bool": {"filter": [of_types(FORECASTS), forecasts]}},
        ],
        "minimum_should_match": 1,
    }});
    export.search(&export.job.id().results_alias(), query, field)
}

/// The IDs of the forecasts that were created within the range.
async fn forecast_ids(export: &Export<'_>, range: SearchRange) -> Result<BTreeSet<String>> {
    #[derive(Deserialize)]
    struct Forecast {
        forecast_id: String,
    }
    let stats = of_types([ResultType::ModelForecastRequestStats]);
    let filter = [export.of_job(), stats, in_range(CREATE_TIME, range)];
    let query = json!({"bool": {"filter": filter}});
    let search = Search {
        fields: Some(vec!["forecast_id".to_owned()]),
        ..export.search(&export.job.id().results_alias(), query, CREATE_TIME)
    };
    let mut ids = BTreeSet::new();
    let mut pages = export.cluster().pages(search).await?;
    while let Some(hits) = pages.next().await? {
        let forecasts = hits.iter().map(|hit| serde_json::from_slice::<Forecast>(&hit.source));
        ids.extend(forecasts.flatten().map(|forecast| forecast.forecast_id));
        if ids.len() > MAX_FORECASTS {
            return Err(Error::failed(
                format!(
                    "cannot include results: job {} has more than {MAX_FORECASTS} forecasts",
                    export.job.id()
                ),
                "exclude older forecasts with --results-after-date",
            ));
        }
    }
    Ok(ids)
}

/// The number of results after these times, and of forecasts created after them.
async fn count_later(export: &Export<'_>, from: Option<EpochMillis>, created: Option<EpochMillis>) -> Result<u64> {
    let after = |from| SearchRange { from, until: None };
    let forecasts = in_range(CREATE_TIME, after(created));
    let dated = search(export, TIME, after(from), &forecasts);
    let undated = search(export, LOG_TIME, after(created), &forecasts);
    let cluster = export.cluster();
    let (dated, undated) = tokio::try_join!(cluster.count(&dated), cluster.count(&undated))?;
    Ok(dated + undated)
}

/// Whether a document ID is that of a result of this job.
fn is_result_id(job: &str, id: &str) -> bool {
    let mut types = ResultType::NAMES.iter();
    types.any(|(result_type, _)| result_type.is_id_of(job, id))
}
