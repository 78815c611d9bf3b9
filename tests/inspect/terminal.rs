//! The page on a terminal, and where there is none.

use crate::support::binary::{Binary, Run};
use crate::support::fixtures::from_python;
use crate::support::pseudo_terminal::Session;

/// What the terminal shows.
fn screen(environment: &[(&str, &str)], more: &[&str]) -> String {
    let binary = environment
        .iter()
        .fold(Binary::new().with_env("LC_ALL", "C.UTF-8"), |binary, (name, value)| {
            binary.with_env(name, value)
        });
    std::fs::copy(from_python("complete"), binary.path("job.tar.gz")).unwrap();
    let mut args = vec!["inspect", "job.tar.gz"];
    args.extend(more);
    let ended = Session::start_with_stdout(binary.command(args)).end();
    assert_eq!(ended.code, 0, "{}", ended.screen);
    // Where a bar was drawn it was taken away again: what counts is what stays.
    ended.screen
}

fn piped(more: &[&str]) -> Run {
    let archive = from_python("complete").display().to_string();
    let mut args = vec!["inspect", &archive];
    args.extend(more);
    Binary::new().with_env("LC_ALL", "C.UTF-8").run(args).expect(0)
}

#[test]
fn a_terminal_gets_colour_and_blocks() {
    let screen = screen(&[], &["-q"]);
    assert!(
        screen.contains("\u{1b}[32m✓ \u{1b}[0m") && screen.contains('█'),
        "{screen}"
    );
    let widest = console::strip_ansi_codes(&screen)
        .lines()
        .map(console::measure_text_width)
        .max();
    assert!(widest <= Some(80), "{widest:?}\n{screen}");
}

#[test]
fn colour_is_left_out_where_it_is_not_wanted() {
    for screen in [
        screen(&[("NO_COLOR", "1")], &["-q"]),
        screen(&[], &["-q", "--color", "never"]),
    ] {
        assert!(!screen.contains('\u{1b}') && screen.contains('✓'), "{screen}");
    }
}

#[test]
fn a_terminal_without_utf8_gets_ascii() {
    let screen = screen(&[("LC_ALL", "C")], &["-q"]);
    assert!(screen.is_ascii(), "{screen}");
}

#[test]
fn a_pipe_gets_plain_text_unless_colour_is_asked_for() {
    let plain = piped(&[]).stdout;
    assert!(plain.is_ascii() && !plain.contains('\u{1b}'), "{plain}");
    let colored = piped(&["--color", "always"]).stdout;
    assert_eq!(console::strip_ansi_codes(&colored), plain);
    assert_ne!(colored, plain);
}
