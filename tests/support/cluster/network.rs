//! Controls how a stand-in can be reached.

use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::watch;

/// The network of a stand-in. Clones share it.
#[derive(Clone)]
pub struct Network {
    listener: Arc<TcpListener>,
    listens: Arc<Mutex<bool>>,
    /// The number of connections that another protocol will answer.
    garbled: Arc<AtomicUsize>,
    pub(super) closing: watch::Sender<()>,
    /// Notified when the stand-in listens again.
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

    /// Closes connections and stops listening. Clients are refused, but the port stays reserved. Works on Linux only.
    pub fn refuse(&self) {
        let mut listens = self.listens.lock().expect("a listener");
        self.close();
        // A second shutdown would close every later connection.
        #[cfg(target_os = "linux")]
        if *listens {
            rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both).expect("a listener");
        }
        *listens = false;
    }

    /// Listens again.
    pub fn listen(&self) {
        let mut listens = self.listens.lock().expect("a listener");
        self.garbled.store(0, Ordering::SeqCst);
        #[cfg(target_os = "linux")]
        rustix::net::listen(&self.listener, 1024).expect("a listener");
        *listens = true;
        self.opened.send_replace(());
    }

    /// Closes connections, and answers this many of the next ones with another protocol.
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
