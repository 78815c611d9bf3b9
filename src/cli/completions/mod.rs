//! Shell completion scripts.

use clap::{Arg, CommandFactory, ValueHint};
use clap_complete::Shell;

use crate::cli::arguments::Cli;

/// The beginning of the function that Zsh calls.
const ZSH_FUNCTION: &str = "_esml-state() {\n";

/// The completion script for a shell. For those that are used most, it also completes IDs, which clap_complete cannot do.
pub(super) fn script(shell: Shell) -> String {
    // Only with this hint, Bash quotes file names that contain spaces.
    let file = |arg: Arg| match arg.get_value_hint() {
        ValueHint::AnyPath => arg.value_hint(ValueHint::FilePath),
        _ => arg,
    };
    let mut program = Cli::command().mut_subcommands(|command| command.mut_args(file));
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut program, "esml-state", &mut script);
    // clap_complete 4.6 spells the function names of a program with a hyphen in two ways, so that Bash finds none.
    let script = String::from_utf8_lossy(&script).replace("esml__subcmd__state", "esml__state");
    match shell {
        Shell::Bash => script + include_str!("ids.bash"),
        Shell::Fish => script + include_str!("ids.fish"),
        Shell::Zsh => {
            let ids = include_str!("ids.zsh");
            script.replacen(
                ZSH_FUNCTION,
                &format!("{ids}{ZSH_FUNCTION}    _esml_state_ids && return\n"),
                1,
            )
        }
        _ => script,
    }
}
