//! The next step that an error suggests. It depends on the type of the error that Elasticsearch returned, because a status
//! has several meanings: 400 is also a closed index or a page that is too large, and 503 is also a deleted index.

use crate::cluster::http::error::{ConnectionFailure, Error, ErrorResponse};
use crate::util::atomic_file::file_hint;
use crate::util::process::NO_DESCRIPTORS;

const LOST_CONTEXT: &str = "run the command again, with `--keep-alive 30m` if pages take long to fetch (other causes: a \
    deleted or closed index, a restarted node; see `GET /_cluster/health`)";
const CLOSED: &str = "open the index with `POST /INDEX/_open`, or remove it from the indices that are read";
const NO_SUCH_INDEX: &str = "check the name of the index or alias, and whether it was deleted or renamed: `GET \
    /_cat/indices?expand_wildcards=all`";
const SHARDS: &str = "check whether the index was closed or deleted, or its node is down: `GET \
    /_cluster/health?level=indices`; run the command again when the indices are green or yellow";
const FULL_DISK: &str = "free disk space on the cluster (`GET /_cat/allocation?v`), and run the command again";
const STARTING: &str = "the cluster is starting or has no elected master: check `GET /_cluster/health`, and run the \
    command again, with a longer --retry-for if necessary";
const BLOCKED: &str = "the index is blocked by a setting, not by a missing privilege: find the setting with `GET \
    /INDEX/_settings/index.blocks.*`, and remove the block";
const UPGRADING: &str = "wait until the upgrade is complete; if upgrade mode is still on, end it with `POST \
    /_ml/set_upgrade_mode?enabled=false`";
const TOO_MUCH_INDEXED: &str = "the cluster cannot index this much at once: lower --bulk-size and --bulk-concurrency, or \
    use a longer --retry-for";
const TOO_MANY_REQUESTS: &str = "the cluster cannot process this many requests at once: lower --bulk-concurrency or \
    --slices, or use a longer --retry-for";
const LITTLE_MEMORY: &str = "a node does not have enough memory for the request: lower --bulk-size for an import, \
    --page-size or --slices for an export, or run the command again when the cluster is less busy";
const LARGE_PAGE: &str = "lower --page-size to the index setting index.max_result_window";
const MANY_SLICES: &str = "lower --slices to the number in the message";
const MANY_SHARDS: &str = "the cluster has reached its limit of shards: delete indices that are not needed, or raise \
    cluster.max_shards_per_node";
const MANY_FIELDS: &str = "raise index.mapping.total_fields.limit in a template for the index (`GET /_index_template`), or \
    export only the fields that the job needs, without --all-fields";
const DATA_STREAMS: &str = "choose another name with --input-index: a template reserves this one for data streams";
const LICENSE: &str = "the license does not include machine learning: start a trial or install a license";
const TASK: &str = "check that both clusters and their nodes are available, and run the command again";
const NOT_ALLOWED: &str = "add this address to `reindex.remote.whitelist` in elasticsearch.yml on every node of the target, \
    and restart the nodes";
const REMOTE_TLS: &str = "set `reindex.ssl.certificate_authorities` to the CA certificate of the source in \
    elasticsearch.yml on every node of the target, and restart the nodes (other settings: `reindex.ssl.*`)";
const UNREACHABLE: &str = "check that the source is running, at an address that this machine and all nodes of the target can \
    reach";
const REMOTE: &str = "the source cluster rejected a search from the target: use a credential with the privileges `monitor` (cluster) and \
    `read` (input indices)";
const BIG_PAGE: &str = "1,000 documents of the source have more than 100 MiB: use an export with --include-inputs";
const PRIVILEGE: &str = "create a role with the privilege that the message names (`PUT /_security/role/NAME`), and \
    assign it to the user";

/// The type of an error or of one of its causes, a part of the reason if errors of this type have several, and the hint.
const KNOWN: [(&str, &str, &str); 26] = [
    ("illegal_argument_exception", "chunk that was too large", BIG_PAGE),
    ("illegal_argument_exception", "reindex.remote.whitelist", NOT_ALLOWED),
    ("s_s_l_handshake_exception", "", REMOTE_TLS),
    ("connect_exception", "", UNREACHABLE),
    ("response_exception", "", REMOTE),
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
    /// The next step, if there is one.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Connection { failure, address, .. } => return Some(failure.hint(address)),
            Self::Timeout { .. } => "the cluster may be busy: run the command again, or allow more time with --timeout",
            Self::Unauthenticated { .. } => "check that the password, key or token is correct and has not expired",
            Self::NoCredentials { .. } => "pass `--username USER`, which prompts for the password, or `--api-key KEY`",
            Self::UpgradeMode { .. } => UPGRADING,
            Self::Redirected { .. } => {
                "use the final address of Elasticsearch in --url, not of Kibana: redirects are not followed"
            }
            Self::TooLarge { what, .. } if what.contains("_search") => {
                "lower --page-size, and check that --url is the address of Elasticsearch"
            }
            Self::TaskFailed { source, .. } => source.hint().unwrap_or(TASK),
            Self::ShardsFailed { first, .. } => first.hint().unwrap_or(SHARDS),
            Self::ContextExpired { .. } => LOST_CONTEXT,
            Self::ClustersMissing { .. } => {
                "check `GET /_remote/info` and run the command again, or export without their documents with --allow-partial"
            }
            Self::NotElasticsearch { .. } => {
                "check --url: it must be the address of Elasticsearch, not of Kibana or another server"
            }
            Self::UnsupportedVersion { version, .. } if version.major < 9 => "upgrade the cluster to 7.17 or later",
            Self::UnsupportedVersion { .. } => "check whether a later version of esml-state supports it",
            Self::Refused { source, .. } | Self::Forbidden { source, .. } => source.hint().unwrap_or(unknown(source)),
            Self::ItemRejected { index, source, .. } => source.hint().unwrap_or_else(|| of_item(index)),
            Self::UnexpectedResponse { .. } | Self::TooLarge { .. } => {
                "a proxy or load balancer may have sent or shortened the response: check --url; -vv logs every request"
            }
            Self::File { cause, .. } => file_hint(cause)
                .unwrap_or("pass a file in PEM format, which contains a line that starts with `-----BEGIN`"),
            Self::Options(_) => return None,
        };
        Some(hint.to_owned())
    }
}

impl ConnectionFailure {
    fn hint(self, address: &str) -> String {
        let use_scheme = |scheme: &str, other: &str| {
            let url = address.replacen(other, scheme, 1);
            format!("use {scheme}:// in the address: `--url {url}`")
        };
        let hint = match self {
            Self::UnknownHost => "check the host name in --url or --cloud-id, and in HTTP_PROXY and HTTPS_PROXY if set",
            Self::Refused => {
                "check the host and port in --url, that Elasticsearch is running, and HTTP_PROXY and HTTPS_PROXY if set"
            }
            Self::NoDescriptors => NO_DESCRIPTORS,
            Self::Unreachable => {
                "check --url (https:// or http://, host, port) or --cloud-id, that Elasticsearch is running, and \
                 HTTP_PROXY and HTTPS_PROXY if set"
            }
            Self::UntrustedCertificate => {
                "pass the CA certificate of the cluster: `--ca-cert http_ca.crt` (on a node: config/certs/http_ca.crt)"
            }
            Self::OtherAuthority => "use the CA certificate of this cluster: config/certs/http_ca.crt on its nodes",
            Self::SelfSigned => "use a certificate that a CA signed, or turn verification off with --ignore-certs",
            Self::WrongHostName => "use a host name from the certificate in --url",
            Self::NotTls => return use_scheme("http", "https"),
            Self::Tls => "check the cluster's certificate, --ca-cert, and --client-cert if the cluster requires one",
            Self::RequiresTls => return use_scheme("https", "http"),
            Self::Lost => "a proxy or load balancer may have closed it, or the node stopped: run the command again",
        };
        hint.to_owned()
    }
}

impl ErrorResponse {
    /// The hint for an error of a known type or status.
    fn hint(&self) -> Option<&'static str> {
        let is_this = |(kind, words, _): &(&str, &str, &str)| self.is_or_has(kind) && self.reason.contains(words);
        let known = KNOWN.into_iter().find(is_this).map(|(_, _, hint)| hint);
        known.or(match self.status {
            413 => Some("the request is too large: lower --bulk-size, or raise http.max_content_length on the nodes"),
            500 => Some("see the cluster's log; run the command again when it is healthy (`GET /_cluster/health`)"),
            408 | 429 | 502 | 503 | 504 => Some(
                "the cluster or its proxy is overloaded or not ready: run the command again later, or with a longer --retry-for",
            ),
            _ => None,
        })
    }
}

/// The hint for a document that was rejected in a bulk request that was accepted.
fn of_item(index: &str) -> &'static str {
    if index.starts_with(".ml-") {
        return "import into a cluster of the same version as the source cluster, or a later one; if the version is not the cause, \
                check whether a template or a user changed the mapping of the index (`GET /.ml-*/_mapping`)";
    }
    "check whether a template of the cluster adds fields or limits (`GET /_index_template`), and choose an index \
     name that no template matches with --input-index; if the archive has no mappings, skip the input documents with --skip-inputs"
}

/// The hint for any other error. Only Elasticsearch itself returns an error with a type.
fn unknown(response: &ErrorResponse) -> &'static str {
    match (response.status, !response.kind.is_empty()) {
        (_, true) => "the message contains the reason given by the cluster; -v adds its causes, -vv logs every request",
        (403, false) => "check that --url is the address of Elasticsearch, not of a proxy that refuses the request",
        (_, false) => "check that --url is the address of Elasticsearch; -vv logs every request",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;

    /// Checks the hint for an error of Elasticsearch: it contains the words `has`, and none of `misleading`.
    #[track_caller]
    fn hints(status: u16, error: &Value, has: &[&str], misleading: &[&str]) {
        let body = json!({ "error": error, "status": status }).to_string();
        let response = ErrorResponse::parse(status, body.as_bytes());
        let hint = response.hint().unwrap_or_else(|| panic!("no hint for {body}"));
        for words in has {
            assert!(hint.contains(words), "`{words}` is missing: {hint}");
        }
        for words in [&["--url"], misleading].concat() {
            assert!(!hint.contains(words), "`{words}` misleads: {hint}");
        }
    }

    fn error(kind: &str, reason: &str) -> Value {
        json!({ "root_cause": [{ "type": kind, "reason": reason }], "type": kind, "reason": reason })
    }

    /// An error of a search, in which only the failed shards have a specific type.
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
    fn a_closed_index_suggests_opening_it() {
        let closed = error("index_closed_exception", "closed");
        hints(400, &closed, &["_open"], &["privilege"]);
        hints(400, &search("index_closed_exception", "closed"), &["_open"], &[]);
    }

    #[test]
    fn missing_index_hint_suggests_a_deletion_and_no_overload() {
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
    fn a_full_disk_suggests_freeing_space() {
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
    fn a_block_is_not_a_missing_privilege() {
        let blocked = "index [a] blocked by: [FORBIDDEN/8/index write (api)];";
        hints(
            403,
            &error("cluster_block_exception", blocked),
            &["index.blocks", "remove the block"],
            &["role"],
        );
    }

    #[test]
    fn a_starting_cluster_suggests_a_longer_retry() {
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
    fn a_page_above_the_result_window_suggests_a_smaller_page() {
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
    fn too_many_slices_suggest_fewer() {
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
    fn a_name_for_data_streams_suggests_another() {
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
    fn a_license_and_a_role_have_different_hints() {
        let license = error("security_exception", "current license is non-compliant for [ml]");
        hints(403, &license, &["license", "trial"], &["role"]);
        let action = error(
            "security_exception",
            "action [indices:data/read/search] is unauthorized for user [ada]",
        );
        hints(403, &action, &["role", "/_security/role"], &["license of"]);
    }

    #[test]
    fn only_errors_without_a_type_suggest_checking_the_url() {
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
    fn every_row_is_reachable() {
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
    fn a_rejected_document_has_its_own_hint() {
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
