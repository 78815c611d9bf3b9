//! What can be chosen.

use std::path::PathBuf;

pub const HELP: &str = "\
cargo bench --bench whole -- [OPTIONS]
  --quick         10,000 inputs, 3 rounds, 2 large state documents
  --inputs N      inputs of the job [300000]
  --rounds N      how often everything is measured [7]
  --state N       state documents of 16 MiB of a second job, 0 for none [12]
  --port N        of the Elasticsearch that is started [9451]
  --binary FILE   another build of the tool than this one's
  --json FILE     where the figures go [target/bench-whole.json]
  --python DIR    Elastic's scripts (share_ad_job_state), run by $PYTHON or python3; elasticdump is taken from the path
  --growth [N,N]  seconds and peak memory at these numbers of inputs instead [10000,100000,1000000,3000000]
  --serve         seeds, says the address and waits for the end of its input: for profiling by hand
  --write-docs    puts the tables and the plot into docs

Exits with 1 where peak memory is above what it may be, whatever the times are.
";

pub struct Options {
    pub inputs: usize,
    pub rounds: usize,
    pub state_documents: usize,
    pub port: String,
    pub binary: PathBuf,
    pub json: PathBuf,
    pub python: Option<PathBuf>,
    /// Numbers of inputs; none where growth is not asked for.
    pub growth: Vec<usize>,
    pub serve: bool,
    pub write_docs: bool,
}

impl Options {
    /// `None` where only the help is wanted.
    pub fn from_arguments(arguments: impl Iterator<Item = String>) -> Option<Self> {
        let mut arguments = arguments.peekable();
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let mut options = Self {
            inputs: 300_000,
            rounds: 7,
            state_documents: 12,
            port: "9451".to_owned(),
            binary: PathBuf::from(env!("CARGO_BIN_EXE_esml-state")),
            json: root.join("target/bench-whole.json"),
            python: None,
            growth: Vec::new(),
            serve: false,
            write_docs: false,
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().unwrap_or_else(|| panic!("{argument} needs a value"));
            match argument.as_str() {
                "--quick" => (options.inputs, options.rounds, options.state_documents) = (10_000, 3, 2),
                "--inputs" => options.inputs = value().parse().expect("a number"),
                "--rounds" => options.rounds = value().parse().expect("a number"),
                "--state" => options.state_documents = value().parse().expect("a number"),
                "--port" => options.port = value(),
                "--binary" => options.binary = PathBuf::from(value()),
                "--json" => options.json = PathBuf::from(value()),
                "--python" => options.python = Some(PathBuf::from(value())),
                "--growth" => {
                    let sizes = arguments.next_if(|next| !next.starts_with("--"));
                    let sizes = sizes.unwrap_or_else(|| "10000,100000,1000000,3000000".to_owned());
                    options.growth = sizes.split(',').map(|size| size.parse().expect("a number")).collect();
                }
                "--serve" => options.serve = true,
                "--write-docs" => options.write_docs = true,
                // Cargo's own.
                "--bench" => {}
                _ => return None,
            }
        }
        Some(options)
    }
}
