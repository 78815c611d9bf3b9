//! Everything that is printed: results to stdout, lines, progress bars and questions to stderr. It receives text and
//! numbers and knows nothing of what they are about.
//!
//! `console` draws colors and measures text, `indicatif` bars, `dialoguer` questions. By hand remains what they do not do:
//! choosing streams and colors by `--color` and `NO_COLOR` once for both, hiding secrets, a closed stdout (`>&-`), and
//! restoring the terminal after a question that a signal interrupts.

mod output;
mod prompt;

pub use output::{Sink, Stage, Streams, Terminal, TerminalOptions, Verbosity};
pub use prompt::{PromptError, TerminalStateGuard};
