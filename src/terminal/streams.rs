//! Where lines go.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// Something to write to that several may hold.
pub type Sink = Arc<Mutex<dyn Write + Send>>;

/// Standard output and standard error, or what takes their place.
#[derive(Clone, Default)]
pub enum Streams {
    /// Those of the process.
    #[default]
    Standard,
    /// Others, which are no terminals; nobody is there to be asked.
    Given {
        /// For the result.
        stdout: Sink,
        /// For everything else.
        stderr: Sink,
    },
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Standard => "Standard",
            Self::Given { .. } => "Given",
        })
    }
}

impl Streams {
    /// Whether stdin, stdout and stderr are terminals.
    pub(in crate::terminal) fn terminals(&self) -> [bool; 3] {
        match self {
            Self::Standard => [
                io::stdin().is_terminal(),
                io::stdout().is_terminal(),
                io::stderr().is_terminal(),
            ],
            Self::Given { .. } => [false; 3],
        }
    }

    /// Whether there is no stdout.
    pub(in crate::terminal) fn stdout_is_closed(&self) -> bool {
        match self {
            Self::Standard => is_closed(),
            Self::Given { .. } => false,
        }
    }

    /// Writes to stdout.
    pub(in crate::terminal) fn stdout<T>(&self, write: impl FnOnce(&mut dyn Write) -> T) -> T {
        match self {
            Self::Standard => write(&mut io::stdout().lock()),
            Self::Given { stdout, .. } => write(&mut *stdout.lock().unwrap_or_else(PoisonError::into_inner)),
        }
    }

    /// Writes to stderr.
    pub(in crate::terminal) fn stderr<T>(&self, write: impl FnOnce(&mut dyn Write) -> T) -> T {
        match self {
            Self::Standard => write(&mut io::stderr().lock()),
            Self::Given { stderr, .. } => write(&mut *stderr.lock().unwrap_or_else(PoisonError::into_inner)),
        }
    }
}

/// Before `main`, Rust opens `/dev/null` for reading and writing in the place of a stream that is closed; who redirects
/// a stream there opens it for writing alone.
#[cfg(unix)]
fn is_closed() -> bool {
    use rustix::fs::{OFlags, fcntl_getfl, fstat, stat};
    let stdout = io::stdout();
    let (Ok(there), Ok(null), Ok(flags)) = (fstat(&stdout), stat("/dev/null"), fcntl_getfl(&stdout)) else {
        return true;
    };
    (there.st_dev, there.st_ino) == (null.st_dev, null.st_ino) && flags.contains(OFlags::RDWR)
}

#[cfg(windows)]
fn is_closed() -> bool {
    std::os::windows::io::AsRawHandle::as_raw_handle(&io::stdout()).is_null()
}
