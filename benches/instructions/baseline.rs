//! Instruction counts, and the expected ones.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Map, Value, json};

/// Larger increases over the expected counts are failures.
const GROWTH: f64 = 1.1;

/// The counts of one build.
pub struct Baseline {
    /// The version and host of the compiler.
    toolchain: String,
    /// The name of cargo's target directory for the profile.
    profile: String,
    instructions: Vec<(String, u64)>,
}

impl Baseline {
    pub fn of_this_build() -> Self {
        let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let stdout = Command::new(rustc).arg("-vV").output().expect("rustc").stdout;
        let stdout = String::from_utf8_lossy(&stdout);
        let of = |name: &str| {
            stdout
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap_or_default()
        };
        let this = std::env::current_exe().expect("a path");
        let profile = this.ancestors().nth(2).and_then(|folder| folder.file_name());
        Self {
            toolchain: format!("{} {}", of("release: "), of("host: ")),
            profile: profile.unwrap_or_default().to_string_lossy().into_owned(),
            instructions: Vec::new(),
        }
    }

    pub fn read() -> Self {
        let text = std::fs::read(path()).expect("benches/instructions.json");
        let json: Value = serde_json::from_slice(&text).expect("JSON");
        let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
        let counts = json["instructions"].as_object().into_iter().flatten();
        Self {
            toolchain: text("toolchain"),
            profile: text("profile"),
            instructions: counts
                .map(|(work, count)| (work.clone(), count.as_u64().unwrap_or_default()))
                .collect(),
        }
    }

    pub fn write(&self) {
        let counts: Map<String, Value> = self
            .instructions
            .iter()
            .map(|(work, count)| (work.clone(), json!(count)))
            .collect();
        let json = json!({"toolchain": self.toolchain, "profile": self.profile, "instructions": counts});
        std::fs::write(path(), format!("{json:#}\n")).expect("benches/instructions.json");
    }

    pub fn add(&mut self, work: &str, instructions: u64) {
        eprintln!("  {work}: {instructions}");
        self.instructions.push((work.to_owned(), instructions));
    }

    /// Returns why the counts cannot be compared.
    pub fn build_difference(&self, expected: &Self) -> Option<String> {
        [
            (&self.toolchain, &expected.toolchain),
            (&self.profile, &expected.profile),
        ]
        .iter()
        .find(|(ours, theirs)| ours != theirs)
        .map(|(ours, theirs)| format!("built with {ours}, but the expected counts are for {theirs}"))
    }

    /// Returns a table, and the counts that grew too much.
    pub fn compare(&self, expected: &Self) -> (String, Vec<&str>) {
        let mut table = "| | instructions | expected | ratio |\n|---|---|---|---|\n".to_owned();
        let mut grown = Vec::new();
        for (work, count) in &self.instructions {
            let known = expected.instructions.iter().find(|(known, _)| known == work);
            let ratio = known.map(|(_, known)| *count as f64 / *known as f64);
            if ratio.is_none_or(|ratio| ratio > GROWTH) {
                grown.push(work.as_str());
            }
            let (known, ratio) = (known.map_or(0, |(_, known)| *known), ratio.unwrap_or(f64::NAN));
            let _ = writeln!(table, "| {work} | {count} | {known} | {ratio:.3} |");
        }
        (table, grown)
    }
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.json")
}
