//! `docs/inspect-json.md` documents exactly the members of the document.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::commands::inspect::tests::examples::{full, full_with_values};

const DOCUMENTATION: &str = include_str!("../../../../docs/inspect-json.md");

/// Objects whose members are names from the archive.
const OPEN: [&str; 6] = [
    "results.records[].values",
    "archive.written.options",
    "results.types",
    "inputs.indices",
    "values.fields[].parts",
    "values.fields[].values[].parts",
];

/// Members as the documentation lists them; members of the objects in `open` are not listed.
pub(in crate::commands::inspect) fn members(value: &Value, path: &str, open: &[&str], found: &mut BTreeSet<String>) {
    match value {
        _ if open.contains(&path) => {
            found.insert(path.to_owned());
        }
        Value::Object(object) => {
            for (name, value) in object {
                let path = match path {
                    "" => name.clone(),
                    path => format!("{path}.{name}"),
                };
                members(value, &path, open, found);
            }
        }
        Value::Array(items) => {
            for item in items {
                members(item, &format!("{path}[]"), open, found);
            }
        }
        _ => {
            found.insert(path.to_owned());
        }
    }
}

/// Members that have a row in a part of the documentation.
pub(in crate::commands::inspect) fn rows(page: &str) -> BTreeSet<String> {
    let rows = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    rows.map(|(member, _)| member.to_owned()).collect()
}

fn documented() -> BTreeSet<String> {
    let (report, _) = DOCUMENTATION.split_once("## Two archives").unwrap();
    rows(report)
}

#[test]
fn documentation_lists_exactly_the_members() {
    let mut found = BTreeSet::new();
    members(
        &serde_json::to_value(full_with_values()).unwrap(),
        "",
        &OPEN,
        &mut found,
    );
    // Objects that may be null have a row of their own.
    for nullable in [
        "archive.written",
        "job",
        "datafeed",
        "snapshot",
        "snapshot.categorization",
        "data_counts",
        "values",
        "categories",
        "results",
        "results.timeline",
        "inputs",
        "inputs.histogram",
    ] {
        found.insert(nullable.to_owned());
    }
    assert_eq!(documented(), found);
}

#[test]
fn every_name_of_a_missing_part_is_documented() {
    let source = include_str!("../../compatibility.rs");
    let row = DOCUMENTATION
        .lines()
        .find(|line| line.starts_with("| `missing[].what`"))
        .unwrap();
    let names: Vec<&str> = row.split('`').skip(3).step_by(2).collect();
    for name in &names {
        assert!(source.contains(&format!("\"{name}\"")), "{name}");
    }
    assert_eq!(names.len(), source.matches(" add(").count(), "{names:?}");
}

#[test]
fn every_label_of_a_text_is_documented() {
    for label in crate::values::tests::text_labels() {
        assert!(DOCUMENTATION.contains(&format!("`{label}`")), "{label}");
    }
}

#[test]
fn without_failure_its_members_are_absent() {
    let mut report = full();
    report.failure = None;
    let document = serde_json::to_value(report).unwrap();
    assert!(document.get("error").is_none() && document.get("exit").is_none());
}

#[test]
fn documented_roles_equal_the_role_files() {
    let privileges = include_str!("../../../../docs/privileges.md");
    for role in [
        include_str!("../../../../docs/roles/esml-state-export.json"),
        include_str!("../../../../docs/roles/esml-state-import.json"),
    ] {
        assert!(serde_json::from_str::<Value>(role).is_ok());
        assert!(privileges.contains(role), "{role}");
    }
}

#[test]
fn documented_manifest_is_valid() {
    let format = include_str!("../../../../docs/archive-format.md");
    let (_, rest) = format.split_once("```json").unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let manifest: crate::archive::Manifest = serde_json::from_str(example).unwrap();
    let again = serde_json::to_value(manifest).unwrap();
    assert_eq!(again, serde_json::from_str::<Value>(example).unwrap());
}

/// Whether the page has a heading with this anchor: in lower case, words joined by hyphens.
fn has_heading(page: &std::path::Path, anchor: &str) -> bool {
    let text = std::fs::read_to_string(page).unwrap();
    let mut headings = text.lines().filter(|line| line.starts_with('#'));
    headings.any(|heading| {
        let title = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = title
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
        kept.collect::<String>().replace(' ', "-") == anchor
    })
}

#[test]
fn every_link_within_the_documentation_has_a_target() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = std::fs::read_dir(root.join("docs")).unwrap();
    let pages = pages.map(|page| page.unwrap().path());
    let pages: Vec<_> = pages
        .filter(|page| page.extension().is_some_and(|kind| kind == "md"))
        .collect();
    assert!(pages.len() > 5, "{pages:?}");
    for path in pages
        .into_iter()
        .chain(["README.md", "CHANGELOG.md"].map(|page| root.join(page)))
    {
        let document = path.display();
        let text = std::fs::read_to_string(&path).unwrap();
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://")) {
            let (page, heading) = target.split_once('#').unwrap_or((target, ""));
            let page = match page {
                "" => path.clone(),
                page => path.parent().unwrap().join(page),
            };
            assert!(page.exists(), "{document}: {target}");
            assert!(
                heading.is_empty() || has_heading(&page, heading),
                "{document}: {target}"
            );
        }
    }
}

/// The source code as one text, with string literals joined that continue on the next line.
fn code() -> String {
    fn collect(folder: &std::path::Path, text: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, text);
            } else if path.extension().is_some_and(|kind| kind == "rs") {
                text.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    let mut text = String::new();
    collect(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut text);
    let joined: Vec<&str> = text.split("\\\n").map(str::trim_start).collect();
    joined.concat()
}

#[test]
fn every_message_in_the_documentation_of_errors_exists() {
    // Messages of Elasticsearch and of the library that parses the command line.
    let of_others = [
        "cluster_block_exception",
        "… not whitelisted in reindex.remote.whitelist",
        "unexpected argument …",
        "the following required arguments were not provided",
    ];
    let code = code();
    let page = include_str!("../../../../docs/errors.md");
    let cells = page
        .lines()
        .filter(|line| line.starts_with("| "))
        .filter_map(|line| line.split(" | ").next());
    let quoted: Vec<&str> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(quoted.len() > 10, "{quoted:?}");
    for message in quoted.into_iter().filter(|message| !of_others.contains(message)) {
        for part in message.split('…').map(str::trim).filter(|part| !part.is_empty()) {
            assert!(code.contains(part), "`{part}` of `{message}` is not in the code");
        }
    }
}
