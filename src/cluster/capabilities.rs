//! What the cluster, its license and the privileges of the user allow.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::cluster::cluster::Cluster;
use crate::cluster::http::auth::ConnectOptions;
use crate::cluster::http::client::HttpClient;
use crate::cluster::http::error::Result;
use crate::cluster::http::request::{Path, Request};
use crate::cluster::http::retry::{Clock, Observer};
use crate::util::units::parse_size;

/// Privileges that a command needs.
#[derive(Clone, Debug, Default)]
pub struct RequiredPrivileges {
    /// Cluster privileges.
    pub cluster: Vec<&'static str>,
    /// Index patterns, each with privileges.
    pub indices: Vec<(Vec<String>, Vec<&'static str>)>,
}

/// A privilege that the user does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingPrivilege {
    /// `None` for a cluster privilege.
    pub index: Option<String>,
    /// Its name.
    pub privilege: String,
}

/// What `GET _ml/info` returns.
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

/// What `GET _license` returns.
#[derive(Clone, Debug, Deserialize)]
pub struct License {
    /// `trial`, `basic`, `platinum`, `enterprise` …
    #[serde(rename = "type")]
    pub kind: String,
    /// `active`, `expired` …
    pub status: String,
}

impl Cluster {
    /// The privileges that the user does not have; `None` where the cluster has no security.
    pub async fn missing_privileges(&self, required: &RequiredPrivileges) -> Result<Option<Vec<MissingPrivilege>>> {
        missing_privileges(&self.http, required).await
    }

    /// The same, of a cluster that does not answer `GET /` to this user: that takes the privilege `monitor` itself.
    pub async fn missing_privileges_at(
        options: &ConnectOptions,
        observer: Arc<dyn Observer>,
        clock: Arc<dyn Clock>,
        required: &RequiredPrivileges,
    ) -> Result<Option<Vec<MissingPrivilege>>> {
        missing_privileges(&HttpClient::new(options, observer, clock)?, required).await
    }

    /// `GET _ml/info`; `None` where the cluster has no ML.
    pub async fn ml_info(&self) -> Result<Option<MlInfo>> {
        let info = self
            .http
            .json_if_supported(Request::get(Path::of(["_ml", "info"])))
            .await?;
        Ok(info.as_ref().map(MlInfo::from_json))
    }

    /// `GET _license`; `None` where the cluster has no licenses.
    pub async fn license(&self) -> Result<Option<License>> {
        #[derive(Deserialize)]
        struct Answer {
            license: License,
        }
        let answer = self
            .http
            .json_if_supported::<Answer>(Request::get(Path::of(["_license"])));
        Ok(answer.await?.map(|answer| answer.license))
    }
}

async fn missing_privileges(http: &HttpClient, required: &RequiredPrivileges) -> Result<Option<Vec<MissingPrivilege>>> {
    let request = Request::post(Path::of(["_security", "user", "_has_privileges"])).json(&required.to_json());
    let answer: Option<Privileges> = http.json_if_supported(request).await?;
    Ok(answer.map(Privileges::missing))
}

impl RequiredPrivileges {
    fn to_json(&self) -> Value {
        let indices = self.indices.iter();
        let indices = indices.filter(|(names, privileges)| !names.is_empty() && !privileges.is_empty());
        let indices: Vec<Value> = indices
            .map(|(names, privileges)| json!({ "names": names, "privileges": privileges }))
            .collect();
        json!({ "cluster": self.cluster, "index": indices })
    }
}

/// Privileges, each with whether the user has it.
#[derive(Deserialize)]
struct Privileges {
    #[serde(default)]
    cluster: BTreeMap<String, bool>,
    #[serde(default)]
    index: BTreeMap<String, BTreeMap<String, bool>>,
}

impl Privileges {
    fn missing(self) -> Vec<MissingPrivilege> {
        let indices = self
            .index
            .into_iter()
            .map(|(index, privileges)| (Some(index), privileges));
        let mut missing = Vec::new();
        for (index, privileges) in std::iter::once((None, self.cluster)).chain(indices) {
            let privileges = privileges.into_iter().filter(|(_, has)| !has);
            missing.extend(privileges.map(|(privilege, _)| MissingPrivilege {
                index: index.clone(),
                privilege,
            }));
        }
        missing
    }
}

impl MlInfo {
    fn from_json(info: &Value) -> Self {
        let limit = |name: &str| info["limits"][name].as_str().and_then(parse_size);
        let analyzer = info.pointer("/defaults/anomaly_detectors/categorization_analyzer");
        Self {
            upgrade_mode: info["upgrade_mode"].as_bool().unwrap_or(false),
            max_model_memory: limit("max_model_memory_limit").filter(|limit| *limit > 0),
            room_for_model_memory: limit("effective_max_model_memory_limit"),
            default_categorization_analyzer: analyzer.cloned(),
        }
    }
}

impl License {
    /// Whether it permits machine learning: active, and trial, platinum or enterprise.
    pub fn permits_ml(&self) -> bool {
        self.status == "active" && matches!(self.kind.as_str(), "trial" | "platinum" | "enterprise")
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_lacking_is_named() {
        let answer: Privileges = serde_json::from_str(
            r#"{"username":"u","has_all_requested":false,"cluster":{"monitor":true,"manage_ml":false},
                "index":{".ml-state*":{"read":true,"write":false}},"application":{}}"#,
        )
        .unwrap();
        let missing = answer.missing();
        assert_eq!(missing.len(), 2);
        assert_eq!(
            missing[0],
            MissingPrivilege {
                index: None,
                privilege: "manage_ml".to_owned()
            }
        );
        assert_eq!(
            missing[1],
            MissingPrivilege {
                index: Some(".ml-state*".to_owned()),
                privilege: "write".to_owned()
            }
        );
    }

    #[test]
    fn limits_are_read_as_bytes() {
        let info = MlInfo::from_json(&json!({
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
        assert_eq!(MlInfo::from_json(&both).max_model_memory, Some(512 << 20));
        let unbound = json!({ "limits": { "max_model_memory_limit": "0b" } });
        assert_eq!(MlInfo::from_json(&unbound).max_model_memory, None);
        assert_eq!(MlInfo::from_json(&json!({})).max_model_memory, None);
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
