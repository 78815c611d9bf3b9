//! Help texts.

use super::{esml_state, stdout};

/// The output at 80 columns.
fn help(arguments: &[&str]) -> String {
    let output = esml_state(arguments).env("COLUMNS", "80").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
    stdout(&output).replace("esml-state.exe", "esml-state")
}

#[test]
fn short_help_matches_the_snapshots() {
    insta::assert_snapshot!("program", help(&["-h"]));
    assert_eq!(help(&["help", "export"]), help(&["export", "--help"]));
    insta::assert_snapshot!("export", help(&["export", "-h"]));
    insta::assert_snapshot!("import", help(&["import", "-h"]));
    insta::assert_snapshot!("inspect", help(&["inspect", "-h"]));
    insta::assert_snapshot!("pseudonymize", help(&["pseudonymize", "-h"]));
}

/// No line is wrapped, and a page fits on a screen.
#[test]
fn short_help_has_one_line_per_option_and_less_than_60_lines() {
    let program = help(&["-h"]);
    let commands = program.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands: Vec<&str> = commands
        .map_while(|line| line.split_whitespace().next())
        .filter(|command| *command != "help")
        .collect();
    for named in [
        "export",
        "import",
        "inspect",
        "list",
        "copy",
        "pseudonymize",
        "reveal",
        "completions",
        "man",
    ] {
        assert!(commands.contains(&named), "{named}: {commands:?}");
    }
    let pages = commands.iter().map(|command| help(&[command, "-h"]));
    for page in pages.chain([program.clone()]) {
        assert!(page.lines().count() < 60, "{}\n\n{page}", page.lines().count());
        for line in page.lines() {
            let indent = line.len() - line.trim_start().len();
            assert!(indent <= 6 && line.chars().count() <= 80, "{line}\n\n{page}");
        }
    }
}

#[test]
fn long_help_matches_the_snapshots() {
    insta::assert_snapshot!("program_long", help(&["--help"]));
    insta::assert_snapshot!("export_long", help(&["export", "--help"]));
    insta::assert_snapshot!("import_long", help(&["import", "--help"]));
    insta::assert_snapshot!("inspect_long", help(&["inspect", "--help"]));
    insta::assert_snapshot!("completions_long", help(&["completions", "--help"]));
    insta::assert_snapshot!("man_long", help(&["man", "--help"]));
    insta::assert_snapshot!("pseudonymize_long", help(&["pseudonymize", "--help"]));
    insta::assert_snapshot!("reveal_long", help(&["reveal", "--help"]));
}

#[test]
fn help_names_environment_variables_without_their_secrets() {
    let mut command = esml_state(&["export", "--help"]);
    let names = [
        "URL",
        "CLOUD_ID",
        "USERNAME",
        "PASSWORD",
        "API_KEY",
        "BEARER_TOKEN",
        "CA_CERT",
    ];
    for name in names {
        command.env(format!("ELASTICSEARCH_{name}"), "s3cr3t");
    }
    let text = stdout(&command.output().unwrap());
    assert!(!text.contains("s3cr3t"));
    for name in names {
        assert!(text.contains(&format!("ELASTICSEARCH_{name}")), "{name}");
    }
}

#[test]
fn help_omits_option_names_of_the_python_scripts() {
    assert!(!help(&["export", "--help"]).contains("--job_id"));
}
