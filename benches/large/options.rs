//! Options of the benchmark.

use std::path::PathBuf;

pub const HELP: &str = "\
cargo bench --bench large -- [OPTIONS]
  --inputs N       input documents of the first job; 0 skips it [1000000]
  --bytes N        approximate size of an input document in bytes [4500]
  --annotations N  annotations of the first job [250000]
  --items N        items in the filter of its rule [5000]
  --state N        state documents of 16 MiB in the second job; 0 skips it [20]
  --level N        compression level of the archives [1]
  --port N         port of the Elasticsearch node [9461]
  --binary FILE    use another build of the tool
  --write-docs     write the table to docs/benchmarks.md

Exits with 1 if peak memory exceeds its limit, and fails if the contents of the second archive differ.
";

pub struct Options {
    pub inputs: usize,
    pub bytes: usize,
    pub annotations: usize,
    pub items: usize,
    pub state_documents: usize,
    pub level: u32,
    pub port: String,
    pub binary: PathBuf,
    pub write_docs: bool,
}

impl Options {
    /// Returns `None` for `--help`.
    pub fn from_arguments(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut options = Self {
            inputs: 1_000_000,
            bytes: 4_500,
            annotations: 250_000,
            items: 5_000,
            state_documents: 20,
            level: 1,
            port: "9461".to_owned(),
            binary: PathBuf::from(env!("CARGO_BIN_EXE_esml-state")),
            write_docs: false,
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().unwrap_or_else(|| panic!("{argument} needs a value"));
            match argument.as_str() {
                "--inputs" => options.inputs = value().parse().expect("a number"),
                "--bytes" => options.bytes = value().parse().expect("a number"),
                "--annotations" => options.annotations = value().parse().expect("a number"),
                "--items" => options.items = value().parse().expect("a number"),
                "--state" => options.state_documents = value().parse().expect("a number"),
                "--level" => options.level = value().parse().expect("a level"),
                "--port" => options.port = value(),
                "--binary" => options.binary = PathBuf::from(value()),
                "--write-docs" => options.write_docs = true,
                // Added by cargo.
                "--bench" => {}
                _ => return None,
            }
        }
        Some(options)
    }
}
