//! A password typed at a terminal.

use super::{JOB, auth, made};
use crate::support::binary::Binary;
use crate::support::pseudo_terminal::Session;
use crate::support::signals::Signal;

fn start(url: &str) -> Session {
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
    Session::start(Binary::new().command(args))
}

#[test]
fn password_prompt_hides_the_input() {
    let cluster = made(|options| options.auth = Some(auth()));
    let mut session = start(&cluster.stand_in.url());
    session.expect("Password of ada").expect_silence().press("p@ss:w/rd\r");
    let ended = session.end();
    assert_eq!(ended.code, 0, "{}", ended.screen);
    assert!(!ended.screen.contains("p@ss"), "{:?}", ended.screen);
}

#[test]
fn wrong_password_of_a_prompt_is_not_printed() {
    let cluster = made(|options| options.auth = Some(auth()));
    let mut session = start(&cluster.stand_in.url());
    session
        .expect("Password of ada")
        .expect_silence()
        .press("other-s3cr3t\r");
    let ended = session.end();
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
    let cluster = made(|options| options.auth = Some(auth()));
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let mut session = start(&cluster.stand_in.url());
        session.expect("Password of ada").signal(signal);
        let ended = session.end();
        assert_eq!(ended.code, code, "{}", ended.screen);
    }
    assert!(cluster.stand_in.requests().is_empty());
}
