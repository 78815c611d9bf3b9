//! Manifests with wrong information.

use serde_json::{Value, json};

use super::Case;
use super::valid::{ANNOTATIONS, CONFIG, Entries, exported, valid};
use crate::support::archive::TarMember;

pub fn cases() -> Vec<Case> {
    let rule = "an entry that differs from the manifest";
    let mut cases = Vec::new();
    let mut case = |name: &str, all: Entries| cases.push(Case::new(rule, name, all.pack()));
    case(
        "another hash",
        with_manifest(|manifest| manifest["entries"][1]["sha256"] = "00".repeat(32).into()),
    );
    case(
        "another size",
        with_manifest(|manifest| manifest["entries"][1]["bytes"] = 1.into()),
    );
    case(
        "a different number of documents",
        with_manifest(|manifest| manifest["entries"][3]["documents"] = 1.into()),
    );
    case(
        "a negative number",
        with_manifest(|manifest| manifest["entries"][3]["documents"] = json!(-1)),
    );
    case(
        "another name",
        with_manifest(|manifest| manifest["entries"][1]["name"] = "x".into()),
    );
    case(
        "a name with control characters",
        with_manifest(|manifest| manifest["entries"][1]["name"] = "\u{1b}[2J\u{202e}".into()),
    );
    case(
        "a missing entry",
        with_manifest(|manifest| {
            let entry = json!({"name": "more", "documents": 0, "bytes": 0, "sha256": ""});
            manifest["entries"].as_array_mut().unwrap().push(entry);
        }),
    );
    case(
        "a duplicate entry",
        with_manifest(|manifest| {
            let entry = manifest["entries"][1].clone();
            manifest["entries"].as_array_mut().unwrap().push(entry);
        }),
    );
    case("no entries", with_manifest(|manifest| manifest["entries"] = json!([])));
    case(
        "a different job",
        with_manifest(|manifest| manifest["job_id"] = "other".into()),
    );
    case(
        "another snapshot",
        with_manifest(|manifest| manifest["snapshot_id"] = "1".into()),
    );
    case(
        "a later format",
        with_manifest(|manifest| manifest["format_version"] = 2.into()),
    );
    case(
        "no format",
        with_manifest(|manifest| drop(manifest.as_object_mut().unwrap().remove("format_version"))),
    );
    case(
        "very large options",
        with_manifest(|manifest| manifest["options"] = json!({"x": "y".repeat(100_000)})),
    );
    case(
        "no object",
        valid().set("esml_manifest.json", "[]").renamed("esml_manifest.json"),
    );
    case(
        "no JSON",
        valid().set("esml_manifest.json", "{").renamed("esml_manifest.json"),
    );

    // The length is the same, so that only the hash differs.
    let config = exported()
        .text(CONFIG)
        .replace("log", "lag")
        .replace("lag-categories", "log-categories");
    case("a changed letter", exported().set(CONFIG, config));
    case("an entry removed", exported().without(ANNOTATIONS));
    case("an entry added before it", {
        let mut all = exported();
        all.0.insert(0, TarMember::file("x", "x"));
        all
    });
    case(
        "an entry added after it",
        exported()
            .with_entry("log-categories_filters.json", tar::EntryType::Regular)
            .with_duplicate(),
    );
    cases
}

fn with_manifest(change: impl FnOnce(&mut Value)) -> Entries {
    exported().manifest(change)
}

impl Entries {
    /// Renames the last entry.
    fn renamed(mut self, name: &str) -> Self {
        self.0.last_mut().unwrap().name = name.to_owned();
        self
    }

    /// Keeps only the last of the entries with its name, after the manifest.
    fn with_duplicate(mut self) -> Self {
        let last = self.0.pop().unwrap();
        self.0.retain(|member| member.name != last.name);
        self.0.push(last);
        self
    }
}
