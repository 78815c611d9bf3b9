//! Runs the compiled binary as a user would, with its own environment and directory.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A completed run.
#[derive(Clone, Debug)]
pub struct Run {
    pub args: Vec<String>,
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// A binary with a working directory.
pub struct Binary {
    directory: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

impl Binary {
    pub fn new() -> Self {
        Self {
            directory: tempfile::tempdir().expect("a temporary directory"),
            environment: Vec::new(),
        }
    }

    /// Sets an environment variable for all runs.
    pub fn with_env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Returns a path in the directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Returns the command, for tests that send signals or read its output while it runs.
    pub fn command<I, S>(&self, args: I) -> Command
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_esml-state"));
        command.current_dir(self.directory.path()).env_clear();
        for kept in ["PATH", "HOME", "TMPDIR", "SYSTEMROOT", "LLVM_PROFILE_FILE"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let mut args: Vec<OsString> = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
        add_sizes(&mut args);
        command.args(args);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs the binary to its end.
    pub fn run<I, S>(&self, args: I) -> Run
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        let args: Vec<String> = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
        let output = self.command(&args).output().expect("the binary starts");
        Run {
            args,
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).expect("stdout is text"),
            stderr: String::from_utf8(output.stderr).expect("stderr is text"),
        }
    }
}

/// Sets sizes for every export and import that does not set its own, as on the command line. They must not affect the
/// result (`ESML_TEST_SIZES="--slices 3 --page-size 23 --bulk-size 4kb --bulk-concurrency 5"`).
fn add_sizes(args: &mut Vec<OsString>) {
    let Ok(sizes) = std::env::var("ESML_TEST_SIZES") else {
        return;
    };
    let taken: &[&str] = match args.first().and_then(|command| command.to_str()) {
        Some("export") => &["--slices", "--page-size"],
        Some("import") => &["--bulk-size", "--bulk-concurrency"],
        _ => return,
    };
    let words: Vec<&str> = sizes.split_whitespace().collect();
    for option in words.chunks(2).filter(|option| taken.contains(&option[0])) {
        if !args.iter().any(|arg| arg == option[0]) {
            args.extend(option.iter().map(OsString::from));
        }
    }
}

impl Run {
    /// Returns the run if it has this exit code. Otherwise panics with its complete output.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            code,
            "esml-state {}\n--- stdout\n{}\n--- stderr\n{}",
            self.args.join(" "),
            self.stdout,
            self.stderr
        );
        self
    }

    /// Parses the single JSON document on stdout.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.stdout, self.stderr))
    }

    /// Checks that stderr contains the text.
    #[track_caller]
    pub fn expect_stderr(&self, text: &str) -> &Self {
        assert!(
            self.stderr.contains(text),
            "stderr does not contain `{text}`:\n{}",
            self.stderr
        );
        self
    }
}
