//! The page on a terminal and in a pipe.

use crate::support::binary::{Binary, Run};
use crate::support::fixtures::from_python;
use crate::support::pseudo_terminal::TerminalSession;

/// The screen of the terminal.
fn screen(environment: &[(&str, &str)], more: &[&str]) -> String {
    let binary = environment
        .iter()
        .fold(Binary::new().with_env("LC_ALL", "C.UTF-8"), |binary, (name, value)| {
            binary.with_env(name, value)
        });
    std::fs::copy(from_python("complete"), binary.path("job.tar.gz")).unwrap();
    let mut args = vec!["inspect", "job.tar.gz"];
    args.extend(more);
    let ended = TerminalSession::start_with_stdout(binary.command(args)).wait();
    assert_eq!(ended.code, 0, "{}", ended.screen);
    // Without progress bars, which were removed again.
    ended.screen
}

fn piped(more: &[&str]) -> Run {
    let archive = from_python("complete").display().to_string();
    let mut args = vec!["inspect", &archive];
    args.extend(more);
    Binary::new().with_env("LC_ALL", "C.UTF-8").run(args).expect(0)
}

#[test]
fn terminal_output_has_color_and_block_characters() {
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
fn terminal_output_is_plain_without_color() {
    for screen in [
        screen(&[("NO_COLOR", "1")], &["-q"]),
        screen(&[], &["-q", "--color", "never"]),
    ] {
        assert!(!screen.contains('\u{1b}') && screen.contains('✓'), "{screen}");
    }
}

#[test]
fn terminal_output_without_utf8_is_ascii() {
    let screen = screen(&[("LC_ALL", "C")], &["-q"]);
    assert!(screen.is_ascii(), "{screen}");
}

#[test]
fn piped_output_is_plain_by_default() {
    let plain = piped(&[]).stdout;
    assert!(plain.is_ascii() && !plain.contains('\u{1b}'), "{plain}");
    let colored = piped(&["--color", "always"]).stdout;
    assert_eq!(console::strip_ansi_codes(&colored), plain);
    assert_ne!(colored, plain);
}
