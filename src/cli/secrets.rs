//! Where a secret is, and how it is read.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use crate::commands::Environment;
use crate::commands::interrupt::abandonable;
use crate::error::{Error, Result};
use crate::util::secret::Secret;

/// In bytes. A larger file or output is not a secret.
const MAX_SIZE: u64 = 64 << 10;

/// The place of a secret.
#[derive(Clone, Debug)]
pub(super) enum SecretPlace {
    /// The option contains it.
    Text(Secret),
    /// A file; `-` is stdin. One line break at the end is not part of the secret.
    File(PathBuf),
    /// A command for the shell. The first line of its output is the secret.
    Command(String),
    /// An environment variable.
    Variable(OsString),
}

impl SecretPlace {
    /// Reads the secret for an option.
    ///
    /// # Errors
    /// If there is none, or if the command fails.
    pub(super) async fn read(&self, option: &str, environment: &Environment) -> Result<Secret> {
        match self {
            Self::Text(secret) => Ok(secret.clone()),
            Self::File(path) => {
                let (path, option) = (path.clone(), option.to_owned());
                abandonable(move || read_file(&path, &option)).await
            }
            Self::Command(command) => output_of(command, option).await,
            Self::Variable(name) => {
                let value = environment.get(name).and_then(|value| value.to_str());
                value.filter(|value| !value.is_empty()).map(Secret::new).ok_or_else(|| {
                    let name = name.display();
                    let message = format!("{option} is {name}, which is not set");
                    Error::usage(message, format!("set {name}, or correct the profile"))
                })
            }
        }
    }
}

fn read_file(path: &Path, option: &str) -> Result<Secret> {
    let mut text = String::new();
    let opened: io::Result<Box<dyn Read>> = match path == Path::new("-") {
        true => Ok(Box::new(io::stdin().lock())),
        false => std::fs::File::open(path).map(|file| Box::new(file) as _),
    };
    let length = opened
        .and_then(|file| file.take(MAX_SIZE + 1).read_to_string(&mut text))
        .map_err(|cause| Error::read(path, cause))?;
    let secret = text.strip_suffix('\n').unwrap_or(&text);
    let secret = secret.strip_suffix('\r').unwrap_or(secret);
    if secret.is_empty() || length as u64 > MAX_SIZE {
        return Err(Error::usage(
            format!("invalid {option}: the file is empty or larger than 64 KiB"),
            "write only the secret to the file",
        ));
    }
    Ok(Secret::new(secret))
}

/// The first line that a command prints. The command can prompt on the terminal, but not read stdin, which belongs to the
/// program. It ends when the future is dropped.
async fn output_of(command: &str, option: &str) -> Result<Secret> {
    let failed = |what: &str| {
        let hint = "run the command in a shell to see its output: it must print the secret as the first line";
        Error::failed(format!("{option} {what}"), hint)
    };
    let cannot_run = |cause: io::Error| failed(&format!("cannot be run: {cause}"));
    let mut command = shell(command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn().map_err(cannot_run)?;
    let mut output = Vec::new();
    if let Some(stdout) = child.stdout.take() {
        let read = stdout.take(MAX_SIZE).read_to_end(&mut output).await;
        read.map_err(cannot_run)?;
    }
    let is_complete = (output.len() as u64) < MAX_SIZE;
    if is_complete {
        let status = child.wait().await.map_err(cannot_run)?;
        if !status.success() {
            return Err(failed(&format!("failed with {status}")));
        }
    }
    let text = std::str::from_utf8(&output).ok().and_then(|text| text.lines().next());
    let secret = text.filter(|line| !line.is_empty() && is_complete);
    let unusable = || failed("did not print a secret: the output is empty, not UTF-8, or larger than 64 KiB");
    secret.map(Secret::new).ok_or_else(unusable)
}

#[cfg(not(windows))]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]);
    shell
}

/// `cmd` does not parse quotation marks as other programs do.
#[cfg(windows)]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("cmd");
    shell.raw_arg("/C").raw_arg(command);
    shell
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::error::ExitCode;

    #[test]
    fn one_line_break_at_the_end_of_a_password_file_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("password");
        for (text, password) in [
            ("p", "p"),
            ("p\n", "p"),
            ("p\r\n", "p"),
            ("p\n\n", "p\n"),
            (" p ", " p "),
        ] {
            std::fs::write(&file, text).unwrap();
            assert_eq!(read_file(&file, "--password-file").unwrap().reveal(), password);
        }
        std::fs::write(&file, "\n").unwrap();
        assert!(read_file(&file, "--password-file").is_err_and(|error| error.exit() == ExitCode::Usage));
        assert!(matches!(
            read_file(&directory.path().join("none"), "--password-file"),
            Err(Error::File(_))
        ));
    }
}
