//! One round: every measurement in turn.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::bare_http;
use crate::options::Options;
use crate::other_tools::{self, ELASTICDUMP, Elasticdump, PYTHON, Python};
use crate::process::{self, Measurement};
use crate::report::{PSEUDONYMIZE, Report};
use crate::seed::{FIELDS, INDEX, JOB, LARGE, WITH_RESULTS};

const INPUTS: bare_http::Documents<'_> = bare_http::Documents {
    index: INDEX,
    time_field: "@timestamp",
    fields: &FIELDS,
    job: None,
};

pub struct Bench {
    binary: PathBuf,
    inputs: usize,
    python: Option<Python>,
    elasticdump: Option<Elasticdump>,
    node: SocketAddr,
    proxy: SocketAddr,
    directory: tempfile::TempDir,
}

impl Bench {
    pub fn new(options: &Options, node: SocketAddr, proxy: SocketAddr) -> Self {
        Self {
            binary: options.binary.clone(),
            inputs: options.inputs,
            python: Python::found(options),
            elasticdump: Elasticdump::found(),
            node,
            proxy,
            directory: tempfile::tempdir().expect("a temporary directory"),
        }
    }

    /// The bare loops use the same proxy as the tool.
    pub fn round(&self, round: usize, report: &mut Report) {
        eprintln!("round {round}");
        report.add(
            "bare HTTP export, straight",
            seconds(bare_http::export(self.node, INPUTS).0),
        );
        report.add("bare HTTP export", seconds(bare_http::export(self.proxy, INPUTS).0));
        let archive = self.path("default.tar.gz");
        report.add("export", self.export(JOB, &archive, &[]));
        let stored = self.path("stored.tar.gz");
        report.add(
            "export level 0",
            self.export(JOB, &stored, &["--compression-level", "0"]),
        );
        report.size("archive", size(&archive));

        self.export_with_other_tools(report);

        let requests = bare_http::bulk_requests(&Self::lines(&archive, "_input_"));
        let clone = format!("clone-{round}");
        report.add("import", self.import(&archive, &clone));
        let bare = self.create_index_like(&format!("{clone}-input"));
        let took = bare_http::import(self.proxy, &bare, &requests);
        report.add("bare HTTP bulk", seconds(took));
        report.add(
            "bare HTTP bulk, refreshed",
            seconds(took + bare_http::refresh(self.proxy, &bare)),
        );
        self.delete(&bare);
        self.import_with_other_tools(&clone, report);
        self.delete(&format!("{clone}-input"));
        report.add(
            "inspect",
            self.run(&["inspect", "--verify", &archive.display().to_string()]),
        );
        report.add("gzip -t", process::run(Command::new("gzip").arg("-t").arg(&archive)));
        report.add("start-up", self.run(&["--version"]));
    }

    fn export_with_other_tools(&self, report: &mut Report) {
        if let Some(python) = &self.python {
            let (took, archive) = python.export(self.proxy, self.directory.path());
            report.add(PYTHON[0], took);
            let moved = Self::lines(&archive, "_input_").split(|byte| *byte == b'\n').count() / 2;
            assert_eq!(moved, self.inputs, "the scripts export all inputs");
        }
        if let Some(elasticdump) = &self.elasticdump {
            let file = self.path("dump.ndjson");
            report.add(ELASTICDUMP[0], elasticdump.export(self.proxy, &file));
            let moved = std::fs::read(&file).expect("the dump");
            let moved = moved.iter().filter(|byte| **byte == b'\n').count();
            assert_eq!(moved, self.inputs, "elasticdump exports all inputs");
        }
    }

    /// `clone` was imported before. Other tools can import an archive of it without changing the job.
    fn import_with_other_tools(&self, clone: &str, report: &mut Report) {
        let index = format!("{clone}-input");
        if let Some(python) = &self.python {
            let archive = self.path("clone.tar.gz");
            self.export(clone, &archive, &["--include-inputs"]);
            report.add(
                PYTHON[1],
                python.import(self.proxy, clone, &archive, self.directory.path()),
            );
            other_tools::assert_count(self.node, &index, self.inputs);
        }
        if let Some(elasticdump) = &self.elasticdump {
            let bare = self.create_index_like(&index);
            let took = elasticdump.import(self.proxy, &bare, &self.path("dump.ndjson"));
            report.add(ELASTICDUMP[1], took);
            other_tools::assert_count(self.node, &bare, self.inputs);
            self.delete(&bare);
        }
    }

    /// Exports the job, imports it under this name, and removes it.
    pub fn round_trip(&self, name: &str) -> (Measurement, Measurement) {
        let archive = self.path("default.tar.gz");
        let export = self.export(JOB, &archive, &[]);
        let import = self.import(&archive, name);
        self.delete(&format!("{name}-input"));
        (export, import)
    }

    /// Pseudonymizes the archive of the last round once, to measure memory.
    pub fn pseudonymize(&self, report: &mut Report) {
        let (archive, output) = (self.path("default.tar.gz"), self.path("tokens.tar.gz"));
        let (archive, output) = (archive.display().to_string(), output.display().to_string());
        report.add(PSEUDONYMIZE, self.run(&["pseudonymize", &archive, "-o", &output]));
    }

    /// Exports and imports state documents of 16 MiB, to measure memory.
    pub fn large_state(&self, report: &mut Report) {
        let archive = self.path("large.tar.gz");
        report.add("export, large state", self.export(LARGE, &archive, &[]));
        report.add("import, large state", self.import(&archive, "large-clone"));
        let path = archive.display().to_string();
        report.add("inspect, large state", self.run(&["inspect", &path]));
    }

    /// Exports and imports a job with this number of results.
    pub fn results(&self, results: usize, rounds: usize, report: &mut Report) {
        let archive = self.path("results.tar.gz");
        report.results = results;
        for round in 0..rounds {
            let clone = format!("{WITH_RESULTS}-{round}");
            let export = self.export(WITH_RESULTS, &archive, &["--include-results"]);
            report.add("export, results", export);
            report.add("import, results", self.import(&archive, &clone));
            // Into the same index, which grows by the same number of documents each time, as results of another job.
            let bare = format!("bare-{round}");
            let lines = String::from_utf8(Self::lines(&archive, "_results_")).expect("text");
            let requests = bare_http::bulk_requests(lines.replace(WITH_RESULTS, &bare).as_bytes());
            let index = ".ml-anomalies-shared";
            let written = bare_http::import(self.proxy, index, &requests) + bare_http::refresh(self.proxy, index);
            report.add("bare HTTP bulk, results, refreshed", seconds(written));
            let results = bare_http::Documents {
                index,
                time_field: "timestamp",
                fields: &[],
                job: Some(&bare),
            };
            let read = bare_http::export(self.proxy, results).0;
            // Results are read again, and compared byte for byte.
            report.add("bare HTTP bulk and export, results", seconds(written + read));
            report.add("bare HTTP export, results", seconds(read));
        }
    }

    fn export(&self, job: &str, archive: &Path, more: &[&str]) -> Measurement {
        let (url, path) = (self.url(), archive.display().to_string());
        let mut arguments = vec![
            "export",
            "--url",
            &url,
            "--job-id",
            job,
            "--yes",
            "--overwrite",
            "-o",
            &path,
        ];
        if job == JOB {
            arguments.push("--include-inputs");
        }
        arguments.extend(more);
        self.run(&arguments)
    }

    fn import(&self, archive: &Path, name: &str) -> Measurement {
        let path = archive.display().to_string();
        self.run(&["import", &path, "--url", &self.url(), "--as", name, "--yes"])
    }

    fn run(&self, arguments: &[&str]) -> Measurement {
        process::run(
            Command::new(&self.binary)
                .args(arguments)
                .arg("-q")
                .env_remove("http_proxy"),
        )
    }

    /// Returns the action and document lines of all input documents or results in the archive, without the index.
    fn lines(archive: &Path, part: &str) -> Vec<u8> {
        let file = std::fs::File::open(archive).expect("the archive");
        let mut tar = tar::Archive::new(flate2::read::MultiGzDecoder::new(file));
        let mut lines = Vec::new();
        for entry in tar.entries().expect("entries") {
            let mut entry = entry.expect("an entry");
            if entry.path().expect("a path").to_string_lossy().contains(part) && entry.size() > 10_000 {
                std::io::Read::read_to_end(&mut entry, &mut lines).expect("an entry");
            }
        }
        let from = format!("\"_index\":\"{INDEX}\",");
        String::from_utf8(lines).expect("text").replace(&from, "").into_bytes()
    }

    /// Creates an index with the settings and mapping of an index that the tool wrote to.
    fn create_index_like(&self, index: &str) -> String {
        let of = |what: &str| {
            let answer = bare_http::json(self.node, "GET", &format!("/{index}/{what}"), &Value::Null);
            let indices = answer.as_object().and_then(|answer| answer.values().next().cloned());
            indices.unwrap_or_default()
        };
        let mappings = of("_mapping")["mappings"].clone();
        let shards = of("_settings")["settings"]["index"]["number_of_shards"].clone();
        let settings = json!({"number_of_shards": shards, "number_of_replicas": 0, "refresh_interval": "-1"});
        let bare = "bare".to_owned();
        let body = json!({"settings": settings, "mappings": mappings});
        bare_http::json(self.node, "PUT", &format!("/{bare}"), &body);
        bare
    }

    fn delete(&self, index: &str) {
        bare_http::json(self.node, "DELETE", &format!("/{index}"), &Value::Null);
    }

    fn url(&self) -> String {
        format!("http://{}", self.proxy)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// Returns the compressed size in bytes, and that of `gzip -6` for the same content.
fn size(archive: &Path) -> (u64, u64) {
    let ours = std::fs::metadata(archive).expect("the archive").len();
    let mut plain = Command::new("gzip")
        .arg("-dc")
        .arg(archive)
        .stdout(Stdio::piped())
        .spawn()
        .expect("gzip");
    let again = Command::new("gzip")
        .args(["-6", "-c"])
        .stdin(plain.stdout.take().expect("a pipe"))
        .output()
        .expect("gzip");
    let _ = plain.wait();
    (ours, again.stdout.len() as u64)
}

fn seconds(seconds: f64) -> Measurement {
    Measurement {
        seconds,
        ..Measurement::default()
    }
}
