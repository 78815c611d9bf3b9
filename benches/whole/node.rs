//! A real Elasticsearch node for the benchmark.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

/// A running node. It stops when it is dropped.
pub struct Node {
    port: String,
    pub url: String,
}

impl Node {
    pub fn start(port: &str) -> Self {
        let output = script().args(["start", port]).output().expect("the script starts");
        assert!(
            output.status.success(),
            "no Elasticsearch: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Self {
            port: port.to_owned(),
            url: String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.url
            .trim_start_matches("http://")
            .parse()
            .expect("an address of loopback")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = script().args(["stop", &self.port]).status();
    }
}

fn script() -> Command {
    let mut path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    path.push("tests/support/elasticsearch/elasticsearch.sh");
    let mut command = Command::new("bash");
    command.arg(path);
    command
}
