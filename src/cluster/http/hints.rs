//! What the user can do about an error. What Elasticsearch returned is told by its type: a status alone says too little,
//! since 400 is returned for a closed index as for a page that is too large, 503 for a deleted index as for a node that is
//! starting.

use crate::cluster::http::error::{ConnectionFailure, Error, ErrorResponse};
use crate::util::process::NO_DESCRIPTORS;

const LOST_CONTEXT: &str = "an index was closed or deleted, a node was restarted, or two pages were further apart than \
    --keep-alive: see `GET /_cluster/health`, and repeat; if pages take long, with a longer --keep-alive, e.g. --keep-alive \
    30m";
const CLOSED: &str = "the index is closed: open it with `POST /INDEX/_open`, or remove it from what is read";
const NO_SUCH_INDEX: &str = "the index or alias does not exist: check its name, and whether it was deleted or renamed in \
    the meantime (`GET /_cat/indices?expand_wildcards=all`)";
const SHARDS: &str = "a shard is not available: its index was closed or deleted, or its node is down: see `GET \
    /_cluster/health?level=indices`, and repeat when the indices are green or yellow";
const FULL_DISK: &str = "a disk of the cluster is full, so its indices are read-only: free space (`GET \
    /_cat/allocation?v`), then repeat";
const STARTING: &str = "the cluster is starting or has no elected master: see `GET /_cluster/health`, and repeat, with a \
    longer --retry-for if it needs more time";
const BLOCKED: &str = "the index is blocked by a setting or because of a full disk, not by a missing privilege: see `GET \
    /INDEX/_settings/index.blocks.*`, and remove the block";
const TOO_MUCH_INDEXED: &str = "the cluster has too much to index at once: lower --bulk-size and --bulk-concurrency, or \
    repeat with a longer --retry-for";
const TOO_MANY_REQUESTS: &str = "the cluster has too many requests at once: lower --bulk-concurrency or --slices, or \
    repeat with a longer --retry-for";
const LITTLE_MEMORY: &str = "a node has too little memory for the request: lower --bulk-size for an import, --page-size or \
    --slices for an export, or repeat when the cluster has less to do";
const LARGE_PAGE: &str = "an index allows fewer documents in a page: lower --page-size to its index.max_result_window";
const MANY_SLICES: &str = "an index allows fewer slices: lower --slices to the number in the message";
const MANY_SHARDS: &str = "the cluster has as many shards as it may have: delete indices that are not needed, or raise \
    cluster.max_shards_per_node";
const MANY_FIELDS: &str = "the documents have more fields than the index may have: raise index.mapping.total_fields.limit \
    in a template for its name (`GET /_index_template`), or export the fields that the job needs, without --all-fields";
const DATA_STREAMS: &str =
    "a template of the cluster wants that name for data streams: name another with --input-index";
const LICENSE: &str =
    "the license of the cluster does not include machine learning: start a trial or install a license";
const PRIVILEGE: &str = "the message names the action: grant the user a role with the privilege for it \
    (docs/privileges.md)";

/// The type of an error or of one of its causes, a part of the reason where errors of this type have several, and the hint.
const KNOWN: [(&str, &str, &str); 21] = [
    ("search_context_missing_exception", "", LOST_CONTEXT),
    ("index_closed_exception", "", CLOSED),
    ("index_not_found_exception", "", NO_SUCH_INDEX),
    ("no_shard_available_action_exception", "", SHARDS),
    ("unavailable_shards_exception", "", SHARDS),
    ("cluster_block_exception", "flood-stage", FULL_DISK),
    ("cluster_block_exception", "SERVICE_UNAVAILABLE", STARTING),
    ("cluster_block_exception", "", BLOCKED),
    ("master_not_discovered_exception", "", STARTING),
    ("process_cluster_event_timeout_exception", "", STARTING),
    ("es_rejected_execution_exception", "primary_bytes", TOO_MUCH_INDEXED),
    ("es_rejected_execution_exception", "", TOO_MANY_REQUESTS),
    ("circuit_breaking_exception", "", LITTLE_MEMORY),
    ("illegal_argument_exception", "index.max_result_window", LARGE_PAGE),
    ("illegal_argument_exception", "index.max_slices_per_", MANY_SLICES),
    ("validation_exception", "shards open", MANY_SHARDS),
    ("illegal_argument_exception", "shards open", MANY_SHARDS),
    ("illegal_argument_exception", "Limit of total fields", MANY_FIELDS),
    ("illegal_argument_exception", "creates data streams only", DATA_STREAMS),
    ("security_exception", "license", LICENSE),
    ("security_exception", "", PRIVILEGE),
];

impl Error {
    /// What the user can do next, where there is something.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Connection { failure, .. } => failure.hint(),
            Self::Timeout {
                source: Some(failed), ..
            } => return failed.hint(),
            Self::Timeout { .. } => "the cluster may be busy: repeat, or allow more time with --timeout",
            Self::Unauthenticated { .. } => "check --username and --password, --api-key or --bearer-token",
            Self::UpgradeMode { .. } => {
                "when the upgrade is over, leave the mode with `POST /_ml/set_upgrade_mode?enabled=false`"
            }
            Self::Redirected { .. } => {
                "redirects are not followed: they would send the credential and the data elsewhere; pass the final address as \
                 --url"
            }
            Self::TooLarge { what, .. } if what.contains("_search") => {
                "lower --page-size; otherwise check that --url leads to Elasticsearch, and what is in between"
            }
            Self::ShardsFailed { kinds, reason, .. } => {
                let known = by_type(|kind| kinds.iter().any(|known| **known == *kind), reason);
                known.unwrap_or("see `GET /_cluster/health`; repeat when the indices are green or yellow")
            }
            Self::ContextExpired { .. } => LOST_CONTEXT,
            Self::ClustersMissing { .. } => {
                "repeat when they can be reached (`GET /_remote/info`), or export without them: --allow-partial"
            }
            Self::NotElasticsearch { .. } => "check --url: it must be Elasticsearch's own address, not Kibana's",
            Self::UnsupportedVersion { version, .. } if version.major < 9 => {
                "upgrade the cluster to Elasticsearch 7.17 or later"
            }
            Self::UnsupportedVersion { .. } => "a newer esml-state may support it",
            Self::Refused { source, .. } | Self::Forbidden { source, .. } => {
                source.hint().unwrap_or_else(|| unknown(source))
            }
            Self::ItemRejected { index, source, .. } => source.hint().unwrap_or_else(|| of_item(index)),
            Self::UnexpectedResponse { .. } | Self::TooLarge { .. } => {
                "something between here and the cluster may have answered, or cut the answer: repeat, with -vv to see every request"
            }
            Self::Options(_) => return None,
        };
        Some(hint.to_owned())
    }
}

impl ConnectionFailure {
    fn hint(self) -> &'static str {
        match self {
            Self::UnknownHost => {
                "check --url or --cloud-id: no address is known for this host name; or the name service of this machine \
                 is not available"
            }
            Self::Refused => {
                "check --url (host and port) or --cloud-id, and that the cluster runs: nothing accepts connections there"
            }
            Self::NoDescriptors => NO_DESCRIPTORS,
            Self::Unreachable => {
                "check --url (https:// or http://, host, port) or --cloud-id, that the cluster runs, and \
                 HTTP_PROXY/HTTPS_PROXY"
            }
            Self::Tls => {
                "pass the certificate of the cluster's authority with --ca-cert, and check https:// or http:// in --url"
            }
            Self::Lost => "a proxy or load balancer in between may have cut it, or the node went away: repeat",
        }
    }
}

impl ErrorResponse {
    /// Of an error of a known type or status.
    fn hint(&self) -> Option<&'static str> {
        by_type(|kind| self.is_or_has(kind), &self.reason).or(match self.status {
            413 => Some(
                "the cluster takes no request of this size: raise http.max_content_length there, or lower --bulk-size",
            ),
            500 => Some("the cluster's own log says more; repeat when it is healthy (`GET /_cluster/health`)"),
            408 | 429 | 502 | 503 | 504 => Some(
                "the cluster, or a proxy before it, is overloaded or not ready: repeat later, or with a longer --retry-for",
            ),
            _ => None,
        })
    }
}

/// The hint of the first known type that the error has.
fn by_type(has: impl Fn(&str) -> bool, reason: &str) -> Option<&'static str> {
    let mut known = KNOWN
        .iter()
        .filter(|(kind, words, _)| has(kind) && reason.contains(words));
    known.next().map(|(_, _, hint)| *hint)
}

/// Of a document that the cluster does not accept although it accepts the request.
fn of_item(index: &str) -> &'static str {
    if index.starts_with(".ml-") {
        return "the document does not fit what this index has there: the cluster may be older than the one that the job \
                comes from (import into that version or a later one), or a template or somebody may have changed its \
                mapping (`GET /.ml-*/_mapping`)";
    }
    "the document does not fit the index made for it: a template of the cluster may add fields or limits \
     (`GET /_index_template`), so name an index that none matches with --input-index; an archive without mappings leaves \
     types to the cluster, so leave the inputs out with --skip-inputs and bring them another way (--datafeed-index)"
}

/// The hint of any other error. What has a type was returned by Elasticsearch itself.
fn unknown(response: &ErrorResponse) -> &'static str {
    match (response.status, !response.kind.is_empty()) {
        (_, true) => "the message has the reason in the words of the cluster; -v adds its causes, -vv every request",
        (403, false) => {
            "the cluster or a proxy before it refused the request: check the privileges of the user (docs/privileges.md), and \
             that --url leads to Elasticsearch"
        }
        (_, false) => {
            "the cluster or a proxy before it did not accept the request: check that --url leads to Elasticsearch; -vv shows \
             every request"
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;

    /// The hint of an error as Elasticsearch returns it: one that has the words, and none of what would mislead.
    #[track_caller]
    fn hints(status: u16, error: &Value, has: &[&str], lacks: &[&str]) {
        let body = json!({ "error": error, "status": status }).to_string();
        let response = ErrorResponse::parse(status, body.as_bytes());
        let hint = response.hint().unwrap_or_else(|| panic!("no hint for {body}"));
        for words in has {
            assert!(hint.contains(words), "`{words}` is missing: {hint}");
        }
        for words in [&["--url"], lacks].concat() {
            assert!(!hint.contains(words), "`{words}` misleads: {hint}");
        }
    }

    fn error(kind: &str, reason: &str) -> Value {
        json!({ "root_cause": [{ "type": kind, "reason": reason }], "type": kind, "reason": reason })
    }

    /// Of a search, whose own type says nothing.
    fn search(kind: &str, reason: &str) -> Value {
        json!({
            "root_cause": [], "type": "search_phase_execution_exception", "reason": "all shards failed",
            "failed_shards": [{ "shard": 0, "index": "a", "reason": { "type": kind, "reason": reason } }],
        })
    }

    #[test]
    fn a_missing_search_context_has_several_causes() {
        let lost = search(
            "search_context_missing_exception",
            "No search context found for id [102]",
        );
        hints(404, &lost, &["closed", "restarted", "--keep-alive"], &[]);
    }

    #[test]
    fn a_closed_index_is_to_be_opened() {
        let closed = error("index_closed_exception", "closed");
        hints(400, &closed, &["_open"], &["privilege"]);
        hints(400, &search("index_closed_exception", "closed"), &["_open"], &[]);
    }

    #[test]
    fn an_index_that_is_missing_was_deleted_and_not_overloaded() {
        let gone = error("index_not_found_exception", "no such index [a]");
        hints(404, &gone, &["deleted", "_cat/indices"], &["overloaded"]);
        hints(
            503,
            &search("index_not_found_exception", "no such index"),
            &["deleted"],
            &["overloaded"],
        );
    }

    #[test]
    fn shards_that_are_not_available_may_belong_to_a_deleted_index() {
        for kind in ["no_shard_available_action_exception", "unavailable_shards_exception"] {
            hints(
                503,
                &search(kind, "[a][0] primary shard is not active"),
                &["deleted", "health"],
                &["overloaded"],
            );
        }
    }

    #[test]
    fn a_full_disk_is_to_be_freed() {
        let full = "index [a] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has \
                    read-only-allow-delete block];";
        hints(
            429,
            &error("cluster_block_exception", full),
            &["disk", "_cat/allocation"],
            &["overloaded", "role"],
        );
    }

    #[test]
    fn a_block_is_no_missing_privilege() {
        let blocked = "index [a] blocked by: [FORBIDDEN/8/index write (api)];";
        hints(
            403,
            &error("cluster_block_exception", blocked),
            &["index.blocks", "remove the block"],
            &["role"],
        );
    }

    #[test]
    fn a_cluster_that_is_starting_needs_time() {
        let starting = "blocked by: [SERVICE_UNAVAILABLE/1/state not recovered / initialized];";
        hints(
            503,
            &error("cluster_block_exception", starting),
            &["starting", "--retry-for"],
            &["disk"],
        );
        hints(
            503,
            &error("master_not_discovered_exception", ""),
            &["starting", "--retry-for"],
            &[],
        );
        let late = error(
            "process_cluster_event_timeout_exception",
            "failed to process cluster event within 30s",
        );
        hints(503, &late, &["master", "--retry-for"], &[]);
    }

    #[test]
    fn indexing_pressure_suggests_smaller_bulk_requests() {
        let pressure = "rejected execution of coordinating operation [coordinating_and_primary_bytes=107374182, \
                        replica_bytes=0, all_bytes=107374182, coordinating_operation_bytes=1, \
                        max_coordinating_and_primary_bytes=107374182]";
        hints(
            429,
            &error("es_rejected_execution_exception", pressure),
            &["--bulk-size", "--bulk-concurrency"],
            &[],
        );
    }

    #[test]
    fn a_full_queue_suggests_fewer_requests() {
        let full = "rejected execution of TimedRunnable on EsThreadPoolExecutor[queue capacity = 1000]";
        hints(
            429,
            &error("es_rejected_execution_exception", full),
            &["--bulk-concurrency", "--slices"],
            &["--bulk-size"],
        );
    }

    #[test]
    fn a_circuit_breaker_suggests_smaller_requests() {
        let large =
            "[parent] Data too large, data for [<http_request>] would be [1/1b], larger than the limit of [0/0b]";
        hints(
            429,
            &error("circuit_breaking_exception", large),
            &["memory", "--bulk-size", "--page-size"],
            &[],
        );
    }

    #[test]
    fn a_page_above_the_result_window_is_to_be_smaller() {
        let window = "Result window is too large, from + size must be less than or equal to: [10000] but was [20000]. See the \
                      scroll api for a more efficient way to request large data sets. This limit can be set by changing the \
                      [index.max_result_window] index level setting.";
        hints(
            400,
            &search("illegal_argument_exception", window),
            &["--page-size"],
            &[],
        );
        hints(400, &error("illegal_argument_exception", window), &["--page-size"], &[]);
    }

    #[test]
    fn too_many_slices_are_to_be_fewer() {
        for of in ["scroll", "pit"] {
            let slices = format!(
                "The number of slices [2048] is too large. It must be less than [1024]. This limit can be set by changing \
                 the [index.max_slices_per_{of}] index level setting."
            );
            hints(
                400,
                &search("illegal_argument_exception", &slices),
                &["--slices"],
                &["--page-size"],
            );
        }
    }

    #[test]
    fn too_many_shards_are_a_setting_of_the_cluster() {
        let shards = "Validation Failed: 1: this action would add [2] shards, but this cluster currently has [1000]/[1000] \
                      maximum normal shards open;";
        for kind in ["validation_exception", "illegal_argument_exception"] {
            hints(400, &error(kind, shards), &["cluster.max_shards_per_node"], &[]);
        }
    }

    #[test]
    fn too_many_fields_are_a_setting_of_the_index() {
        let fields = "Limit of total fields [1000] has been exceeded while adding new fields [1]";
        hints(
            400,
            &error("illegal_argument_exception", fields),
            &["total_fields.limit"],
            &[],
        );
        let in_document = json!({ "type": "document_parsing_exception", "reason": "[1:2] failed to parse",
            "caused_by": { "type": "illegal_argument_exception", "reason": fields } });
        let item = ErrorResponse::from_json(400, &in_document);
        assert!(item.hint().is_some_and(|hint| hint.contains("total_fields.limit")));
    }

    #[test]
    fn a_name_for_data_streams_is_to_be_another() {
        let stream = "cannot create index with name [a], because it matches with template [t] that creates data streams only, \
                      use create data stream api instead";
        hints(
            400,
            &error("illegal_argument_exception", stream),
            &["--input-index"],
            &[],
        );
    }

    #[test]
    fn a_license_is_to_be_installed_and_a_role_granted() {
        let license = error("security_exception", "current license is non-compliant for [ml]");
        hints(403, &license, &["license", "trial"], &["role"]);
        let action = error(
            "security_exception",
            "action [indices:data/read/search] is unauthorized for user [ada]",
        );
        hints(403, &action, &["role", "docs/privileges.md"], &["license of"]);
    }

    #[test]
    fn what_has_a_type_came_from_elasticsearch() {
        let typed = ErrorResponse::parse(
            400,
            br#"{"error":{"type":"parsing_exception","reason":"unknown query [a]"}}"#,
        );
        assert_eq!(typed.hint(), None);
        assert!(!unknown(&typed).contains("--url"));
        for (status, body) in [
            (404, &b"<html>"[..]),
            (400, b"{\"error\":\"no handler found\"}"),
            (403, b""),
        ] {
            let other = ErrorResponse::parse(status, body);
            assert!(other.hint().is_none() && unknown(&other).contains("--url"), "{status}");
        }
        for status in [408, 429, 502, 503, 504] {
            assert!(
                ErrorResponse::parse(status, b"busy")
                    .hint()
                    .unwrap()
                    .contains("--retry-for"),
                "{status}"
            );
        }
    }

    #[test]
    fn every_row_can_be_reached() {
        for (number, (kind, words, _)) in KNOWN.iter().enumerate() {
            let hidden = KNOWN[..number]
                .iter()
                .any(|(earlier, of, _)| earlier == kind && words.contains(of));
            assert!(!hidden, "{kind} {words}");
        }
    }

    fn rejected(index: &str, status: u16) -> String {
        let response = ErrorResponse {
            kind: "document_parsing_exception".into(),
            ..ErrorResponse::without_type(status, "[1:2] failed to parse")
        };
        let error = Error::ItemRejected {
            index: index.into(),
            id: "1".into(),
            source: response,
        };
        error.hint().unwrap_or_default()
    }

    #[test]
    fn a_rejected_document_gets_a_hint_of_its_own() {
        assert!(rejected("a-input", 400).contains("--input-index"));
        for own in [".ml-state-write", ".ml-anomalies-.write-a", ".ml-annotations-write"] {
            let hint = rejected(own, 400);
            assert!(
                hint.contains(".ml-*/_mapping") && !hint.contains("--input-index"),
                "{hint}"
            );
        }
        assert!(rejected("a-input", 429).contains("--retry-for"));
        for (index, status) in [("a-input", 400), (".ml-state-write", 400), ("a-input", 409)] {
            assert!(!rejected(index, status).contains("--url"), "{index} {status}");
        }
    }
}
