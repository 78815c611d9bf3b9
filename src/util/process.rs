//! Files, threads, memory, signals and exit codes of the process, and the cancellation of long computations: while they do
//! not await, dropping their future cannot stop them.

use std::cmp::Ordering;
use std::future::Future;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::task::{Context, Poll};
use std::thread;

/// The hint when no more files can be opened.
pub(crate) const NO_DESCRIPTORS: &str =
    "raise the limit on open files (`ulimit -n`), or lower --slices or --bulk-concurrency";

/// The hint when no more threads can be started.
pub(crate) const NO_THREADS: &str =
    "raise the limit on threads or memory (`ulimit -u`, `ulimit -v`, `pids.max`), or close other programs";

/// Whether an error means that the process or the system has too many open files: `EMFILE` and `ENFILE` on Linux and
/// macOS, `ERROR_TOO_MANY_OPEN_FILES` and `WSAEMFILE` on Windows.
pub(crate) fn is_out_of_descriptors(error: &io::Error) -> bool {
    let numbers: &[i32] = if cfg!(windows) { &[4, 10_024] } else { &[23, 24] };
    error.raw_os_error().is_some_and(|number| numbers.contains(&number))
}

/// The minimum of open files that a run needs, including the sockets and pipes of the runtime. Windows has no limit.
const FILES: usize = if cfg!(unix) { 16 } else { 0 };

/// More than a run opens in addition to archives: sockets, pipes and temporary files.
#[cfg(unix)]
const MAX_SOCKETS: u64 = 256;

/// Checks that the process can open as many files as a run needs, because some libraries abort if they cannot.
///
/// # Errors
/// If the limit is lower.
pub(crate) fn can_open_files() -> io::Result<()> {
    let opened: io::Result<Vec<_>> = (0..FILES).map(|_| std::fs::File::open("/dev/null")).collect();
    match opened {
        Err(error) if is_out_of_descriptors(&error) => Err(error),
        _ => Ok(()),
    }
}

/// Raises the limit on open files, as far as the system permits it, so that a run can keep `more` files open. If it cannot be
/// raised, opening them fails.
#[cfg(unix)]
pub(crate) fn allow_open_files(more: usize) {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    let needed = MAX_SOCKETS + more as u64;
    if let Some(current) = limit.current
        && current < needed
    {
        limit.current = Some(limit.maximum.map_or(needed, |maximum| maximum.min(needed)));
        let _ = setrlimit(Resource::Nofile, limit);
    }
}

#[cfg(windows)]
pub(crate) fn allow_open_files(_: usize) {}

/// The maximum number of threads of a run: network, name resolution, compression, reading, progress.
const THREADS: usize = 9;

/// Checks that the process can start as many threads as a run needs, because the runtime aborts if it cannot.
///
/// # Errors
/// If a thread cannot be started.
pub(crate) fn can_start_threads() -> io::Result<()> {
    let (end, ended) = mpsc::channel::<()>();
    let ended = Mutex::new(ended);
    thread::scope(|scope| {
        // The threads end when the channel is closed, also if only some of them were started.
        let _end = end;
        for _ in 0..THREADS {
            thread::Builder::new().spawn_scoped(scope, || {
                let _ = lock(&ended).recv();
            })?;
        }
        Ok(())
    })
}

/// Locks a mutex, also after a panic in another thread: the protected values are never partially updated.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The size of a large block of memory, in bytes.
pub(crate) const LARGE_BLOCK: usize = 1 << 20;
/// In bytes: more than the 32 MiB up to which glibc keeps freed blocks, in pieces that other documents may not fit in.
const APART: usize = 33 << 20;

/// The capacity to allocate for `bytes`, so that a large block is returned to the system when it is freed. Memory that is
/// not written to is not used.
pub(crate) fn capacity(bytes: usize) -> usize {
    if bytes < LARGE_BLOCK { bytes } else { bytes.max(APART) }
}

/// The exit codes of the program, ordered by severity. A signal has the code that a shell expects: 128 plus its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Everything was done and verified.
    Done = 0,
    /// Failed: cluster unreachable, request rejected, disk full, data missing …
    Failed = 1,
    /// Invalid command line.
    Usage = 2,
    /// Refused for safety; the message states how to continue.
    Refused = 3,
    /// The archive is damaged, incomplete or hostile; nothing was written.
    Damaged = 4,
    /// Documents were rejected, or differ when read back; rolled back.
    Rejected = 5,
    /// Failed, and the rollback was incomplete.
    Remains = 6,
    /// The terminal was closed (SIGHUP).
    HungUp = 129,
    /// Ctrl-C.
    Interrupted = 130,
    /// SIGTERM.
    Terminated = 143,
}

impl ExitCode {
    /// Whether a signal ended the run.
    pub(crate) fn is_signal(self) -> bool {
        matches!(self, Self::HungUp | Self::Interrupted | Self::Terminated)
    }
}

/// By severity: it determines the exit code if several jobs or archives fail.
impl Ord for ExitCode {
    fn cmp(&self, other: &Self) -> Ordering {
        // What remains must be removed, also after a signal.
        let severity = |code: &Self| (*code == Self::Remains, *code as u8);
        severity(self).cmp(&severity(other))
    }
}

impl PartialOrd for ExitCode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Polls the handler of a signal.
type PollSignal = Box<dyn FnMut(&mut Context<'_>) -> Poll<Option<()>> + Send>;

/// The handlers of signals, and of console events on Windows. A signal between two calls of `next` is kept.
pub(crate) struct Signals(Vec<(PollSignal, ExitCode)>);

impl Signals {
    /// Installs the handlers. Requires a runtime.
    #[cfg(unix)]
    pub(crate) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let mut kinds = vec![
            (SignalKind::interrupt(), ExitCode::Interrupted),
            (SignalKind::terminate(), ExitCode::Terminated),
        ];
        if !is_hang_up_ignored() {
            kinds.push((SignalKind::hangup(), ExitCode::HungUp));
        }
        let mut signals = Self(Vec::new());
        for (kind, stop) in kinds {
            let mut signal = signal(kind)?;
            signals.add(stop, move |context| signal.poll_recv(context));
        }
        Ok(signals)
    }

    /// Installs the handlers. Requires a runtime.
    #[cfg(windows)]
    pub(crate) fn listen() -> io::Result<Self> {
        use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown};
        let (mut interrupt, mut breaks, mut close) = (ctrl_c()?, ctrl_break()?, ctrl_close()?);
        let (mut log_off, mut shut_down) = (ctrl_logoff()?, ctrl_shutdown()?);
        let mut signals = Self(Vec::new());
        signals.add(ExitCode::Interrupted, move |context| interrupt.poll_recv(context));
        signals.add(ExitCode::Interrupted, move |context| breaks.poll_recv(context));
        signals.add(ExitCode::HungUp, move |context| close.poll_recv(context));
        signals.add(ExitCode::Terminated, move |context| log_off.poll_recv(context));
        signals.add(ExitCode::Terminated, move |context| shut_down.poll_recv(context));
        Ok(signals)
    }

    fn add(&mut self, stop: ExitCode, poll: impl FnMut(&mut Context<'_>) -> Poll<Option<()>> + Send + 'static) {
        self.0.push((Box::new(poll), stop));
    }

    /// Waits for the next signal.
    pub(crate) async fn next(&mut self) -> ExitCode {
        let poll_all = |context: &mut Context<'_>| {
            let mut handlers = self.0.iter_mut();
            let received = handlers.find_map(|(poll, stop)| poll(context).is_ready().then_some(*stop));
            received.map_or(Poll::Pending, Poll::Ready)
        };
        std::future::poll_fn(poll_all).await
    }
}

/// Whether SIGHUP is ignored (`nohup`). Only Linux has a safe interface that reports it.
#[cfg(unix)]
fn is_hang_up_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // One bit per signal. The lowest bit is signal 1, SIGHUP.
    ignored.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask & 1 == 1))
}

/// Lets a write fail when a file exceeds the size limit (`ulimit -f`), instead of ending the program with SIGXFSZ. Any
/// handler for that signal is enough, and it remains after the runtime that installed it.
#[cfg(unix)]
pub(crate) fn ignore_file_size_signal() {
    if can_open_files().is_err() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    if let Ok(runtime) = runtime {
        let _within = runtime.enter();
        let signal = rustix::process::Signal::XFSZ.as_raw();
        // If it fails, the signal ends the program.
        let _ = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::from_raw(signal));
    }
}

#[cfg(windows)]
pub(crate) fn ignore_file_size_signal() {}

/// Number of items between two checks.
const CHECK_INTERVAL: usize = 1024;

/// The computation was canceled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Cancelled;

tokio::task_local! {
    static IS_CANCELLED: Arc<dyn Fn() -> bool + Send + Sync>;
}

/// Runs work whose computations stop when `is_cancelled` returns true.
pub(crate) async fn cancellable<T>(
    is_cancelled: impl Fn() -> bool + Send + Sync + 'static,
    work: impl Future<Output = T>,
) -> T {
    IS_CANCELLED.scope(Arc::new(is_cancelled), work).await
}

/// Fails if the work was canceled. Long computations call it between their steps.
pub(crate) fn fail_if_cancelled() -> Result<(), Cancelled> {
    match IS_CANCELLED.try_with(|is_cancelled| is_cancelled()) {
        Ok(true) => Err(Cancelled),
        Ok(false) | Err(_) => Ok(()),
    }
}

/// Yields items until the work is cancelled. Callers call [`fail_if_cancelled`] afterwards.
pub(crate) fn until_cancelled<T>(items: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
    let checked = |(number, item): (usize, T)| match number % CHECK_INTERVAL {
        0 => fail_if_cancelled().ok().map(|()| item),
        _ => Some(item),
    };
    items.enumerate().map_while(checked)
}

/// A writer that fails after the work was canceled.
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
