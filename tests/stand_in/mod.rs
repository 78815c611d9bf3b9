//! The stand-in itself: whether it answers as real servers did, and breaks as it is told to.

mod documents;
mod ml;
mod replay;
mod server;
mod tls;
