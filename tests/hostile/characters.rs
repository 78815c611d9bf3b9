//! Control characters for terminals, in every name and text of an archive that can be imported.

use serde_json::{Value, json};

use super::valid::{ANNOTATIONS, CATEGORIES, CONFIG, Entries, INPUTS, NOTIFICATIONS, SNAPSHOT, valid};
use crate::import_safety::options;
use crate::support::archive::TarMember;
use crate::support::binary::Binary;
use crate::support::test_cluster::TestCluster;

/// Clears the screen, rings the bell, changes the text direction, hides text, breaks the line and imitates a message.
const CONTROL_CHARACTERS: &str = "\u{1b}[2J\u{1b}]0;x\u{7}\u{9b}31m\u{202e}\u{2066}\u{61c}\u{feff}\u{200b}\u{e0041}\0\r\u{8}\nerror:forged\u{2028}y\u{7f}";

/// NUL and similar characters can only be in JSON as escapes.
fn archive_with_control_characters(group: &str) -> Vec<u8> {
    let text = |what: &str| Value::from(format!("{what}{CONTROL_CHARACTERS}"));
    let mut all = valid()
        .json(CONFIG, |job| {
            job["description"] = text("description");
            job["groups"] = json!([group]);
            job["custom_settings"] = json!({CONTROL_CHARACTERS: text("setting")});
            job["analysis_config"]["detectors"][0]["detector_description"] = text("detector");
            job["analysis_config"]["influencers"] = json!([text("influencer")]);
            job["datafeed_config"]["indices"] = json!([text("remote:index")]);
            job["datafeed_config"]["query"] = json!({"term": {CONTROL_CHARACTERS: text("query")}});
            job["datafeed_config"]["script_fields"] = json!({CONTROL_CHARACTERS: {"script": {"source": text("script")}}});
        })
        .json(SNAPSHOT, |snapshot| {
            snapshot["description"] = text("snapshot");
            snapshot["min_version"] = "8.3.0".into();
        })
        .set(
            "_filters.json",
            json!([{"filter_id": "f", "description": text("filter"), "items": [text("item")]}]).to_string(),
        )
        .set(
            "_calendars.json",
            json!([{"calendar_id": "c", "description": text("calendar"), "job_ids": [text("job")],
                "events": [{"description": text("event"), "start_time": 1, "end_time": 2}]}])
            .to_string(),
        )
        .append(
            ANNOTATIONS,
            line(&json!({"job_id": "log-categories", "annotation": text("annotation"),
            "create_username": text("user"), "timestamp": 1_795_432_900_000_i64, CONTROL_CHARACTERS: text("member")}))
            .as_bytes(),
        )
        .append(
            NOTIFICATIONS,
            line(&json!({"job_id": "log-categories", "message": text("message"),
            "node_name": text("node"), "timestamp": 1_795_432_900_000_i64}))
            .as_bytes(),
        )
        .append(
            CATEGORIES,
            pair(
                "log-categories_category_definition_99",
                &json!({"job_id": "log-categories",
            "category_id": 99, "terms": text("terms"), "regex": text("regex"), "examples": [text("example")]}),
            )
            .as_bytes(),
        )
        .append(
            INPUTS,
            pair(
                CONTROL_CHARACTERS,
                &json!({"@timestamp": 1_795_432_900_000_i64, "message": text("value"), CONTROL_CHARACTERS: text("field")}),
            )
            .as_bytes(),
        );
    all.0.push(TarMember::file(
        &format!("x{}", CONTROL_CHARACTERS.replace('\0', "")),
        "x",
    ));
    all.manifest(|manifest| {
        manifest["source"]["cluster_name"] = text("cluster");
        manifest["source"]["cluster_uuid"] = text("uuid");
        manifest["source"]["cluster_version"] = text("version");
        manifest["tool_version"] = text("tool");
        manifest["created"] = text("created");
        manifest["options"] = json!({CONTROL_CHARACTERS: text("option")});
    })
    .pack()
}

fn line(document: &Value) -> String {
    format!("{document}\n")
}

fn pair(id: &str, document: &Value) -> String {
    let index = format!("index{CONTROL_CHARACTERS}");
    format!("{}\n{document}\n", json!({"index": {"_index": index, "_id": id}}))
}

/// Checks that the output only moves the cursor with line feeds. The carriage returns before them come from the
/// terminal.
#[track_caller]
fn assert_no_control_characters(what: &str, shown: &str) {
    let is_control = |c: &char| {
        (c.is_control() && *c != '\n')
            || matches!(c, '\u{61c}' | '\u{200b}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{e0041}')
    };
    let found: Vec<char> = shown.replace("\r\n", "\n").chars().filter(is_control).collect();
    assert!(found.is_empty(), "{what}: {found:?} in {shown:?}");
    let forged = shown
        .lines()
        .any(|line| line.trim_start_matches('\r').starts_with("error:forged"));
    assert!(!forged, "{what}: a line passes for one of ours in {shown}");
}

const INSPECTIONS: [&[&str]; 6] = [
    &[],
    &["--list"],
    &["--values"],
    &["--json", "--values"],
    &["--list", "--json"],
    &["--verify"],
];

#[test]
fn no_output_contains_control_characters() {
    let binary = Binary::new();
    std::fs::write(
        binary.path("controls.tar.gz"),
        archive_with_control_characters(&format!("group{CONTROL_CHARACTERS}")),
    )
    .unwrap();
    let mut looked_at = 0;
    let mut see = |what: String, run: crate::support::binary::Run| {
        assert_no_control_characters(&format!("{what}, stdout"), &run.stdout);
        assert_no_control_characters(&format!("{what}, stderr"), &run.stderr);
        looked_at += 1;
        run
    };
    for more in INSPECTIONS {
        let run = see(
            format!("inspect {more:?}"),
            binary.run([&["inspect", "controls.tar.gz"], more].concat()),
        );
        run.expect(0);
    }
    for more in [
        &["--show", CONTROL_CHARACTERS.split('\0').next().unwrap()][..],
        &["--show", "nothing"],
    ] {
        see(
            format!("inspect {more:?}"),
            binary.run([&["inspect", "controls.tar.gz"], more].concat()),
        )
        .expect(1);
    }
    std::fs::write(binary.path("good.tar.gz"), valid().pack()).unwrap();
    for more in [&[][..], &["--json"], &["--html", "-"]] {
        let two = [&["inspect", "good.tar.gz", "controls.tar.gz", "--values"], more].concat();
        see(format!("two {more:?}"), binary.run(two)).expect(0);
    }
    let cluster = TestCluster::with(options());
    let archive = binary.path("controls.tar.gz");
    // A cluster refuses a job with such a group, and quotes it.
    see(
        "group with control characters".into(),
        cluster.import(&binary, &archive, &["--dry-run"]),
    )
    .expect(3);
    std::fs::write(&archive, archive_with_control_characters("group")).unwrap();
    for more in [
        &["--dry-run"][..],
        &["--dry-run", "--json"],
        &["--dry-run", "--skip-inputs"],
    ] {
        see(format!("import {more:?}"), cluster.import(&binary, &archive, more)).expect(0);
    }
    // The cluster may treat such texts in any way, but the output must be safe.
    for more in [&["-vv"][..], &["--json", "--as", "other"]] {
        see(format!("import {more:?}"), cluster.import(&binary, &archive, more));
    }
    let fatal: Entries = valid().json(CONFIG, |job| job["job_id"] = format!("a{CONTROL_CHARACTERS}").into());
    std::fs::write(&archive, fatal.pack()).unwrap();
    for more in [&["-vv"][..], &["--json"]] {
        see(format!("refused {more:?}"), cluster.import(&binary, &archive, more)).expect(4);
    }
    println!("checked {looked_at} outputs");
}

#[cfg(unix)]
#[test]
fn terminal_receives_no_control_sequences_of_the_archive() {
    use crate::support::pseudo_terminal::TerminalSession;

    let binary = Binary::new().with_env("LC_ALL", "C.UTF-8").with_env("NO_COLOR", "1");
    std::fs::write(
        binary.path("controls.tar.gz"),
        archive_with_control_characters(&format!("group{CONTROL_CHARACTERS}")),
    )
    .unwrap();
    let shown = ["_config.json", "_annotations.ndjson", "_input_1.ndjson"].map(|part| format!("log-categories{part}"));
    let shown: Vec<[&str; 2]> = shown.iter().map(|name| ["--show", name]).collect();
    for more in INSPECTIONS.into_iter().chain(shown.iter().map(<[&str; 2]>::as_slice)) {
        let command = binary.command([&["inspect", "controls.tar.gz", "-q"], more].concat());
        let ended = TerminalSession::start_with_stdout(command).wait();
        assert_no_control_characters(&format!("inspect {more:?}"), &ended.screen);
    }
    std::fs::write(binary.path("controls.tar.gz"), archive_with_control_characters("group")).unwrap();
    let cluster = TestCluster::with(options());
    let url = cluster.stand_in.url();
    let mut session = TerminalSession::start(binary.command(["import", "controls.tar.gz", "--url", &url]));
    session.expect("Import job").send_keys("n");
    let screen = session.wait().screen;
    let plan: String = screen.lines().filter(|line| line.contains("index")).collect();
    assert!(plan.contains("\\u{1b}[2J"), "{screen}");
    assert!(
        !screen.contains("\u{1b}[2J\u{1b}]0") && !screen.contains(['\u{202e}', '\u{7}', '\u{9b}']),
        "{screen:?}"
    );
}
