//! Signals that end the program, on Unix and on Windows.

use std::io;

#[cfg(unix)]
use crate::util::process_limits::can_open_files;

/// What asks the program to end, with the exit code that a shell expects then: 128 and the number of the signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopSignal {
    HangUp = 129,
    Interrupt = 130,
    Terminate = 143,
}

/// The handlers. A signal that arrives between two calls of `next` is kept.
pub(crate) struct Signals(Handlers);

impl Signals {
    /// Installs the handlers, within a runtime.
    pub(crate) fn listen() -> io::Result<Self> {
        handlers().map(Self)
    }

    /// Waits for the next signal.
    pub(crate) async fn next(&mut self) -> StopSignal {
        next(&mut self.0).await
    }
}

#[cfg(unix)]
struct Handlers {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    /// `None` under `nohup`.
    hang_up: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
fn handlers() -> io::Result<Handlers> {
    use tokio::signal::unix::{SignalKind, signal};
    let hang_up = match is_hang_up_ignored() {
        true => None,
        false => Some(signal(SignalKind::hangup())?),
    };
    Ok(Handlers {
        interrupt: signal(SignalKind::interrupt())?,
        terminate: signal(SignalKind::terminate())?,
        hang_up,
    })
}

#[cfg(unix)]
async fn next(handlers: &mut Handlers) -> StopSignal {
    let hung_up = async {
        match &mut handlers.hang_up {
            Some(hang_up) => hang_up.recv().await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = handlers.interrupt.recv() => StopSignal::Interrupt,
        _ = handlers.terminate.recv() => StopSignal::Terminate,
        _ = hung_up => StopSignal::HangUp,
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

#[cfg(windows)]
struct Handlers {
    interrupt: tokio::signal::windows::CtrlC,
    breaks: tokio::signal::windows::CtrlBreak,
    close: tokio::signal::windows::CtrlClose,
    log_off: tokio::signal::windows::CtrlLogoff,
    shut_down: tokio::signal::windows::CtrlShutdown,
}

#[cfg(windows)]
fn handlers() -> io::Result<Handlers> {
    use tokio::signal::windows::{ctrl_break, ctrl_c, ctrl_close, ctrl_logoff, ctrl_shutdown};
    Ok(Handlers {
        interrupt: ctrl_c()?,
        breaks: ctrl_break()?,
        close: ctrl_close()?,
        log_off: ctrl_logoff()?,
        shut_down: ctrl_shutdown()?,
    })
}

#[cfg(windows)]
async fn next(handlers: &mut Handlers) -> StopSignal {
    tokio::select! {
        _ = handlers.interrupt.recv() => StopSignal::Interrupt,
        _ = handlers.breaks.recv() => StopSignal::Interrupt,
        _ = handlers.close.recv() => StopSignal::HangUp,
        _ = handlers.log_off.recv() => StopSignal::Terminate,
        _ = handlers.shut_down.recv() => StopSignal::Terminate,
    }
}

#[cfg(windows)]
pub(crate) fn survive_file_limit() {}
