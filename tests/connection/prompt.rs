//! The prompts for the user name and the password.

use super::{JOB, auth, cluster_with};
use crate::support::binary::Binary;
use crate::support::pseudo_terminal::TerminalSession;
use crate::support::signals::Signal;

fn start(url: &str) -> TerminalSession {
    let args = [
        "export",
        "--job-id",
        JOB,
        "--dry-run",
        "--url",
        url,
        "--username",
        "ada",
    ];
    in_terminal(&args)
}

/// A run in a directory that outlives it.
fn in_terminal(args: &[&str]) -> TerminalSession {
    let mut command = Binary::new().command(args);
    command.current_dir(std::env::temp_dir());
    TerminalSession::start(command)
}

#[test]
fn password_prompt_hides_the_input() {
    let cluster = cluster_with(|options| options.auth = Some(auth()));
    let mut session = start(&cluster.stand_in.url());
    session
        .expect("Password for ada")
        .expect_no_echo()
        .send_keys("p@ss:w/rd\r");
    let ended = session.wait();
    assert_eq!(ended.code, 0, "{}", ended.screen);
    assert!(!ended.screen.contains("p@ss"), "{:?}", ended.screen);
}

#[test]
fn wrong_password_of_a_prompt_is_not_printed() {
    let cluster = cluster_with(|options| options.auth = Some(auth()));
    let mut session = start(&cluster.stand_in.url());
    session
        .expect("Password for ada")
        .expect_no_echo()
        .send_keys("other-s3cr3t\r");
    let ended = session.wait();
    assert_eq!(ended.code, 1, "{}", ended.screen);
    assert!(
        ended.screen.contains("does not accept the credentials"),
        "{}",
        ended.screen
    );
    assert!(!ended.screen.contains("s3cr3t"), "{:?}", ended.screen);
}

#[test]
fn password_prompt_can_be_interrupted() {
    let cluster = cluster_with(|options| options.auth = Some(auth()));
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let mut session = start(&cluster.stand_in.url());
        session.expect("Password for ada").signal(signal);
        let ended = session.wait();
        assert_eq!(ended.code, code, "{}", ended.screen);
    }
    assert!(cluster.stand_in.requests().is_empty());
}

/// Without a credential.
fn start_anonymous(url: &str, more: &[&str]) -> TerminalSession {
    let args = [&["export", JOB, "--dry-run", "--url", url][..], more].concat();
    in_terminal(&args)
}

#[test]
fn credential_is_requested_if_the_cluster_requires_one() {
    let cluster = cluster_with(|options| options.auth = Some(auth()));
    for (password, code) in [("p@ss:w/rd", 0), ("other-s3cr3t", 1)] {
        let mut session = start_anonymous(&cluster.stand_in.url(), &["-q"]);
        session
            .expect(&format!("{}/ requires a credential.", cluster.stand_in.url()))
            .expect("User name")
            .send_keys("ada\r");
        session
            .expect("Password for ada")
            .expect_no_echo()
            .send_keys(&format!("{password}\r"));
        let ended = session.wait();
        assert_eq!(ended.code, code, "{}", ended.screen);
        assert!(!ended.screen.contains(password), "{:?}", ended.screen);
        let refused = ended.screen.contains("does not accept the credentials");
        assert_eq!(refused, code == 1, "{}", ended.screen);
    }
}

#[test]
fn credential_is_not_requested_from_a_cluster_without_security_or_after_another_one() {
    let cluster = cluster_with(|_| {});
    let ended = start_anonymous(&cluster.stand_in.url(), &[]).wait();
    assert_eq!(ended.code, 0, "{}", ended.screen);
    let cluster = cluster_with(|options| options.auth = Some(auth()));
    let ended = start_anonymous(&cluster.stand_in.url(), &["--api-key", "a:b"]).wait();
    assert_eq!(ended.code, 1, "{}", ended.screen);
    assert!(!ended.screen.contains("User name"), "{}", ended.screen);
}

#[test]
fn request_for_a_credential_can_be_interrupted() {
    let cluster = cluster_with(|options| options.auth = Some(auth()));
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let mut session = start_anonymous(&cluster.stand_in.url(), &[]);
        session.expect("User name").expect_no_echo().signal(signal);
        let ended = session.wait();
        assert_eq!(ended.code, code, "{}", ended.screen);
        ended.assert_restored();
        let mut session = start_anonymous(&cluster.stand_in.url(), &[]);
        session
            .expect("User name")
            .send_keys("ada\r")
            .expect("Password for ada")
            .expect_no_echo()
            .signal(signal);
        let ended = session.wait();
        assert_eq!(ended.code, code, "{}", ended.screen);
        ended.assert_restored();
    }
}
