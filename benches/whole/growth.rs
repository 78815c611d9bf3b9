//! Measures how time and memory depend on the number of input documents. Memory must stay constant.

use std::fmt::Write as _;

use serde_json::json;

use crate::docs;
use crate::machine::{self, MEMORY, MIB};
use crate::node::Node;
use crate::options::Options;
use crate::plot::{Panel, Scale, svg};
use crate::process::Measurement;
use crate::report;
use crate::rounds::Bench;
use crate::seed::Inputs;

/// The maximum ratio between the largest and the smallest peak.
const MAX_GROWTH: f64 = 1.1;
/// From this number of input documents on, all buffers are full. Fewer documents need less memory.
const MIN_INPUTS_COMPARED: usize = 100_000;
/// From this number of input documents on, one round is sufficient.
const SINGLE_ROUND_INPUTS: usize = 1_000_000;

/// The results for one size.
struct Point {
    inputs: usize,
    export: Measurement,
    import: Measurement,
}

/// Measures each size, adding documents to those of the previous one. Returns the limits that are exceeded.
pub fn measure(options: &Options, node: &Node, bench: &Bench, inputs: &mut Inputs) -> Vec<String> {
    let mut points: Vec<Point> = Vec::new();
    for size in &options.growth {
        eprintln!("loading {size} input documents");
        inputs.grow(node.address(), *size);
        let rounds = if *size < SINGLE_ROUND_INPUTS { options.rounds } else { 1 };
        if points.is_empty() {
            eprintln!("warming up");
            bench.round_trip("warm-up");
        }
        let taken: Vec<(Measurement, Measurement)> = (0..rounds)
            .map(|round| bench.round_trip(&format!("clone-{size}-{round}")))
            .collect();
        let point = Point {
            inputs: *size,
            export: median(taken.iter().map(|(export, _)| *export)),
            import: median(taken.iter().map(|(_, import)| *import)),
        };
        eprintln!("{}", point.row());
        points.push(point);
    }
    publish(&points, options);
    exceeded_limits(&points)
}

/// Returns the median time with the largest peak.
fn median(taken: impl Iterator<Item = Measurement>) -> Measurement {
    let mut taken: Vec<Measurement> = taken.collect();
    taken.sort_by(|one, other| one.seconds.total_cmp(&other.seconds));
    Measurement {
        peak: taken.iter().map(|took| took.peak).max().unwrap_or(0),
        ..taken[taken.len() / 2]
    }
}

fn publish(points: &[Point], options: &Options) {
    let mut table = "| input documents | export | documents/s | peak memory | import | documents/s | peak memory |\n\
                     |---|---|---|---|---|---|---|\n"
        .to_owned();
    for point in points {
        let _ = writeln!(table, "{}", point.row());
    }
    println!("\n{table}");
    let took =
        |took: &Measurement| json!({"seconds": took.seconds, "peak_kib": took.peak, "processor": took.processor});
    let json: Vec<_> = points
        .iter()
        .map(|point| json!({"inputs": point.inputs, "export": took(&point.export), "import": took(&point.import)}))
        .collect();
    report::write_json(&options.json, &json!({"machine": machine::line(), "growth": json}));
    if options.write_docs {
        docs::replace("growth", &format!("{}\n\n{table}", machine::line()));
        docs::write("growth.svg", &plot(points));
    }
}

/// Returns the memory limits that are exceeded.
fn exceeded_limits(points: &[Point]) -> Vec<String> {
    let mut exceeded_limits = Vec::new();
    for (what, of) in [
        ("export", (|point: &Point| point.export) as fn(&Point) -> Measurement),
        ("import", |point| point.import),
    ] {
        let peak = |point: &Point| of(point).peak as f64 / MIB;
        let most = points.iter().map(peak).fold(0.0, f64::max);
        let full = points.iter().filter(|point| point.inputs >= MIN_INPUTS_COMPARED);
        let least = full.map(peak).fold(f64::INFINITY, f64::min);
        if most > MEMORY {
            exceeded_limits.push(format!("{what}: peak memory {most:.1} MiB, limit {MEMORY} MiB"));
        }
        if most > least * MAX_GROWTH {
            exceeded_limits.push(format!("{what}: peak memory grows from {least:.1} to {most:.1} MiB"));
        }
    }
    exceeded_limits
}

fn plot(points: &[Point]) -> String {
    let ticks: Vec<(f64, String)> = points
        .iter()
        .map(|point| (point.inputs as f64, abbreviated(point.inputs)))
        .collect();
    let line = |of: fn(&Point) -> f64| points.iter().map(|point| (point.inputs as f64, of(point))).collect();
    let decades = [0.01, 0.1, 1.0, 10.0, 100.0, 1000.0];
    let megabytes = [0.0, 16.0, 32.0, 48.0, 64.0, 80.0];
    svg(
        "Seconds and peak memory of export and import by number of input documents",
        &ticks,
        &[
            Panel {
                title: "seconds, by input documents",
                grid: decades.iter().map(|value| (*value, value.to_string())).collect(),
                scale: Scale::Logarithmic,
                limit: None,
                series: vec![
                    ("export", line(|point| point.export.seconds)),
                    ("import", line(|point| point.import.seconds)),
                ],
            },
            Panel {
                title: "peak memory in MiB, by input documents",
                grid: megabytes.iter().map(|value| (*value, value.to_string())).collect(),
                scale: Scale::Linear,
                limit: Some((MEMORY, "limit")),
                series: vec![
                    ("export", line(|point| point.export.peak as f64 / MIB)),
                    ("import", line(|point| point.import.peak as f64 / MIB)),
                ],
            },
        ],
    )
}

fn abbreviated(inputs: usize) -> String {
    match inputs {
        million if million % 1_000_000 == 0 => format!("{} M", million / 1_000_000),
        thousand => format!("{} k", thousand / 1000),
    }
}

impl Point {
    fn row(&self) -> String {
        let of = |took: &Measurement| {
            let (seconds, rate) = (took.seconds, self.inputs as f64 / took.seconds);
            format!("{seconds:.2} s | {rate:.0} | {:.1} MiB", took.peak as f64 / MIB)
        };
        format!("| {} | {} | {} |", self.inputs, of(&self.export), of(&self.import))
    }
}
