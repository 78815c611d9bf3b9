//! Pages that are generated from the definition of the command line.

use std::fmt::Write as _;

use clap::builder::StyledStr;
use clap::{Arg, Command, CommandFactory as _};
use esml_state::cli::Cli;

use super::{run, stderr, stdout};

#[test]
fn reference_page_matches_the_command_definitions() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/command-line.md");
    let page = markdown();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap().replace("\r\n", "\n");
    assert!(
        written == page,
        "docs/command-line.md is outdated; run the tests once with UPDATE_DOCS=1"
    );
}

#[test]
fn reference_page_contains_every_option() {
    let page = markdown();
    for part in ["## completions", "## man", "`-h, --help`", "`-V, --version`"] {
        assert!(page.contains(part), "{part}");
    }
}

/// Longer lines would be wrapped in an 80-column terminal, and examples could not be copied.
#[test]
fn examples_fit_80_columns() {
    let program = Cli::command();
    for command in [&program].into_iter().chain(program.get_subcommands()) {
        for line in plain(command.get_after_long_help()).lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}

#[test]
fn completions_contain_every_command() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = run(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0), "{shell}");
        assert!(stdout(&output).contains("snapshot-before-date"), "{shell}");
    }
}

#[test]
fn completions_of_options_with_a_file_are_file_names() {
    let script = stdout(&run(&["completions", "bash"]));
    for option in ["output", "ca-cert", "password-file", "key", "html", "archive-path"] {
        let label = format!("--{option})\n");
        let cases = script.split(&label).skip(1);
        let cases: Vec<&str> = cases.map(|case| case.split(";;").next().unwrap_or_default()).collect();
        assert!(!cases.is_empty(), "{option}");
        assert!(
            cases.iter().all(|case| case.contains("compopt -o filenames")),
            "{cases:?}"
        );
    }
}

/// `esml-state` is a shell function here, and each line of the result is a completion.
#[cfg(unix)]
#[test]
fn bash_completes_ids_and_profiles_without_what_the_shell_would_interpret() {
    let script = stdout(&run(&["completions", "bash"]));
    let program = r#"esml-state() {
        printf '%s\tclosed\n' web-latency log-categories '$(id)' '*' 'a b'
        echo "esml-state $*" >&2; echo "$*" >> called
    }"#;
    let complete = r#"COMP_WORDS=(esml-state "$@"); COMP_CWORD=$#
        _esml_state_with_ids esml-state "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
        printf '%s\n' "${COMPREPLY[@]}""#;
    for (words, expected, asked) in [
        (
            &["export", ""][..],
            Some("web-latency\nlog-categories\n"),
            "list --quiet --timeout 2s --retries 0 --\n",
        ),
        (
            &["list", "web"],
            Some("web-latency\n"),
            "list --quiet --timeout 2s --retries 0 --\n",
        ),
        (
            &["export", "--yes", "--job-id", "log"],
            Some("log-categories\n"),
            "list --quiet --timeout 2s --retries 0 --\n",
        ),
        (
            &["export", "a", "--snapshot-id", "w"],
            Some("web-latency\n"),
            "list --quiet --timeout 2s --retries 0 -- a\n",
        ),
        (&["export", "--job"], Some("--job-id\n"), ""),
        (&["import", "--profile", "p"], Some("production\n"), ""),
        (&["copy", "a", "--to", ""], Some("production\ntest\n"), ""),
        (&["import", ""], None, ""),
    ] {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("esml-state")).unwrap();
        let profiles = "[profiles.production]\nurl = 'https://a'\n[profiles.test] # here\n[profiles.\"$(id)\"]\n";
        std::fs::write(directory.path().join("esml-state/config.toml"), profiles).unwrap();
        let mut bash = std::process::Command::new("bash");
        bash.args(["-c", &format!("{script}\n{program}\n{complete}"), "bash"])
            .args(words);
        bash.env("XDG_CONFIG_HOME", directory.path());
        let output = bash.current_dir(directory.path()).output().unwrap();
        if let Some(expected) = expected {
            assert_eq!(stdout(&output), expected, "{words:?}");
        }
        assert_eq!(stderr(&output), "", "{words:?}");
        let called = std::fs::read_to_string(directory.path().join("called")).unwrap_or_default();
        assert_eq!(called, asked, "{words:?}");
    }
}

#[test]
fn fish_and_zsh_complete_ids() {
    let fish = stdout(&run(&["completions", "fish"]));
    assert!(fish.contains("-l snapshot-id -x -a \"(__fish_esml_state_ids "));
    let zsh = stdout(&run(&["completions", "zsh"]));
    assert!(
        zsh.contains("\n_esml-state() {\n    _esml_state_ids && return\n"),
        "{zsh}"
    );
    assert!(zsh.starts_with("#compdef esml-state\n") && zsh.contains("\n_esml_state_ids() {\n"));
}

#[test]
fn bash_completions_contain_the_options_of_every_command() {
    let script = stdout(&run(&["completions", "bash"]));
    let recognized: Vec<&str> = script
        .lines()
        .filter_map(|line| line.trim().strip_prefix("cmd=\"")?.strip_suffix('"'))
        .filter(|command| !command.is_empty())
        .collect();
    assert!(recognized.len() > 4, "{recognized:?}");
    for command in recognized {
        let label = format!("{command})");
        assert!(script.lines().any(|line| line.trim() == label), "{command}");
    }
}

#[test]
fn man_pages_have_all_sections() {
    let program = stdout(&run(&["man"]));
    let export = stdout(&run(&["man", "export"]));
    assert!(program.contains(".TH esml-state 1") && export.contains("include\\-inputs"));
    for page in [&program, &export] {
        for section in ["EXAMPLES", "ENVIRONMENT", "EXIT STATUS", "SEE ALSO"] {
            assert_eq!(
                page.matches(&format!("\n.SH {section}\n")).count(),
                1,
                "{section}\n{page}"
            );
        }
    }
    let others = export.split("SEE ALSO\n").nth(1).unwrap();
    assert!(
        others.starts_with("esml\\-state(1), esml\\-state\\-import(1), "),
        "{others}"
    );
    assert_eq!(run(&["man", "nothing"]).status.code(), Some(2));
}

/// The reference page, in Markdown: `docs/command-line.md`.
fn markdown() -> String {
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
    let about = plain(command.get_long_about().or(command.get_about()));
    let usage = command.clone().render_usage().to_string();
    let _ = write!(page, "\n{about}\n\n```text\n{usage}\n```\n");
    // Global options are listed with the program only.
    let everywhere = |arg: &Arg| arg.is_global_set() || arg.get_id().as_str() == "help";
    let program = command.get_name() == "esml-state";
    let arguments = command.get_arguments();
    let arguments = arguments.filter(|arg| !arg.is_hide_set() && (program || !everywhere(arg)));
    let mut tables: Vec<(&str, Vec<&Arg>)> = Vec::new();
    // As in the help, options without a heading come first.
    let (with_heading, without): (Vec<_>, Vec<_>) = arguments.partition(|arg| arg.get_help_heading().is_some());
    for arg in without.into_iter().chain(with_heading) {
        let default = if arg.is_positional() { "Arguments" } else { "Options" };
        let heading = arg.get_help_heading().unwrap_or(default);
        match tables.iter_mut().find(|(title, _)| *title == heading) {
            Some((_, rows)) => rows.push(arg),
            None => tables.push((heading, vec![arg])),
        }
    }
    for (title, rows) in tables {
        let _ = write!(page, "\n**{title}**\n\n| option | |\n|---|---|\n");
        rows.into_iter().for_each(|arg| row(arg, page));
    }
    if let Some(after) = command.get_after_long_help() {
        let _ = write!(page, "\n```text\n{after}\n```\n");
    }
}

fn row(arg: &Arg, page: &mut String) {
    let values = arg.get_action().takes_values();
    let mut name = match (arg.get_short(), arg.get_long()) {
        (Some(short), Some(long)) => format!("-{short}, --{long}"),
        (None, Some(long)) => format!("--{long}"),
        _ => String::new(),
    };
    if let Some(names) = arg.get_value_names().filter(|_| values) {
        let _ = write!(name, " {}", names.join(" "));
    }
    let help = plain(arg.get_long_help().or(arg.get_help()));
    let paragraphs = help
        .split("\n\n")
        .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
    let sentences: Vec<String> = paragraphs.map(|text| text.trim_end_matches('.').to_owned()).collect();
    let mut help = sentences.join(". ");
    let choices = arg
        .get_possible_values()
        .into_iter()
        .filter(|_| !arg.is_hide_possible_values_set());
    let choices: Vec<String> = choices.map(|choice| format!("`{}`", choice.get_name())).collect();
    if values && !choices.is_empty() {
        let _ = write!(help, "; one of {}", choices.join(", "));
    }
    if let Some(default) = arg.get_default_values().first().filter(|_| values) {
        let _ = write!(help, " [default: {}]", default.display());
    }
    let help = help.replace('|', "\\|").replace('<', "&lt;");
    let _ = writeln!(page, "| `{}` | {help} |", name.trim());
}

fn plain(help: Option<&StyledStr>) -> String {
    help.map(ToString::to_string).unwrap_or_default()
}
