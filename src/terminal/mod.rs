//! The only place that draws: progress, prompts, tables, colour.

mod failure;
mod progress;
mod prompt;
mod streams;
mod style;
mod table;

pub use progress::{Stage, Unit};
pub use prompt::{NoAnswer, Unchanged};
pub use streams::{Sink, Streams};
pub use style::{Color, Terminal, TerminalOptions, Verbosity};
pub use table::Table;
