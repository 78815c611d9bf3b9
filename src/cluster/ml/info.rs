//! Whether and how much machine learning there is.

use serde::Deserialize;
use serde_json::Value;

use crate::cluster::{Cluster, Path, Request, Result};
use crate::util::units::parse_size;

/// What `GET _ml/info` says.
#[derive(Clone, Debug)]
pub struct MlInfo {
    /// True while ML writes are answered with 429.
    pub upgrade_mode: bool,
    /// `limits.max_model_memory_limit` in bytes: a job above it is refused. Absent or 0 where there is no such bound.
    pub max_model_memory: Option<u64>,
    /// `limits.effective_max_model_memory_limit` in bytes: what today's nodes have room for.
    pub room_for_model_memory: Option<u64>,
    /// `defaults.anomaly_detectors.categorization_analyzer`.
    pub default_categorization_analyzer: Option<Value>,
}

/// What `GET _license` says.
#[derive(Clone, Debug)]
pub struct License {
    /// `trial`, `basic`, `platinum`, `enterprise` …
    pub kind: String,
    /// `active`, `expired` …
    pub status: String,
}

impl License {
    /// Whether it permits machine learning: active, and trial, platinum or enterprise.
    pub fn permits_ml(&self) -> bool {
        self.status == "active" && matches!(self.kind.as_str(), "trial" | "platinum" | "enterprise")
    }
}

#[derive(Deserialize)]
struct LicenseAnswer {
    license: LicenseBody,
}

#[derive(Deserialize)]
struct LicenseBody {
    #[serde(rename = "type")]
    kind: String,
    status: String,
}

impl MlInfo {
    fn read(answer: &Value) -> Self {
        let limit = |name: &str| {
            answer
                .pointer(&format!("/limits/{name}"))
                .and_then(Value::as_str)
                .and_then(parse_size)
        };
        Self {
            upgrade_mode: answer.get("upgrade_mode").and_then(Value::as_bool).unwrap_or(false),
            max_model_memory: limit("max_model_memory_limit").filter(|limit| *limit > 0),
            room_for_model_memory: limit("effective_max_model_memory_limit"),
            default_categorization_analyzer: answer
                .pointer("/defaults/anomaly_detectors/categorization_analyzer")
                .cloned(),
        }
    }
}

impl Cluster {
    /// `GET _ml/info`; `None` where the cluster has no ML (no handler).
    ///
    /// # Errors
    /// Any of a request.
    pub async fn ml_info(&self) -> Result<Option<MlInfo>> {
        let request = Request::get(Path::of(["_ml", "info"]));
        let what = request.what();
        match self.send_if_known(request).await? {
            Some(response) => Ok(Some(MlInfo::read(&response.parse(&what)?))),
            None => Ok(None),
        }
    }

    /// `GET _license`; `None` where the cluster does not know licenses.
    ///
    /// # Errors
    /// Any of a request.
    pub async fn license(&self) -> Result<Option<License>> {
        let request = Request::get(Path::of(["_license"]));
        let what = request.what();
        let Some(response) = self.send_if_known(request).await? else {
            return Ok(None);
        };
        let LicenseBody { kind, status } = response.parse::<LicenseAnswer>(&what)?.license;
        Ok(Some(License { kind, status }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn limits_are_read_as_bytes() {
        let info = MlInfo::read(&json!({
            "upgrade_mode": true,
            "limits": { "effective_max_model_memory_limit": "1.5gb" },
            "defaults": { "anomaly_detectors": { "categorization_analyzer": { "tokenizer": "ml_classic" } } },
        }));
        assert!(info.upgrade_mode && info.default_categorization_analyzer.is_some());
        assert_eq!(
            (info.max_model_memory, info.room_for_model_memory),
            (None, Some(3 << 29))
        );
        let both =
            json!({ "limits": { "max_model_memory_limit": "512mb", "effective_max_model_memory_limit": "1gb" } });
        assert_eq!(MlInfo::read(&both).max_model_memory, Some(512 << 20));
        let unbound = json!({ "limits": { "max_model_memory_limit": "0b" } });
        assert_eq!(MlInfo::read(&unbound).max_model_memory, None);
        assert_eq!(MlInfo::read(&json!({})).max_model_memory, None);
    }

    #[test]
    fn only_some_licences_permit_ml() {
        let license = |kind: &str, status: &str| License {
            kind: kind.to_owned(),
            status: status.to_owned(),
        };
        assert!(license("trial", "active").permits_ml() && license("enterprise", "active").permits_ml());
        assert!(!license("basic", "active").permits_ml() && !license("platinum", "expired").permits_ml());
    }
}
