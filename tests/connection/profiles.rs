//! Profiles: sections of the configuration file with connection options.

use super::{JOB, assert_no_secret, auth, cluster_with};
use crate::support::binary::{Binary, Run};
use crate::support::cluster::tls::{AUTHORITY, Tls};

/// A binary with this configuration file, which only its owner can read.
fn configured(text: &str) -> Binary {
    let binary = Binary::new();
    let folder = binary.path("config/esml-state");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("config.toml"), text).unwrap();
    #[cfg(unix)]
    set_mode(&binary, 0o600);
    let config = binary.path("config");
    binary.with_env(
        if cfg!(windows) { "APPDATA" } else { "XDG_CONFIG_HOME" },
        config.to_str().unwrap(),
    )
}

#[cfg(unix)]
fn set_mode(binary: &Binary, mode: u32) {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
    std::fs::set_permissions(binary.path("config/esml-state/config.toml"), mode).unwrap();
}

fn dry_run(binary: &Binary, more: &[&str]) -> Run {
    binary.run([&["export", JOB, "--dry-run"], more].concat())
}

#[test]
fn profile_contains_the_address_and_the_credential() {
    let cluster = cluster_with(|options| options.auth = Some(auth()));
    let url = cluster.stand_in.url();
    let with_user = url.replace("http://", "http://ada:p%40ss%3Aw%2Frd@");
    for (keys, variable) in [
        (format!("url = '{with_user}'"), None),
        (format!("url = '{url}'\nusername = 'ada'\npassword = 'p@ss:w/rd'"), None),
        (format!("url = '{url}'\nusername = 'ada:p@ss:w/rd'"), None),
        (format!("url = '{url}'\napi_key = 'key-id:key-s3cr3t'"), None),
        (format!("url = '{url}'\nbearer_token = 't0ken-s3cr3t'"), None),
        (
            format!("url = '{url}'\nusername = 'ada'\npassword_file = 'password'"),
            None,
        ),
        (format!("url = '{url}'\napi_key_file = '../../key'"), None),
        (format!("url = '{url}'\napi_key_env = 'KEY'"), Some("key-id:key-s3cr3t")),
        (
            format!("url = '{url}'\nusername = 'ada'\npassword_env = 'KEY'"),
            Some("p@ss:w/rd"),
        ),
        (
            format!("url = '{url}'\nbearer_token_command = 'echo t0ken-s3cr3t'"),
            None,
        ),
    ] {
        let mut binary = configured(&format!("[profiles.prod]\n{keys}\n"));
        std::fs::write(binary.path("config/esml-state/password"), "p@ss:w/rd\n").unwrap();
        std::fs::write(binary.path("key"), "key-id:key-s3cr3t").unwrap();
        if let Some(value) = variable {
            binary = binary.with_env("KEY", value);
        }
        let run = dry_run(&binary, &["--profile", "prod", "-vv"]).expect(0);
        assert_no_secret(&run);
        assert!(!run.stderr.contains("warning"), "{keys}\n{}", run.stderr);
        let binary = binary.with_env("ESML_PROFILE", "prod");
        dry_run(&binary, &[]).expect(0);
        assert_no_secret(&binary.run(["list", "--json"]).expect(0));
    }
}

#[test]
fn options_override_the_profile_and_the_environment_does_not() {
    let cluster = cluster_with(|options| options.auth = Some(auth()));
    let url = cluster.stand_in.url();
    let text = format!("[profiles.prod]\nurl = '{url}'\napi_key = 'key-id:key-s3cr3t'\ntimeout = '1m'\nretries = 0\n");
    let binary = configured(&text)
        .with_env("ELASTICSEARCH_URL", "http://127.0.0.1:1")
        .with_env("ELASTICSEARCH_API_KEY", "other:other")
        .with_env("ELASTICSEARCH_CLOUD_ID", "nonsense");
    dry_run(&binary, &["--profile", "prod"]).expect(0);
    dry_run(&binary, &["--profile", "prod", "--bearer-token", "other"])
        .expect(1)
        .expect_stderr("does not accept the bearer token");
    dry_run(&binary, &["--profile", "prod", "--url", "http://127.0.0.1:1"])
        .expect(1)
        .expect_stderr("cannot connect to http://127.0.0.1:1/");
    let nowhere = configured("[profiles.prod]\nurl = 'http://127.0.0.1:1'\n").with_env("ELASTICSEARCH_API_KEY", "a:b");
    dry_run(&nowhere, &["--profile", "prod", "--url", &url])
        .expect(1)
        .expect_stderr("requires credentials");
    // An empty name selects no profile.
    let selected = nowhere
        .with_env("ESML_PROFILE", "prod")
        .with_env("ELASTICSEARCH_API_KEY", "key-id:key-s3cr3t");
    dry_run(&selected, &["--profile", "", "--url", &url]).expect(0);
}

#[test]
fn certificates_of_a_profile_are_relative_to_its_file() {
    let tls = Tls::new();
    let cluster = cluster_with(|options| options.tls = Some(tls.clone()));
    let url = cluster.stand_in.url();
    for key in ["ca_cert = 'ca.pem'", "ca_cert = ['ca.pem']", "ignore_certs = true"] {
        let binary = configured(&format!("[profiles.prod]\nurl = '{url}'\n{key}\n"));
        std::fs::write(binary.path("config/esml-state/ca.pem"), AUTHORITY).unwrap();
        let run = dry_run(&binary, &["--profile", "prod"]).expect(0);
        assert_eq!(
            run.stderr.contains("certificates are not verified"),
            key.contains("ignore")
        );
    }
    let untrusted = configured(&format!(
        "[profiles.prod]\nurl = '{url}'\nignore_certs = false\nretries = 0\n"
    ));
    dry_run(&untrusted, &["--profile", "prod"])
        .expect(1)
        .expect_stderr("--ca-cert");
}

#[cfg(unix)]
#[test]
fn tilde_in_a_profile_is_the_home_directory() {
    let cluster = cluster_with(|options| options.auth = Some(auth()));
    let url = cluster.stand_in.url();
    let binary = configured(&format!("[profiles.prod]\nurl = '{url}'\napi_key_file = '~/key'\n"));
    std::fs::create_dir_all(binary.path(".config/esml-state")).unwrap();
    std::fs::write(binary.path("key"), "key-id:key-s3cr3t").unwrap();
    std::fs::rename(
        binary.path("config/esml-state/config.toml"),
        binary.path(".config/esml-state/config.toml"),
    )
    .unwrap();
    let home = binary.path("").to_str().unwrap().to_owned();
    // A relative directory is ignored, as the XDG specification requires.
    let binary = binary.with_env("HOME", &home).with_env("XDG_CONFIG_HOME", "config");
    dry_run(&binary, &["--profile", "prod"]).expect(0);
}

#[test]
fn invalid_configuration_file_is_an_error_with_its_line_and_without_its_values() {
    for (text, line, expected) in [
        ("[profiles.prod]\nurl = 's3cr3t", 2, "invalid literal string"),
        (
            "[profile.prod]\nurl = 's3cr3t'",
            1,
            "unexpected `profile`: expected sections such as [profiles.production]",
        ),
        (
            "[profiles.prod]\nurl = 'h'\npasword = 's3cr3t'",
            3,
            "pasword of profile prod is unknown (did you mean password?)",
        ),
        (
            "[profiles.prod]\nurl = 'h'\napi-key = 's3cr3t'",
            3,
            "api-key of profile prod is unknown (did you mean api_key?)",
        ),
        (
            "[profiles.prod]\nprofile = 's3cr3t'",
            2,
            "profile of profile prod is unknown",
        ),
        (
            "[profiles.prod]\ntimeout = 's3cr3t'",
            2,
            "timeout of profile prod is invalid: expected a number with a unit",
        ),
        (
            "[profiles.prod]\ntimeout = 90",
            2,
            "timeout of profile prod is invalid: expected a number with a unit",
        ),
        (
            "[profiles.prod]\nretries = -1",
            2,
            "retries of profile prod is invalid: expected 0 to 1000",
        ),
        (
            "[profiles.prod]\nurl = ['s3cr3t']",
            2,
            "url of profile prod has a value of another type",
        ),
        (
            "[profiles.prod]\napi_key_file = 5",
            2,
            "api_key_file of profile prod has a value of another type",
        ),
        (
            "[profiles.prod]\nignore_certs = 'yes'",
            2,
            "ignore_certs of profile prod has a value of another type",
        ),
        (
            "[profiles.prod]\nurl = false\ntimeout = '1m'",
            2,
            "url of profile prod has a value of another type",
        ),
        (
            "[profiles.prod]\nretries = false",
            2,
            "retries of profile prod has a value of another type",
        ),
        (
            "[profiles.prod]\npasword = false",
            2,
            "pasword of profile prod is unknown (did you mean password?)",
        ),
        (
            "[profiles.prod]\nurl = ''",
            2,
            "url of profile prod is invalid: the value is empty",
        ),
        ("[profiles.prod]\nurl = 'a'\nurl = 's3cr3t'", 3, "duplicate key"),
    ] {
        let binary = configured(text);
        let run = dry_run(&binary, &["--profile", "prod", "-vv", "--json"]).expect(2);
        run.expect_stderr(&format!("config.toml:{line}: {expected}"));
        let output = format!("{}{}", run.stdout, run.stderr);
        assert!(!output.contains("s3cr3t"), "{output}");
    }
    dry_run(
        &configured("[profiles.prod]\nclient_cert = 'c'\n"),
        &["--profile", "prod"],
    )
    .expect(2)
    .expect_stderr("client_key of profile prod is missing");
}

#[test]
fn rules_for_credentials_apply_to_a_profile() {
    for (keys, expected) in [
        (
            "url = 'http://ada:p%40ss@127.0.0.1:1'\napi_key = 'key-s3cr3t'",
            "the credential in url of profile prod cannot be used with api_key of profile prod: these are two credentials",
        ),
        (
            "username = 'ada'\npassword = 's3cr3t'\npassword_env = 'P'",
            "password of profile prod cannot be used with password_env of profile prod: these are two credentials",
        ),
        (
            "api_key_command = 'false'\npassword_file = 'p'",
            "api_key_command of profile prod cannot be used with password_file of profile prod",
        ),
        (
            "username = 'ada'\nbearer_token = 't0ken-s3cr3t'",
            "username of profile prod cannot be used with bearer_token",
        ),
        (
            "url = 'http://127.0.0.1:1'\ncloud_id = 'c'",
            "cloud_id of profile prod cannot be used with url of profile",
        ),
        ("url = '127.0.0.1:1'", "as in `https://127.0.0.1:1`"),
        ("cloud_id = 'c'", "cloud_id of profile prod is not a valid Cloud ID"),
        ("username = 'ada'", "or password_file to profile prod"),
        ("password = 'p@ss'", "a password requires a user name"),
        (
            "username = 'ada'\npassword_env = 'NOT_SET'",
            "password_env of profile prod is NOT_SET, which is not set",
        ),
        (
            "api_key_file = 'empty'",
            "invalid api_key_file of profile prod: the file is empty or larger than 64 KiB",
        ),
    ] {
        let binary = configured(&format!("[profiles.prod]\n{keys}\n"));
        std::fs::write(binary.path("config/esml-state/empty"), "\n").unwrap();
        let run = dry_run(&binary, &["--profile", "prod", "-vv"]).expect(2);
        run.expect_stderr(expected);
        assert_no_secret(&run);
    }
}

#[test]
fn unknown_profile_suggests_similar_names_and_names_the_file() {
    let binary = configured("[profiles.production]\n[profiles.test]\n");
    let run = dry_run(&binary, &["--profile", "prodution"]).expect(2);
    run.expect_stderr("error: profile prodution does not exist in ")
        .expect_stderr("config.toml\nhint: did you mean production? Otherwise, add a section `[profiles.prodution]`");
    std::fs::remove_file(binary.path("config/esml-state/config.toml")).unwrap();
    dry_run(&binary, &["--profile", "test"])
        .expect(2)
        .expect_stderr("error: cannot read the profiles in ");
    dry_run(&binary, &["--url", "http://127.0.0.1:1"]).expect(1);
}

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    use std::process::Command;
    use std::time::Duration;

    use super::*;
    use crate::support::signals::{Signal, SignalTarget};

    #[test]
    fn secret_in_a_file_that_others_can_read_causes_a_warning() {
        let cluster = cluster_with(|_| {});
        let url = cluster.stand_in.url();
        let with_user = url.replace("http://", "http://ada:p%40ss@");
        for (keys, secret) in [
            (
                format!("url = '{with_user}'"),
                Some("the credential in url of profile prod"),
            ),
            (
                format!("url = '{url}'\napi_key = 'key-id:key-s3cr3t'"),
                Some("api_key of profile prod"),
            ),
            (
                format!("url = '{url}'\napi_key_command = 'echo key-id:key-s3cr3t'"),
                None,
            ),
            (format!("url = '{url}'"), None),
        ] {
            let binary = configured(&format!("[profiles.prod]\n{keys}\n"));
            for (mode, is_private) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
                set_mode(&binary, mode);
                let run = dry_run(&binary, &["--profile", "prod"]).expect(0);
                assert_no_secret(&run);
                match secret.filter(|_| !is_private) {
                    Some(secret) => {
                        let file = binary.path("config/esml-state/config.toml");
                        let file = file.to_str().unwrap();
                        run.expect_stderr(&format!(
                            "warning: other users of this machine can read {secret}: the mode of {file} is {mode:o}; run \
                             `chmod 600 {file}`"
                        ));
                    }
                    None => assert!(!run.stderr.contains("warning"), "{}", run.stderr),
                }
            }
        }
    }

    #[test]
    fn failing_command_is_an_error_without_its_output() {
        for (command, expected) in [
            (
                "echo p@ss; exit 3",
                "password_command of profile prod failed with exit status: 3",
            ),
            ("true", "password_command of profile prod did not print a secret"),
            (
                "echo; echo p@ss",
                "password_command of profile prod did not print a secret",
            ),
            ("no-such-command-p", "failed with exit status: 127"),
            ("head -c 70000 /dev/zero | tr '\\0' x; echo p@ss", "larger than 64 KiB"),
            ("yes p@ss", "larger than 64 KiB"),
            ("printf 'p@ss\\377'", "not UTF-8"),
        ] {
            let text = format!("[profiles.prod]\nusername = 'ada'\npassword_command = \"\"\"{command}\"\"\"\n");
            let binary = configured(&text.replace('\\', "\\\\"));
            let run = dry_run(&binary, &["--profile", "prod", "-vv", "--json"]).expect(1);
            run.expect_stderr(expected);
            assert_no_secret(&run);
        }
    }

    #[test]
    fn command_runs_only_if_its_secret_is_needed_and_cannot_read_stdin() {
        let cluster = cluster_with(|options| options.auth = Some(auth()));
        let url = cluster.stand_in.url();
        let command = "touch \"$MARK\"; cat; printf 'p@ss:w/rd\\nsecond line\\n'".replace('\\', "\\\\");
        let keys = format!("url = '{url}'\nusername = 'ada'\npassword_command = \"\"\"{command}\"\"\"");
        let binary = configured(&format!("[profiles.prod]\n{keys}\n"));
        let mark = binary.path("mark");
        let binary = binary.with_env("MARK", mark.to_str().unwrap());
        dry_run(&binary, &["--profile", "prod", "--api-key", "key-id:key-s3cr3t"]).expect(0);
        dry_run(&binary, &["--profile", "prod", "--password", "p@ss:w/rd"]).expect(0);
        assert!(!mark.exists());
        dry_run(&binary, &["--profile", "prod"]).expect(0);
        assert!(mark.exists());
    }

    #[test]
    fn signal_stops_the_command_of_a_secret() {
        let text = "[profiles.prod]\nusername = 'ada'\npassword_command = 'echo $$ > pid.new; mv pid.new pid; exec sleep 600'\n";
        for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
            let binary = configured(text);
            let target = SignalTarget::default();
            let command = binary.command(["list", "--profile", "prod"]);
            let output = std::thread::scope(|scope| {
                let running = scope.spawn(|| target.run(command));
                while !binary.path("pid").exists() {
                    std::thread::sleep(Duration::from_millis(5));
                }
                target.signal(signal);
                running.join().unwrap()
            });
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(code), "{stderr}");
            let pid = std::fs::read_to_string(binary.path("pid")).unwrap();
            let shell = format!("/proc/{}", pid.trim());
            while cfg!(target_os = "linux") && std::path::Path::new(&shell).join("exe").exists() {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }

    #[test]
    fn signal_stops_reading_the_file_of_a_secret() {
        let text = "[profiles.prod]\nusername = 'ada'\npassword_file = 'pipe'\n";
        let pipe = "config/esml-state/pipe";
        let user = ["--url", "http://127.0.0.1:1", "-u", "ada", "--password-file", pipe];
        for options in [&["--profile", "prod"][..], &user] {
            for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
                let (binary, target) = (configured(text), SignalTarget::default());
                let pipe = binary.path(pipe);
                assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
                let command = binary.command([&["list"], options].concat());
                let output = std::thread::scope(|scope| {
                    let running = scope.spawn(|| target.run(command));
                    // Waits until the program opens the pipe, which then remains without content.
                    let _open = std::fs::File::options().write(true).open(&pipe).unwrap();
                    target.signal(signal);
                    running.join().unwrap()
                });
                let stderr = String::from_utf8_lossy(&output.stderr);
                assert_eq!(output.status.code(), Some(code), "{stderr}");
            }
        }
    }

    #[test]
    fn name_of_a_profile_that_is_not_utf_8_is_unknown() {
        let binary = configured("[profiles.prod]\n");
        let mut command = binary.command(["list"]);
        command.env("ESML_PROFILE", OsStr::from_bytes(b"pro\xffd"));
        let output = command.output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(
            stderr.contains("error: profile pro\u{fffd}d does not exist in "),
            "{stderr}"
        );
    }
}
