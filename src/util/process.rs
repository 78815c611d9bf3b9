//! What the operating system gives to the process or asks of it: files, threads, memory, and signals; and the end of long
//! computations when the program is asked to stop: while they do not await, nothing else can end them.

use std::future::Future;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
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

/// Files that a run has open at least, the sockets and pipes of the runtime among them. Windows has no limit.
const FILES: usize = if cfg!(unix) { 16 } else { 0 };

/// Opens as many files as a run needs at least, and closes them: some of the libraries end the program where they cannot.
///
/// # Errors
/// The limit is lower.
pub(crate) fn can_open_files() -> io::Result<()> {
    let opened: io::Result<Vec<_>> = (0..FILES).map(|_| std::fs::File::open("/dev/null")).collect();
    match opened {
        Err(error) if is_out_of_descriptors(&error) => Err(error),
        _ => Ok(()),
    }
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
                let _ = lock(&ended).recv();
            })?;
        }
        Ok(())
    })
}

/// Locks, also where another thread has panicked: what these mutexes protect is never left half changed.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A block of memory of so many bytes is a large one.
pub(crate) const LARGE_BLOCK: usize = 1 << 20;
/// More than the 32 MiB up to which glibc keeps freed blocks for later, in pieces that no other document may fit in.
const APART: usize = 33 << 20;

/// The capacity to ask for where `bytes` are wanted: a large block is one that goes back to the system as soon as it is
/// freed. What is not written to takes no memory.
pub(crate) fn capacity(bytes: usize) -> usize {
    if bytes < LARGE_BLOCK { bytes } else { bytes.max(APART) }
}

/// What asks the program to end, with the exit code that a shell expects then: 128 and the number of the signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopSignal {
    HangUp = 129,
    Interrupt = 130,
    Terminate = 143,
}

/// The handlers of signals. One that arrives between two calls of `next` is kept.
#[cfg(unix)]
pub(crate) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    /// `None` under `nohup`.
    hang_up: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Signals {
    /// Installs the handlers, within a runtime.
    pub(crate) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            hang_up: (!is_hang_up_ignored())
                .then(|| signal(SignalKind::hangup()))
                .transpose()?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next signal.
    pub(crate) async fn next(&mut self) -> StopSignal {
        let hung_up = async {
            match &mut self.hang_up {
                Some(hang_up) => hang_up.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => StopSignal::Interrupt,
            _ = self.terminate.recv() => StopSignal::Terminate,
            _ = hung_up => StopSignal::HangUp,
        }
    }
}

/// Whether whoever started the program has it survive the terminal (`nohup`). Known on Linux alone: elsewhere no safe
/// interface reports it.
#[cfg(unix)]
fn is_hang_up_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // A bit for each signal, the lowest for 1, which is SIGHUP.
    ignored.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask & 1 == 1))
}

/// Has a write beyond the limit on the size of files (`ulimit -f`) fail, where the signal would end the program: a handler
/// for SIGXFSZ is enough, whatever it does. It stays when the runtime goes that installed it.
#[cfg(unix)]
pub(crate) fn survive_file_limit() {
    if can_open_files().is_err() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    if let Ok(runtime) = runtime {
        let _within = runtime.enter();
        let signal = rustix::process::Signal::XFSZ.as_raw();
        // Without it the program is ended as before.
        let _ = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(signal));
    }
}

/// The handlers of events of the console. One that arrives between two calls of `next` is kept.
#[cfg(windows)]
pub(crate) struct Signals {
    interrupt: tokio::signal::windows::CtrlC,
    breaks: tokio::signal::windows::CtrlBreak,
    close: tokio::signal::windows::CtrlClose,
    log_off: tokio::signal::windows::CtrlLogoff,
    shut_down: tokio::signal::windows::CtrlShutdown,
}

#[cfg(windows)]
impl Signals {
    /// Installs the handlers, within a runtime.
    pub(crate) fn listen() -> io::Result<Self> {
        use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown};
        Ok(Self {
            interrupt: ctrl_c()?,
            breaks: ctrl_break()?,
            close: ctrl_close()?,
            log_off: ctrl_logoff()?,
            shut_down: ctrl_shutdown()?,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> StopSignal {
        tokio::select! {
            _ = self.interrupt.recv() => StopSignal::Interrupt,
            _ = self.breaks.recv() => StopSignal::Interrupt,
            _ = self.close.recv() => StopSignal::HangUp,
            _ = self.log_off.recv() => StopSignal::Terminate,
            _ = self.shut_down.recv() => StopSignal::Terminate,
        }
    }
}

#[cfg(windows)]
pub(crate) fn survive_file_limit() {}

/// Items between two checks.
const CHECK_INTERVAL: usize = 1024;

/// The computation was ended before its result was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Cancelled;

tokio::task_local! {
    static IS_CANCELLED: Arc<dyn Fn() -> bool + Send + Sync>;
}

/// Runs work whose computations end once `is_cancelled` returns true.
pub(crate) async fn cancellable<T>(
    is_cancelled: impl Fn() -> bool + Send + Sync + 'static,
    work: impl Future<Output = T>,
) -> T {
    IS_CANCELLED.scope(Arc::new(is_cancelled), work).await
}

/// Fails once the work was cancelled. Long computations call it between their steps.
pub(crate) fn fail_if_cancelled() -> Result<(), Cancelled> {
    match IS_CANCELLED.try_with(|is_cancelled| is_cancelled()) {
        Ok(true) => Err(Cancelled),
        Ok(false) | Err(_) => Ok(()),
    }
}

/// The items until the work is cancelled; callers call [`fail_if_cancelled`] afterwards.
pub(crate) fn until_cancelled<T>(items: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
    let checked = |(number, item): (usize, T)| match number % CHECK_INTERVAL {
        0 => fail_if_cancelled().ok().map(|()| item),
        _ => Some(item),
    };
    items.enumerate().map_while(checked)
}

/// A sink that fails once the work was cancelled.
#[derive(Debug)]
pub(crate) struct Cancellable<W>(pub(crate) W);

impl<W: Write> Write for Cancellable<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        fail_if_cancelled().map_err(io::Error::other)?;
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
