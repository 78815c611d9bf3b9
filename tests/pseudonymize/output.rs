//! The printed report, and the output of `reveal`.

use std::io::Write as _;
use std::process::Stdio;

use serde_json::json;

use super::shared_archives::exported;
use crate::support::binary::Binary;

#[test]
fn summary_names_the_message_field() {
    let binary = Binary::new();
    let old = exported(&binary, "log-categories").display().to_string();
    let run = binary.run([
        "pseudonymize",
        &old,
        "-o",
        "new.tar.gz",
        "--fields",
        "message",
        "--skip-datafeed",
    ]);
    run.expect(0).expect_stderr(" words in message, names and texts");
}

#[test]
fn reveal_prints_no_control_characters() {
    let binary = Binary::new();
    let key = binary.path("a.key.json");
    let tokens = json!({"t_0123456789abcdef": "red\u{1b}[31m", "t_1123456789abcdef": "plain"});
    let file = json!({"esml_key_file": 1, "key": "07".repeat(32), "keep_order": false, "tokens": tokens});
    std::fs::write(&key, file.to_string()).unwrap();
    let key = key.display().to_string();
    let one = binary.run(["reveal", &key, "t_0123456789abcdef"]).expect(0);
    assert_eq!(one.stdout, "red\\u{1b}[31m\n");
    let json = binary.run(["reveal", &key, "--json", "t_0123456789abcdef"]).expect(0);
    assert_eq!(json.json()["t_0123456789abcdef"], "red\u{1b}[31m");
    assert!(!json.stdout.contains('\u{1b}'));
    let mut command = binary.command(["reveal", &key]);
    let mut run = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let line = br#"{"a":"\tt_1123456789abcdef\nt_0123456789abcdef"}"#;
    run.stdin.take().unwrap().write_all(line).unwrap();
    let output = run.wait_with_output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert_eq!(stdout, "{\"a\":\"\\tplain\\nred\\u{1b}[31m\"}\n");
}
