//! States of real jobs.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

use super::*;
use crate::state::ChunkEncoder;
use crate::state::hash::scope_hash;

type Found = BTreeMap<(ValueKind, Option<String>), BTreeSet<String>>;

fn found(job: &str) -> Found {
    let mut found = Found::new();
    let mut note = |location: &ValueLocation<'_>, text: &str| {
        let key = (location.kind, location.field.map(str::to_owned));
        found.entry(key).or_default().insert(text.to_owned());
        Change::Keep
    };
    for (stream, state) in states(job) {
        walk(stream, &state, &mut note).unwrap();
    }
    found
}

/// Returns the distinct values of a field in the input documents of the fixture.
fn inputs(job: &str, field: &str) -> BTreeSet<String> {
    let text = fixture(job, "inputs.ndjson");
    let documents = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    documents
        .filter_map(|document| document[field].as_str().map(str::to_owned))
        .collect()
}

fn of<'a>(found: &'a Found, kind: ValueKind, field: &str) -> &'a BTreeSet<String> {
    found
        .get(&(kind, Some(field.to_owned())))
        .unwrap_or_else(|| panic!("{kind:?} of {field}"))
}

fn decode(quantiles: &str, out: &mut Vec<u8>) {
    let mut decoder = TextDecoder::new(out, MAX_BYTES);
    decoder.push(quantiles.as_bytes()).unwrap();
    decoder.finish().unwrap();
}

#[test]
fn real_state_is_recognized_and_unchanged() {
    for job in JOBS {
        for (stream, state) in states(job) {
            let same = walk(stream, &state, |_: &ValueLocation<'_>, _: &str| Change::Keep).unwrap();
            assert!(same.as_bytes() == state, "{job} {stream:?}");
        }
        for text in quantiles(job) {
            let mut old = Vec::new();
            decode(&text, &mut old);
            let rewritten = rewrite_quantiles(&text, MAX_BYTES, |_: &ValueLocation<'_>, _: &str| Change::Keep).unwrap();
            let mut new = Vec::new();
            decode(&rewritten, &mut new);
            assert!(old == new, "{job} quantiles");
            let plain = String::from_utf8(old).unwrap();
            let rewritten =
                rewrite_quantiles(&plain, MAX_BYTES, |_: &ValueLocation<'_>, _: &str| Change::Keep).unwrap();
            assert!(plain == rewritten, "{job} plain quantiles");
        }
    }
}

#[test]
fn rewritten_real_state_decodes_to_the_same_bytes() {
    for job in JOBS {
        for (stream, state) in states(job) {
            let mut documents = Vec::new();
            let encoder = ChunkEncoder::compressing(|_, document: &[u8]| {
                documents.push(document.to_vec());
                Ok(())
            });
            let mut texts = StateRewriter::new(stream, |_: &ValueLocation<'_>, _: &str| Change::Keep, encoder);
            texts.write_all(&state).unwrap();
            let (_, encoder) = texts.finish().unwrap();
            encoder.finish().unwrap().finish().unwrap();
            let mut decoder = ChunkDecoder::new(Vec::new(), MAX_BYTES);
            for document in &documents {
                decoder.document("a#1", document).unwrap();
            }
            assert!(decoder.finish().unwrap().1 == state, "{job} {stream:?}");
        }
    }
}

#[test]
fn every_value_of_the_input_documents_is_found() {
    let web = found("web-latency");
    assert!(of(&web, ValueKind::Partition, "host").is_superset(&inputs("web-latency", "host")));
    assert!(of(&web, ValueKind::By, "status").is_superset(&inputs("web-latency", "status")));
    assert_eq!(of(&web, ValueKind::Partition, "host").len(), 30);
    assert!(
        of(&web, ValueKind::Influencer, "clientip")
            .iter()
            .all(|ip| ip.parse::<std::net::IpAddr>().is_ok())
    );
    assert!(of(&web, ValueKind::Influencer, "host").is_subset(of(&web, ValueKind::Partition, "host")));

    let users = found("user-population");
    assert!(of(&users, ValueKind::Over, "user").is_superset(&inputs("user-population", "user")));
    assert_eq!(of(&users, ValueKind::Over, "user").len(), 5000);
    assert!(of(&users, ValueKind::Influencer, "program").contains("outlook"));

    let logs = found("log-categories");
    assert_eq!(of(&logs, ValueKind::By, "mlcategory").len(), 12);
    assert!(of(&logs, ValueKind::Influencer, "service").contains("checkout"));
    let plain = |kind| logs.get(&(kind, None)).unwrap();
    assert_eq!(plain(ValueKind::CategoryToken).len(), 79);
    assert_eq!(plain(ValueKind::CategoryMessage).len(), 12);
    assert_eq!(plain(ValueKind::CategoryExample).len(), 48);
}

#[test]
fn every_normalizer_key_has_a_known_value() {
    for (job, partition, person, influencers) in [
        ("web-latency", "host", "status", ["host", "clientip"]),
        ("user-population", "", "user", ["user", "program"]),
        ("log-categories", "", "mlcategory", ["mlcategory", "service"]),
    ] {
        let values: BTreeSet<String> = found(job).into_values().flatten().collect();
        let mut known: BTreeSet<u64> = [0, scope_hash(["", "", "", ""])].into();
        for field in influencers {
            known.insert(scope_hash(["", "", field, ""]));
            known.extend(values.iter().map(|value| scope_hash(["", "", field, value])));
        }
        for value in &values {
            known.insert(scope_hash([partition, value, "", ""]));
            known.insert(scope_hash(["", "", person, value]));
        }
        known.insert(scope_hash(["", "", person, ""]));
        let (mut keys, mut unexplained) = (0, 0);
        for text in quantiles(job) {
            let count = |location: &ValueLocation<'_>, text: &str| {
                if location.kind == ValueKind::ScopeHash {
                    keys += 1;
                    unexplained += u32::from(!known.contains(&text.parse().unwrap()));
                }
                Change::Keep
            };
            let _ = read_quantiles(&text, MAX_BYTES, count).unwrap();
        }
        assert!(keys > 10, "{job}");
        // Values of fields that are only influencers are dropped with their bucket.
        let forgotten = if job == "web-latency" { 53 } else { 0 };
        assert!(unexplained <= forgotten, "{job}: {unexplained} of {keys}");
    }
}
