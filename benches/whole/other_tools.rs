//! Other tools that transfer the same documents, if they are installed.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::bare_http;
use crate::options::Options;
use crate::process::{self, Measurement};
use crate::seed::{FIELDS, INDEX, JOB};

pub const PYTHON: [&str; 2] = ["export, Python scripts", "import, Python scripts"];
pub const ELASTICDUMP: [&str; 2] = ["export, elasticdump", "import, elasticdump"];

/// Elastic's scripts: the directory of `export_model_snapshot.py` and `import_model_snapshot.py`.
pub struct Python {
    scripts: PathBuf,
    interpreter: PathBuf,
}

/// `elasticdump`, if it is on the path.
pub struct Elasticdump;

impl Python {
    pub fn found(options: &Options) -> Option<Self> {
        let scripts = options.python.clone()?;
        let interpreter = std::env::var_os("PYTHON").unwrap_or_else(|| "python3".into());
        Some(Self {
            scripts: scripts.canonicalize().expect("the directory of the scripts"),
            interpreter: interpreter.into(),
        })
    }

    /// Exports to the directory and returns the path of the archive.
    pub fn export(&self, proxy: SocketAddr, folder: &Path) -> (Measurement, PathBuf) {
        let mut command = self.script("export_model_snapshot.py", proxy, JOB, folder);
        // The script asks about personal data and about the open date range.
        let took = process::run_with(command.arg("--include_inputs"), b"yes\nyes\n");
        (took, folder.join(format!("{JOB}_state.tar.gz")))
    }

    /// Replaces the job and the index `<job>-input`.
    pub fn import(&self, proxy: SocketAddr, job: &str, archive: &Path, folder: &Path) -> Measurement {
        let mut command = self.script("import_model_snapshot.py", proxy, job, folder);
        process::run_with(command.arg("--archive_path").arg(archive), b"")
    }

    fn script(&self, name: &str, proxy: SocketAddr, job: &str, folder: &Path) -> Command {
        let mut command = Command::new(&self.interpreter);
        command.arg(self.scripts.join(name)).current_dir(folder);
        command.args(["--url", &format!("http://{proxy}"), "--job_id", job]);
        command.args(["--username", "bench", "--password", "bench"]);
        command
    }
}

impl Elasticdump {
    pub fn found() -> Option<Self> {
        let asked = Command::new("elasticdump").arg("--version").output().ok()?;
        asked.status.success().then_some(Self)
    }

    pub fn export(&self, proxy: SocketAddr, file: &Path) -> Measurement {
        let _ = std::fs::remove_file(file);
        let body = json!({ "_source": FIELDS }).to_string();
        let mut command = dump(&format!("http://{proxy}/{INDEX}"), &file.display().to_string(), 10_000);
        process::run(command.args(["--searchBody", &body]))
    }

    pub fn import(&self, proxy: SocketAddr, index: &str, file: &Path) -> Measurement {
        let to = format!("http://{proxy}/{index}");
        process::run(&mut dump(&file.display().to_string(), &to, 5_000))
    }
}

fn dump(from: &str, to: &str, limit: usize) -> Command {
    let mut command = Command::new("elasticdump");
    command.args(["--input", from, "--output", to, "--type", "data", "--quiet"]);
    command.args(["--limit", &limit.to_string()]);
    command
}

/// The tools exit with 0 even if they fail, so this checks that the index contains all input documents.
pub fn assert_count(node: SocketAddr, index: &str, inputs: usize) {
    bare_http::json(node, "POST", &format!("/{index}/_refresh"), &Value::Null);
    let counted = bare_http::json(node, "GET", &format!("/{index}/_count"), &Value::Null);
    assert_eq!(counted["count"], inputs, "{index}");
}
