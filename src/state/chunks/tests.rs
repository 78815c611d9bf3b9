#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;

use std::io::Write;

use super::*;
use crate::state::Error;

const LIMITS: StateLimits = StateLimits { decoded: 1 << 20 };

fn encoded(bytes: &[u8]) -> String {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(bytes).unwrap();
    STANDARD.encode(gzip.finish().unwrap())
}

fn decode(documents: &[String]) -> Result<(u64, Vec<u8>), Error> {
    let mut decoder = ChunkDecoder::new(Vec::new(), LIMITS);
    for (n, document) in documents.iter().enumerate() {
        decoder.document(&format!("a#{}", n + 1), document.as_bytes())?;
    }
    decoder.finish()
}

fn whole(text: &str) -> String {
    format!(r#"{{"compressed" : [ "{text}"],"eos":true}}"#)
}

#[test]
fn real_state_decodes_to_its_end() {
    for job in [
        "log-categories",
        "log-categories-multisnap",
        "user-population",
        "web-latency",
    ] {
        let path = format!("{}/tests/fixtures/jobs/{job}/state.ndjson", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let lines: Vec<_> = text.lines().collect();
        let mut decoders = std::collections::BTreeMap::new();
        for pair in lines.chunks(2) {
            let action: serde_json::Value = serde_json::from_str(pair[0]).unwrap();
            let id = action["index"]["_id"].as_str().unwrap();
            if id.ends_with("_quantiles") {
                continue;
            }
            let base = id.rsplit_once('#').unwrap().0.to_owned();
            let decoder = decoders
                .entry(base)
                .or_insert_with(|| ChunkDecoder::new(std::io::sink(), StateLimits { decoded: u64::MAX }));
            decoder.document(id, pair[1].as_bytes()).unwrap();
        }
        assert!(!decoders.is_empty());
        for (base, decoder) in decoders {
            assert!(decoder.finish().unwrap().0 > 100, "{base}");
        }
    }
}

#[test]
fn damage_is_told() {
    let text = encoded(b"state");
    let half = text.len() / 2;
    let mut flipped = STANDARD.decode(&text).unwrap();
    let crc = flipped.len() - 6;
    flipped[crc] ^= 1;
    let mut tail = STANDARD.decode(&text).unwrap();
    tail.push(0);
    let (head, rest) = tail.split_at(4);
    let padded = [STANDARD.encode(head), STANDARD.encode(rest)];
    let long = encoded(&vec![b'x'; (1 << 20) + 1]);
    let cases: Vec<(&str, Vec<String>, &str)> = vec![
        (
            "eos first",
            vec![format!(r#"{{"eos":true,"compressed":["{text}"]}}"#)],
            "before `compressed`",
        ),
        ("no eos", vec![format!(r#"{{"compressed":["{text}"]}}"#)], "lacks `eos`"),
        (
            "eos false",
            vec![format!(r#"{{"compressed":["{text}"],"eos":false}}"#)],
            "lacks `eos`",
        ),
        ("early eos", vec![whole(&text), whole(&text)], "follows the document"),
        (
            "unknown member",
            vec![format!(r#"{{"compressed":["{text}"],"eos":true,"x":1}}"#)],
            "unknown field",
        ),
        (
            "twice",
            vec![r#"{"compressed":[],"compressed":[],"eos":true}"#.to_owned()],
            "duplicate field",
        ),
        ("no chunks", vec![r#"{"eos":true}"#.to_owned()], "missing field"),
        ("an array", vec!["[]".to_owned()], "not a state document"),
        ("behind", vec![format!("{} 1", whole(&text))], "trailing"),
        (
            "a number",
            vec![r#"{"compressed":[1],"eos":true}"#.to_owned()],
            "a string",
        ),
        ("not base64", vec![whole("!!!!")], "not base64"),
        ("group cut", vec![whole(&text[..text.len() - 1])], "group of four"),
        ("cut", vec![whole(&text[..half - half % 4])], "cut short"),
        (
            "nothing",
            vec![r#"{"compressed":[],"eos":true}"#.to_owned()],
            "cut short",
        ),
        ("flipped", vec![whole(&STANDARD.encode(&flipped))], "damaged"),
        ("trailing", vec![whole(&STANDARD.encode(&tail))], "follow"),
        (
            "padding inside",
            vec![format!(
                r#"{{"compressed":["{}","{}"],"eos":true}}"#,
                padded[0], padded[1]
            )],
            "follows its padding",
        ),
        (
            "two members",
            vec![whole(&STANDARD.encode(STANDARD.decode(&text).unwrap().repeat(2)))],
            "follow",
        ),
        ("bomb", vec![whole(&long)], "more than 1048576"),
    ];
    for (name, documents, why) in cases {
        let error = decode(&documents).expect_err(name).to_string();
        assert!(error.contains(why), "{name}: {error}");
    }
}

proptest! {
    #[test]
    fn any_chunking_decodes_alike(bytes in proptest::collection::vec(any::<u8>(), 0..3000), cuts in proptest::collection::vec(1usize..50, 1..200)) {
        let text = encoded(&bytes);
        let (mut rest, mut chunks) = (text.as_str(), Vec::new());
        for cut in cuts {
            let (head, tail) = rest.split_at(cut.min(rest.len()));
            chunks.push(format!(r#""{head}""#));
            rest = tail;
        }
        chunks.push(format!(r#""{rest}""#));
        let middle = chunks.len() / 2;
        let documents = [
            format!(r#"{{"compressed":[{}]}}"#, chunks[..middle].join(",")),
            format!(r#"{{"compressed":[{}],"eos":true}}"#, chunks[middle..].join(",")),
        ];
        let (decoded, sink) = decode(&documents).unwrap();
        prop_assert_eq!(decoded, bytes.len() as u64);
        prop_assert_eq!(sink, bytes);
    }
}
