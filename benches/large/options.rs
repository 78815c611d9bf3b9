//! What can be chosen.

use std::path::PathBuf;

pub const HELP: &str = "\
cargo bench --bench large -- [OPTIONS]
  --inputs N       inputs of the first job, 0 for no such job [1000000]
  --bytes N        of each, about [4500]
  --annotations N  of the first job [250000]
  --items N        of the filter that its rule names [5000]
  --state N        state documents of 16 MiB of a second job, 0 for no such job [20]
  --level N        how the archives are compressed [1]
  --port N         of the Elasticsearch that is started [9461]
  --binary FILE    another build of the tool than this one's
  --write-docs     puts the table into docs

Exits with 1 where peak memory is above what it may be, and fails where the second archive holds something else.
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
    /// `None` where only the help is wanted.
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
                // Cargo's own.
                "--bench" => {}
                _ => return None,
            }
        }
        Some(options)
    }
}
