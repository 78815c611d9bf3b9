//! Options of the benchmark.

use std::path::PathBuf;

pub const HELP: &str = "\
cargo bench --bench whole -- [OPTIONS]
  --quick         10,000 input documents, 3 rounds, 2 large state documents, 10,000 results
  --inputs N      input documents of the job [300000]
  --rounds N      number of rounds [7]
  --state N       state documents of 16 MiB in the second job; 0 skips it [12]
  --results N     results of the third job; 0 skips it [200000]
  --port N        port of the Elasticsearch node [9451]
  --binary FILE   use another build of the tool
  --json FILE     write the figures to this file [target/bench-whole.json]
  --python DIR    also measure Elastic's scripts (share_ad_job_state), run by $PYTHON or python3; elasticdump is used if it is on the path
  --growth [N,N]  measure time and peak memory for these numbers of input documents instead [10000,100000,1000000,3000000]
  --slow-network  simulate a network with 50 ms per request and 100 Mbit/s
  --serve         load the documents, print the address and wait until stdin is closed, for manual profiling
  --write-docs    write the tables and the plot to docs

Exits with 1 if peak memory exceeds its limit. Times do not affect the exit code.
";

pub struct Options {
    pub inputs: usize,
    pub rounds: usize,
    pub state_documents: usize,
    pub results: usize,
    pub port: String,
    pub binary: PathBuf,
    pub json: PathBuf,
    pub python: Option<PathBuf>,
    /// Numbers of input documents; empty without `--growth`.
    pub growth: Vec<usize>,
    pub slow_network: bool,
    pub serve: bool,
    pub write_docs: bool,
}

impl Options {
    /// Returns `None` for `--help`.
    pub fn from_arguments(arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut arguments = arguments.peekable();
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let mut options = Self {
            inputs: 300_000,
            rounds: 7,
            state_documents: 12,
            results: 200_000,
            port: "9451".to_owned(),
            binary: PathBuf::from(env!("CARGO_BIN_EXE_esml-state")),
            json: root.join("target/bench-whole.json"),
            python: None,
            growth: Vec::new(),
            slow_network: false,
            serve: false,
            write_docs: false,
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().unwrap_or_else(|| panic!("{argument} needs a value"));
            match argument.as_str() {
                "--quick" => {
                    (options.inputs, options.rounds) = (10_000, 3);
                    (options.state_documents, options.results) = (2, 10_000);
                }
                "--inputs" => options.inputs = value().parse().expect("a number"),
                "--rounds" => options.rounds = value().parse().expect("a number"),
                "--state" => options.state_documents = value().parse().expect("a number"),
                "--results" => options.results = value().parse().expect("a number"),
                "--port" => options.port = value(),
                "--binary" => options.binary = PathBuf::from(value()),
                "--json" => options.json = PathBuf::from(value()),
                "--python" => options.python = Some(PathBuf::from(value())),
                "--growth" => {
                    let sizes = arguments.next_if(|next| !next.starts_with("--"));
                    let sizes = sizes.unwrap_or_else(|| "10000,100000,1000000,3000000".to_owned());
                    options.growth = sizes.split(',').map(|size| size.parse().expect("a number")).collect();
                }
                "--slow-network" => options.slow_network = true,
                "--serve" => options.serve = true,
                "--write-docs" => options.write_docs = true,
                // Added by cargo.
                "--bench" => {}
                _ => return None,
            }
        }
        Some(options)
    }
}
