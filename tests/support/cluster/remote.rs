//! Remote clusters: `europe:logs` is the local index `europe--logs`.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{Answer, Call, Documents};

/// How a remote cluster responds to searches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remote {
    Available,
    /// It is unavailable, with `skip_unavailable: true`.
    Skipped,
    /// Some of its shards fail.
    Partial,
}

/// Local documents and remote clusters.
pub struct RemoteClusters {
    documents: Arc<dyn Documents>,
    remotes: Mutex<BTreeMap<String, Remote>>,
    /// Whether responses contain the clusters (8.10 and later).
    names: bool,
}

impl RemoteClusters {
    pub fn new(documents: Arc<dyn Documents>, names: bool) -> Arc<Self> {
        Arc::new(Self {
            documents,
            remotes: Mutex::default(),
            names,
        })
    }

    pub fn set(&self, name: &str, remote: Remote) {
        self.remotes.lock().unwrap().insert(name.to_owned(), remote);
    }

    /// Returns the local expression, and the state of each remote cluster in it.
    fn resolve(&self, expression: &str) -> (String, BTreeMap<String, Remote>) {
        let remotes = self.remotes.lock().unwrap();
        let (mut local, mut named) = (Vec::new(), BTreeMap::new());
        for part in expression.split(',') {
            match part.split_once(':') {
                None => local.push(part.to_owned()),
                Some((name, index)) => {
                    let remote = remotes.get(name).copied().unwrap_or(Remote::Available);
                    named.insert(name.to_owned(), remote);
                    if remote != Remote::Skipped {
                        local.push(format!("{name}--{index}"));
                    }
                }
            }
        }
        if local.is_empty() {
            local.push("no-such-index-*".to_owned());
        }
        (local.join(","), named)
    }

    fn clusters(&self, named: &BTreeMap<String, Remote>, local: bool) -> Value {
        let count = |remote: Remote| named.values().filter(|one| **one == remote).count();
        let mut clusters = json!({"total": named.len() + usize::from(local),
            "successful": count(Remote::Available) + usize::from(local), "skipped": count(Remote::Skipped)});
        if self.names {
            clusters["running"] = 0.into();
            clusters["partial"] = count(Remote::Partial).into();
            clusters["failed"] = 0.into();
            let details = named.iter().map(|(name, remote)| {
                let status = match remote {
                    Remote::Available => "successful",
                    Remote::Skipped => "skipped",
                    Remote::Partial => "partial",
                };
                let mut detail = json!({"status": status, "indices": "*", "timed_out": false});
                if *remote == Remote::Skipped {
                    let reason = json!({"type": "connect_transport_exception", "reason": "connect_exception"});
                    detail["failures"] = json!([{"shard": -1, "index": null, "reason": reason}]);
                }
                (name.clone(), detail)
            });
            clusters["details"] = details.collect::<serde_json::Map<String, Value>>().into();
        }
        clusters
    }

    async fn forward(&self, mut call: Call) -> Answer {
        let segments = call.segments();
        if segments == ["_remote", "info"] {
            let remotes = self.remotes.lock().unwrap();
            let info = remotes.iter().map(|(name, remote)| {
                (
                    name.clone(),
                    json!({"connected": *remote != Remote::Skipped, "skip_unavailable": true}),
                )
            });
            return Answer::json(200, &Value::Object(info.collect()));
        }
        let expression = segments.first().cloned().unwrap_or_default();
        let (local, named) = self.resolve(&expression);
        if !named.is_empty() {
            let rest: String = segments[1..].iter().map(|segment| format!("/{segment}")).collect();
            call.path = format!("/{local}{rest}");
        }
        let searched = segments.last().is_some_and(|last| last == "_search");
        let answer = self.documents.call(call).await;
        if answer.status != 200 || !(searched || segments.contains(&"scroll".to_owned())) {
            return answer;
        }
        let mut body = answer.value();
        for hit in body["hits"]["hits"].as_array_mut().into_iter().flatten() {
            let index = hit["_index"].as_str().unwrap().replacen("--", ":", 1);
            hit["_index"] = index.into();
        }
        if !named.is_empty() {
            let local = expression.split(',').any(|part| !part.contains(':'));
            body["_clusters"] = self.clusters(&named, local);
            if let Some((name, _)) = named.iter().find(|(_, remote)| **remote == Remote::Partial) {
                body["_shards"]["failed"] = 1.into();
                body["_shards"]["failures"] = json!([{"shard": 0, "index": format!("{name}:logs"),
                    "reason": {"type": "x", "reason": "shard went away"}}]);
            }
        }
        Answer::json(200, &body)
    }
}

impl Documents for RemoteClusters {
    fn call(&self, call: Call) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>> {
        Box::pin(self.forward(call))
    }

    fn open_contexts(&self) -> Option<usize> {
        self.documents.open_contexts()
    }
}
