//! The only place that draws: progress, prompts, tables, colour.

mod progress;
mod prompt;
mod style;
mod table;

pub use progress::{Stage, Unit};
pub use prompt::NoTerminal;
pub use style::{Color, Terminal, TerminalOptions, Verbosity};
pub use table::Table;
