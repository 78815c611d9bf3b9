//! Medians and ratios, and the report.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;

use crate::docs;
use crate::machine::{self, BYTES_PER_VALUE, MEMORY, MEMORY_LARGE_STATE, MEMORY_WITHOUT_VALUES, MIB};
use crate::options::Options;
use crate::other_tools::{ELASTICDUMP, PYTHON};
use crate::process::Measurement;

/// A measurement, what it is compared with, and the minimum ratio of their speeds.
type Comparison = (&'static str, &'static str, Option<f64>);

const COMPARISONS: [Comparison; 12] = [
    ("export", "bare HTTP export", Some(0.75)),
    ("export level 0", "bare HTTP export", Some(0.9)),
    ("import", "bare HTTP bulk", Some(0.8)),
    ("import", "bare HTTP bulk, refreshed", None),
    ("export, results", "bare HTTP export, results", None),
    ("import, results", "bare HTTP bulk, results, refreshed", None),
    ("import, results", "bare HTTP bulk and export, results", None),
    ("inspect", "gzip -t", Some(0.5)),
    ("export", PYTHON[0], Some(5.0)),
    ("import", PYTHON[1], Some(4.5)),
    ("export", ELASTICDUMP[0], Some(1.0)),
    ("import", ELASTICDUMP[1], Some(1.0)),
];

/// The names of runs of the tool itself begin with these.
const OWN_COMMANDS: [&str; 3] = ["export", "import", "inspect"];
/// It stores all distinct values, and nearly every input document has one of its own.
pub const PSEUDONYMIZE: &str = "pseudonymize";

pub struct Report {
    inputs: usize,
    /// Results of the job that has some.
    pub results: usize,
    runs: Vec<(&'static str, Vec<Measurement>)>,
    sizes: Vec<(&'static str, (u64, u64))>,
}

impl Report {
    pub fn new(options: &Options) -> Self {
        Self {
            inputs: options.inputs,
            results: 0,
            runs: Vec::new(),
            sizes: Vec::new(),
        }
    }

    pub fn add(&mut self, name: &'static str, took: Measurement) {
        eprintln!(
            "  {name}: {:.2} s, {:.2} s of processor time, {} MiB",
            took.seconds,
            took.processor,
            took.peak / 1024
        );
        match self.runs.iter_mut().find(|(known, _)| *known == name) {
            Some((_, runs)) => runs.push(took),
            None => self.runs.push((name, vec![took])),
        }
    }

    /// Adds the size of an archive, and that of `gzip -6`, which are the same in every round.
    pub fn size(&mut self, name: &'static str, sizes: (u64, u64)) {
        self.sizes.retain(|(known, _)| *known != name);
        self.sizes.push((name, sizes));
    }

    /// Prints the table and writes the figures.
    pub fn publish(&self, options: &Options) {
        let table = self.table();
        println!("\n{table}");
        write_json(&options.json, &self.json());
        if options.write_docs {
            docs::replace("table", &format!("{}\n\n{table}", machine::line()));
        }
    }

    /// Returns the runs that exceeded their memory limit.
    pub fn exceeded_memory(&self) -> Vec<String> {
        let names = self.runs.iter().map(|(name, _)| *name);
        let above = names.filter_map(|name| {
            let bar = memory_limit(name, self.inputs)?;
            let peak = self.peak(name) as f64 / MIB;
            (peak > bar).then(|| format!("{name}: peak memory {peak:.1} MiB, limit {bar} MiB"))
        });
        above.collect()
    }

    fn median(&self, name: &str, of: impl Fn(&Measurement) -> f64) -> f64 {
        let runs = self.runs.iter().find(|(known, _)| *known == name);
        let mut values: Vec<f64> = runs.into_iter().flat_map(|(_, runs)| runs.iter().map(&of)).collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        match values.len() {
            0 => f64::NAN,
            odd if odd % 2 == 1 => values[middle],
            _ => f64::midpoint(values[middle - 1], values[middle]),
        }
    }

    fn peak(&self, name: &str) -> u64 {
        let runs = self.runs.iter().find(|(known, _)| *known == name);
        runs.into_iter()
            .flat_map(|(_, runs)| runs.iter().map(|run| run.peak))
            .max()
            .unwrap_or(0)
    }

    fn ratio(&self, (name, against, _): Comparison) -> f64 {
        self.median(against, |run| run.seconds) / self.median(name, |run| run.seconds)
    }

    /// Documents per second.
    fn rate(&self, name: &str) -> f64 {
        let documents = if name.contains("results") {
            self.results
        } else {
            self.inputs
        };
        documents as f64 / self.median(name, |run| run.seconds)
    }

    fn table(&self) -> String {
        let rounds = self.runs.first().map_or(0, |(_, runs)| runs.len());
        let mut table = format!(
            "{} input documents, medians of {rounds} interleaved rounds.\n\n\
             | | seconds | documents/s | processor seconds | peak memory |\n|---|---|---|---|---|\n",
            self.inputs
        );
        for (name, _) in &self.runs {
            let seconds = self.median(name, |run| run.seconds);
            let moves = ["export", "import", "bulk"].iter().any(|word| name.contains(word)) && !name.contains("state");
            let rate = if moves {
                format!("{:.0}", self.rate(name))
            } else {
                "–".to_owned()
            };
            let processor = match self.median(name, |run| run.processor) {
                0.0 => "–".to_owned(),
                processor => format!("{processor:.2}"),
            };
            let peak = match self.peak(name) {
                0 => "–".to_owned(),
                peak => format!("{:.1} MiB", peak as f64 / MIB),
            };
            let peak = match memory_limit(name, self.inputs) {
                Some(bar) => format!("{peak} of {bar}"),
                None => peak,
            };
            let _ = writeln!(table, "| {name} | {seconds:.3} | {rate} | {processor} | {peak} |");
        }
        table.push_str("\n| | compared with | speed | target |\n|---|---|---|---|\n");
        for comparison in COMPARISONS {
            let speed = match self.ratio(comparison) {
                known if known.is_finite() => format!("{known:.2}"),
                _ => "not installed".to_owned(),
            };
            let (name, against, bar) = comparison;
            let bar = bar.map_or_else(|| "–".to_owned(), |bar| bar.to_string());
            let _ = writeln!(table, "| {name} | {against} | {speed} | {bar} |");
        }
        for name in ["export", "import"] {
            let speed = self.rate(&format!("{name}, results")) / self.rate(name);
            if speed.is_finite() {
                let _ = writeln!(
                    table,
                    "| {name}, results per second | input documents per second | {speed:.2} | 1 |"
                );
            }
        }
        for (name, (ours, gzip)) in &self.sizes {
            let _ = writeln!(
                table,
                "| size of the {name} ({ours} bytes) | gzip -6 of its content ({gzip}) | {:.3} | 1.1 at most |",
                *ours as f64 / *gzip as f64
            );
        }
        table
    }

    fn json(&self) -> serde_json::Value {
        let run =
            |took: &Measurement| json!({"seconds": took.seconds, "peak_kib": took.peak, "processor": took.processor});
        let runs: Vec<_> = self
            .runs
            .iter()
            .map(|(name, runs)| {
                json!({
                    "name": name,
                    "median_seconds": self.median(name, |run| run.seconds),
                    "peak_kib": self.peak(name),
                    "rounds": runs.iter().map(run).collect::<Vec<_>>(),
                })
            })
            .collect();
        let ratios = COMPARISONS.map(|comparison| {
            let (name, against, bar) = comparison;
            json!({"name": name, "against": against, "speed": self.ratio(comparison), "bar": bar})
        });
        let sizes: Vec<_> = self
            .sizes
            .iter()
            .map(|(name, (ours, gzip))| json!({"name": name, "bytes": ours, "gzip_bytes": gzip}))
            .collect();
        json!({"inputs": self.inputs, "machine": machine::line(), "runs": runs, "ratios": ratios, "sizes": sizes})
    }
}

/// Returns the memory limit in MiB for runs of the tool itself.
fn memory_limit(name: &str, inputs: usize) -> Option<f64> {
    if name == PSEUDONYMIZE {
        let values = inputs as f64 * BYTES_PER_VALUE / f64::from(1 << 20);
        return Some((MEMORY_WITHOUT_VALUES + values).round());
    }
    let what = name.split([',', ' ']).next().unwrap_or_default();
    let theirs = PYTHON.contains(&name) || ELASTICDUMP.contains(&name);
    match OWN_COMMANDS.contains(&what) && !theirs {
        true if name.contains("large state") => Some(MEMORY_LARGE_STATE),
        ours => ours.then_some(MEMORY),
    }
}

pub fn write_json(path: &Path, json: &serde_json::Value) {
    if let Some(parent) = path.parent() {
        let _ = std::fs::create_dir_all(parent);
    }
    std::fs::write(path, format!("{json:#}\n")).expect("the file for the figures");
}
