//! Reads entries with any content. The archive itself is valid, since a fuzzer cannot produce its checksums.

use std::io::Write;

use esml_state::archive::{DocumentVisitor, Limits, Part, check as read};
use flate2::Compression;
use flate2::write::GzEncoder;

const NAMES: [&str; 14] = [
    "ml-anomalies-snapshot_doc_a_model_snapshot_1.json",
    "a_config.json",
    "a_snapshot_docs.ndjson",
    "a_annotations.ndjson",
    "a_notifications.ndjson",
    "a_input_1.ndjson",
    "a_input_2.ndjson",
    "a_input_mapping.json",
    "a_data_counts.json",
    "a_categories.ndjson",
    "a_filters.json",
    "a_calendars.json",
    "esml_manifest.json",
    "notes.txt",
];
/// Separates contents.
const SEPARATOR: u8 = 0xfe;

struct DocumentCounter(u64);

impl DocumentVisitor for DocumentCounter {
    fn document(&mut self, part: Part, _: Option<&str>, _: Option<&str>, source: &[u8]) {
        // Documents must be valid UTF-8, except for state documents, which are checked later.
        assert!(part == Part::State || std::str::from_utf8(source).is_ok());
        self.0 += 1;
    }
}

/// Packs an archive. Each piece is the content of an entry; its first byte selects the entry.
pub fn pack(data: &[u8]) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::none()));
    for piece in data.split(|byte| *byte == SEPARATOR).take(20) {
        let Some((which, content)) = piece.split_first() else {
            continue;
        };
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        let name = NAMES[usize::from(*which) % NAMES.len()];
        archive.append_data(&mut header, name, content).expect("memory");
    }
    let mut gzip = archive.into_inner().expect("memory");
    gzip.flush().expect("memory");
    gzip.finish().expect("memory")
}

/// Reads an archive of these entries.
pub fn check(data: &[u8]) {
    let bytes = pack(data);
    let limits = Limits {
        state: 1 << 20,
        ..Limits::default()
    };
    let contents = read(&bytes[..], limits, &mut DocumentCounter(0), &|_| {}).expect("damage is a finding");
    for finding in &contents.findings {
        let shown = finding.place.chars().chain(finding.what.chars());
        assert_eq!(shown.filter(|c| c.is_control()).count(), 0);
    }
    if contents.importable() {
        assert!(contents.state.model_documents > 0);
    }
}
