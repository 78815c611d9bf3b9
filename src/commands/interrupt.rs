//! Ctrl-C, SIGTERM and SIGHUP. The first signal stops the work and lets it clean up, the second ends the process.

use std::future::Future;
use std::pin::Pin;

use tokio::sync::watch;

use crate::cluster::Cluster;
use crate::commands::session::StopSource;
use crate::error::{Error, ExitCode, Result};
use crate::util::process::{self, StopSignal};

/// Listens from the start of a command to its end, so that a signal between two pieces of work stops the second one. The
/// second signal always ends the process.
#[derive(Debug)]
pub(crate) struct Signals {
    first: watch::Receiver<Option<ExitCode>>,
}

impl Signals {
    /// Installs the handlers before it returns.
    pub(crate) fn listen(stop: &StopSource) -> Self {
        if let StopSource::Requested(first) = stop {
            return Self { first: first.clone() };
        }
        let (sender, first) = watch::channel(None);
        let signals = process::Signals::listen();
        tokio::spawn(async move {
            let Ok(mut signals) = signals else {
                return std::future::pending().await;
            };
            let first = signals.next().await;
            let _ = sender.send(Some(first.into()));
            loop {
                let second = signals.next().await;
                // When a terminal is closed, the system and the shell may both send SIGHUP.
                if second != StopSignal::HangUp || first != StopSignal::HangUp {
                    std::process::exit(second as i32);
                }
            }
        });
        Self { first }
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

    /// Runs work that writes. Requests in flight are completed before the work is dropped, so that their result is known
    /// and none of them reaches the cluster after the rollback.
    pub(super) async fn or_between_requests<T>(
        &self,
        cluster: &Cluster,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let mut work = Box::pin(self.cancellable(work));
        let error = tokio::select! {
            biased;
            error = self.stopped() => error,
            outcome = &mut work => return self.unless_stopped(outcome),
        };
        stop_between_requests(cluster, work).await;
        Err(error)
    }

    fn cancellable<T>(&self, work: impl Future<Output = T>) -> impl Future<Output = T> {
        let first = self.first.clone();
        process::cancellable(move || first.borrow().is_some(), work)
    }

    async fn stopped(&self) -> Error {
        let mut first = self.first.clone();
        match first.wait_for(Option::is_some).await.as_deref() {
            Ok(signal) => Error::stopped(signal.unwrap_or(ExitCode::Interrupted)),
            Err(_) => std::future::pending().await,
        }
    }

    /// Replaces the error of work that failed because it was interrupted.
    fn unless_stopped<T>(&self, outcome: Result<T>) -> Result<T> {
        let signal = *self.first.borrow();
        outcome.map_err(|error| signal.map_or(error, Error::stopped))
    }
}

/// Computes on a separate thread, which is abandoned when a signal arrives. Only for computations without side effects.
pub(super) async fn abandonable<T: Send + 'static>(compute: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
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
    use crate::util::process::{Cancellable, fail_if_cancelled, until_cancelled};

    #[tokio::test]
    async fn computations_fail_once_a_signal_was_received() {
        let (sender, first) = watch::channel(None);
        let signals = Signals::listen(&StopSource::Requested(first));
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
            Err::<(), Error>(Error::file("state", error))
        };
        let ended = signals.or(computed).await;
        assert!(ended.is_err_and(|error| error.exit() == ExitCode::Terminated));
        assert!(fail_if_cancelled().is_ok(), "not cancelled outside of the work");
    }

    #[tokio::test]
    async fn a_result_that_is_ready_when_a_signal_arrives_is_returned() {
        let (sender, first) = watch::channel(None);
        let signals = Signals::listen(&StopSource::Requested(first));
        let done = async {
            sender.send(Some(ExitCode::Interrupted)).unwrap();
            Ok(1)
        };
        assert!(matches!(signals.or(done).await, Ok(1)));
    }
}
