//! The machine, and the memory limits of the tool.

/// For peaks in KiB.
pub const MIB: f64 = 1024.0;
/// The limit for peak memory in MiB, regardless of the number of input documents.
pub const MEMORY: f64 = 64.0;
/// The limit for peak memory in MiB with state documents of the maximum size.
pub const MEMORY_LARGE_STATE: f64 = 96.0;

/// The limit for peak memory in MiB of a command that stores all distinct values, without the values.
pub const MEMORY_WITHOUT_VALUES: f64 = 32.0;
/// The limit for the memory per value in bytes.
pub const BYTES_PER_VALUE: f64 = 640.0;

/// Returns a description of the machine in one line.
pub fn line() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let after = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        line.split(':').nth(1).map(|value| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processor = after(&read("/proc/cpuinfo"), "model name").unwrap_or_else(|| "unknown processor".to_owned());
    let memory = after(&read("/proc/meminfo"), "MemTotal");
    let memory = memory.and_then(|kib| kib.strip_suffix(" kB")?.parse::<f64>().ok());
    let memory = memory.map_or_else(
        || "unknown memory".to_owned(),
        |kib| format!("{:.1} GiB of memory", kib / MIB / 1024.0),
    );
    format!(
        "{} {}, {cores} cores ({processor}), {memory}; Elasticsearch {} on loopback",
        std::env::consts::OS,
        std::env::consts::ARCH,
        std::env::var("ES_VERSION").unwrap_or_else(|_| "9.2.0".to_owned())
    )
}
