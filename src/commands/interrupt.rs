//! Ctrl-C and SIGTERM: once stops the work and lets it clean up, twice ends the program.

use std::future::Future;
use std::sync::OnceLock;

use tokio::sync::watch;

use crate::cluster::Cluster;
use crate::error::{Error, ExitCode, Result};

/// Every signal that came, in order: one that comes between two pieces of work stops the second.
static RECEIVED: OnceLock<watch::Sender<Vec<Signal>>> = OnceLock::new();

#[derive(Clone, Copy, Debug)]
enum Signal {
    Interrupt,
    #[cfg_attr(not(unix), expect(dead_code, reason = "there is no SIGTERM"))]
    Terminate,
}

impl Signal {
    fn error(self) -> Error {
        match self {
            Self::Interrupt => Error::Interrupted,
            Self::Terminate => Error::Terminated,
        }
    }

    fn exit(self) -> ExitCode {
        self.error().exit()
    }
}

/// Runs the work until it is done or a signal comes; then the work is dropped where it stands.
/// A second signal ends the process at once, so that cleaning up can be cut short.
pub(super) async fn or_interrupted<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        biased;
        signal = nth(1) => {
            exit_on_the_next();
            Err(signal.error())
        }
        outcome = work => outcome,
    }
}

/// The same for work that writes: requests under way come to their end before the work is dropped, so that
/// what they did is known and nothing arrives after it was undone.
pub(super) async fn between_requests<T>(cluster: &Cluster, work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut work = Box::pin(work);
    let signal = tokio::select! {
        biased;
        signal = nth(1) => signal,
        outcome = &mut work => return outcome,
    };
    exit_on_the_next();
    let paused = tokio::select! {
        biased;
        _ = &mut work => None,
        closed = cluster.pause() => Some(closed),
    };
    drop(work);
    drop(paused);
    Err(signal.error())
}

fn exit_on_the_next() {
    tokio::spawn(async {
        let code = nth(2).await.exit() as i32;
        std::process::exit(code);
    });
}

/// Waits for the nth signal since the first call.
async fn nth(n: usize) -> Signal {
    let mut received = RECEIVED
        .get_or_init(|| {
            let received = watch::Sender::default();
            listen(received.clone());
            received
        })
        .subscribe();
    let signal = received.wait_for(|signals| signals.len() >= n).await;
    match signal.ok().and_then(|signals| signals.get(n - 1).copied()) {
        Some(signal) => signal,
        None => std::future::pending().await,
    }
}

#[cfg(unix)]
fn listen(received: watch::Sender<Vec<Signal>>) {
    use tokio::signal::unix::{SignalKind, signal};
    if let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate())) {
        tokio::spawn(async move {
            loop {
                let signal = tokio::select! {
                    Some(()) = interrupt.recv() => Signal::Interrupt,
                    Some(()) = terminate.recv() => Signal::Terminate,
                    else => return,
                };
                received.send_modify(|signals| signals.push(signal));
            }
        });
    }
}

#[cfg(not(unix))]
fn listen(received: watch::Sender<Vec<Signal>>) {
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            received.send_modify(|signals| signals.push(Signal::Interrupt));
        }
    });
}
