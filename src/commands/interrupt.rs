//! Ctrl-C and SIGTERM: once stops the work and lets it clean up, twice ends the program.

use std::future::Future;
use std::sync::OnceLock;
use std::time::Duration;

use tokio::sync::watch;

use crate::error::{Error, ExitCode, Result};
use crate::terminal::Unchanged;

/// A signal ends a prompt too, and is heard a moment after it.
const AFTER_A_PROMPT: Duration = Duration::from_millis(200);

/// The first signal of this process. One that comes between two pieces of work stops the next.
static FIRST: OnceLock<watch::Receiver<Option<ExitCode>>> = OnceLock::new();

/// Runs the work until it is done or a signal comes; then the work is dropped where it stands.
/// A second signal ends the process at once, so that cleaning up can be cut short.
pub(super) async fn or_interrupted<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut first = FIRST.get_or_init(listen).clone();
    let outcome = tokio::select! {
        biased;
        error = heard(&mut first) => return Err(error),
        outcome = work => outcome,
    };
    match outcome {
        Err(Error::Refused { .. }) => tokio::select! {
            biased;
            error = heard(&mut first) => Err(error),
            () = tokio::time::sleep(AFTER_A_PROMPT) => outcome,
        },
        outcome => outcome,
    }
}

/// Asks a person on a thread of its own, so that a signal ends the waiting; the terminal is then left as it was.
pub(super) async fn while_waiting<T: Send + 'static>(question: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let _restored = Unchanged::remember();
    let answer = tokio::task::spawn_blocking(question).await;
    answer.map_err(|cause| Error::Failed {
        message: format!("the question could not be asked: {cause}"),
        hint: None,
    })
}

async fn heard(first: &mut watch::Receiver<Option<ExitCode>>) -> Error {
    match first.wait_for(Option::is_some).await.as_deref() {
        Ok(Some(ExitCode::Terminated)) => Error::Terminated,
        Ok(_) => Error::Interrupted,
        Err(_) => std::future::pending().await,
    }
}

/// The handlers are in place when this returns.
fn listen() -> watch::Receiver<Option<ExitCode>> {
    let (sender, receiver) = watch::channel(None);
    let signals = signals();
    tokio::spawn(async move {
        let Some(mut signals) = signals else {
            return std::future::pending().await;
        };
        let _ = sender.send(Some(next(&mut signals).await));
        std::process::exit(next(&mut signals).await as i32);
    });
    receiver
}

#[cfg(unix)]
type Signals = (tokio::signal::unix::Signal, tokio::signal::unix::Signal);

#[cfg(unix)]
fn signals() -> Option<Signals> {
    use tokio::signal::unix::{SignalKind, signal};
    Some((
        signal(SignalKind::interrupt()).ok()?,
        signal(SignalKind::terminate()).ok()?,
    ))
}

#[cfg(unix)]
async fn next((interrupt, terminate): &mut Signals) -> ExitCode {
    tokio::select! {
        _ = interrupt.recv() => ExitCode::Interrupted,
        _ = terminate.recv() => ExitCode::Terminated,
    }
}

#[cfg(windows)]
type Signals = tokio::signal::windows::CtrlC;

#[cfg(windows)]
fn signals() -> Option<Signals> {
    tokio::signal::windows::ctrl_c().ok()
}

#[cfg(windows)]
async fn next(interrupt: &mut Signals) -> ExitCode {
    interrupt.recv().await;
    ExitCode::Interrupted
}
