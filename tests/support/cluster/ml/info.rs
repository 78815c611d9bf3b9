//! Information about the cluster: `/`, `_license`, `_xpack`, `_ml/info`, upgrade mode, `_security`.

use serde_json::{Value, json};

use super::defaults::default_analyzer;
use super::options::{License, MlOptions};
use super::reply::{Reply, acknowledged, error, json_answer, no_handler, ok};
use super::version::Deployment;
use super::{MlApi, Request, User};
use crate::support::cluster::Answer;

/// The 410 response of serverless projects.
pub fn not_available(request: &Request<'_>) -> Answer {
    let (method, uri) = (request.method, &request.uri);
    error(
        410,
        "api_not_available_exception",
        format!(
            "Request for uri [{uri}] with method [{method}] exists but is not available when running in serverless mode"
        ),
    )
}

/// The 403 response without a license for ML.
pub fn unlicensed() -> Answer {
    let cause = json!({"type": "security_exception", "reason": "current license is non-compliant for [ml]",
        "license.expired.feature": "ml"});
    let mut error = json!({"root_cause": [cause.clone()]});
    super::reply::merge(&mut error, &cause);
    json_answer(403, &json!({"error": error, "status": 403}))
}

impl MlApi {
    /// `/`, `_license`, `_xpack`, `_security`.
    pub(super) fn cluster_info(&self, options: &MlOptions, request: &Request<'_>, user: Option<&User>) -> Reply {
        let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
        let elastic = options.version.deployment != Deployment::OpenSearch;
        let serverless = options.version.deployment == Deployment::Serverless;
        let may = |action: &str| user.map_or(Ok(()), |user| user.may_do(action));
        match (request.method, segments.as_slice()) {
            ("GET" | "HEAD", []) => {
                may("cluster:monitor/main")?;
                ok(root(options))
            }
            ("GET", ["_license"]) if elastic => {
                may("cluster:monitor/xpack/license/get")?;
                ok(license(options.license))
            }
            ("GET", ["_xpack", "usage"]) if serverless => Err(not_available(request)),
            ("GET", ["_xpack"]) if elastic => {
                may("cluster:monitor/xpack/info")?;
                let ml = json!({"available": options.license.allows_ml(), "enabled": options.ml});
                ok(json!({"features": {"ml": ml, "security": {"available": true, "enabled": user.is_some()}}}))
            }
            (method, ["_security", rest @ ..]) if elastic => match user {
                Some(user) => user.security(method, rest, request),
                None => Err(no_handler(request.method, &request.uri)),
            },
            _ => Err(no_handler(request.method, &request.uri)),
        }
    }

    pub(super) fn ml_info(&self, options: &MlOptions) -> Reply {
        let version = &options.version;
        let mut limits = json!({"effective_max_model_memory_limit": "7191mb"});
        if let Some(most) = &options.max_model_memory_limit {
            limits["max_model_memory_limit"] = json!(most);
        }
        if version.since(8, 0) {
            limits["total_ml_memory"] = json!("7191mb");
        }
        if version.since(8, 8) {
            limits["total_ml_processors"] = json!(8);
            limits["max_single_ml_node_processors"] = json!(8);
        }
        ok(json!({
            "defaults": {
                "anomaly_detectors": {"model_memory_limit": "1gb", "categorization_examples_limit": 4,
                    "model_snapshot_retention_days": 10, "daily_model_snapshot_retention_after_days": 1,
                    "categorization_analyzer": default_analyzer(version)},
                "datafeeds": {"scroll_size": 1000},
            },
            "upgrade_mode": self.store().upgrade_mode,
            "native_code": {},
            "limits": limits,
        }))
    }

    pub(super) fn set_upgrade_mode(&self, request: &Request<'_>) -> Reply {
        request.check_params(&["enabled", "timeout", "master_timeout"])?;
        self.store().upgrade_mode = request.flag("enabled");
        acknowledged()
    }
}

fn root(options: &MlOptions) -> Value {
    let version = &options.version;
    let mut body = json!({"number": version.number, "build_flavor": "default", "build_type": "tar",
        "build_hash": "a5dd631612accb3f99436e0c45b7c5ababaf0195", "build_date": "2020-08-31T02:37:19Z",
        "build_snapshot": version.number.ends_with("-SNAPSHOT"), "lucene_version": "8.6.0",
        "minimum_wire_compatibility_version": "7.10.0", "minimum_index_compatibility_version": "7.0.0"});
    match version.deployment {
        Deployment::Default => {}
        Deployment::Serverless => body["build_flavor"] = json!("serverless"),
        Deployment::OpenSearch => {
            body["distribution"] = json!("opensearch");
            if let Some(fields) = body.as_object_mut() {
                fields.shift_remove("build_flavor");
            }
        }
    }
    let tagline = match version.deployment {
        Deployment::OpenSearch => "The OpenSearch Project: https://opensearch.org/",
        _ => "You Know, for Search",
    };
    json!({"name": "node-1", "cluster_name": "stand-in", "cluster_uuid": options.cluster_uuid, "version": body,
        "tagline": tagline})
}

fn license(license: License) -> Value {
    let (status, kind) = match license {
        License::Trial => ("active", "trial"),
        License::Platinum => ("active", "platinum"),
        License::Basic => ("active", "basic"),
        License::Expired => ("expired", "trial"),
    };
    let mut body = json!({"status": status, "uid": "9cc89b24-38ee-4551-9433-b627b736872d", "type": kind,
        "issue_date": "2026-11-23T17:15:12.472Z", "issue_date_in_millis": 1_795_454_112_472_i64});
    if license != License::Basic {
        body["expiry_date"] = json!("2026-12-23T17:15:12.472Z");
        body["expiry_date_in_millis"] = json!(1_798_046_112_472_i64);
    }
    super::reply::merge(
        &mut body,
        &json!({"max_nodes": 1000, "max_resource_units": null, "issued_to": "stand-in", "issuer": "elasticsearch",
            "start_date_in_millis": -1}),
    );
    json!({"license": body})
}
