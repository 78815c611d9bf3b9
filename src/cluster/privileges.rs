//! What the user may do, asked before the first write.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::cluster::link::Link;
use crate::cluster::request::unknown_api;
use crate::cluster::{Clock, Cluster, ConnectOptions, Error, Observer, Path, Request, Result};

/// Privileges a command needs.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Cluster privileges.
    pub cluster: Vec<&'static str>,
    /// Index patterns, each with privileges.
    pub indices: Vec<(Vec<String>, Vec<&'static str>)>,
}

/// One privilege that is lacking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// `None` for a cluster privilege.
    pub index: Option<String>,
    /// Its name.
    pub privilege: String,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    cluster: BTreeMap<String, bool>,
    #[serde(default)]
    index: BTreeMap<String, BTreeMap<String, bool>>,
}

impl Cluster {
    /// What of `wanted` the user lacks; `None` where the cluster has no security.
    ///
    /// # Errors
    /// Any of a request.
    pub async fn missing_privileges(&self, wanted: &Wanted) -> Result<Option<Vec<Missing>>> {
        missing(self.link(), wanted).await
    }

    /// The same, of a cluster that does not answer `GET /` to this user: that takes the privilege `monitor` itself.
    ///
    /// # Errors
    /// Options that make no client, and any of a request.
    pub async fn missing_privileges_at(
        options: &ConnectOptions,
        observer: Arc<dyn Observer>,
        clock: Arc<dyn Clock>,
        wanted: &Wanted,
    ) -> Result<Option<Vec<Missing>>> {
        missing(&Link::new(options, observer, clock)?, wanted).await
    }
}

async fn missing(link: &Link, wanted: &Wanted) -> Result<Option<Vec<Missing>>> {
    let request = Request::post(Path::of(["_security", "user", "_has_privileges"])).json(&wanted.body());
    match link.send(&request).await {
        Ok(response) => Ok(Some(response.parse::<Answer>(&request.what())?.missing())),
        Err(Error::Refused { refusal, .. }) if unknown_api(&refusal) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Wanted {
    fn body(&self) -> Value {
        let indices = self
            .indices
            .iter()
            .filter(|(names, privileges)| !names.is_empty() && !privileges.is_empty());
        let indices: Vec<Value> = indices
            .map(|(names, privileges)| json!({ "names": names, "privileges": privileges }))
            .collect();
        json!({ "cluster": self.cluster, "index": indices })
    }
}

impl Answer {
    fn missing(self) -> Vec<Missing> {
        let lacking = |(privilege, has): (String, bool)| (!has).then_some(privilege);
        let cluster = self
            .cluster
            .into_iter()
            .filter_map(lacking)
            .map(|privilege| Missing { index: None, privilege });
        let indices = self.index.into_iter().flat_map(|(index, privileges)| {
            let privileges = privileges.into_iter().filter_map(lacking);
            privileges
                .map(move |privilege| Missing {
                    index: Some(index.clone()),
                    privilege,
                })
                .collect::<Vec<_>>()
        });
        cluster.chain(indices).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_lacking_is_named() {
        let answer: Answer = serde_json::from_str(
            r#"{"username":"u","has_all_requested":false,"cluster":{"monitor":true,"manage_ml":false},
                "index":{".ml-state*":{"read":true,"write":false}},"application":{}}"#,
        )
        .unwrap();
        let missing = answer.missing();
        assert_eq!(missing.len(), 2);
        assert_eq!(
            missing[0],
            Missing {
                index: None,
                privilege: "manage_ml".to_owned()
            }
        );
        assert_eq!(
            missing[1],
            Missing {
                index: Some(".ml-state*".to_owned()),
                privilege: "write".to_owned()
            }
        );
    }
}
