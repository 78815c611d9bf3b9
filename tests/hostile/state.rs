//! State that cannot be restored, or that belongs to another job.

use super::Case;
use super::valid::{SNAPSHOT, STATE, valid};

fn changed(change: impl FnOnce(&mut Vec<String>)) -> Vec<u8> {
    valid().lines(STATE, change).pack()
}

fn swap(lines: &mut [String], line: usize, from: &str, to: &str) {
    assert!(lines[line].contains(from), "{}", lines[line]);
    lines[line] = lines[line].replacen(from, to, 1);
}

fn model(lines: &mut [String], from: &str, to: &str) {
    (0..6).step_by(2).for_each(|line| swap(lines, line, from, to));
}

fn append_document(lines: &mut Vec<String>, id: &str, document: &str) {
    let action = lines[6].replace("log-categories_categorizer_state#1", id);
    lines.extend([action, document.to_owned()]);
}

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    of_another_job(&mut cases);
    numbers(&mut cases);
    decoding(&mut cases);
    cases
}

fn of_another_job(cases: &mut Vec<Case>) {
    let rule = "a state document of another job or snapshot";
    let mut case = |name: &str, bytes| cases.push(Case::new(rule, name, bytes));
    let job = "log-categories_model";
    case(
        "all documents of another job",
        changed(|lines| model(lines, job, "other_model")),
    );
    case(
        "one document of another job",
        changed(|lines| swap(lines, 2, job, "other_model")),
    );
    case(
        "all documents of another snapshot",
        changed(|lines| model(lines, "#", "9#")),
    );
    case(
        "the categorizer documents of another job",
        changed(|lines| swap(lines, 6, "log-categories_cat", "other_cat")),
    );
    case(
        "a job whose ID contains this one",
        changed(|lines| model(lines, job, "log-categories_model_state_1_model")),
    );
    for (name, id) in [
        ("quantiles", "log-categories_quantiles"),
        ("an arbitrary ID", "x"),
        ("a number with a sign", "log-categories_categorizer_state#+2"),
        ("a number with leading zeros", "log-categories_categorizer_state#02"),
        ("no number", "log-categories_categorizer_state#"),
        (
            "a number that is too large",
            "log-categories_categorizer_state#99999999999999999999",
        ),
    ] {
        case(
            name,
            changed(|lines| append_document(lines, id, r#"{"compressed":[]}"#)),
        );
    }
}

fn numbers(cases: &mut Vec<Case>) {
    let rule = "a gap or a duplicate in their numbers";
    let mut case = |name: &str, bytes| cases.push(Case::new(rule, name, bytes));
    case("number 0", changed(|lines| swap(lines, 0, "#1", "#0")));
    case("a gap", changed(|lines| drop(lines.drain(2..4))));
    case(
        "a gap in the categorizer documents",
        changed(|lines| swap(lines, 6, "#1", "#2")),
    );
    case(
        "a gap of billions",
        changed(|lines| swap(lines, 4, "#3", "#9000000000")),
    );
    case("a duplicate", changed(|lines| lines.extend_from_within(2..4)));
    let rule = "a number of documents other than `snapshot_doc_count`";
    let count = "\"snapshot_doc_count\":3";
    for (name, to) in [
        ("one too many", "\"snapshot_doc_count\":4"),
        ("one missing", "\"snapshot_doc_count\":2"),
        ("none", "\"snapshot_doc_count\":0"),
        ("no number", "\"snapshot_doc\":3"),
        ("negative", "\"snapshot_doc_count\":-3"),
        ("twice", "\"snapshot_doc_count\":3,\"snapshot_doc_count\":3"),
    ] {
        cases.push(Case::new(rule, name, valid().replaced(SNAPSHOT, count, to).pack()));
    }
    let rule = "a missing or early `eos`";
    let mut case = |name: &str, bytes| cases.push(Case::new(rule, name, bytes));
    case("the last document missing", changed(|lines| drop(lines.drain(4..6))));
    case("missing", changed(|lines| swap(lines, 5, ",\"eos\":true", "")));
    case(
        "false",
        changed(|lines| swap(lines, 5, "\"eos\":true", "\"eos\":false")),
    );
    case("early", changed(|lines| swap(lines, 1, "]}", "],\"eos\":true}")));
    case(
        "before `compressed`",
        changed(|lines| swap(lines, 5, "{", "{\"eos\":true,")),
    );
    let behind = changed(|lines| {
        let id = lines[0].replace("#1", "#4");
        lines.extend([id, r#"{"compressed":[""],"eos":true}"#.to_owned()]);
    });
    case("a document after it", behind);
    case(
        "the categorizer's is missing",
        changed(|lines| swap(lines, 7, ",\"eos\":true", "")),
    );
}

fn decoding(cases: &mut Vec<Case>) {
    let rule = "state that cannot be decoded";
    let mut case = |name: &str, bytes| cases.push(Case::new(rule, name, bytes));
    case("invalid base64", changed(|lines| swap(lines, 3, "[\"", "[\"!!!!")));
    case(
        "base64 with another alphabet",
        changed(|lines| swap(lines, 3, "[\"", "[\"-_-_")),
    );
    case(
        "base64 with padding in the middle",
        changed(|lines| swap(lines, 1, "\"]", "AA==\"]")),
    );
    case("truncated base64", changed(|lines| swap(lines, 5, "\"],", "A\"],")));
    case(
        "truncated gzip",
        changed(|lines| {
            let half = lines[5].len() / 2 / 4 * 4;
            lines[5] = format!("{}\"],\"eos\":true}}", &lines[5][..half]);
        }),
    );
    case(
        "bytes after the gzip data",
        changed(|lines| swap(lines, 5, "\"],", "\",\"AAAA\"],")),
    );
    case("not gzip", changed(|lines| swap(lines, 1, "[\"", "[\"AAAA")));
    case(
        "nothing",
        changed(|lines| lines[7] = r#"{"compressed":[],"eos":true}"#.to_owned()),
    );
    case("other members", changed(|lines| swap(lines, 3, "{", "{\"x\":1,")));
    case(
        "`compressed` twice",
        changed(|lines| swap(lines, 3, "{", "{\"compressed\":[],")),
    );
    case(
        "`compressed` is a text",
        changed(|lines| lines[7] = r#"{"compressed":"x","eos":true}"#.to_owned()),
    );
    case(
        "a number among the strings",
        changed(|lines| swap(lines, 3, "[", "[1,")),
    );
    case("not an object", changed(|lines| lines[7] = "[]".to_owned()));
}
