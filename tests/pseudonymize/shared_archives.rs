//! Archives that several tests use.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use serde_json::Value;

use super::json_tree::state_document;
use super::newest;
use crate::support::archive::{TarMember, blocks, gzip, members};
use crate::support::binary::Binary;
use crate::support::fixtures::{Fixture, from_python};
use crate::support::test_cluster::TestCluster;

/// Values that are created once for each job.
type OncePerJob<T> = Mutex<BTreeMap<String, Arc<OnceLock<T>>>>;

/// The pseudonymized archive of a job, the key file, and the output.
struct CachedArchive {
    archive: Vec<u8>,
    key: Vec<u8>,
    output: Value,
}

/// A pseudonymized archive, and the values by token.
pub struct Pseudonymized {
    pub archive: PathBuf,
    pub key: PathBuf,
    pub output: Value,
    pub tokens: BTreeMap<String, String>,
}

fn cell_of<T>(all: &OncePerJob<T>, job: &str) -> Arc<OnceLock<T>> {
    let mut all = all.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(all.entry(job.to_owned()).or_default())
}

/// Exports the job with its input documents. Must not be called while a test cluster exists, since on a real node each
/// would wait for the other.
pub fn exported(binary: &Binary, job: &str) -> PathBuf {
    static EXPORTED: OncePerJob<Vec<u8>> = Mutex::new(BTreeMap::new());
    let made = cell_of(&EXPORTED, job);
    let archive = made.get_or_init(|| {
        let (binary, fixture) = (Binary::new(), Fixture::load(job));
        std::fs::read(exported_of(&binary, &fixture)).unwrap()
    });
    let path = binary.path("original.tar.gz");
    std::fs::write(&path, archive).unwrap();
    path
}

/// Exports a job that only one test uses.
pub fn exported_of(binary: &Binary, fixture: &Fixture) -> PathBuf {
    TestCluster::seeded(newest(), fixture).export(binary, fixture.id(), "original", &["--include-inputs"])
}

/// Returns the job's archive, pseudonymized without options. See [`exported`].
pub fn shared_pseudonymized(binary: &Binary, job: &str) -> Pseudonymized {
    static PSEUDONYMIZED: OncePerJob<CachedArchive> = Mutex::new(BTreeMap::new());
    let made = cell_of(&PSEUDONYMIZED, job);
    let made = made.get_or_init(|| {
        let binary = Binary::new();
        let new = pseudonymized(&binary, &exported(&binary, job), "new", &[]);
        CachedArchive {
            archive: std::fs::read(&new.archive).unwrap(),
            key: std::fs::read(&new.key).unwrap(),
            output: new.output,
        }
    });
    let (archive, key) = (binary.path("new.tar.gz"), binary.path("new.key.json"));
    std::fs::write(&archive, &made.archive).unwrap();
    std::fs::write(&key, &made.key).unwrap();
    let output = made.output.clone();
    Pseudonymized {
        archive,
        tokens: tokens(&key),
        key,
        output,
    }
}

/// Writes `<name>.tar.gz` and `<name>.key.json`, unless the options specify another key file.
pub fn pseudonymized(binary: &Binary, archive: &Path, name: &str, options: &[&str]) -> Pseudonymized {
    let (archive, target) = (archive.display().to_string(), binary.path(&format!("{name}.tar.gz")));
    let output = target.display().to_string();
    let mut arguments = vec!["pseudonymize", &archive, "-o", &output, "--json"];
    arguments.extend(options);
    let output = binary.run(&arguments).expect(0).json();
    let key = PathBuf::from(output["key_file"].as_str().unwrap());
    Pseudonymized {
        archive: target,
        tokens: tokens(&key),
        key,
        output,
    }
}

fn tokens(key: &Path) -> BTreeMap<String, String> {
    let key: Value = serde_json::from_str(&std::fs::read_to_string(key).unwrap()).unwrap();
    let tokens = key["tokens"].as_object().unwrap().iter();
    let tokens = tokens.map(|(token, value)| (token.clone(), value.as_str().unwrap().to_owned()));
    tokens.collect()
}

/// Returns the job's archive with the text of each entry changed by `edit`. See [`exported`].
pub fn rewritten(binary: &Binary, job: &str, edit: impl Fn(&str, &str) -> String) -> PathBuf {
    let mut all = members(&exported(binary, job));
    // Its checksums are those of the original entries.
    all.retain(|member| member.name != "esml_manifest.json");
    for member in &mut all {
        let text = String::from_utf8(std::mem::take(&mut member.content)).unwrap();
        member.content = edit(&member.name, &text).into_bytes();
    }
    let path = binary.path("rewritten.tar.gz");
    std::fs::write(&path, gzip(&blocks(&all))).unwrap();
    path
}

/// Returns the job's archive with the content of each entry changed by `edit`. See [`exported`].
pub fn edited_entries(binary: &Binary, job: &str, mut edit: impl FnMut(&str, &mut Vec<u8>)) -> PathBuf {
    const MANIFEST: &str = "esml_manifest.json";
    let mut all = members(&exported(binary, job));
    let before = all.clone();
    all.iter_mut()
        .for_each(|member| edit(&member.name, &mut member.content));
    let changed = |(old, new): (&TarMember, &TarMember)| old.name != MANIFEST && old.content != new.content;
    if before.iter().zip(&all).any(changed) {
        // Its checksums are those of the original entries.
        all.retain(|member| member.name != MANIFEST);
    }
    let path = binary.path("edited.tar.gz");
    std::fs::write(&path, gzip(&blocks(&all))).unwrap();
    path
}

/// Returns the job's archive with its configuration and the mapping of its input documents changed by `edit`, and without the
/// contents of the model state. See [`exported`].
pub fn edited(binary: &Binary, job: &str, edit: impl FnOnce(&mut Value, &mut Value)) -> PathBuf {
    let mut all = members(&exported(binary, job));
    // Its checksums are those of the original entries.
    all.retain(|member| member.name != "esml_manifest.json");
    let parsed = |ending: &str| {
        let member = all.iter().find(|member| member.name.ends_with(ending)).unwrap();
        serde_json::from_slice::<Value>(&member.content).unwrap()
    };
    let (mut config, mut mapping) = (parsed("_config.json"), parsed("_input_mapping.json"));
    edit(&mut config, &mut mapping);
    for member in &mut all {
        if member.name.ends_with("_snapshot_docs.ndjson") {
            let text = String::from_utf8(std::mem::take(&mut member.content)).unwrap();
            let mut lines: Vec<&str> = text.lines().collect();
            let small = state_document(r#"{"a":"1","b":"34"}"#);
            lines[1] = &small;
            member.content = (lines.join("\n") + "\n").into_bytes();
        }
        let new = [("_config.json", &config), ("_input_mapping.json", &mapping)];
        let new = new.into_iter().find(|(ending, _)| member.name.ends_with(ending));
        if let Some((_, new)) = new {
            member.content = new.to_string().into_bytes();
        }
    }
    let path = binary.path("edited.tar.gz");
    std::fs::write(&path, gzip(&blocks(&all))).unwrap();
    path
}

/// The lock is held here, as if by another run, until that run has published its additions.
#[test]
fn concurrent_runs_with_one_key_file_keep_each_others_tokens() {
    use std::io::{BufRead as _, BufReader};
    let binary = Binary::new();
    let archive = from_python("complete").display().to_string();
    binary
        .run([
            "pseudonymize",
            &archive,
            "-o",
            "first.tar.gz",
            "--key",
            "k.json",
            "--fields",
            "host",
        ])
        .expect(0);
    let path = binary.path("k.json");
    let lock = std::fs::File::open(&path).unwrap();
    lock.lock().unwrap();
    let mut command = binary.command(["pseudonymize", &archive, "-o", "second.tar.gz", "--key", "k.json"]);
    let mut run = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(run.stderr.take().unwrap()).lines();
    let waits = lines.any(|line| {
        line.unwrap()
            .contains("Waiting for another process that uses the key file k.json")
    });
    assert!(waits, "the run did not wait");
    let mut keys: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    keys["tokens"]["t_other"] = "value of the other run".into();
    std::fs::write(binary.path("new.json"), keys.to_string()).unwrap();
    std::fs::rename(binary.path("new.json"), &path).unwrap();
    drop(lock);
    lines.for_each(drop);
    assert!(run.wait().unwrap().success());
    let after: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let (before, after) = (
        keys["tokens"].as_object().unwrap(),
        after["tokens"].as_object().unwrap(),
    );
    assert!(before.iter().all(|(token, value)| after.get(token) == Some(value)));
    assert!(after.len() > before.len());
}
