//! Tests of the module with a server that returns scripted responses.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::cluster::cluster::Cluster;
use crate::cluster::http::HttpClient;
use crate::cluster::http::auth::{self, ConnectOptions};
use crate::cluster::http::error::{Error, Result};
use crate::cluster::http::retry::{Clock, Moment, Observer, SystemClock};
use crate::util::secret::Secrets;

/// Status, additional header lines, body. With status 0, the connection is closed without a response.
pub(crate) type Scripted = (u16, &'static str, String);

const ROOT: &str =
    r#"{"cluster_name":"c","cluster_uuid":"u","version":{"number":"VERSION"},"tagline":"You Know, for Search"}"#;

/// Records the announced pauses.
#[derive(Debug, Default)]
pub(crate) struct Pauses(pub(crate) Mutex<Vec<Duration>>);

impl Observer for Pauses {
    fn waiting(&self, _: &Error, pause: Duration, _: u32) {
        self.0.lock().unwrap().push(pause);
    }

    fn answered(&self, _: &str, _: u16, _: Duration) {}
}

/// A clock that skips pauses.
#[derive(Debug)]
struct ImpatientClock(SystemClock);

impl Clock for ImpatientClock {
    fn now(&self) -> Duration {
        self.0.now()
    }

    fn pause(&self, _: Duration) -> Moment<'_> {
        Box::pin(async {})
    }

    fn limit(&self, time: Duration) -> Moment<'_> {
        self.0.limit(time)
    }
}

/// The received requests: request line and body.
pub(crate) type Asked = Arc<Mutex<Vec<(String, String)>>>;

/// Returns the responses in order, one per connection, and then closes connections.
pub(crate) async fn serve(answers: Vec<Scripted>) -> (url::Url, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    let asked = Asked::default();
    let log = Arc::clone(&asked);
    tokio::spawn(async move {
        for (status, headers, body) in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut received = Vec::new();
            let (head, length) = loop {
                let mut buffer = [0; 4096];
                let read = stream.read(&mut buffer).await.unwrap();
                received.extend_from_slice(&buffer[..read]);
                if let Some(end) = received.windows(4).position(|window| window == b"\r\n\r\n") {
                    let head = String::from_utf8_lossy(&received[..end]).to_lowercase();
                    let length = head
                        .lines()
                        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
                    break (end + 4, length.unwrap_or(0_usize));
                }
                assert!(read > 0, "incomplete request");
            };
            while received.len() < head + length {
                let mut buffer = [0; 4096];
                let read = stream.read(&mut buffer).await.unwrap();
                received.extend_from_slice(&buffer[..read]);
            }
            let line = String::from_utf8_lossy(&received)
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned();
            log.lock()
                .unwrap()
                .push((line, String::from_utf8_lossy(&received[head..]).into_owned()));
            if status > 0 {
                let answer = format!(
                    "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}",
                    body.len()
                );
                // A client does not read a response that is too large.
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        }
    });
    (url, asked)
}

/// A cluster of this version that returns these responses, after one for `/`.
pub(crate) async fn cluster(version: &str, answers: Vec<Scripted>) -> (Cluster, Asked, Arc<Pauses>) {
    let mut all = vec![(200, "", ROOT.replace("VERSION", version))];
    all.extend(answers);
    let (url, asked) = serve(all).await;
    let pauses = Arc::new(Pauses::default());
    let cluster = handshake(url, Arc::clone(&pauses)).await.unwrap();
    asked.lock().unwrap().clear();
    (cluster, asked, pauses)
}

/// Connects without proxies and without pauses.
pub(crate) async fn handshake(address: url::Url, observer: Arc<Pauses>) -> Result<Cluster> {
    let options = ConnectOptions {
        address,
        credential: None,
        ca_certs: Vec::new(),
        client_identity: None,
        verify_certificates: true,
        timeout: Duration::from_secs(20),
        retries: 2,
        retry_for: Duration::from_secs(60),
        secrets: Secrets::default(),
        keep_alive: "5m".to_owned(),
        max_requests: 64,
    };
    let clock = Arc::new(ImpatientClock(SystemClock::start()));
    let mut http = HttpClient::new(&options, observer, clock)?;
    http.client = auth::build(reqwest::Client::builder().no_proxy()).unwrap();
    Cluster::connect(Arc::new(http)).await
}

mod requests {
    use serde_json::{Value, json};

    use super::*;
    use crate::cluster::bulk::BulkOptions;
    use crate::cluster::cluster::RequiredPrivileges;
    use crate::cluster::http::request::{Path, Request};
    use crate::cluster::search::query::{Pagination, Search, Sort};

    fn ok(body: &str) -> Scripted {
        (200, "", body.to_owned())
    }

    fn page(id: &str, keys: &[i64]) -> Scripted {
        let hits: Vec<Value> = keys
            .iter()
            .map(|key| json!({ "_index": "i", "_id": key.to_string(), "_source": { "t": key }, "sort": [key, 0] }))
            .collect();
        let shards = json!({ "total": 1, "failed": 0 });
        let name = if id.starts_with('p') { "pit_id" } else { "_scroll_id" };
        ok(&json!({ name: id, "timed_out": false, "_shards": shards, "hits": { "hits": hits } }).to_string())
    }

    fn search(pagination: Pagination) -> Search {
        Search {
            indices: vec!["i".to_owned()],
            lenient: false,
            indices_options: Vec::new(),
            query: json!({ "match_all": {} }),
            runtime_mappings: None,
            fields: None,
            sort: Sort::Ascending("t".to_owned()),
            page_size: 2,
            slices: 1,
            pagination,
            incomplete_clusters: None,
        }
    }

    async fn ids(cluster: &Cluster, search: Search) -> Result<Vec<String>> {
        let mut pages = cluster.pages(search).await?;
        let mut ids = Vec::new();
        while let Some(hits) = pages.next().await? {
            ids.extend(hits.iter().map(|hit| hit.id.to_string()));
        }
        Ok(ids)
    }

    #[tokio::test]
    async fn busy_responses_are_retried_and_lost_ones_if_safe() {
        let busy = || (503, "retry-after: 1\r\n", String::new());
        let (cluster, asked, pauses) = cluster("9.0.0", vec![busy(), (0, "", String::new()), ok("{}")]).await;
        cluster.http.send(&Request::get(Path::of(["a"]))).await.unwrap();
        assert_eq!(asked.lock().unwrap().len(), 3);
        assert_eq!(pauses.0.lock().unwrap()[0], Duration::from_secs(1));
    }

    #[tokio::test]
    async fn no_request_starts_during_a_pause() {
        let (cluster, asked, _) = cluster("9.0.0", vec![ok("{}")]).await;
        let paused = cluster.pause().await;
        let http = Arc::clone(&cluster.http);
        let late = tokio::spawn(async move { http.send(&Request::get(Path::of(["a"]))).await });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!late.is_finished() && asked.lock().unwrap().is_empty());
        drop(paused);
        assert!(late.await.unwrap().is_ok());
    }

    #[tokio::test]
    async fn a_pause_waits_for_requests_in_flight() {
        let (cluster, _, _) = cluster("9.0.0", Vec::new()).await;
        let in_flight = cluster.http.in_flight.read().await;
        let waiting = cluster.clone();
        let paused = tokio::spawn(async move { drop(waiting.pause().await) });
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!paused.is_finished());
        drop(in_flight);
        assert!(paused.await.is_ok());
    }

    #[tokio::test]
    async fn creation_with_a_lost_response_is_not_retried() {
        let (cluster, asked, _) = cluster("9.0.0", vec![(0, "", String::new()), ok("{}")]).await;
        let error = cluster
            .http
            .send(&Request::put(Path::of(["a"])).without_retry())
            .await
            .unwrap_err();
        assert!(error.outcome_unknown(), "{error}");
        assert_eq!(asked.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn full_disk_and_upgrade_mode_are_reported_without_retries() {
        let full = r#"{"error":{"type":"cluster_block_exception","reason":"disk usage exceeded flood-stage"}}"#;
        let (first, asked, _) = cluster("9.0.0", vec![(429, "", full.to_owned()), ok("{}")]).await;
        assert!(
            first
                .http
                .send(&Request::get(Path::of(["a"])))
                .await
                .unwrap_err()
                .hint()
                .unwrap()
                .contains("disk")
        );
        assert_eq!(asked.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_redirect_elsewhere_is_refused() {
        let (other, _) = serve(vec![ok("{}")]).await;
        let header: &'static str = Box::leak(format!("location: {other}a\r\n").into_boxed_str());
        let (cluster, _, _) = cluster("9.0.0", vec![(302, header, String::new())]).await;
        let error = cluster.http.send(&Request::get(Path::of(["a"]))).await.unwrap_err();
        assert!(matches!(error, Error::Redirected { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_point_in_time_is_paged_by_its_latest_id_and_closed() {
        let answers = vec![ok(r#"{"id":"p0"}"#), page("p1", &[1, 2]), page("p2", &[3]), ok("{}")];
        let (cluster, asked, _) = cluster("9.0.0", answers).await;
        assert_eq!(ids(&cluster, search(Pagination::Auto)).await.unwrap(), ["1", "2", "3"]);
        let asked = asked.lock().unwrap();
        let second: Value = serde_json::from_str(&asked[2].1).unwrap();
        assert_eq!(
            (&second["pit"]["id"], &second["search_after"]),
            (&json!("p1"), &json!([2, 0]))
        );
        assert!(
            asked[3].0.starts_with("DELETE /_pit") && asked[3].1.contains("p2"),
            "{asked:?}"
        );
        assert!(asked.iter().all(|(line, _)| !line.contains("filter_path")));
    }

    #[tokio::test]
    async fn old_clusters_use_a_scroll_and_a_lost_page_is_an_error() {
        let answers = vec![page("s1", &[1]), page("s2", &[2]), page("s3", &[]), ok("{}")];
        let (old, asked, _) = cluster("7.10.2", answers).await;
        assert_eq!(ids(&old, search(Pagination::Auto)).await.unwrap(), ["1", "2"]);
        assert!(asked.lock().unwrap()[3].1.contains("s3"));
        assert!(matches!(
            ids(&old, search(Pagination::PointInTime)).await,
            Err(Error::Options(_))
        ));
        // The next page would be mistaken for the lost one.
        let lost = vec![
            page("s1", &[1]),
            (0, "", String::new()),
            page("s3", &[3]),
            page("s4", &[]),
        ];
        let (old, asked, _) = cluster("7.10.2", lost).await;
        assert!(ids(&old, search(Pagination::Auto)).await.is_err());
        assert_eq!(asked.lock().unwrap().len(), 2, "{asked:?}");
    }

    #[tokio::test]
    async fn refused_scroll_page_is_requested_again() {
        for status in [429, 503] {
            let refused = (status, "", String::new());
            let answers = vec![page("s1", &[1]), refused, page("s2", &[2]), page("s3", &[]), ok("{}")];
            let (cluster, asked, _) = cluster("9.2.0", answers).await;
            assert_eq!(
                ids(&cluster, search(Pagination::Scroll)).await.unwrap(),
                ["1", "2"],
                "{status}"
            );
            let asked = asked.lock().unwrap();
            assert_eq!(asked[1].1, asked[2].1, "{status}");
        }
    }

    #[tokio::test]
    async fn privileges_are_unknown_only_without_security() {
        let required = RequiredPrivileges {
            cluster: vec!["monitor"],
            indices: Vec::new(),
        };
        let off = r#"{"error":"no handler found for uri [/_security/user/_has_privileges] and method [POST]"}"#;
        let (cluster_without, _, _) = cluster("9.2.0", vec![(400, "", off.to_owned())]).await;
        assert!(required.missing(&cluster_without.http).await.unwrap().is_none());
        for (status, kind) in [
            (500, "x"),
            (400, "action_request_validation_exception"),
            (403, "security_exception"),
        ] {
            let error = format!(r#"{{"error":{{"type":"{kind}","reason":"no"}},"status":{status}}}"#);
            let (cluster, _, _) = cluster("9.2.0", vec![(status, "", error)]).await;
            assert!(required.missing(&cluster.http).await.is_err(), "{status} {kind}");
        }
    }

    #[tokio::test]
    async fn a_response_without_all_copies_of_a_document_is_an_error() {
        let hit = r#"{"_index":"i-1","_id":"a","_source":{}}"#;
        let answer =
            format!(r#"{{"_shards":{{"total":2,"failed":0}},"hits":{{"total":{{"value":2}},"hits":[{hit}]}}}}"#);
        let id = ["a".to_owned()];
        let (cluster, _, _) = cluster("9.2.0", vec![ok(&answer), ok(&answer)]).await;
        assert!(cluster.documents(&["i-*"], &id).await.is_err());
        assert!(cluster.locate(&["i-*"], &id).await.is_err());
    }

    #[tokio::test]
    async fn page_size_is_reduced_for_large_documents() {
        let large = ok(&" ".repeat(5 << 20));
        let answers = vec![ok(r#"{"id":"p"}"#), large, page("p", &[1]), page("p", &[2]), ok("{}")];
        let (cluster, asked, _) = cluster("9.2.0", answers).await;
        assert_eq!(ids(&cluster, search(Pagination::Auto)).await.unwrap(), ["1", "2"]);
        let sizes: Vec<Value> = asked.lock().unwrap()[1..4]
            .iter()
            .map(|(_, body)| serde_json::from_str::<Value>(body).unwrap()["size"].clone())
            .collect();
        assert_eq!(sizes, [json!(2), json!(1), json!(2)]);
    }

    #[tokio::test]
    async fn scroll_is_closed_if_its_first_page_is_invalid() {
        let failed = r#"{"_scroll_id":"s1","_shards":{"total":2,"failed":1},"hits":{"hits":[]}}"#;
        let late = r#"{"_scroll_id":"s1","timed_out":true,"_shards":{"total":1,"failed":0},"hits":{"hits":[]}}"#;
        for answer in [failed, late] {
            let (old, asked, _) = cluster("7.10.2", vec![ok(answer), ok("{}")]).await;
            assert!(ids(&old, search(Pagination::Scroll)).await.is_err());
            old.release().await;
            let asked = asked.lock().unwrap();
            assert!(
                asked[1].0.starts_with("DELETE /_search/scroll") && asked[1].1.contains("s1"),
                "{asked:?}"
            );
        }
    }

    #[tokio::test]
    async fn tasks_are_only_searched_for_writes_without_a_response() {
        let lost = || (0, "", String::new());
        let tasks = || ok(r#"{"tasks":[]}"#);
        let a = || Path::of(["a"]);
        for (request, answer, looks) in [
            (Request::put(a()).without_retry(), lost(), true),
            (Request::post(a()).without_retry(), lost(), true),
            (Request::delete(a()).without_retry(), lost(), true),
            (Request::put(a()).without_retry(), (502, "", String::new()), true),
            (Request::put(a()).without_retry(), (504, "", String::new()), true),
            (Request::put(a()).without_retry(), (500, "", String::new()), false),
            (Request::put(a()).without_retry(), ok("{}"), false),
            (Request::get(a()).without_retry(), lost(), false),
        ] {
            let what = format!("{} {answer:?}", request.what());
            let (cluster, asked, _) = cluster("9.0.0", vec![answer, tasks()]).await;
            let _ = cluster.http.send(&request).await;
            cluster.wait_for_tasks().await;
            let looked = asked
                .lock()
                .unwrap()
                .iter()
                .any(|(line, _)| line.starts_with("GET /_tasks"));
            assert_eq!(looked, looks, "{what}");
        }
    }

    #[tokio::test]
    async fn release_closes_open_search_contexts() {
        let (cluster, asked, _) = cluster("7.10.2", vec![page("s1", &[]), ok("{}")]).await;
        let pages = cluster.pages(search(Pagination::Scroll)).await.unwrap();
        drop(pages);
        cluster.release().await;
        assert!(asked.lock().unwrap()[1].0.starts_with("DELETE /_search/scroll"));
    }

    #[tokio::test]
    async fn bulk_items_are_requested_only_after_a_failure() {
        let failed =
            r#"{"items":[{"index":{"status":201}},{"index":{"status":400,"error":{"type":"x","reason":"r"}}}]}"#;
        let answers = vec![ok(r#"{"errors":false}"#), ok(r#"{"errors":true}"#), ok(failed)];
        let (cluster, asked, _) = cluster("9.0.0", answers).await;
        let options = BulkOptions {
            size: 1 << 20,
            concurrency: 1,
        };
        for good in [true, false] {
            let mut bulk = cluster.bulk_index_without_alias("a", options);
            let mut bodies = bulk.bodies();
            assert!(["1", "2"].iter().all(|id| bodies.add(id, b"{}").is_none()));
            bulk.send(bodies.finish().unwrap()).await.unwrap();
            match bulk.finish().await {
                Ok(documents) => assert!(good && documents == 2, "{documents}"),
                Err(error) => assert!(
                    !good && matches!(&error, Error::ItemRejected { id, .. } if **id == *"2"),
                    "{error}"
                ),
            }
        }
        let asked = asked.lock().unwrap();
        assert!(asked[1].0.contains("filter_path=errors") && asked[2].0.contains("status"));
        assert_eq!(asked[1].1, asked[2].1);
    }

    #[tokio::test]
    async fn too_large_bulk_request_is_split() {
        let done = r#"{"items":[{"index":{"status":201}}]}"#;
        let (cluster, asked, _) = cluster("9.0.0", vec![(413, "", String::new()), ok(done), ok(done)]).await;
        let mut bulk = cluster.bulk_alias(
            "a",
            BulkOptions {
                size: 1 << 20,
                concurrency: 2,
            },
        );
        let mut bodies = bulk.bodies();
        assert!(["1", "2"].iter().all(|id| bodies.add(id, b"{}").is_none()));
        bulk.send(bodies.finish().unwrap()).await.unwrap();
        assert_eq!(bulk.finish().await.unwrap(), 2);
        let asked = asked.lock().unwrap();
        assert!(asked[0].0.contains("require_alias=true"));
        assert_eq!(asked[0].1, format!("{}{}", asked[1].1, asked[2].1));
    }
}
