//! How a stand-in can be reached: at all, and by whom.

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

/// The way to a stand-in. Clones share it.
#[derive(Clone)]
pub struct Network {
    listener: Arc<TcpListener>,
    listens: Arc<Mutex<bool>>,
    /// How many of the coming connections are answered by something else.
    garbled: Arc<AtomicUsize>,
    pub(super) closing: watch::Sender<()>,
    /// Told when somebody listens again.
    pub(super) opened: watch::Sender<()>,
}

impl Network {
    pub(super) fn new(listener: TcpListener) -> Self {
        Self {
            listener: Arc::new(listener),
            listens: Arc::new(Mutex::new(true)),
            garbled: Arc::default(),
            closing: watch::Sender::new(()),
            opened: watch::Sender::new(()),
        }
    }

    /// Connections close with the answer that is under way, and nobody listens: the port is kept. On Linux alone.
    pub fn refuse(&self) {
        let mut listens = self.listens.lock().expect("a listener");
        self.close();
        // Hung up twice it would hang up on every connection that it takes later.
        #[cfg(target_os = "linux")]
        if *listens {
            rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both).expect("a listener");
        }
        *listens = false;
    }

    /// Listens, whatever was before.
    pub fn listen(&self) {
        let mut listens = self.listens.lock().expect("a listener");
        self.garbled.store(0, Ordering::SeqCst);
        #[cfg(target_os = "linux")]
        rustix::net::listen(&self.listener, 1024).expect("a listener");
        *listens = true;
        self.opened.send_replace(());
    }

    /// Connections close with the answer that is under way, and that many of the coming ones meet something that
    /// speaks another protocol.
    pub fn garble(&self, connections: usize) {
        self.garbled.store(connections, Ordering::SeqCst);
        self.close();
    }

    fn close(&self) {
        self.closing.send_replace(());
    }

    pub(super) fn is_garbled(&self) -> bool {
        let one_less = |left: usize| left.checked_sub(1);
        self.garbled
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
            .is_ok()
    }
}
