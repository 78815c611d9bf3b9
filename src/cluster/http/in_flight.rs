//! Requests in flight: how new ones are held back, and which writes may continue in the cluster without us.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::watch;

/// While it is closed no request begins, and those in flight come to their end.
#[derive(Debug, Default)]
pub(crate) struct RequestGate {
    state: watch::Sender<State>,
}

#[derive(Debug, Default)]
struct State {
    pauses: usize,
    in_flight: usize,
}

/// A request in flight.
#[derive(Debug)]
pub(crate) struct Permit<'a>(&'a RequestGate);

/// No request begins as long as this lives.
#[derive(Debug)]
pub struct PauseGuard<'a>(&'a RequestGate);

impl RequestGate {
    /// Waits until the gate is open.
    pub(crate) async fn enter(&self) -> Permit<'_> {
        let mut changes = self.state.subscribe();
        loop {
            let entered = self.state.send_if_modified(|state| {
                let open = state.pauses == 0;
                state.in_flight += usize::from(open);
                open
            });
            if entered {
                return Permit(self);
            }
            // The sender lives as long as this borrow of it.
            let _ = changes.wait_for(|state| state.pauses == 0).await;
        }
    }

    pub(crate) fn close(&self) -> PauseGuard<'_> {
        self.state.send_modify(|state| state.pauses += 1);
        PauseGuard(self)
    }

    /// Waits until nothing is in flight.
    pub(crate) async fn idle(&self) {
        let _ = self.state.subscribe().wait_for(|state| state.in_flight == 0).await;
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.state.send_modify(|state| state.in_flight -= 1);
    }
}

impl Drop for PauseGuard<'_> {
    fn drop(&mut self) {
        self.0.state.send_modify(|state| state.pauses -= 1);
    }
}

/// Whether a write was sent and no response came: the cluster may still be executing it.
#[derive(Debug)]
pub(crate) struct InFlightWrites {
    /// `X-Opaque-Id` of every request of this run: the cluster lists its tasks with it.
    pub(crate) opaque_id: String,
    unanswered: AtomicBool,
}

/// A write in flight. Unless it is answered it counts as unanswered when this is dropped, for whatever reason.
pub(crate) struct InFlightWrite<'a> {
    unanswered: &'a AtomicBool,
    pending: bool,
}

impl InFlightWrites {
    pub(crate) fn new() -> Self {
        Self {
            opaque_id: format!("esml-state-{:016x}", fastrand::u64(..)),
            unanswered: AtomicBool::new(false),
        }
    }

    /// A request is about to be sent; one that only reads does not count.
    pub(crate) fn track(&self, writes: bool) -> InFlightWrite<'_> {
        InFlightWrite {
            unanswered: &self.unanswered,
            pending: writes,
        }
    }

    /// Whether there are any; afterwards none is known.
    pub(crate) fn take_unanswered(&self) -> bool {
        self.unanswered.swap(false, Ordering::Relaxed)
    }
}

impl InFlightWrite<'_> {
    /// A response came, of the cluster itself unless the status is one of a gateway.
    pub(crate) fn answered(&mut self, status: u16) {
        self.pending &= matches!(status, 502 | 504);
    }
}

impl Drop for InFlightWrite<'_> {
    fn drop(&mut self) {
        if self.pending {
            self.unanswered.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn a_closed_gate_lets_out_and_nobody_in() {
        let gate = Arc::new(RequestGate::default());
        let inside = gate.enter().await;
        let closed = gate.close();
        let late = {
            let gate = Arc::clone(&gate);
            tokio::spawn(async move { drop(gate.enter().await) })
        };
        tokio::task::yield_now().await;
        assert!(!late.is_finished());
        drop(inside);
        gate.idle().await;
        assert!(!late.is_finished());
        drop(closed);
        assert!(late.await.is_ok());
    }
}
