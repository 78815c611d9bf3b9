//! The server: security, faults, and the log of requests.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use crate::support::cluster::auth::Auth;
use crate::support::cluster::documents::InMemory;
use crate::support::cluster::faults::{Action, FaultPlan, FaultRule};
use crate::support::cluster::stand_in::{StandIn, StandInOptions};

/// Sends a request over a new connection. Returns what was received until it was closed.
fn raw(stand_in: &StandIn, method: &str, uri: &str, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(stand_in.url().trim_start_matches("http://")).unwrap();
    let length = body.len();
    let request = format!(
        "{method} {uri} HTTP/1.1\r\nhost: stand-in\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8(answer).unwrap()
}

fn started(change: impl FnOnce(&mut StandInOptions)) -> StandIn {
    let mut options = StandInOptions::new(Arc::new(InMemory::new()));
    change(&mut options);
    StandIn::start(options)
}

#[test]
fn logs_requests_and_recognizes_writes() {
    let stand_in = started(|_| {});
    raw(&stand_in, "PUT", "/a", "", "{}");
    raw(&stand_in, "POST", "/a/_search?size=1", "", "{}");
    raw(&stand_in, "POST", "/a/_pit?keep_alive=1m", "", "");
    let requests = stand_in.requests();
    assert_eq!(
        requests.iter().map(|one| one.status).collect::<Vec<_>>(),
        [200, 200, 200]
    );
    assert_eq!(requests[1].query, [("size".to_owned(), "1".to_owned())]);
    assert_eq!(stand_in.writes().len(), 1);
    assert_eq!(stand_in.documents().open_contexts(), Some(1));
    stand_in.call("DELETE", "/a", "");
    assert_eq!(stand_in.requests().len(), 3, "the test's own calls are not logged");
}

#[test]
fn authenticates_users() {
    let stand_in = started(|options| options.auth = Some(Auth::new().basic("u", "p").api_key("i", "k").bearer("t")));
    for (header, expected) in [
        ("authorization: Basic dTpw\r\n", "200 OK"),
        ("authorization: ApiKey aTpr\r\n", "200 OK"),
        ("authorization: Bearer t\r\n", "200 OK"),
        (
            "authorization: Bearer other\r\n",
            "missing authentication credentials for REST request [/_cluster/health]",
        ),
        (
            "authorization: Basic dTpvdGhlcg==\r\n",
            "unable to authenticate user [u] for REST request",
        ),
        ("", "www-authenticate: Basic realm=\"security\" charset=\"UTF-8\""),
    ] {
        let answer = raw(&stand_in, "GET", "/_cluster/health", header, "");
        assert!(answer.contains(expected), "{header}: {answer}");
    }
}

#[test]
fn injects_faults() {
    let faults = FaultPlan::of([
        FaultRule::on("GET", "/_cat").then(Action::too_many_requests(7)),
        FaultRule::on("GET", "/_cluster").nth(2).then(Action::Close),
        FaultRule::on("GET", "/chunked").then(Action::CloseInBody(3)),
        FaultRule::on("GET", "/short").then(Action::CutBody {
            to: 3,
            right_length: true,
        }),
        FaultRule::on("GET", "/early").then(Action::CutBody {
            to: 3,
            right_length: false,
        }),
        FaultRule::on("PUT", "/lost").carry_out().then(Action::Close),
    ]);
    let stand_in = started(|options| options.faults = faults.clone());
    let get = |uri: &str| raw(&stand_in, "GET", uri, "", "");
    assert!(get("/_cat/indices").contains("retry-after: 7"));
    assert!(get("/_cat/indices?format=json").ends_with("[]"));
    assert!(get("/_cluster/health").contains("200 OK"));
    assert_eq!(get("/_cluster/health"), "");
    let body = stand_in.call("GET", "/early", "").body.len();
    assert!(get("/chunked").ends_with("3\r\n{\"e\r\n"));
    assert!(get("/short").contains("content-length: 3\r\n") && body > 3);
    let early = get("/early");
    assert!(
        early.contains(&format!("content-length: {body}\r\n")) && early.ends_with("{\"e"),
        "{early}"
    );
    assert_eq!(raw(&stand_in, "PUT", "/lost", "", "{}"), "");
    assert_eq!(
        stand_in.call("GET", "/lost", "").status,
        200,
        "carried out before its answer was lost"
    );
    assert_eq!(faults.fired(), [1; 6]);
}

#[test]
fn runs_hooks_before_requests() {
    let stand_in = started(|_| {});
    let direct = stand_in.direct();
    let hook = move |_: &_| {
        direct.call("PUT", "/made-by-hook", "");
    };
    stand_in.faults().add(FaultRule::on("GET", "/_cat").run(hook));
    assert!(raw(&stand_in, "GET", "/_cat/indices?format=json", "", "").contains("made-by-hook"));
}

#[test]
#[cfg(target_os = "linux")]
fn refuses_connections_and_listens_again() {
    let stand_in = started(|_| {});
    let network = stand_in.network();
    for times in [1, 2] {
        for _ in 0..times {
            network.refuse();
        }
        assert!(TcpStream::connect(stand_in.url().trim_start_matches("http://")).is_err());
        network.listen();
        let answer = raw(&stand_in, "GET", "/_cluster/health", "", "");
        assert!(answer.starts_with("HTTP/1.1 200"), "{times} {answer}");
    }
}
