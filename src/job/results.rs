//! Results: their types, and the IDs of their documents.

use std::fmt;

/// The types of results that an archive contains (`result_type`). The bounds of the model are members of
/// `model_plot`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ResultType {
    /// The anomaly score of a bucket.
    Bucket,
    /// The influence of a field on a bucket.
    BucketInfluencer,
    /// The influence of a field value on a bucket.
    Influencer,
    /// An anomaly.
    Record,
    /// The model's bounds and the actual value of a series.
    ModelPlot,
    /// The forecast value of a series.
    ModelForecast,
    /// The state of a forecast.
    ModelForecastRequestStats,
    /// The size of the model.
    ModelSizeStats,
    /// The state of categorization.
    CategorizerStats,
}

impl ResultType {
    /// All types, with their names.
    pub const NAMES: [(Self, &str); 9] = [
        (Self::Bucket, "bucket"),
        (Self::BucketInfluencer, "bucket_influencer"),
        (Self::Influencer, "influencer"),
        (Self::Record, "record"),
        (Self::ModelPlot, "model_plot"),
        (Self::ModelForecast, "model_forecast"),
        (Self::ModelForecastRequestStats, "model_forecast_request_stats"),
        (Self::ModelSizeStats, "model_size_stats"),
        (Self::CategorizerStats, "categorizer_stats"),
    ];

    /// Returns the type with this name.
    pub fn parse(name: &str) -> Option<Self> {
        let named = Self::NAMES.iter().find(|(_, known)| *known == name);
        named.map(|(result_type, _)| *result_type)
    }

    /// Returns the value of `result_type`.
    pub fn name(self) -> &'static str {
        let named = Self::NAMES.iter().find(|(known, _)| *known == self);
        named.map_or("", |(_, name)| name)
    }

    /// Whether this is the document ID of a result of this type and job. The job cannot be derived from the ID, since it
    /// may contain the name of a type.
    pub fn is_id_of(self, job: &str, id: &str) -> bool {
        let parameters = id.strip_prefix(&format!("{job}_{self}_"));
        parameters.is_some_and(|parameters| self.has_form(parameters))
    }

    /// Whether the parameters in an ID have the form that Elasticsearch writes. Values of fields are represented by a
    /// hash and their length.
    fn has_form(self, parameters: &str) -> bool {
        let parts: Vec<&str> = parameters.split('_').collect();
        let count = parts.len();
        let first = parts.iter().take_while(|part| is_number(part)).count();
        let last = parts.iter().rev().take_while(|part| is_number(part)).count();
        match self {
            // Time, bucket span.
            Self::Bucket => count == 2 && first == 2,
            // Time, bucket span, the name of the influencer's field if it is not `bucket_time`.
            Self::BucketInfluencer => count >= 2 && first >= 2,
            // Time, bucket span, the name of the field, hash, length.
            Self::Influencer => count >= 5 && first >= 2 && last >= 2,
            // Time, bucket span, detector, hash, length.
            Self::Record | Self::ModelPlot => count == 5 && first == 5,
            // The ID of the forecast, time, bucket span, detector, hash, length.
            Self::ModelForecast => count >= 6 && last >= 5,
            Self::ModelForecastRequestStats => !parameters.is_empty(),
            // Time.
            Self::ModelSizeStats => count == 1 && first == 1,
            // Time; hash and length of the partition's value, if there are partitions.
            Self::CategorizerStats => (count == 1 || count == 3) && first == count,
        }
    }
}

impl fmt::Display for ResultType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether a text is a whole number with at most 128 bits (the largest hash). It may be negative.
fn is_number(text: &str) -> bool {
    text.parse::<i128>().is_ok() && !text.starts_with('+')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether this is an ID of a result of this type and of job `a`.
    fn fits(result_type: &str, id: &str) -> bool {
        ResultType::parse(result_type).is_some_and(|result_type| result_type.is_id_of("a", id))
    }

    #[test]
    fn ids_of_every_version_are_recognized() {
        for (result_type, id) in [
            ("bucket", "a_bucket_1700000000000_900"),
            ("bucket", "a_bucket_-900000_900"),
            ("bucket_influencer", "a_bucket_influencer_1700000000000_900"),
            ("bucket_influencer", "a_bucket_influencer_1700000000000_900_bucket_time"),
            ("bucket_influencer", "a_bucket_influencer_1700000000000_900_host.name_1"),
            ("influencer", "a_influencer_1700000000000_900_user_id_-1467215938_9"),
            (
                "influencer",
                "a_influencer_1700000000000_900_host_-62198219839837645214532012841216347203_12",
            ),
            ("record", "a_record_1700000000000_900_0_29791_0"),
            (
                "record",
                "a_record_1700000000000_900_3_170141183460469231731687303715884105727_7",
            ),
            ("model_plot", "a_model_plot_1700000000000_900_0_-1_4"),
            (
                "model_forecast",
                "a_model_forecast_K1d-_6kBq0_x_1700000000000_900_0_0_0",
            ),
            (
                "model_forecast_request_stats",
                "a_model_forecast_request_stats_K1d-_6kB",
            ),
            ("model_size_stats", "a_model_size_stats_1700000000000"),
            ("categorizer_stats", "a_categorizer_stats_1700000000000"),
            ("categorizer_stats", "a_categorizer_stats_1700000000000_-5_3"),
        ] {
            assert!(fits(result_type, id), "{id}");
        }
    }

    #[test]
    fn ids_of_other_documents_are_not_results() {
        for (result_type, id) in [
            ("bucket", "a_bucket_1700000000000"),
            ("bucket", "a_bucket_1700000000000_900_1"),
            ("bucket", "a_bucket_influencer_1700000000000_900"),
            ("bucket", "a_bucket_x_900"),
            ("bucket", "a_bucket_+1_900"),
            ("bucket", "a_bucket__900"),
            ("bucket", "b_bucket_1700000000000_900"),
            ("bucket", "a.b_bucket_1700000000000_900"),
            ("bucket", "a_bucket_1_bucket_1700000000000_900"),
            ("influencer", "a_bucket_influencer_1700000000000_900_host"),
            ("record", "a_record_1700000000000_900_0_29791"),
            (
                "record",
                "a_record_1700000000000_900_0_170141183460469231731687303715884105728_7",
            ),
            ("model_forecast", "a_model_forecast_request_stats_K1"),
            ("model_size_stats", "a_model_size_stats_"),
            ("model_size_stats", "OxNnCaIB5My-sDaVqQo3"),
            ("model_forecast_request_stats", "a_model_forecast_request_stats_"),
            ("model_snapshot", "a_model_snapshot_1"),
            ("quantiles", "a_quantiles"),
            ("timing_stats", "a_timing_stats"),
        ] {
            assert!(!fits(result_type, id), "{id}");
        }
    }

    #[test]
    fn parameters_follow_the_type_even_if_the_job_contains_its_name() {
        let id = "x_bucket_1_bucket_1700000000000_900";
        assert!(ResultType::Bucket.is_id_of("x_bucket_1", id));
        assert!(!ResultType::Bucket.is_id_of("x", id));
    }
}
