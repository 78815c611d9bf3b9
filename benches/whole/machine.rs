//! The machine, and how much of its memory the tool may take.

/// Of peaks in KiB.
pub const MIB: f64 = 1024.0;
/// Peak memory in MiB, however many inputs.
pub const MEMORY: f64 = 64.0;
/// Peak memory in MiB, where state documents are as large as they get.
pub const MEMORY_LARGE_STATE: f64 = 96.0;

/// Peak memory in MiB of what keeps all distinct values, besides them.
pub const MEMORY_WITHOUT_VALUES: f64 = 32.0;
/// Memory in bytes for each of them.
pub const BYTES_PER_VALUE: f64 = 640.0;

/// The machine in one line, as far as it tells.
pub fn line() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let after = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split(':').nth(1).map(|value| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processor = after(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let memory = after(&read("/proc/meminfo"), "MemTotal").unwrap_or_else(|| "unknown".to_owned());
    format!(
        "{} {}, {cores} cores ({processor}), {memory} of memory; Elasticsearch {} on loopback",
        std::env::consts::OS,
        std::env::consts::ARCH,
        std::env::var("ES_VERSION").unwrap_or_else(|_| "9.2.0".to_owned())
    )
}
