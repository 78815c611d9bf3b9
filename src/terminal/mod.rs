//! The only place that draws: progress, prompts, tables, colour.

mod failure;
mod format;
mod look;
mod progress;
mod prompt;
mod streams;
mod style;
mod table;

pub use format::{amount, bytes, count, duration, escape};
pub use look::{Look, Tone};
pub use progress::{Stage, Unit};
pub use prompt::{NoAnswer, Unchanged};
pub use streams::{Sink, Streams};
pub use style::{Color, Terminal, TerminalOptions, Verbosity};
pub use table::Table;
