//! What the Python scripts' importer finds in our archives.

use std::path::Path;
use std::process::Command;

use super::world;
use crate::support::archive::entries;
use crate::support::binary::Binary;
use crate::support::fixtures::Fixture;

/// Names in the order of the tar.
fn names(archive: &Path) -> Vec<String> {
    let file = std::fs::File::open(archive).unwrap();
    let mut tar = tar::Archive::new(flate2::read::MultiGzDecoder::new(file));
    let names = tar.entries().unwrap().map(|entry| {
        let entry = entry.unwrap();
        assert!(entry.header().entry_type().is_file());
        entry.path().unwrap().display().to_string()
    });
    names.collect()
}

/// The importer's way: the first path that contains the text.
fn first<'a>(names: &'a [String], part: &str) -> Option<&'a String> {
    names.iter().find(|name| name.contains(part))
}

/// Its way with inputs: every path in which `<safe>_input_<digits>.ndjson` stands.
fn is_input(name: &str, safe: &str) -> bool {
    let start = format!("{safe}_input_");
    name.match_indices(&start).any(|(at, _)| {
        let rest = &name[at + start.len()..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        digits > 0 && rest[digits..].starts_with(".ndjson")
    })
}

#[test]
fn their_finder_meets_the_right_entries_whatever_the_job_is_called() {
    for (fixture, id) in [
        ("web-latency", "web-latency"),
        ("log-categories", "log-categories"),
        ("user-population", "user-population"),
        ("log-categories", "logs.prod.eu-1"),
        ("log-categories", "a_config.json"),
        ("log-categories", "job_snapshot_docs.ndjson"),
        ("log-categories", "x_input_1.ndjson"),
        ("log-categories", "ml-anomalies-snapshot_doc"),
    ] {
        let fixture = Fixture::load(fixture).renamed(id);
        let world = world(&fixture);
        let binary = Binary::new();
        let archive = world.export(&binary, id, "out", &["--include-inputs"]);
        let names = names(&archive);
        let contents = entries(&archive);
        let safe: String = id
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || "_-".contains(c) {
                    c
                } else {
                    '_'
                }
            })
            .collect();
        assert!(names.iter().all(|name| !name.contains('/')), "{names:?}");
        assert_eq!(names.last().unwrap(), "esml_manifest.json");

        let config = first(&names, "_config.json").unwrap();
        assert!(contents[config].contains(&format!("\"{id}\"")) && contents[config].contains("analysis_config"));
        let state = first(&names, "_snapshot_docs.ndjson").unwrap();
        assert!(contents[state].contains(&format!("{id}_model_state_{}#1", fixture.snapshot_id())));
        let snapshot = first(&names, "ml-anomalies-snapshot_doc").unwrap();
        assert!(contents[snapshot].contains("\"quantiles\""), "{id}: {snapshot}");
        let inputs: Vec<&String> = names.iter().filter(|name| is_input(name, &safe)).collect();
        assert!(!inputs.is_empty());
        for input in inputs {
            assert!(
                contents[input].starts_with(r#"{"index""#) && input.starts_with(&safe),
                "{input}"
            );
        }
        drop(world);
    }
}

#[test]
fn python_reads_the_archive() {
    let python = ["python3", "python"].into_iter().find(|name| {
        Command::new(name)
            .arg("--version")
            .output()
            .is_ok_and(|output| output.status.success())
    });
    let Some(python) = python else {
        return;
    };
    let world = world(&Fixture::load("log-categories"));
    let binary = Binary::new();
    let archive = world.export(&binary, "log-categories", "out", &["--include-inputs"]);
    let script = "import sys, tarfile\n\
        with tarfile.open(sys.argv[1], 'r:gz') as tar:\n\
        \x20   for member in tar.getmembers():\n\
        \x20       print(member.name, member.size, len(tar.extractfile(member).read()), oct(member.mode))\n";
    let output = Command::new(python)
        .arg("-c")
        .arg(script)
        .arg(&archive)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let expected: Vec<String> = names(&archive)
        .iter()
        .map(|name| {
            let length = entries(&archive)[name].len();
            format!("{name} {length} {length} 0o600")
        })
        .collect();
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}
