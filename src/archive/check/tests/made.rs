//! An archive made by hand, and what can be done to it.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{EntryType, Header};

/// An archive made by hand, to be damaged.
#[derive(Clone)]
pub(super) struct Tar {
    pub(super) entries: Vec<(String, Vec<u8>, EntryType)>,
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

pub(super) fn state(kind: &str, number: u64, chunk: &str, eos: bool) -> String {
    let end = if eos { r#","eos":true"# } else { "" };
    format!(
        "{{\"index\":{{\"_index\":\".ml-state\",\"_id\":\"{kind}#{number}\"}}}}\n{{\"compressed\":[\"{chunk}\"]{end}}}\n"
    )
}

pub(super) const MODEL: &str = "a_model_state_17";
pub(super) const CATEGORIZER: &str = "a_categorizer_state";

/// Three model documents and one of the categorizer.
pub(super) fn states() -> [String; 4] {
    let text = STANDARD.encode(gzip(b"some state"));
    let (one, rest) = text.split_at(5);
    let (two, three) = rest.split_at(7);
    [
        state(MODEL, 1, one, false),
        state(MODEL, 2, two, false),
        state(MODEL, 3, three, true),
        state(CATEGORIZER, 1, &text, true),
    ]
}

pub(super) fn good() -> Tar {
    let config = r#"{"job_id":"a","analysis_config":{"bucket_span":"5m","categorization_field_name":"m","detectors":[{"function":"count","by_field_name":"mlcategory"}]},"data_description":{"time_field":"t"}}"#;
    let snapshot = r#"{"job_id":"a","snapshot_id":"17","timestamp":1,"snapshot_doc_count":3,"quantiles":{"job_id":"a","timestamp":1,"quantile_state":""}}"#;
    let entries = [
        (
            "ml-anomalies-snapshot_doc_a_model_snapshot_17.json",
            snapshot.to_owned(),
        ),
        ("a_config.json", config.to_owned()),
        ("a_snapshot_docs.ndjson", states().concat()),
        (
            "a_annotations.ndjson",
            "{\"job_id\":\"a\"}\n{\"job_id\":\"a\"}\n".to_owned(),
        ),
        (
            "a_input_1.ndjson",
            "{\"index\":{\"_index\":\"i\",\"_id\":\"1\"}}\n{\"job_id\":\"any\"}\n".to_owned(),
        ),
        ("a_data_counts.json", r#"{"job_id":"a"}"#.to_owned()),
        ("a_filters.json", r#"[{"filter_id":"f"}]"#.to_owned()),
    ];
    let entries = entries
        .into_iter()
        .map(|(name, text)| (name.to_owned(), text.into_bytes(), EntryType::Regular));
    Tar {
        entries: entries.collect(),
    }
}

impl Tar {
    pub(super) fn blocks(&self) -> Vec<u8> {
        let mut blocks = Vec::new();
        for (name, content, kind) in &self.entries {
            let mut header = Header::new_ustar();
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_size(content.len() as u64);
            header.set_entry_type(*kind);
            header.set_cksum();
            blocks.extend_from_slice(header.as_bytes());
            blocks.extend_from_slice(content);
            blocks.resize(blocks.len().next_multiple_of(512), 0);
        }
        blocks
    }

    pub(super) fn build(&self) -> Vec<u8> {
        gzip(&[self.blocks(), vec![0; 1024]].concat())
    }

    pub(super) fn content(&mut self, name: &str) -> &mut Vec<u8> {
        &mut self.entries.iter_mut().find(|(entry, ..)| entry == name).unwrap().1
    }

    pub(super) fn with(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        match self.entries.iter().any(|(entry, ..)| entry == name) {
            true => *self.content(name) = content.into(),
            false => self.entries.push((name.to_owned(), content.into(), EntryType::Regular)),
        }
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.entries.retain(|(entry, ..)| entry != name);
        self
    }

    pub(super) fn also(mut self, name: &str, kind: EntryType) -> Self {
        self.entries.push((name.to_owned(), b"{}".to_vec(), kind));
        self
    }

    pub(super) fn state(self, documents: &[&str]) -> Self {
        self.with("a_snapshot_docs.ndjson", documents.concat())
    }
}
