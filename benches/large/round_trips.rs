//! Exports and imports one job, and measures it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::contents::{self, Contents};
use crate::machine::MIB;
use crate::options::Options;
use crate::process::{self, Measurement};

/// All runs on one cluster.
pub struct RoundTrips {
    binary: PathBuf,
    url: String,
    level: String,
    directory: tempfile::TempDir,
    runs: Vec<(String, Measurement, f64)>,
    archives: Vec<(&'static str, Contents)>,
}

impl RoundTrips {
    pub fn new(options: &Options, url: String) -> Self {
        Self {
            binary: options.binary.clone(),
            url,
            level: options.level.to_string(),
            directory: tempfile::tempdir().expect("a temporary directory"),
            runs: Vec::new(),
            archives: Vec::new(),
        }
    }

    /// Exports a job, inspects the archive, imports it under another ID and exports that job. `more` are options of the
    /// exports; the limit is in MiB.
    pub fn round_trip(&mut self, job: &str, more: &[&str], name: &'static str, bar: f64) {
        let clone = format!("{job}-clone");
        let first = self.export(job, more, &format!("export, {name}"), bar);
        let path = first.display().to_string();
        self.run(&format!("inspect, {name}"), &["inspect", "--verify", &path], bar);
        let url = self.url.clone();
        let import = ["import", &path, "--url", &url, "--as", &clone, "--yes"];
        self.run(&format!("import, {name}"), &import, bar);
        let second = self.export(&clone, more, &format!("second export, {name}"), bar);
        let (there, back) = (contents::of(&first, None), contents::of(&second, Some((&clone, job))));
        there.assert_same(&back);
        eprintln!("  {name}: both archives have the same contents: {there}");
        self.archives.push((name, there));
        for archive in [first, second] {
            std::fs::remove_file(archive).expect("the archive can be removed");
        }
    }

    fn export(&mut self, job: &str, more: &[&str], what: &str, bar: f64) -> PathBuf {
        let path = self.directory.path().join(format!("{job}.tar.gz"));
        let (url, level, output) = (self.url.clone(), self.level.clone(), text(&path));
        let line = ["export", "--url", &url, "--job-id", job, "--yes", "-o", &output];
        let compressed = ["--compression-level", &level];
        self.run(what, &[&line[..], &compressed, more].concat(), bar);
        path
    }

    fn run(&mut self, what: &str, arguments: &[&str], bar: f64) {
        let mut command = Command::new(&self.binary);
        let took = process::run(command.args(arguments).arg("-q").env_remove("http_proxy"));
        let peak = took.peak as f64 / MIB;
        eprintln!("  {what}: {:.1} s, {peak:.1} MiB of {bar}", took.seconds);
        self.runs.push((what.to_owned(), took, bar));
    }

    pub fn table(&self) -> String {
        let mut table = "| | seconds | processor seconds | peak memory |\n|---|---|---|---|\n".to_owned();
        for (what, took, bar) in &self.runs {
            let (seconds, processor, peak) = (took.seconds, took.processor, took.peak as f64 / MIB);
            let _ = writeln!(
                table,
                "| {what} | {seconds:.1} | {processor:.1} | {peak:.1} MiB of {bar} |"
            );
        }
        table.push_str("\n| | both archives |\n|---|---|\n");
        for (name, contents) in &self.archives {
            let _ = writeln!(table, "| {name} | {contents} |");
        }
        table
    }

    /// Whether no run exceeded its memory limit.
    pub fn within_limits(&self) -> bool {
        let above = self.runs.iter().filter(|(_, took, bar)| took.peak as f64 / MIB > *bar);
        let above: Vec<&String> = above.map(|(what, _, _)| what).collect();
        if !above.is_empty() {
            eprintln!("memory limit exceeded: {above:?}");
        }
        above.is_empty()
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
