//! Ctrl-C and SIGTERM: once stops the work and lets it clean up, twice ends the program.

use std::future::Future;

use crate::cluster::Cluster;
use crate::error::{Error, Result};

/// Runs the work until it is done or a signal comes; then the work is dropped where it stands.
/// A second signal ends the process at once, so that cleaning up can be cut short.
pub(super) async fn or_interrupted<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        outcome = work => outcome,
        error = signal() => {
            exit_on_the_next();
            Err(error)
        }
    }
}

/// The same for work that writes: requests under way come to their end before the work is dropped, so that
/// what they did is known and nothing arrives after it was undone.
pub(super) async fn between_requests<T>(cluster: &Cluster, work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut work = Box::pin(work);
    let error = tokio::select! {
        outcome = &mut work => return outcome,
        error = signal() => error,
    };
    exit_on_the_next();
    let paused = tokio::select! {
        biased;
        _ = &mut work => None,
        closed = cluster.pause() => Some(closed),
    };
    drop(work);
    drop(paused);
    Err(error)
}

fn exit_on_the_next() {
    tokio::spawn(async {
        let code = signal().await.exit() as i32;
        std::process::exit(code);
    });
}

#[cfg(unix)]
async fn signal() -> Error {
    use tokio::signal::unix::{SignalKind, signal};
    match (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => tokio::select! {
            _ = interrupt.recv() => Error::Interrupted,
            _ = terminate.recv() => Error::Terminated,
        },
        _ => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn signal() -> Error {
    match tokio::signal::ctrl_c().await {
        Ok(()) => Error::Interrupted,
        Err(_) => std::future::pending().await,
    }
}
