#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use super::*;
use crate::state::hash::{scope, word};
use crate::state::{ChunkDecoder, ChunkEncoder, Error, StateLimits};

const LIMITS: StateLimits = StateLimits { decoded: 1 << 30 };
const JOBS: [&str; 4] = [
    "log-categories",
    "log-categories-multisnap",
    "user-population",
    "web-latency",
];

fn fixture(job: &str, file: &str) -> String {
    let path = format!("{}/tests/fixtures/jobs/{job}/{file}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

/// Decoded states of a job with their kinds.
fn states(job: &str) -> Vec<(Subject, Vec<u8>)> {
    let text = fixture(job, "state.ndjson");
    let lines: Vec<&str> = text.lines().collect();
    let mut states = Vec::new();
    for pair in lines.chunks(2) {
        let action: serde_json::Value = serde_json::from_str(pair[0]).unwrap();
        let id = action["index"]["_id"].as_str().unwrap();
        if id.ends_with("_quantiles") {
            continue;
        }
        assert!(id.ends_with("#1"), "the fixtures' states have one document each");
        let mut decoder = ChunkDecoder::new(Vec::new(), LIMITS);
        decoder.document(id, pair[1].as_bytes()).unwrap();
        let subject = match id.contains("_categorizer_state") {
            true => Subject::Categorizer,
            false => Subject::Model,
        };
        states.push((subject, decoder.finish().unwrap().1));
    }
    states
}

/// `quantile_state` of each snapshot.
fn quantiles(job: &str) -> Vec<String> {
    let text = fixture(job, "model_snapshots.ndjson");
    let documents = text.lines().filter_map(|line| {
        serde_json::from_str::<serde_json::Value>(line).unwrap()["quantiles"]["quantile_state"]
            .as_str()
            .map(str::to_owned)
    });
    documents.collect()
}

fn walk(subject: Subject, state: &[u8], visitor: impl Visitor) -> Result<String, Error> {
    let mut texts = Texts::new(subject, visitor, Vec::new());
    let written = texts.write_all(state).and_then(|()| texts.finish());
    let (_, out) = written.map_err(|cause| Error::of_sink("state", cause))?;
    Ok(String::from_utf8(out).unwrap())
}

type Found = BTreeMap<(What, Option<String>), BTreeSet<String>>;

fn found(job: &str) -> Found {
    let mut found = Found::new();
    let mut note = |place: &Place<'_>, text: &str| {
        let key = (place.what, place.field.map(str::to_owned));
        found.entry(key).or_default().insert(text.to_owned());
        Change::Keep
    };
    for (subject, state) in states(job) {
        walk(subject, &state, &mut note).unwrap();
    }
    found
}

/// Distinct values of a field of the fixture's inputs.
fn inputs(job: &str, field: &str) -> BTreeSet<String> {
    let text = fixture(job, "inputs.ndjson");
    let documents = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    documents
        .filter_map(|document| document[field].as_str().map(str::to_owned))
        .collect()
}

fn of<'a>(found: &'a Found, what: What, field: &str) -> &'a BTreeSet<String> {
    found
        .get(&(what, Some(field.to_owned())))
        .unwrap_or_else(|| panic!("{what:?} of {field}"))
}

#[test]
fn real_state_is_known_and_stays_as_it_is() {
    for job in JOBS {
        for (subject, state) in states(job) {
            let same = walk(subject, &state, |_: &Place<'_>, _: &str| Change::Keep).unwrap();
            assert!(same.as_bytes() == state, "{job} {subject:?}");
        }
        for text in quantiles(job) {
            let mut old = Vec::new();
            crate::state::chunks::decode_text("q", &text, LIMITS, &mut old).unwrap();
            let rewritten = rewrite_quantiles(&text, LIMITS, |_: &Place<'_>, _: &str| Change::Keep).unwrap();
            let mut new = Vec::new();
            crate::state::chunks::decode_text("q", &rewritten, LIMITS, &mut new).unwrap();
            assert!(old == new, "{job} quantiles");
            let plain = String::from_utf8(old).unwrap();
            let rewritten = rewrite_quantiles(&plain, LIMITS, |_: &Place<'_>, _: &str| Change::Keep).unwrap();
            assert!(plain == rewritten, "{job} plain quantiles");
        }
    }
}

#[test]
fn real_state_written_again_decodes_to_the_same_bytes() {
    for job in JOBS {
        for (subject, state) in states(job) {
            let mut documents = Vec::new();
            let encoder = ChunkEncoder::new(|_, document: &[u8]| {
                documents.push(document.to_vec());
                Ok(())
            });
            let mut texts = Texts::new(subject, |_: &Place<'_>, _: &str| Change::Keep, encoder);
            texts.write_all(&state).unwrap();
            let (_, encoder) = texts.finish().unwrap();
            encoder.finish().unwrap();
            let mut decoder = ChunkDecoder::new(Vec::new(), LIMITS);
            for document in &documents {
                decoder.document("a#1", document).unwrap();
            }
            assert!(decoder.finish().unwrap().1 == state, "{job} {subject:?}");
        }
    }
}

#[test]
fn every_value_that_the_inputs_have_is_found() {
    let web = found("web-latency");
    assert!(of(&web, What::Partition, "host").is_superset(&inputs("web-latency", "host")));
    assert!(of(&web, What::By, "status").is_superset(&inputs("web-latency", "status")));
    assert_eq!(of(&web, What::Partition, "host").len(), 30);
    assert!(
        of(&web, What::Influencer, "clientip")
            .iter()
            .all(|ip| ip.parse::<std::net::IpAddr>().is_ok())
    );
    assert!(of(&web, What::Influencer, "host").is_subset(of(&web, What::Partition, "host")));

    let users = found("user-population");
    assert!(of(&users, What::Over, "user").is_superset(&inputs("user-population", "user")));
    assert_eq!(of(&users, What::Over, "user").len(), 5000);
    assert!(of(&users, What::Influencer, "program").contains("outlook"));

    let logs = found("log-categories");
    assert_eq!(of(&logs, What::By, "mlcategory").len(), 12);
    assert!(of(&logs, What::Influencer, "service").contains("checkout"));
    let plain = |what| logs.get(&(what, None)).unwrap();
    assert_eq!(plain(What::CategoryToken).len(), 79);
    assert_eq!(plain(What::CategoryMessage).len(), 12);
    assert_eq!(plain(What::CategoryExample).len(), 48);
}

#[test]
fn every_key_of_every_normaliser_is_explained() {
    for (job, partition, person, influencers) in [
        ("web-latency", "host", "status", ["host", "clientip"]),
        ("user-population", "", "user", ["user", "program"]),
        ("log-categories", "", "mlcategory", ["mlcategory", "service"]),
    ] {
        let values: BTreeSet<String> = found(job).into_values().flatten().collect();
        let mut known: BTreeSet<u64> = [0, scope(["", "", "", ""])].into();
        for field in influencers {
            known.insert(scope(["", "", field, ""]));
            known.extend(values.iter().map(|value| scope(["", "", field, value])));
        }
        for value in &values {
            known.insert(scope([partition, value, "", ""]));
            known.insert(scope(["", "", person, value]));
        }
        known.insert(scope(["", "", person, ""]));
        let (mut keys, mut unexplained) = (0, 0);
        for text in quantiles(job) {
            let count = |place: &Place<'_>, text: &str| {
                if place.what == What::ScopeKey {
                    keys += 1;
                    unexplained += u32::from(!known.contains(&text.parse().unwrap()));
                }
                Change::Keep
            };
            let _ = read_quantiles(&text, LIMITS, count).unwrap();
        }
        assert!(keys > 10, "{job}");
        // Influencers that are nothing else are forgotten with their bucket.
        let forgotten = if job == "web-latency" { 53 } else { 0 };
        assert!(unexplained <= forgotten, "{job}: {unexplained} of {keys}");
    }
}

/// A detector of `distinct_count(user) by service partitionfield=host`, a bucket open.
const UNIQUE: &str = r#"{"a":"1","b":"34","detector":{"c":{"d":{"i":"0","a":"9","b":"0","g":"0","c":"user","d":"service","e":"","f":"host","h":"user","h":"host"}},"d":{"c":"web\u002d1"},"e":{"b":{"a":{"a":"9","b":{"a":"-","a":"login","b":"0","c":""},"c":{"b":"","c":""},"e":{"a":{"a":{"b":"1","k":{},"l":{"b":"0","a":{"b":"1","a":{"a":"1","b":"0","d":"web-1","c":"1"},"b":"0","a":{"e":""}}},"m":{}},"c":{"b":"0","a":{"b":"1","a":"0","h":{"b":{"a":"WORD","b":"anna"},"a":{"a":"anna","b":"WORD"},"a":{"a":"web-1","b":"WORD"}}}}}}},"b":{"d":{"a":{"a":"1","k":{"d":"0"}},"b":{}}}}}}}"#;

fn unique() -> String {
    UNIQUE.replace("WORD", &word("anna").to_string())
}

#[test]
fn words_and_their_influencers_are_found() {
    let mut seen = Vec::new();
    walk(Subject::Model, unique().as_bytes(), |place: &Place<'_>, text: &str| {
        if place.what != What::FieldName {
            seen.push((
                place.what,
                place.field.unwrap_or_default().to_owned(),
                text.to_owned(),
                place.registered,
            ));
            assert_eq!(place.detector.unwrap().partition_value, "web-1");
        }
        Change::Keep
    })
    .unwrap();
    let hash = word("anna").to_string();
    let wanted = [
        (What::Partition, "host", "web-1", false),
        (What::By, "service", "-", true),
        (What::By, "service", "login", true),
        (What::Influencer, "host", "web-1", false),
        (What::Word, "user", &hash, false),
        (What::Counted, "user", "anna", false),
        (What::Influencer, "user", "anna", false),
        (What::Word, "user", &hash, false),
        (What::Influencer, "host", "web-1", false),
        (What::Word, "user", &hash, false),
    ];
    let wanted: Vec<_> = wanted
        .map(|(what, field, text, r)| (what, field.to_owned(), text.to_owned(), r))
        .into();
    assert_eq!(seen, wanted);
}

#[test]
fn what_is_replaced_or_dropped_leaves_the_rest() {
    let changed = walk(
        Subject::Model,
        unique().as_bytes(),
        |place: &Place<'_>, text: &str| match (place.what, text) {
            (What::Word, _) => Change::Drop,
            (_, "anna") => Change::Replace("t\"1".to_owned()),
            _ => Change::Keep,
        },
    );
    let hash = word("anna");
    let wanted = unique()
        .replace(&format!(r#""a":"{hash}","b":"anna""#), r#""b":"t\"1""#)
        .replace(r#""a":"anna""#, r#""a":"t\"1""#)
        .replace(&format!(r#","b":"{hash}""#), "");
    assert_eq!(changed.unwrap(), wanted);
}

#[test]
fn a_scope_key_goes_with_its_score() {
    let quantiles = |size: &str, scores: &str| {
        format!(
            r#"[{{"mlcue":"infl1","mlkey":"api","mlquantilesdescription":" host  ","mlversion":"3","time":"1","a":{{"a":"0","g":{{"d":"{size}"{scores}}},"h":"0"}}}}, {{"mlcue":"sysChange","mlkey":"api","a":{{"g":{{"d":"1","a":{{"a":"1","b":{{}}}}}}}}}}]"#
        )
    };
    let old = quantiles(
        "3",
        r#","a":{"a":"1","b":{"a":"0.5","b":"0"}},"a":{"a":"2","b":{}},"a":{"a":"3","b":{}}"#,
    );
    let new = rewrite_quantiles(&old, LIMITS, |place: &Place<'_>, text: &str| match (place.what, text) {
        (What::ScopeKey, "2") => Change::Drop,
        (What::ScopeKey, "3") => Change::Replace("4".to_owned()),
        _ => Change::Keep,
    });
    let wanted = quantiles("2", r#","a":{"a":"1","b":{"a":"0.5","b":"0"}},"a":{"a":"4","b":{}}"#);
    assert_eq!(new.unwrap(), wanted);
}

#[test]
fn another_form_is_refused() {
    let quantiles = r#"[{"mlcue":"infl1","mlkey":"api","mlversion":"3","a":{"g":{"d":"0"}}}]"#;
    let categorizer = r#"{"a":"1","b":{"a":"word","b":"1","c":{"a":"a word","b":"0"},"d":"0"},"c":{"a":{"b":"1","c":"a word"}},"g":"0"}"#;
    let unique = unique();
    let mut cases = Vec::new();
    let mut case = |subject, text: &str, old: &str, new: &str| {
        assert!(text.contains(old), "{old}");
        cases.push((subject, text.replacen(old, new, 1)));
    };
    for (old, new) in [
        (r#""b":"34""#, r#""b":"35""#),
        (r#""a":"1","b":"34""#, r#""z":"1","b":"34""#),
        (r#""a":"1","b":"34""#, r#""a":["1"],"b":"34""#),
        (r#""a":"1","b":"34""#, r#""a":1,"b":"34""#),
        (r#""a":"1","b":"34""#, r#""a":"10.1.2.3","b":"34""#),
        // A function, or one more name in the key.
        (r#""a":"9","b":"0""#, r#""a":"17","b":"0""#),
        (r#""i":"0","a":"9""#, r#""i":"0","j":"x","a":"9""#),
        // Names before the key, or without a field.
        (r#""d":"service""#, r#""d":"""#),
        (r#""f":"host""#, r#""f":"""#),
        (r#""h":"user","h":"host""#, r#""h":"user""#),
        // Texts where numbers are.
        (r#""b":"0","c":"""#, r#""b":"x","c":"""#),
        (r#""k":{},"l""#, r#""k":{"b":"anna"},"l""#),
        (r#""k":{},"l""#, r#""k":{"anna":"1"},"l""#),
        (r#"{"e":""}"#, r#"{"e":"x"}"#),
        (r#""b":{}"#, r#""b":{"anna":{}}"#),
        (r#""a":"anna""#, r#""a":{"a":"anna"}"#),
        (r#""h":{"b""#, r#""h":{"c":{},"b""#),
    ] {
        case(Subject::Model, &unique, old, new);
    }
    for (old, new) in [
        (r#""a":"1""#, r#""a":"2""#),
        (r#""g":"0""#, r#""h":"0""#),
        (r#""d":"0""#, r#""d":"x""#),
        (r#""b":"0"}"#, r#""b":"0","l":"x"}"#),
    ] {
        case(Subject::Categorizer, categorizer, old, new);
    }
    for (old, new) in [
        ("infl1", "inflhost"),
        ("\"api\"", "\"other\""),
        ("\"3\"", "\"4\""),
        (r#""d":"0""#, r#""d":"0","e":"x""#),
        (r#""d":"0""#, r#""d":"0","a":{"a":"host"}"#),
        (r#""d":"0""#, r#""d":"x""#),
    ] {
        case(Subject::Quantiles, quantiles, old, new);
    }
    for (subject, whole) in [
        (Subject::Model, unique.as_str()),
        (Subject::Categorizer, categorizer),
        (Subject::Quantiles, quantiles),
    ] {
        walk(subject, whole.as_bytes(), |_: &Place<'_>, _: &str| Change::Keep).unwrap();
    }
    for (subject, text) in cases {
        let refused = walk(subject, text.as_bytes(), |_: &Place<'_>, _: &str| Change::Keep).unwrap_err();
        assert!(matches!(refused, Error::Unknown { .. }), "{refused} {text}");
        assert!(!refused.to_string().contains("anna"), "{refused}");
    }
}

#[test]
fn rules_applied_for_good_are_asked_about() {
    let text = unique().replace(r#""k":{"d":"0"}"#, r#""k":{"d":"1","a":{"a":"123","b":"4"}}"#);
    let refuse = |place: &Place<'_>, _: &str| match place.what {
        What::RuleChecksums => Change::Refuse("rules that were applied for good"),
        _ => Change::Keep,
    };
    let error = walk(Subject::Model, text.as_bytes(), refuse).unwrap_err();
    assert!(error.to_string().contains("at detector.e.b.b.d.a.k: "), "{error}");
    walk(Subject::Model, unique().as_bytes(), refuse).unwrap();
}

#[test]
fn a_sink_that_fails_says_so_itself() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut decoder = ChunkDecoder::new(Full, LIMITS);
    let text = fixture("web-latency", "state.ndjson");
    let error = decoder
        .document("a#1", text.lines().nth(1).unwrap().as_bytes())
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::Sink {
                kind: io::ErrorKind::StorageFull,
                ..
            }
        ),
        "{error}"
    );
}
