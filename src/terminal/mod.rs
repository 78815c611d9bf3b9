//! The output of the program: results on stdout; messages, progress bars and questions on stderr. This module receives
//! text and numbers and does not depend on their meaning.
//!
//! `console` is used for colors and text widths, `indicatif` for progress, and `dialoguer` for questions. This module adds
//! the selection of color for both streams, the redaction of secrets, the detection of a closed stdout (`>&-`), progress at
//! the current width of the terminal, and the restoration of the terminal after an interrupted question.

mod output;
mod progress;
mod prompt;

pub use output::{GLOBAL_OPTIONS, Sink, Stage, Streams, Terminal, TerminalOptions, Verbosity};
pub use prompt::{PromptError, TerminalStateGuard};
