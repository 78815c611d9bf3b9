//! Small states, each for one case.

use std::io::{self, Write};

use super::*;
use crate::state::hash::value_hash;

/// A detector for `distinct_count(user) by service partitionfield=host` with an open bucket.
const UNIQUE: &str = r#"{"a":"1","b":"34","detector":{"c":{"d":{"i":"0","a":"9","b":"0","g":"0","c":"user","d":"service","e":"","f":"host","h":"user","h":"host"}},"d":{"c":"web\u002d1"},"e":{"b":{"a":{"a":"9","b":{"a":"-","a":"login","b":"0","c":""},"c":{"b":"","c":""},"e":{"a":{"a":{"b":"1","k":{},"l":{"b":"0","a":{"b":"1","a":{"a":"1","b":"0","d":"web-1","c":"1"},"b":"0","a":{"e":""}}},"m":{}},"c":{"b":"0","a":{"b":"1","a":"0","h":{"b":{"a":"WORD","b":"anna"},"a":{"a":"anna","b":"WORD"},"a":{"a":"web-1","b":"WORD"}}}}}}},"b":{"d":{"a":{"a":"1","k":{"d":"0"}},"b":{}}}}}}}"#;

fn unique() -> String {
    UNIQUE.replace("WORD", &value_hash("anna").to_string())
}

#[test]
fn words_and_their_influencers_are_found() {
    let mut seen = Vec::new();
    walk(
        StateStream::Model,
        unique().as_bytes(),
        |location: &ValueLocation<'_>, text: &str| {
            let field = location.field.unwrap_or_default().to_owned();
            seen.push((location.kind, field, text.to_owned()));
            assert_eq!(location.detector.unwrap().partition_value, "web-1");
            Change::Keep
        },
    )
    .unwrap();
    let hash = value_hash("anna").to_string();
    let wanted = [
        (ValueKind::Partition, "host", "web-1"),
        (ValueKind::By, "service", "login"),
        (ValueKind::Influencer, "host", "web-1"),
        (ValueKind::ValueHash, "user", &hash),
        (ValueKind::Counted, "user", "anna"),
        (ValueKind::Influencer, "user", "anna"),
        (ValueKind::ValueHash, "user", &hash),
        (ValueKind::Influencer, "host", "web-1"),
        (ValueKind::ValueHash, "user", &hash),
    ];
    let wanted: Vec<_> = wanted
        .map(|(kind, field, text)| (kind, field.to_owned(), text.to_owned()))
        .into();
    assert_eq!(seen, wanted);
}

#[test]
fn replaced_or_dropped_values_leave_others_unchanged() {
    let changed = walk(
        StateStream::Model,
        unique().as_bytes(),
        |location: &ValueLocation<'_>, text: &str| match (location.kind, text) {
            (ValueKind::ValueHash, _) => Change::Drop,
            (_, "anna") => Change::Replace("t\"1".to_owned()),
            _ => Change::Keep,
        },
    );
    let hash = value_hash("anna");
    let wanted = unique()
        .replace(&format!(r#""a":"{hash}","b":"anna""#), r#""b":"t\"1""#)
        .replace(r#""a":"anna""#, r#""a":"t\"1""#)
        .replace(&format!(r#","b":"{hash}""#), "");
    assert_eq!(changed.unwrap(), wanted);
}

#[test]
fn dropped_scope_key_includes_its_score() {
    let quantiles = |size: &str, scores: &str| {
        format!(
            r#"[{{"mlcue":"infl1","mlkey":"api","mlquantilesdescription":" host  ","mlversion":"3","time":"1","a":{{"a":"0","g":{{"d":"{size}"{scores}}},"h":"0"}}}}, {{"mlcue":"sysChange","mlkey":"api","a":{{"g":{{"d":"1","a":{{"a":"1","b":{{}}}}}}}}}}]"#
        )
    };
    let old = quantiles(
        "3",
        r#","a":{"a":"1","b":{"a":"0.5","b":"0"}},"a":{"a":"2","b":{}},"a":{"a":"3","b":{}}"#,
    );
    let new = rewrite_quantiles(&old, MAX_BYTES, |location: &ValueLocation<'_>, text: &str| {
        match (location.kind, text) {
            (ValueKind::ScopeHash, "2") => Change::Drop,
            (ValueKind::ScopeHash, "3") => Change::Replace("4".to_owned()),
            _ => Change::Keep,
        }
    });
    let wanted = quantiles("2", r#","a":{"a":"1","b":{"a":"0.5","b":"0"}},"a":{"a":"4","b":{}}"#);
    assert_eq!(new.unwrap(), wanted);
}

#[test]
fn unknown_form_is_refused() {
    let quantiles = r#"[{"mlcue":"infl1","mlkey":"api","mlversion":"3","a":{"g":{"d":"0"}}}]"#;
    let categorizer = r#"{"a":"1","b":{"a":"word","b":"1","c":{"a":"a word","b":"0"},"d":"0"},"c":{"a":{"b":"1","c":"a word"}},"g":"0"}"#;
    let unique = unique();
    let mut cases = Vec::new();
    let mut case = |stream, text: &str, old: &str, new: &str| {
        assert!(text.contains(old), "{old}");
        cases.push((stream, text.replacen(old, new, 1)));
    };
    for (old, new) in [
        (r#""b":"34""#, r#""b":"35""#),
        (r#""a":"1","b":"34""#, r#""z":"1","b":"34""#),
        (r#""a":"1","b":"34""#, r#""a":["1"],"b":"34""#),
        (r#""a":"1","b":"34""#, r#""a":1,"b":"34""#),
        (r#""a":"1","b":"34""#, r#""a":"10.1.2.3","b":"34""#),
        // An unknown function, or an additional name in the key.
        (r#""a":"9","b":"0""#, r#""a":"17","b":"0""#),
        (r#""i":"0","a":"9""#, r#""i":"0","j":"x","a":"9""#),
        // Names before the key, or without a field.
        (r#""d":"service""#, r#""d":"""#),
        (r#""f":"host""#, r#""f":"""#),
        (r#""h":"user","h":"host""#, r#""h":"user""#),
        // Texts instead of numbers.
        (r#""b":"0","c":"""#, r#""b":"x","c":"""#),
        (r#""k":{},"l""#, r#""k":{"b":"anna"},"l""#),
        (r#""k":{},"l""#, r#""k":{"anna":"1"},"l""#),
        (r#"{"e":""}"#, r#"{"e":"x"}"#),
        (r#""b":{}"#, r#""b":{"anna":{}}"#),
        (r#""a":"anna""#, r#""a":{"a":"anna"}"#),
        (r#""h":{"b""#, r#""h":{"c":{},"b""#),
    ] {
        case(StateStream::Model, &unique, old, new);
    }
    for (old, new) in [
        (r#""a":"1""#, r#""a":"2""#),
        (r#""g":"0""#, r#""h":"0""#),
        (r#""d":"0""#, r#""d":"x""#),
        (r#""b":"0"}"#, r#""b":"0","l":"x"}"#),
    ] {
        case(StateStream::Categorizer, categorizer, old, new);
    }
    for (old, new) in [
        ("infl1", "inflhost"),
        ("\"api\"", "\"other\""),
        ("\"3\"", "\"4\""),
        (r#""d":"0""#, r#""d":"0","e":"x""#),
        (r#""d":"0""#, r#""d":"0","a":{"a":"host"}"#),
        (r#""d":"0""#, r#""d":"x""#),
    ] {
        case(StateStream::Quantiles, quantiles, old, new);
    }
    for (stream, whole) in [
        (StateStream::Model, unique.as_str()),
        (StateStream::Categorizer, categorizer),
        (StateStream::Quantiles, quantiles),
    ] {
        walk(stream, whole.as_bytes(), |_: &ValueLocation<'_>, _: &str| Change::Keep).unwrap();
    }
    for (stream, text) in cases {
        let refused = walk(stream, text.as_bytes(), |_: &ValueLocation<'_>, _: &str| Change::Keep).unwrap_err();
        assert!(matches!(refused.cause, Cause::Unknown(_)), "{refused} {text}");
        assert!(!refused.to_string().contains("anna"), "{refused}");
    }
}

#[test]
fn permanently_applied_rules_are_visited() {
    let text = unique().replace(r#""k":{"d":"0"}"#, r#""k":{"d":"1","a":{"a":"123","b":"4"}}"#);
    let refuse = |location: &ValueLocation<'_>, _: &str| match location.kind {
        ValueKind::RuleChecksums => Change::Refuse("permanently applied rules"),
        _ => Change::Keep,
    };
    let error = walk(StateStream::Model, text.as_bytes(), refuse).unwrap_err();
    assert!(error.to_string().contains("at detector.e.b.b.d.a.k: "), "{error}");
    walk(StateStream::Model, unique().as_bytes(), refuse).unwrap();
}

#[test]
fn sink_errors_are_returned_unchanged() {
    struct Full;
    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut decoder = ChunkDecoder::new(Full, MAX_BYTES);
    let text = fixture("web-latency", "state.ndjson");
    let error = decoder
        .document("a#1", text.lines().nth(1).unwrap().as_bytes())
        .unwrap_err();
    let unchanged = io::Error::from(io::ErrorKind::StorageFull).to_string();
    assert_eq!(error.cause, Cause::Sink(unchanged));
}
