//! Pseudonymizes a job with any documents, mapping, filters and calendars.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use esml_state::archive::{Limits, check as read};
use esml_state::cli;
use esml_state::commands::RunContext;
use esml_state::terminal::Streams;
use flate2::Compression;
use flate2::write::GzEncoder;

/// The entries of every archive.
const REQUIRED_ENTRIES: [(&str, &str); 3] = [
    (
        "ml-anomalies-snapshot_doc_a_model_snapshot_1.json",
        r#"{"job_id":"a","snapshot_id":"1","snapshot_doc_count":1,"quantiles":{"job_id":"a"}}"#,
    ),
    (
        "a_config.json",
        r#"{"job_id":"a","analysis_config":{"bucket_span":"5m","detectors":[{"function":"mean","field_name":"n","by_field_name":"h"},{"function":"count","by_field_name":"mlcategory"}],"influencers":["o.p"],"categorization_field_name":"m"},"data_description":{"time_field":"t"},"datafeed_config":{"datafeed_id":"d","indices":["i"]}}"#,
    ),
    (
        "a_snapshot_docs.ndjson",
        concat!(
            r#"{"index":{"_index":".ml-state","_id":"a_model_state_1#1"}}"#,
            "\n",
            r#"{"compressed" : [ "H4sIAAAAAAACA6tWSlSyUjJU0lFKAtLGJkq1AKb6foASAAAA"],"eos":true}"#,
            "\n"
        ),
    ),
];
const NAMES: [&str; 6] = [
    "a_annotations.ndjson",
    "a_input_1.ndjson",
    "a_input_mapping.json",
    "a_categories.ndjson",
    "a_filters.json",
    "a_calendars.json",
];
/// Separates contents.
const SEPARATOR: u8 = 0xfe;

/// Each piece is the content of an entry; its first byte selects the entry.
pub fn check(data: &[u8]) {
    let folder = std::env::temp_dir().join(format!("esml-state-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a directory");
    let [source, target, key] = ["a.tar.gz", "b.tar.gz", "b.key.json"].map(|name| folder.join(name));
    for old in [&target, &key] {
        let _ = std::fs::remove_file(old);
    }
    std::fs::write(&source, archive(data)).expect("a file");
    let (code, stderr) = pseudonymize(&source, &target);
    assert!(matches!(code, 0 | 1 | 3 | 4), "{code}: {stderr}");
    assert!(!stderr.contains("panicked"), "{stderr}");
    assert_eq!((target.exists(), key.exists()), (code == 0, code == 0), "{stderr}");
    if code == 0 {
        let written = std::fs::File::open(&target).expect("it exists");
        let contents = read(written, Limits::default(), &mut (), &|_| {}).expect("damage is a finding");
        assert!(contents.importable(), "{:?}", contents.findings);
    }
    let _ = std::fs::remove_dir_all(&folder);
}

/// Packs an archive of these pieces.
pub fn archive(data: &[u8]) -> Vec<u8> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::none()));
    let mut append = |name: &str, content: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o600);
        archive.append_data(&mut header, name, content).expect("memory");
    };
    REQUIRED_ENTRIES
        .iter()
        .for_each(|(name, content)| append(name, content.as_bytes()));
    for piece in data.split(|byte| *byte == SEPARATOR).take(10) {
        if let Some((which, content)) = piece.split_first() {
            append(NAMES[usize::from(*which) % NAMES.len()], content);
        }
    }
    let mut gzip = archive.into_inner().expect("memory");
    gzip.flush().expect("memory");
    gzip.finish().expect("memory")
}

/// Returns the exit code and the output.
fn pseudonymize(source: &Path, target: &Path) -> (u8, String) {
    let (stdout, stderr) = (Arc::<Mutex<Vec<u8>>>::default(), Arc::<Mutex<Vec<u8>>>::default());
    let context = RunContext {
        streams: Streams::Given {
            stdout,
            stderr: stderr.clone(),
        },
        ..RunContext::of_process()
    };
    let arguments = ["esml-state", "pseudonymize"].map(Into::into).into_iter();
    let files = [source.into(), "-o".into(), target.into()];
    let code = cli::run_in(&context, arguments.chain(files));
    let stderr = stderr.lock().expect("no one panicked").clone();
    (code, String::from_utf8_lossy(&stderr).into_owned())
}
