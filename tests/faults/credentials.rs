//! The process list contains no secret that was not specified as an option.
#![cfg(target_os = "linux")]

use std::sync::{Arc, Mutex};

use super::fixture::{JOB, Port, source};
use crate::support::binary::Binary;
use crate::support::cluster::faults::FaultRule;
use crate::support::pseudo_terminal::TerminalSession;

const SECRET: &str = "p4ss-s3cr3t";

/// Returns the command lines of all processes that contain this address.
fn command_lines(url: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines
        .map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .filter(|line| line.contains(url))
        .collect()
}

#[test]
fn process_list_shows_no_password() {
    let with_env = Binary::new().with_env("ELASTICSEARCH_PASSWORD", SECRET);
    let with_file = Binary::new();
    std::fs::write(with_file.path("password"), SECRET).unwrap();
    for (binary, more, prompted) in [
        (with_env, &[][..], false),
        (with_file, &["--password-file", "password"], false),
        (Binary::new(), &[], true),
    ] {
        let cluster = source(Port::Plain);
        let url = cluster.stand_in.url();
        let (seen, listed, address) = (Arc::new(Mutex::new(Vec::new())), url.clone(), url.clone());
        let noted = Arc::clone(&seen);
        let look = move |_: &_| *noted.lock().unwrap() = command_lines(&listed);
        cluster.stand_in.faults().add(FaultRule::on("GET", "/").run(look));
        let line = [
            "export",
            "--job-id",
            JOB,
            "--dry-run",
            "--url",
            &address,
            "--username",
            "ada",
        ];
        let mut command = binary.command([&line[..], more].concat());
        let code = match prompted {
            false => command.output().unwrap().status.code(),
            true => {
                let mut session = TerminalSession::start(command);
                session
                    .expect("Password for ada")
                    .expect_no_echo()
                    .send_keys(&format!("{SECRET}\n"));
                Some(session.wait().code)
            }
        };
        assert_eq!(code, Some(0), "{more:?}");
        let seen = seen.lock().unwrap();
        assert!(
            !seen.is_empty() && seen.iter().all(|line| !line.contains(SECRET)),
            "{seen:?}"
        );
    }
}
