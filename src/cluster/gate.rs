//! A door for requests: while it is closed none begins, and those under way come to their end.

use tokio::sync::watch;

/// Open at first. Whoever closes it holds a guard; the last guard dropped opens it again.
#[derive(Debug, Default)]
pub(in crate::cluster) struct Gate {
    state: watch::Sender<State>,
}

#[derive(Debug, Default)]
struct State {
    closed: usize,
    under_way: usize,
}

/// A request under way.
#[derive(Debug)]
pub(in crate::cluster) struct Pass<'a>(&'a Gate);

/// The gate is closed as long as this lives.
#[derive(Debug)]
pub struct Closed<'a>(&'a Gate);

impl Gate {
    /// Waits until the gate is open and goes through.
    pub(in crate::cluster) async fn enter(&self) -> Pass<'_> {
        let mut changes = self.state.subscribe();
        loop {
            let entered = self.state.send_if_modified(|state| {
                let open = state.closed == 0;
                state.under_way += usize::from(open);
                open
            });
            if entered {
                return Pass(self);
            }
            // The sender lives as long as this borrow of it.
            let _ = changes.wait_for(|state| state.closed == 0).await;
        }
    }

    /// Closes it.
    pub(in crate::cluster) fn close(&self) -> Closed<'_> {
        self.state.send_modify(|state| state.closed += 1);
        Closed(self)
    }

    /// Waits until nothing is under way.
    pub(in crate::cluster) async fn idle(&self) {
        let _ = self.state.subscribe().wait_for(|state| state.under_way == 0).await;
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.0.state.send_modify(|state| state.under_way -= 1);
    }
}

impl Drop for Closed<'_> {
    fn drop(&mut self) {
        self.0.state.send_modify(|state| state.closed -= 1);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn a_closed_gate_lets_out_and_nobody_in() {
        let gate = Arc::new(Gate::default());
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
