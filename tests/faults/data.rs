//! Answers that are good but for the data that is missing, and data that changes while it is read.

use super::cell::on;
use super::export::{self, undisturbed};
use super::spot::Spot;
use super::subject::{JOB, Port, source};
use super::walk::{each, elsewhere};
use crate::support::binary::Run;
use crate::support::cluster::Call;
use crate::support::cluster::faults::{Action, Fault};
use crate::support::cluster::stand_in::Direct;
use crate::support::in_process::InProcess;
use crate::support::world::World;

/// Exports while something is wrong; nothing may be left.
fn failed(world: &World, says: &str, hint: &str) -> Result<Run, String> {
    let directory = tempfile::tempdir().unwrap();
    let run = export::run(world, &InProcess::new(), &directory.path().join("out.tar.gz"));
    let left = std::fs::read_dir(directory.path()).unwrap().count();
    let open = world.documents.open_contexts();
    match run.code == 1 && left == 0 && open == Some(0) && run.stderr.contains(says) && run.stderr.contains(hint) {
        true => Ok(run),
        false => Err(format!(
            "exit {}, {left} files, {open:?} open\n{}",
            run.code, run.stderr
        )),
    }
}

fn spots(wanted: impl Fn(&Spot) -> bool) -> Vec<&'static Spot> {
    undisturbed().spots.iter().filter(|spot| wanted(spot)).collect()
}

/// Good but for the data of a shard.
pub const WITHOUT_ALL_SHARDS: &str = r#"{"count":5,"timed_out":false,"_shards":{"total":2,"successful":1,"skipped":0,"failed":1,"failures":[
    {"shard":0,"index":"i","reason":{"type":"circuit_breaking_exception","reason":"too much"}}]},
    "hits":{"total":{"value":5,"relation":"eq"},"hits":[]}}"#;

#[test]
fn an_answer_without_all_shards_is_never_taken() {
    let search = |spot: &Spot| spot.path.ends_with("/_search") || spot.path.ends_with("/_count");
    let walked = each(spots(|spot| search(spot)), |spot| {
        let world = source(Port::Plain);
        world
            .stand_in
            .faults()
            .add(on(spot).always().then(Action::status(200, WITHOUT_ALL_SHARDS)));
        failed(&world, "1 of 2 shards failed", "hint: ")
            .map(drop)
            .map_err(|why| format!("{spot:?}: {why}"))
    });
    walked.hold("shards failed");
}

#[test]
fn a_search_that_expires_between_two_pages_is_said_so() {
    let walked = each(spots(|spot| spot.path == "/_search"), |spot| {
        let world = source(Port::Plain);
        let documents = world.documents.clone();
        world.stand_in.faults().add(on(spot).run(move |_| {
            documents.expire_contexts();
        }));
        failed(&world, "search context no longer exists", "--keep-alive")
            .map(drop)
            .map_err(|why| format!("{spot:?}: {why}"))
    });
    walked.hold("expired");
}

/// Removes a document right before that request.
fn vanishes(spot: Fault, index: &'static str, says: &str) {
    let world = source(Port::Plain);
    let direct = world.stand_in.direct();
    world
        .stand_in
        .faults()
        .add(spot.run(move |_: &Call| remove_one(&direct, index)));
    failed(&world, says, "hint: ").unwrap_or_else(|why| panic!("{why}"));
}

fn remove_one(cluster: &Direct, index: &str) {
    let query = match index.starts_with(".ml-state") {
        true => r#"{"query":{"ids":{"values":["log-categories_model_state_1795433132#1"]}}}"#,
        false => r#"{"query":{"match_all":{}}}"#,
    };
    let found = cluster.call("POST", &format!("/{index}/_search"), query).value();
    let hit = &found["hits"]["hits"][0];
    let id = hit["_id"].as_str().unwrap().replace('#', "%23");
    let path = format!("/{}/_doc/{id}?refresh=true", hit["_index"].as_str().unwrap());
    assert_eq!(cluster.call("DELETE", &path, "").status, 200, "{found}");
}

#[test]
fn documents_that_vanish_after_they_were_counted_are_missed() {
    vanishes(
        Fault::on("POST", "/app-logs/_pit"),
        "app-logs",
        "inputs: 5 documents were counted, 4",
    );
    vanishes(
        Fault::on("POST", "/.ml-annotations-read/_pit"),
        ".ml-annotations-read",
        "documents were counted",
    );
    vanishes(
        Fault::on("POST", "/.ml-state"),
        ".ml-state*",
        "state documents, 0 were found",
    );
}

#[test]
fn a_redirect_is_not_followed() {
    let world = source(Port::Plain);
    let to = Action::redirect(&elsewhere().url());
    world
        .stand_in
        .faults()
        .add(Fault::on("GET", &format!("/_ml/anomaly_detectors/{JOB}")).then(to));
    failed(&world, "redirects to", "--url").unwrap_or_else(|why| panic!("{why}"));
    // Nothing that any test of this file redirects is sent on.
    assert!(elsewhere().requests().is_empty());
}
