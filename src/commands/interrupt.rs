//! Ctrl-C, SIGTERM and SIGHUP. The first signal stops the work and lets it clean up, the second ends the process.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;

use crate::cluster::Cluster;
use crate::commands::session::{Session, StopSource};
use crate::error::{Error, ExitCode, Result};
use crate::terminal::Terminal;
use crate::util::atomic_file;
use crate::util::process::{self, lock};

/// The time for a command to end after the second signal. It is not used unless the terminal or a disk is blocked.
const MAX_EXIT_TIME: Duration = Duration::from_secs(1);

/// Listens from the start of a command to its end, so that a signal between two pieces of work stops the second one. The
/// second signal always ends the process.
#[derive(Clone, Debug)]
pub(crate) struct Signals {
    first: watch::Receiver<Option<ExitCode>>,
    second: watch::Receiver<Option<ExitCode>>,
    cleanup: Arc<Mutex<Option<Cleanup>>>,
}

/// What a signal starts at the moment, for the message that is printed at once.
#[derive(Debug)]
pub(super) struct Cleanup {
    /// Such as `rolling back the import`.
    pub(super) action: String,
    /// What a second signal does in addition to exiting, such as `may leave job a incomplete`.
    pub(super) risk: String,
}

impl Signals {
    /// Installs the handlers before it returns.
    pub(crate) fn listen(stop: &StopSource, terminal: &Terminal) -> Self {
        let (first_sender, first) = watch::channel(None);
        let (second_sender, second) = watch::channel(None);
        let cleanup = Arc::default();
        if let StopSource::Requested(first) = stop {
            let first = first.clone();
            return Self { first, second, cleanup };
        }
        let (announced, terminal) = (Arc::clone(&cleanup), terminal.clone());
        let signals = process::Signals::listen();
        tokio::spawn(async move {
            let Ok(mut signals) = signals else {
                return std::future::pending().await;
            };
            let first = signals.next().await;
            // Waiting for a blocked terminal must not prevent the cleanup.
            let announcing = tokio::task::spawn_blocking(move || announce(first, &announced, &terminal));
            let _ = tokio::time::timeout(MAX_EXIT_TIME, announcing).await;
            let _ = first_sender.send(Some(first));
            let mut second = signals.next().await;
            // When a terminal is closed, the system and the shell may both send SIGHUP.
            while (first, second) == (ExitCode::HungUp, ExitCode::HungUp) {
                second = signals.next().await;
            }
            let _ = second_sender.send(Some(second));
            let ended = tokio::time::timeout(MAX_EXIT_TIME, second_sender.closed()).await;
            if ended.is_err() {
                atomic_file::remove_temporary_files();
                std::process::exit(second as i32);
            }
        });
        Self { first, second, cleanup }
    }

    /// Sets what a signal starts from now on; `None` if the command then ends immediately.
    pub(super) fn set_cleanup(&self, cleanup: Option<Cleanup>) {
        *lock(&self.cleanup) = cleanup;
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.first.borrow().is_some()
    }

    /// The error of a command that the first signal stopped.
    pub(super) fn error(&self) -> Option<Error> {
        self.first.borrow().map(Error::stopped)
    }

    /// Runs the work until it ends or a signal arrives. The signal drops the work.
    pub(crate) async fn or<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let work = self.cancellable(work);
        tokio::select! {
            biased;
            error = self.stopped() => Err(error),
            outcome = work => self.unless_stopped(outcome),
        }
    }

    /// Runs a cleanup. A second signal drops it and is returned.
    pub(super) async fn or_second<T>(&self, cleanup: impl Future<Output = T>) -> Result<T, ExitCode> {
        tokio::select! {
            biased;
            signal = received(&self.second) => Err(signal),
            done = cleanup => Ok(done),
        }
    }

    /// Runs work that writes. Requests in flight are completed before the work is dropped, so that their result is known
    /// and none of them reaches the cluster after the rollback.
    pub(super) async fn or_between_requests<T>(
        &self,
        session: &Session,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let mut work = Box::pin(self.cancellable(work));
        let error = tokio::select! {
            biased;
            error = self.stopped() => error,
            outcome = &mut work => return self.unless_stopped(outcome),
        };
        let _stage = session.stage("Waiting for requests in progress", None);
        let _ = self.or_second(stop_between_requests(&session.cluster, work)).await;
        Err(error)
    }

    fn cancellable<T>(&self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        let first = self.first.clone();
        process::cancellable(move || first.borrow().is_some(), work)
    }

    async fn stopped(&self) -> Error {
        Error::stopped(received(&self.first).await)
    }

    /// Replaces the error of work that failed because it was interrupted.
    fn unless_stopped<T>(&self, outcome: Result<T>) -> Result<T> {
        outcome.map_err(|error| self.error().unwrap_or(error))
    }
}

async fn received(signal: &watch::Receiver<Option<ExitCode>>) -> ExitCode {
    let mut signal = signal.clone();
    match signal.wait_for(Option::is_some).await.as_deref() {
        Ok(signal) => signal.unwrap_or(ExitCode::Interrupted),
        Err(_) => std::future::pending().await,
    }
}

/// Prints what happens after the first signal.
fn announce(signal: ExitCode, cleanup: &Mutex<Option<Cleanup>>, terminal: &Terminal) {
    let Some(Cleanup { action, risk }) = lock(cleanup).take() else {
        return;
    };
    let (what, again) = match signal {
        ExitCode::Terminated => ("Terminated", "signal"),
        ExitCode::HungUp => ("The terminal was closed", "signal"),
        _ => ("Interrupted", "Ctrl-C"),
    };
    terminal.hide_stages();
    terminal.print_always(&format!("{what}: {action}. A second {again} exits at once and {risk}."));
}

/// Computes on a separate thread, which is abandoned when a signal arrives. Only for computations without side effects.
pub(crate) async fn abandonable<T: Send + 'static>(compute: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(compute).await.map_err(Error::panicked)?
}

/// Waits for the requests in flight, then drops the work.
pub(super) async fn stop_between_requests<T>(cluster: &Cluster, mut work: Pin<Box<impl Future<Output = T> + ?Sized>>) {
    let paused = tokio::select! {
        biased;
        _ = &mut work => None,
        closed = cluster.pause() => Some(closed),
    };
    drop(work);
    drop(paused);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write as _;

    use super::*;
    use crate::terminal::TerminalOptions;
    use crate::util::process::{Cancellable, fail_if_cancelled, until_cancelled};

    #[tokio::test]
    async fn computations_fail_once_a_signal_was_received() {
        let (sender, first) = watch::channel(None);
        let signals = Signals::listen(
            &StopSource::Requested(first),
            &Terminal::new(TerminalOptions::default()),
        );
        let computed = async {
            let mut sink = Cancellable(Vec::new());
            sink.write_all(b"before").unwrap();
            fail_if_cancelled().unwrap();
            assert_eq!(until_cancelled(0..5000).count(), 5000);
            // Without an await, only the computation itself can stop.
            sender.send(Some(ExitCode::Terminated)).unwrap();
            assert!(fail_if_cancelled().is_err());
            assert_eq!(until_cancelled(0..10).count(), 0);
            let error = sink.write_all(b"after").unwrap_err();
            assert_eq!(sink.0, b"before");
            Err::<(), Error>(Error::read("state", error))
        };
        let ended = signals.or(computed).await;
        assert!(ended.is_err_and(|error| error.exit() == ExitCode::Terminated));
        assert!(fail_if_cancelled().is_ok(), "not cancelled outside of the work");
    }

    #[tokio::test]
    async fn a_result_that_is_ready_when_a_signal_arrives_is_returned() {
        let (sender, first) = watch::channel(None);
        let signals = Signals::listen(
            &StopSource::Requested(first),
            &Terminal::new(TerminalOptions::default()),
        );
        let done = async {
            sender.send(Some(ExitCode::Interrupted)).unwrap();
            Ok(1)
        };
        assert!(matches!(signals.or(done).await, Ok(1)));
    }
}
