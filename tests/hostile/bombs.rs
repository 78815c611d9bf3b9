//! Archives that could exhaust memory, disk or time. Those within the limits have an additional error, so that they are
//! read completely before they are refused.

use super::Case;
use super::valid::{ANNOTATIONS, CATEGORIES, CONFIG, Entries, INPUTS, JOB, SNAPSHOT, STATE, valid};
use crate::support::archive::{TarMember, blocks, gzip};

const MIB: usize = 1 << 20;
const REPEATED_BYTES: &str = "repetitive content";
const LINES: &str = "long lines";
const PARTS: &str = "an entry that uses many times its size in memory";
const STATE_BOUND: &str = "a limit for the size of the state";

pub fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    repetitions(&mut cases);
    many_items(&mut cases);
    lines(&mut cases);
    parts(&mut cases);
    state(&mut cases);
    cases
}

fn repetitions(cases: &mut Vec<Case>) {
    let mut case = |name: &str, bytes| cases.push(Case::new(REPEATED_BYTES, name, bytes));
    let spaces = vec![b' '; 70 * MIB];
    case("input documents on a single line", valid().set(INPUTS, spaces).pack());
    case("nothing but zeros", gzip(&vec![0; 70 * MIB]));
    case("many small members", gzip(&vec![0; MIB]).repeat(80));
    let size = "a decompressed size above the limit of an entry";
    cases.push(Case::new(size, "--max-entry-size", valid().pack()).with_options(&["--max-entry-size", "10kb"]));
}

fn many_items(cases: &mut Vec<Case>) {
    let rule = "more entries than an export writes";
    let tiny = |n: usize| TarMember::file(&format!("e{n}"), "");
    let many: Vec<TarMember> = (0..100_001).map(tiny).collect();
    cases.push(Case::new(rule, "a million tiny ones", gzip(&blocks(&many)).repeat(10)));
    let long = |n: usize| {
        let name = format!("{n:09}{}", "n".repeat(1000));
        let metadata = TarMember {
            kind: tar::EntryType::GNULongName,
            ..TarMember::file("metadata", name)
        };
        [metadata, TarMember::file("x", "")]
    };
    let many: Vec<TarMember> = (0..17_000).flat_map(long).collect();
    cases.push(Case::new(
        rule,
        "17,000 with names of 1,009 bytes",
        gzip(&blocks(&many)),
    ));
    let indices: String = (0..10_001)
        .map(|n| {
            format!(
                "{{\"index\":{{\"_index\":\"{n:09}{}\",\"_id\":\"x\"}}}}\n{{}}\n",
                "i".repeat(490)
            )
        })
        .collect();
    let all = valid().append(INPUTS, indices.as_bytes());
    cases.push(Case::new("too many source indices", "10,001", all.pack()));
}

fn lines(cases: &mut Vec<Case>) {
    let mut case = |name: &str, bytes| cases.push(Case::new(LINES, name, bytes));
    let action = r#"{"index":{"_index":"i","_id":"x"}}"#;
    let text = |bytes: usize| format!("{{\"a\":\"{}\"}}\n", "a".repeat(bytes));
    case(
        "an input document of 101 MiB",
        valid().set(INPUTS, format!("{action}\n{}", text(101 * MIB))).pack(),
    );
    case(
        "a state document of 101 MiB",
        valid().set(STATE, format!("{action}\n{}", text(101 * MIB))).pack(),
    );
    case(
        "an annotation of 5 MiB",
        valid().append(ANNOTATIONS, text(5 * MIB).as_bytes()).pack(),
    );
    case(
        "a category of 5 MiB",
        valid()
            .append(CATEGORIES, format!("{action}\n{}", text(5 * MIB)).as_bytes())
            .pack(),
    );
    case(
        "an action line of 5 MiB",
        valid().append(INPUTS, text(5 * MIB).as_bytes()).pack(),
    );
    for (name, deep) in [
        ("unclosed brackets", "[".repeat(8 * MIB)),
        ("objects in objects", "{\"a\":".repeat(MIB)),
    ] {
        let line = format!("{action}\n{{\"a\":{deep}\n");
        case(
            &format!("an input document of {name}"),
            valid().append(INPUTS, line.as_bytes()).pack(),
        );
    }
    let nested = format!("{{\"a\":{}{}}}\n", "[".repeat(MIB), "]".repeat(MIB));
    let all = valid()
        .append(INPUTS, format!("{action}\n{nested}").as_bytes())
        .append(ANNOTATIONS, nested.as_bytes());
    case("documents a million levels deep", many_errors(all));
    let ids: String = (0..200_000).map(|n| format!("\"job_id\":\"{n}\",")).collect();
    case(
        "200,000 job IDs in an annotation",
        valid()
            .append(ANNOTATIONS, format!("{{{ids}\"a\":1}}\n").as_bytes())
            .pack(),
    );
    let long = format!("{{\"job_id\":\"{}\"}}\n", "x".repeat(3 * MIB));
    case(
        "job IDs of 3 MiB",
        valid().append(ANNOTATIONS, long.repeat(9).as_bytes()).pack(),
    );
    let examples = vec!["\"\""; MIB].join(",");
    let category = format!(
        "{{\"index\":{{\"_id\":\"{JOB}_category_definition_9\"}}}}\n{{\"category_id\":9,\"examples\":[{examples}]}}\n"
    );
    case(
        "a category of a million examples",
        many_errors(valid().append(CATEGORIES, category.as_bytes())),
    );
}

/// Adds a manifest that does not list one of the entries.
fn many_errors(all: Entries) -> Vec<u8> {
    let lying = all.manifest(|manifest| drop(manifest["entries"].as_array_mut().unwrap().remove(0)));
    lying.pack()
}

fn parts(cases: &mut Vec<Case>) {
    let mut case = |name: &str, bytes| cases.push(Case::new(PARTS, name, bytes));
    let list = |element: &str, bytes: usize| vec![element; bytes / (element.len() + 1)].join(",");
    let query =
        |elements: &str| valid().replaced(CONFIG, "\"indices\":", &format!("\"query\":[{elements}],\"indices\":"));
    let mut spoiled = valid().json(CONFIG, |job| {
        drop(job["datafeed_config"].as_object_mut().unwrap().remove("query"))
    });
    spoiled = spoiled.replaced(
        CONFIG,
        "\"indices\":",
        &format!("\"query\":[{}],\"indices\":", list("[]", 3 * MIB)),
    );
    case("a configuration of empty lists", many_errors(spoiled));
    case("a configuration of 5 MiB", query(&list("{}", 5 * MIB)).pack());
    let deep = "[".repeat(1000) + &"]".repeat(1000);
    let nested = valid().json(CONFIG, |job| {
        drop(job["datafeed_config"].as_object_mut().unwrap().remove("query"))
    });
    let nested = nested.replaced(CONFIG, "\"indices\":", &format!("\"query\":{deep},\"indices\":"));
    case("a configuration a thousand levels deep", nested.pack());
    let mapping = format!(
        "{{\"i\":{{\"mappings\":{{\"properties\":[{}]}}}}}}",
        list("[]", 4 * MIB)
    );
    case(
        "a mapping of empty lists",
        many_errors(valid().set("_input_mapping.json", mapping)),
    );
    let mapping = format!("{{\"i\":\"{}\"}}", "x".repeat(17 * MIB));
    case(
        "a mapping of 17 MiB",
        valid().set("_input_mapping.json", mapping).pack(),
    );
    let filters: String = (0..200_000).map(|n| format!("{{\"filter_id\":\"f{n}\"}},")).collect();
    case(
        "200,000 filters",
        valid()
            .set("_filters.json", format!("[{}]", filters.trim_end_matches(',')))
            .pack(),
    );
    let calendars = format!("[{{\"calendar_id\":\"c\",\"events\":[{}]}}]", list("{}", 3 * MIB));
    case(
        "a million empty events",
        many_errors(valid().set("_calendars.json", calendars)),
    );
    let quantiles = "q".repeat(40 * MIB);
    let snapshot = valid().json(SNAPSHOT, |snapshot| {
        snapshot["quantiles"]["quantile_state"] = quantiles.into()
    });
    case("quantiles of 40 MiB", many_errors(snapshot));
    let snapshot = valid().json(SNAPSHOT, |snapshot| snapshot["x"] = "x".repeat(65 * MIB).into());
    case("a snapshot document of 65 MiB", snapshot.pack());
    let entry = "{\"name\":\"x\",\"documents\":0,\"bytes\":0,\"sha256\":\"\"}";
    let many = list(entry, 10 * MIB);
    let manifest = valid().manifest(|manifest| manifest["entries"] = serde_json::json!([]));
    let manifest = manifest.replaced("esml_manifest.json", "\"entries\":[]", &format!("\"entries\":[{many}]"));
    case("a manifest of 200,000 entries", manifest.pack());
}

fn state(cases: &mut Vec<Case>) {
    let mut case = |name: &str, bytes| cases.push(Case::new(STATE_BOUND, name, bytes));
    let waiting: String = (5..100_010)
        .map(|n| {
            let id = format!("{JOB}_categorizer_state#{n}");
            format!("{{\"index\":{{\"_index\":\"i\",\"_id\":\"{id}\"}}}}\n{{}}\n")
        })
        .collect();
    case(
        "100,000 documents that wait for one",
        valid().append(STATE, waiting.as_bytes()).pack(),
    );
}
