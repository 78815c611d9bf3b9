//! The password prompt.

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
    TerminalSession::start(Binary::new().command(args))
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
