//! Results: counts by type, scores over time, and the records with the highest scores.

use std::collections::BTreeSet;

use serde_json::Value;

use super::with_results;
use crate::support::binary::Binary;
use crate::support::fixtures::Fixture;

/// The section about results of a page in a pipe.
fn section(page: &str) -> String {
    let (_, section) = page.split_once("\nResults\n").unwrap();
    let (section, _) = section.split_once("\nContents\n").unwrap_or((section, ""));
    format!("Results\n{section}")
}

fn run(more: &[&str]) -> String {
    let binary = Binary::new();
    let archive = with_results(&binary);
    binary
        .run([&["inspect", archive.as_str()], more].concat())
        .expect(0)
        .stdout
}

/// The values of all fields in the results of the fixture.
fn values() -> BTreeSet<String> {
    let fixture = Fixture::load("web-latency").with_results(40);
    let sources = fixture.results.iter().map(|result| result.source.clone());
    let mut values = BTreeSet::new();
    for source in sources {
        let source: Value = serde_json::from_str(&source).unwrap();
        let members = source.as_object().unwrap().iter();
        let found = members.filter(|(name, _)| name.ends_with("_field_value"));
        values.extend(found.filter_map(|(_, value)| value.as_str().map(str::to_owned)));
    }
    // Short ones, such as status codes, are part of numbers.
    values.retain(|value| value.len() > 4);
    assert!(values.len() > 5, "{values:?}");
    values
}

#[test]
fn the_section_about_results_matches_the_snapshot() {
    insta::assert_snapshot!("results", section(&run(&[])));
}

#[test]
fn with_values_the_section_names_influencers_and_series() {
    let page = run(&["--values"]);
    let (_, section) = page.split_once("\nResults\n").unwrap();
    let (section, _) = section.split_once("\nAnnotations\n").unwrap();
    insta::assert_snapshot!("results_with_values", section);
}

#[test]
fn values_of_results_are_printed_only_with_values() {
    let values = values();
    for more in [
        &[][..],
        &["--json"],
        &["--html", "-"],
        &["--color", "always"],
        &["--list"],
        &["--verify"],
    ] {
        let printed = run(more);
        let found = values.iter().find(|value| printed.contains(*value));
        assert_eq!(found, None, "{more:?}");
    }
    for more in [&["--json"][..], &["--html", "-"]] {
        let printed = run(&[more, &["--values"]].concat());
        assert!(values.iter().any(|value| printed.contains(value)), "{more:?}");
    }
}

#[test]
fn the_document_counts_all_results_and_has_the_highest_scores() {
    let results = serde_json::from_str::<Value>(&run(&["--json"])).unwrap()["results"].clone();
    let fixture = Fixture::load("web-latency").with_results(40);
    let sources: Vec<Value> = fixture
        .results
        .iter()
        .map(|result| serde_json::from_str(&result.source).unwrap())
        .collect();
    for (name, number) in results["types"].as_object().unwrap() {
        let expected = sources.iter().filter(|source| source["result_type"] == name.as_str());
        assert_eq!(*number, expected.count() as u64, "{name}");
    }
    let total: u64 = results["types"]
        .as_object()
        .unwrap()
        .values()
        .filter_map(Value::as_u64)
        .sum();
    assert_eq!(total, sources.len() as u64);
    let mut scores: Vec<f64> = sources
        .iter()
        .filter_map(|source| source["record_score"].as_f64())
        .collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    let records = results["records"].as_array().unwrap();
    let found: Vec<f64> = records.iter().filter_map(|record| record["score"].as_f64()).collect();
    assert_eq!(found, scores[..10]);
    let highest = results["timeline"]["scores"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_u64)
        .max();
    assert_eq!(highest, Some(scores[0] as u64));
}

#[test]
fn an_archive_without_results_has_no_section_about_them() {
    let output = super::inspect(&[super::COMPLETE]);
    assert!(!super::stdout(&output).contains("\nResults\n"));
    assert_eq!(
        super::document(&super::inspect(&[super::COMPLETE, "--json"]))["results"],
        Value::Null
    );
}

#[test]
fn the_html_page_has_an_accessible_lane_for_each_influencer() {
    let page = run(&["--html", "-"]);
    let results: Value = serde_json::from_str(&run(&["--json"])).unwrap();
    let lanes = results["results"]["timeline"]["influencers"].as_array().unwrap().len() + 1;
    assert!(lanes > 3, "{lanes}");
    assert_eq!(page.matches("role=\"img\" aria-label=\"highest score ").count(), lanes);
    for name in ["low", "warning", "minor", "major", "critical"] {
        assert!(
            page.contains(&format!("<span class=\"key {name}\">{name} from ")),
            "{name}"
        );
        assert!(page.contains(&format!("<rect class=\"{name}\" x=")), "{name}");
    }
}

#[cfg(unix)]
#[test]
fn severities_have_colors_on_a_terminal_of_80_columns() {
    use crate::support::pseudo_terminal::TerminalSession;

    let binary = Binary::new().with_env("LC_ALL", "C.UTF-8");
    let archive = with_results(&binary);
    let ended = TerminalSession::start_with_stdout(binary.command(["inspect", "-q", archive.as_str()])).wait();
    assert_eq!(ended.code, 0, "{}", ended.screen);
    let widest = console::strip_ansi_codes(&ended.screen)
        .lines()
        .map(console::measure_text_width)
        .max();
    assert!(widest <= Some(80), "{widest:?}\n{}", ended.screen);
    for block in [
        "\u{1b}[38;5;203m█",
        "\u{1b}[38;5;215m▆",
        "\u{1b}[38;5;226m▄",
        "\u{1b}[38;5;117m▂",
    ] {
        assert!(ended.screen.contains(block), "{block:?}: {}", ended.screen);
    }
}
