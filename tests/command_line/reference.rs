//! The pages that are generated from the definition of the command line.

use super::{output, stdout};

#[test]
fn the_reference_page_is_the_definition() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/command-line.md");
    let page = esml_state::cli::reference::markdown();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &page).unwrap();
    }
    let written = std::fs::read_to_string(path).unwrap().replace("\r\n", "\n");
    assert!(
        written == page,
        "docs/command-line.md is stale; run the tests once with UPDATE_DOCS=1"
    );
}

#[test]
fn the_reference_page_leaves_nothing_out() {
    let page = esml_state::cli::reference::markdown();
    for part in ["## completions", "## man", "`-h, --help`", "`-V, --version`"] {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let output = output(&["completions", shell]);
        assert_eq!(output.status.code(), Some(0), "{shell}");
        assert!(stdout(&output).contains("snapshot-before-date"), "{shell}");
    }
}

#[test]
fn the_bash_script_knows_the_options_of_every_command_that_it_recognises() {
    let script = stdout(&output(&["completions", "bash"]));
    let recognised: Vec<&str> = script
        .lines()
        .filter_map(|line| line.trim().strip_prefix("cmd=\"")?.strip_suffix('"'))
        .filter(|command| !command.is_empty())
        .collect();
    assert!(recognised.len() > 4, "{recognised:?}");
    for command in recognised {
        let label = format!("{command})");
        assert!(script.lines().any(|line| line.trim() == label), "{command}");
    }
}

#[test]
fn manual_pages_are_printed() {
    assert!(stdout(&output(&["man"])).contains(".TH esml-state 1"));
    assert!(stdout(&output(&["man", "export"])).contains("include\\-inputs"));
    assert_eq!(output(&["man", "nothing"]).status.code(), Some(2));
}
