//! The stand-in responds as real servers did, and causes the configured faults.

mod documents;
mod ml;
mod replay;
mod server;
mod tls;
