//! `--show ENTRY`: one entry's bytes, as they are.

use std::io::{self, BufWriter, Write};

use crate::archive::{self, Archive};
use crate::commands::inspect::InspectOptions;
use crate::commands::inspect::examine::{is_stdin, stdin, verify};
use crate::error::{Error, Result};
use crate::terminal::Terminal;
use crate::util::control_chars::escape;

/// Copies the entry to stdout. What stands in it is not checked, so that an entry of a damaged archive can be looked at
/// too; with `--verify` the whole archive is checked before its first byte is shown. On a terminal control characters
/// are made visible.
pub(in crate::commands::inspect) fn show(options: &InspectOptions, entry: &str, terminal: &Terminal) -> Result<()> {
    if options.json {
        return Err(Error::usage(
            "an entry is shown as it is, never as a JSON document of its own",
            "leave out `--json`, or ask for `--list --json`",
        ));
    }
    let stdout = io::stdout().lock();
    let mut to: Box<dyn Write> = if terminal.stdout_is_terminal() {
        Box::new(Harmless(stdout))
    } else {
        Box::new(BufWriter::new(stdout))
    };
    let names = match copy(options, entry, &mut *to, terminal) {
        Ok(names) => names,
        Err(Error::Archive(archive::Error::Io { cause, .. })) if cause.kind() == io::ErrorKind::BrokenPipe => {
            return Ok(());
        }
        Err(error) => return Err(error),
    };
    match to.flush() {
        Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => {
            return Err(Error::stdout(cause));
        }
        _ => {}
    }
    match names {
        None => Ok(()),
        Some(names) => Err(Error::failed(
            format!("{}: it has no entry `{entry}`", options.archive.display()),
            match names.as_slice() {
                [] => "it has no entries at all".to_owned(),
                names => format!("its entries are {}", names.join(", ")),
            },
        )),
    }
}

/// Copies the entry; where there is none, returns the names of those that are there.
fn copy(options: &InspectOptions, entry: &str, to: &mut dyn Write, terminal: &Terminal) -> Result<Option<Vec<String>>> {
    if is_stdin(&options.archive) {
        if options.verify {
            return Err(Error::usage(
                "`--verify` with `--show` reads the archive twice, and standard input can be read only once",
                "name a file",
            ));
        }
        return Ok(archive::show(stdin()?, entry, to)?);
    }
    let archive = Archive::open(&options.archive)?;
    if options.verify {
        verify(&archive, options, terminal)?;
    }
    Ok(archive.show(entry, to)?)
}

/// Lets no control character through but line feeds and tabs.
struct Harmless<W>(W);

impl<W: Write> Write for Harmless<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        // A character cut in two by the buffer's end is shown as two marks: on a terminal that is good enough.
        self.0.write_all(escape(&String::from_utf8_lossy(buffer)).as_bytes())?;
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_terminal_is_not_steered() {
        let mut shown = Harmless(Vec::new());
        shown.write_all("{\"a\":\"\u{1b}[2J\"}\n".as_bytes()).unwrap();
        assert_eq!(String::from_utf8(shown.0).unwrap(), "{\"a\":\"\\u{1b}[2J\"}\n");
    }
}
