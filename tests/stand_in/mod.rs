//! The stand-in itself: whether it answers as real servers did, and breaks as it is told to.

mod ml;
mod documents;
mod replay;
mod secured;
mod server;
