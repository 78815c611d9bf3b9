//! What this machine or a limit of this process does not give any more of.

use std::io;
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;

/// What to do where no more files may be opened.
pub(crate) const NO_DESCRIPTORS: &str = "this process has as many files and connections open as it may have: raise the limit \
                                         (`ulimit -n`), or lower --slices or --bulk-concurrency";

/// What to do where no more threads may be started.
pub(crate) const NO_THREADS: &str = "this user or container has as many threads as it may have, or too little memory for another one: raise the limit \
     (`ulimit -u`, `pids.max`), or end other programs";

/// Whether it failed because too many files are open, here or on the whole system: `EMFILE` and `ENFILE` on Linux and
/// macOS, `ERROR_TOO_MANY_OPEN_FILES` and `WSAEMFILE` on Windows.
pub(crate) fn is_out_of_descriptors(error: &io::Error) -> bool {
    let numbers: &[i32] = if cfg!(windows) { &[4, 10_024] } else { &[23, 24] };
    error.raw_os_error().is_some_and(|number| numbers.contains(&number))
}

/// Files that a run has open at least, the sockets and pipes of the runtime among them.
#[cfg(unix)]
const FILES: usize = 16;

/// Opens as many files as a run needs at least, and closes them: some of the libraries end the program where they cannot.
///
/// # Errors
/// The limit is lower.
#[cfg(unix)]
pub(crate) fn can_open_files() -> io::Result<()> {
    let opened: io::Result<Vec<_>> = (0..FILES).map(|_| std::fs::File::open("/dev/null")).collect();
    match opened {
        Err(error) if is_out_of_descriptors(&error) => Err(error),
        _ => Ok(()),
    }
}

/// Windows has no such limit.
#[cfg(not(unix))]
pub(crate) fn can_open_files() -> io::Result<()> {
    Ok(())
}

/// Threads of a run, at most: the worker of the network, name resolution, compression, reading.
const THREADS: usize = 8;

/// Starts as many threads as a run has, and ends them: the runtime ends the program where it cannot.
///
/// # Errors
/// One cannot be started.
pub(crate) fn can_start_threads() -> io::Result<()> {
    let (end, ended) = mpsc::channel::<()>();
    let ended = Mutex::new(ended);
    thread::scope(|scope| {
        // They end with the channel, also where not all could be started.
        let _end = end;
        for _ in 0..THREADS {
            thread::Builder::new().spawn_scoped(scope, || {
                let _ = ended.lock().unwrap_or_else(PoisonError::into_inner).recv();
            })?;
        }
        Ok(())
    })
}
