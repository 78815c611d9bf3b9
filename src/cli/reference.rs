//! What is generated from the definition of the command line: completions, manual pages, the reference page.

use std::fmt::Write;

use clap::{Arg, Command, CommandFactory};

use crate::cli::arguments::Cli;

/// The completion script for a shell.
pub fn completions(shell: clap_complete::Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "esml-state", &mut script);
    // clap_complete 4.6 names the commands of a program with a hyphen in two ways, and Bash then finds none.
    String::from_utf8_lossy(&script).replace("esml__subcmd__state", "esml__state")
}

/// The manual page of the program or of one command, in roff; `None` where there is no such command.
pub fn man(command: Option<&str>) -> Option<String> {
    let mut program = Cli::command();
    program.build();
    let described = match command {
        Some(name) => program.find_subcommand(name)?.clone(),
        None => program,
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(described).render(&mut page).ok()?;
    Some(String::from_utf8_lossy(&page).into_owned())
}

/// The reference page, in Markdown: `docs/command-line.md`.
pub fn markdown() -> String {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let mut page =
        String::from("<!-- Generated from the definition of the command line; a test compares. -->\n# Command line\n");
    describe(&program, &mut page);
    for command in program.get_subcommands().filter(|command| !command.is_hide_set()) {
        let _ = write!(page, "\n## {}\n", command.get_name());
        describe(command, &mut page);
    }
    page
}

fn describe(command: &Command, page: &mut String) {
    let about = command
        .get_long_about()
        .or(command.get_about())
        .map(ToString::to_string)
        .unwrap_or_default();
    let usage = command.clone().render_usage().to_string();
    let _ = write!(page, "\n{about}\n\n```text\n{usage}\n```\n");
    let mut headings: Vec<&str> = Vec::new();
    // Options that every command has stand with the program.
    let everywhere = |arg: &Arg| arg.is_global_set() || arg.get_id().as_str() == "help";
    let program = command.get_name() == "esml-state";
    let mut arguments: Vec<&Arg> = command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set() && (program || !everywhere(arg)))
        .collect();
    // As in the help, what has no heading of its own comes first.
    arguments.sort_by_key(|arg| arg.get_help_heading().is_some());
    for arg in &arguments {
        let heading = heading(arg);
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    for title in headings {
        let _ = write!(page, "\n**{title}**\n\n| option | |\n|---|---|\n");
        for arg in arguments.iter().filter(|arg| heading(arg) == title) {
            row(arg, page);
        }
    }
    if let Some(after) = command.get_after_long_help() {
        let _ = write!(page, "\n```text\n{after}\n```\n");
    }
}

fn heading(arg: &Arg) -> &str {
    arg.get_help_heading()
        .unwrap_or(if arg.is_positional() { "Arguments" } else { "Options" })
}

fn row(arg: &Arg, page: &mut String) {
    let values = arg.get_action().takes_values();
    let value = arg.get_value_names().filter(|_| values).map(|names| names.join(" "));
    let name = match (arg.get_short(), arg.get_long()) {
        (Some(short), Some(long)) => format!("-{short}, --{long}"),
        (None, Some(long)) => format!("--{long}"),
        _ => String::new(),
    };
    let name = [name, value.unwrap_or_default()].join(" ");
    let help = arg
        .get_long_help()
        .or(arg.get_help())
        .map(ToString::to_string)
        .unwrap_or_default();
    let paragraphs = help
        .split("\n\n")
        .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    let mut help = paragraphs
        .map(|text| text.trim_end_matches('.').to_owned())
        .collect::<Vec<_>>()
        .join(". ");
    let choices: Vec<String> = arg
        .get_possible_values()
        .iter()
        .map(|v| format!("`{}`", v.get_name()))
        .collect();
    if values && !choices.is_empty() {
        let _ = write!(help, "; one of {}", choices.join(", "));
    }
    if let Some(default) = arg.get_default_values().first().filter(|_| values) {
        let _ = write!(help, " [default: {}]", default.display());
    }
    let _ = writeln!(
        page,
        "| `{}` | {} |",
        name.trim(),
        help.replace('|', "\\|").replace('<', "&lt;")
    );
}
