//! Archives that must not be imported: exit 4, what and why, and the cluster never hears of it.

#![allow(clippy::type_complexity)]

use serde_json::Value;

use super::{archive_of, options};
use crate::support::archive::{Member, blocks, gzip, members};
use crate::support::binary::Binary;
use crate::support::fixtures::from_python;
use crate::support::world::World;

const JOB: &str = "log-categories";
const STATE: &str = "_snapshot_docs.ndjson";

/// A good archive without manifest, its model state in three documents.
fn good() -> Vec<Member> {
    let mut all = members(archive_of(JOB));
    all.retain(|member| member.name != "esml_manifest.json");
    let mut lines: Vec<String> = text(&all, STATE).lines().map(str::to_owned).collect();
    let model: Value = serde_json::from_str(&lines[1]).unwrap();
    let joined: String = model["compressed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|piece| piece.as_str().unwrap())
        .collect();
    let (one, rest) = joined.split_at(joined.len() / 3);
    let (two, three) = rest.split_at(rest.len() / 2);
    let id = |number: usize| lines[0].replace("#1\"", &format!("#{number}\""));
    let mut split = vec![
        id(1),
        format!("{{\"compressed\":[\"{one}\"]}}"),
        id(2),
        format!("{{\"compressed\":[\"{two}\"]}}"),
        id(3),
        format!("{{\"compressed\":[\"{three}\"],\"eos\":true}}"),
    ];
    split.extend(lines.drain(2..));
    set(&mut all, STATE, split.join("\n") + "\n");
    let mut snapshot: Value = serde_json::from_str(&text(&all, "snapshot_doc_")).unwrap();
    snapshot["snapshot_doc_count"] = 3.into();
    set(&mut all, "snapshot_doc_", snapshot.to_string());
    all
}

fn find<'a>(all: &'a mut [Member], part: &str) -> &'a mut Member {
    all.iter_mut().find(|member| member.name.contains(part)).unwrap()
}

fn text(all: &[Member], part: &str) -> String {
    let member = all.iter().find(|member| member.name.contains(part)).unwrap();
    String::from_utf8(member.content.clone()).unwrap()
}

fn set(all: &mut [Member], part: &str, content: impl Into<Vec<u8>>) {
    find(all, part).content = content.into();
}

/// Changes the state's lines: 0 and 1 are action and document of `#1`, 6 and 7 of the categorizer.
fn state(change: impl FnOnce(&mut Vec<String>)) -> Vec<Member> {
    let mut all = good();
    let mut lines: Vec<String> = text(&all, STATE).lines().map(str::to_owned).collect();
    change(&mut lines);
    set(&mut all, STATE, lines.join("\n") + "\n");
    all
}

fn with(name: &str, kind: tar::EntryType) -> Vec<Member> {
    let mut all = good();
    all.push(Member {
        kind,
        ..Member::file(name, "{}")
    });
    all
}

fn without(part: &str) -> Vec<Member> {
    let mut all = good();
    all.retain(|member| !member.name.contains(part));
    all
}

fn line_in(part: &'static str, line: &str) -> Vec<Member> {
    let mut all = good();
    let content = text(&all, part) + line + "\n";
    set(&mut all, part, content);
    all
}

fn replaced(part: &str, from: &str, to: &str) -> Vec<Member> {
    let mut all = good();
    let content = text(&all, part);
    assert!(content.contains(from), "{part} holds {from}");
    set(&mut all, part, content.replace(from, to));
    all
}

/// Sees that each is refused so, and that no request reached the cluster.
fn refused(cases: &[(&str, Vec<u8>, &[&str], &[&str])]) {
    let binary = Binary::new();
    let world = World::with(options());
    for (name, bytes, more, said) in cases {
        let path = binary.path("damaged.tar.gz");
        std::fs::write(&path, bytes).unwrap();
        let run = world.import(&binary, &path, more);
        assert_eq!(run.code, 4, "{name}: {}", run.stderr);
        assert_eq!(run.stdout, "", "{name}");
        for words in *said {
            assert!(run.stderr.contains(words), "{name}: no `{words}` in {}", run.stderr);
        }
        let requests = world.stand_in.requests();
        assert!(requests.is_empty(), "{name}: {requests:?}");
    }
}

fn pack(all: &[Member]) -> Vec<u8> {
    gzip(&blocks(all))
}

#[test]
fn the_archive_that_the_others_are_made_of_is_good() {
    let binary = Binary::new();
    let world = World::with(options());
    let path = binary.path("good.tar.gz");
    std::fs::write(&path, pack(&good())).unwrap();
    assert_eq!(world.import(&binary, &path, &[]).expect(0).stdout, "log-categories\n");
}

#[test]
fn entries_that_are_traps_are_refused() {
    use tar::EntryType::{Block, Directory, Fifo, Link, Regular, Symlink};
    let plain: &[&str] = &["not a plain file"];
    let elsewhere: &[&str] = &["leads elsewhere"];
    let cases: Vec<(&str, Vec<Member>, &[&str])> = vec![
        ("symlink", with("x", Symlink), plain),
        ("hard link", with("log-categories_filters2.json", Link), plain),
        ("folder", with("x/", Directory), plain),
        ("fifo", with("x", Fifo), plain),
        ("device", with("x", Block), plain),
        ("absolute", with("/etc/log-categories_x", Regular), elsewhere),
        ("up", with("../x", Regular), elsewhere),
        ("up within", with("a/../../x", Regular), elsewhere),
        ("backslash", with("..\\x", Regular), elsewhere),
        (
            "same name twice",
            with("log-categories_config.json", Regular),
            &["log-categories_config.json", "twice"],
        ),
        (
            "same kind twice",
            with("other_config.json", Regular),
            &["other_config.json", "kind"],
        ),
    ];
    let packed: Vec<_> = cases
        .into_iter()
        .map(|(name, all, said)| (name, pack(&all), &[][..], said))
        .collect();
    refused(&packed);
}

#[test]
fn lines_and_entries_that_are_no_json_are_refused() {
    let mut cases: Vec<(&str, Vec<u8>, &[&str], &[&str])> = Vec::new();
    for part in ["_annotations.ndjson", "_notifications.ndjson"] {
        cases.push((part, pack(&line_in(part, "{\"a\":")), &[], &["line ", "JSON"]));
    }
    for part in ["_input_1.ndjson", "_categories.ndjson", STATE] {
        cases.push((
            part,
            pack(&line_in(part, "{\"a\":1}\n{}")),
            &[],
            &["line ", "action line"],
        ));
        cases.push((
            part,
            pack(&line_in(part, "{\"index\":{\"_index\":\"i\",\"_id\":\"x\"}}\n[]")),
            &[],
            &["line "],
        ));
    }
    for part in [
        "_config.json",
        "snapshot_doc_",
        "_data_counts.json",
        "_filters.json",
        "_calendars.json",
        "_input_mapping.json",
    ] {
        let mut all = good();
        if !all.iter().any(|member| member.name.contains(part)) {
            all.push(Member::file(&format!("log-categories{part}"), ""));
        }
        set(&mut all, part, "{\"a\" 1}");
        cases.push((part, pack(&all), &[], &[]));
    }
    refused(&cases);
}

#[test]
fn state_that_no_job_could_be_restored_from_is_refused() {
    let place: &[&str] = &[STATE];
    let swap = |lines: &mut Vec<String>, line: usize, from: &str, to: &str| {
        assert!(lines[line].contains(from), "{}", lines[line]);
        lines[line] = lines[line].replace(from, to);
    };
    let cases: Vec<(&str, Vec<Member>, &[&str])> = vec![
        (
            "another job's",
            state(|lines| {
                (0..6)
                    .step_by(2)
                    .for_each(|n| swap(lines, n, "log-categories_model", "other_model"))
            }),
            &["not state of job"],
        ),
        (
            "one of another job",
            state(|lines| swap(lines, 2, "log-categories_model", "other_model")),
            &["another job or snapshot", "line"],
        ),
        (
            "another snapshot's",
            state(|lines| (0..6).step_by(2).for_each(|n| swap(lines, n, "#", "9#"))),
            &["not state of job"],
        ),
        (
            "another job's categorizer",
            state(|lines| swap(lines, 6, "log-categories_cat", "other_cat")),
            &["not state of job"],
        ),
        (
            "quantiles",
            state(|lines| lines.extend([lines[6].replace("categorizer_state#1", "quantiles"), "{}".to_owned()])),
            &["not the id of a state document", "line"],
        ),
        (
            "any id",
            state(|lines| {
                lines.extend([
                    lines[6].replace("log-categories_categorizer_state#1", "x"),
                    "{}".to_owned(),
                ])
            }),
            &["not the id of a state document"],
        ),
        ("number 0", state(|lines| swap(lines, 0, "#1", "#0")), place),
        ("gap", state(|lines| drop(lines.drain(2..4))), &["#2` is missing"]),
        (
            "duplicate",
            state(|lines| lines.extend([lines[2].clone(), lines[3].clone()])),
            &["twice", "line"],
        ),
        (
            "categorizer gap",
            state(|lines| swap(lines, 6, "#1", "#2")),
            &["#1` is missing"],
        ),
        ("last missing", state(|lines| drop(lines.drain(4..6))), &["eos"]),
        (
            "one more",
            state(|lines| {
                lines.extend([
                    lines[0].replace("#1", "#4"),
                    "{\"compressed\":[\"\"],\"eos\":true}".to_owned(),
                ])
            }),
            &["line"],
        ),
        (
            "count",
            replaced("snapshot_doc_", "\"snapshot_doc_count\":3", "\"snapshot_doc_count\":4"),
            &["4 documents, the archive has 3"],
        ),
        ("no eos", state(|lines| swap(lines, 5, ",\"eos\":true", "")), &["eos"]),
        (
            "early eos",
            state(|lines| swap(lines, 1, "]}", "],\"eos\":true}")),
            place,
        ),
        (
            "no base64",
            state(|lines| swap(lines, 3, "[\"", "[\"!!!!")),
            &["base64"],
        ),
        (
            "cut gzip",
            state(|lines| {
                let half = lines[5].len() / 2 / 4 * 4;
                lines[5] = format!("{}\"],\"eos\":true}}", &lines[5][..half]);
            }),
            place,
        ),
        (
            "other members",
            state(|lines| swap(lines, 3, "{\"compressed\"", "{\"x\":1,\"compressed\"")),
            place,
        ),
    ];
    let packed: Vec<_> = cases
        .into_iter()
        .map(|(name, all, said)| (name, pack(&all), &[][..], said))
        .collect();
    refused(&packed);
}

#[test]
fn ids_that_elasticsearch_would_not_take_and_documents_of_other_jobs_are_refused() {
    let mut cases: Vec<(String, Vec<u8>)> = Vec::new();
    for id in [
        "a/b",
        "..",
        "a%2fb",
        "*",
        "a,b",
        "Upper",
        "-a",
        "a-",
        "",
        &"a".repeat(65),
    ] {
        let id = serde_json::to_string(&id).unwrap();
        let mut all = good();
        let mut config: Value = serde_json::from_str(&text(&all, "_config.json")).unwrap();
        config["job_id"] = serde_json::from_str(&id).unwrap();
        set(&mut all, "_config.json", config.to_string());
        cases.push((id, pack(&all)));
    }
    for part in [
        "snapshot_doc_",
        "_data_counts.json",
        "_categories.ndjson",
        "_annotations.ndjson",
        "_notifications.ndjson",
    ] {
        let mut all = good();
        let content = text(&all, part);
        let other = content
            .replacen("\"job_id\": \"log-categories\"", "\"job_id\": \"other\"", 1)
            .replacen("\"job_id\":\"log-categories\"", "\"job_id\":\"other\"", 1);
        assert_ne!(content, other, "{part}");
        set(&mut all, part, other);
        cases.push((part.to_owned(), pack(&all)));
    }
    let cases: Vec<_> = cases
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.clone(), &[][..], &["error: "][..]))
        .collect();
    refused(&cases);
}

#[test]
fn a_cut_or_changed_file_is_refused() {
    let whole = std::fs::read(archive_of(JOB)).unwrap();
    let tar = blocks(&good());
    let mut cases: Vec<(String, Vec<u8>)> = (0..20)
        .map(|part| (format!("cut at {part}/20"), whole[..whole.len() * part / 20].to_vec()))
        .collect();
    cases.extend((1..8).map(|part| (format!("tar cut at {part}/8"), gzip(&tar[..tar.len() * part / 8]))));
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 4;
    cases.push(("a flipped bit".to_owned(), flipped));
    let mut header = tar.clone();
    header[20] ^= 1;
    cases.push(("a header's checksum".to_owned(), gzip(&header)));
    // The same length, another letter: only the manifest's hashes tell.
    let mut all = members(archive_of(JOB));
    let config = text(&all, "_config.json")
        .replace("log", "lag")
        .replace("lag-categories", "log-categories");
    assert_ne!(config, text(&all, "_config.json"));
    set(&mut all, "_config.json", config);
    cases.push(("a changed entry".to_owned(), pack(&all)));
    let mut all = members(archive_of(JOB));
    all.retain(|member| !member.name.contains("_annotations"));
    cases.push(("a missing entry".to_owned(), pack(&all)));
    let cases: Vec<_> = cases
        .iter()
        .map(|(name, bytes)| (name.as_str(), bytes.clone(), &[][..], &["error: "][..]))
        .collect();
    refused(&cases);
}

#[test]
fn what_decompresses_without_end_is_refused() {
    let bomb = {
        let mut all = good();
        all.push(Member::file("log-categories_padding", vec![b' '; 70 << 20]));
        pack(&all)
    };
    refused(&[
        (
            "an entry too large",
            pack(&good()),
            &["--max-entry-size", "10kb"],
            &["--max-entry-size"],
        ),
        ("a bomb", bomb, &[], &["error: "]),
    ]);
}

#[test]
fn archives_that_lack_something_are_refused_with_what_it_is() {
    let python = |name: &str| std::fs::read(from_python(name)).unwrap();
    refused(&[
        (
            "no configuration",
            pack(&without("_config.json")),
            &[],
            &["_config.json", "missing"],
        ),
        (
            "no snapshot document",
            pack(&without("snapshot_doc_")),
            &[],
            &["snapshot document", "missing"],
        ),
        ("no state", pack(&without(STATE)), &[], &["model state", "missing"]),
        ("no entries", pack(&[]), &[], &["empty"]),
        (
            "theirs without snapshot document",
            python("without-snapshot-document"),
            &[],
            &["snapshot document", "missing"],
        ),
        ("theirs, empty", python("empty"), &[], &["empty", "--include_inputs"]),
    ]);
}
