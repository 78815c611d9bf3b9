#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::diff::Difference;
use super::{Comparison, compare, names, page, row};
use crate::archive::{EntryKind, Limits, Part};
use crate::commands::inspect::facts::Report;
use crate::commands::inspect::inspection::Inspection;
use crate::commands::inspect::tests::documented::{members, rows};
use crate::commands::inspect::tests::examples::full;
use crate::commands::inspect::values::ValueCollector;
use crate::job::{Filter, JobConfig};
use crate::report::TextStyle::{Added, Faint, Removed};
use crate::report::{RenderOptions, Text, render_html, render_text};

fn examined(config: &str, items: &str, hosts: &[&str], change: impl Fn(&mut Report)) -> Inspection {
    let config = JobConfig::parse(config.as_bytes()).unwrap();
    let mut gathered = ValueCollector::default();
    gathered.config(&config);
    for host in hosts {
        let input = serde_json::json!({ "host": host }).to_string();
        gathered.document(Part::Inputs, None, input.as_bytes());
    }
    let filter = format!(r#"{{"filter_id":"quiet","items":{items}}}"#);
    let mut report = full();
    let contents = &mut report.contents;
    contents.config = Some(config);
    contents.filters = vec![Filter::parse(serde_json::from_str(&filter).unwrap()).unwrap()];
    let text = serde_json::from_str(&format!("[{filter}]")).unwrap();
    contents.texts.insert(EntryKind::Filters, text);
    report.values = Some(gathered.into_facts(&report.contents, Limits::default()));
    report.failure = None;
    report.importable = true;
    change(&mut report);
    Inspection { report, failure: None }
}

fn before(change: impl Fn(&mut Report)) -> Inspection {
    let config = r#"{"job_id":"a","groups":["x","y"],"create_time":1704067000000,"analysis_config":{"bucket_span":"15m",
        "detectors":[{"function":"mean","partition_field_name":"host"}],"influencers":["host","ip"]}}"#;
    examined(config, r#"["h1","h2"]"#, &["h1", "h2"], change)
}

fn after(change: impl Fn(&mut Report)) -> Inspection {
    let config = r#"{"job_id":"a","groups":["y","z"],"create_time":1704067999000,"analysis_config":{"bucket_span":"30m",
        "detectors":[{"function":"mean","partition_field_name":"host","use_null":true}],"influencers":["ip","host"]}}"#;
    examined(config, r#"["h2","h3","\u001b[2J"]"#, &["h2", "h3", "<b>"], change)
}

fn compared() -> Comparison {
    compare(
        &before(|_| {}),
        &after(|report| {
            let snapshot = report.snapshot.as_mut().unwrap();
            snapshot["model_bytes"] = 20_000_000.into();
            report.categories.as_mut().unwrap().list.remove(0);
            report.patterns.remove(0);
        }),
    )
}

fn files() -> [String; 2] {
    names(["before.tar.gz", "after.tar.gz"].map(Path::new))
}

#[test]
fn names_of_archives_have_the_directories_that_distinguish_them() {
    for (first, second, expected) in [
        ("a/x.tar.gz", "b/y.tar.gz", ["x.tar.gz", "y.tar.gz"]),
        (
            "of-alice/a/x.tar.gz",
            "of-alice/b/x.tar.gz",
            ["a/x.tar.gz", "b/x.tar.gz"],
        ),
        ("a/c/x.tar.gz", "b/c/x.tar.gz", ["a/c/x.tar.gz", "b/c/x.tar.gz"]),
        ("x.tar.gz", "a/x.tar.gz", ["x.tar.gz", "a/x.tar.gz"]),
        ("of-alice/x.tar.gz", "of-alice/x.tar.gz", ["x.tar.gz", "x.tar.gz"]),
        ("-", "a/x.tar.gz", ["standard input", "x.tar.gz"]),
    ] {
        let expected = expected.map(|name| name.replace('/', std::path::MAIN_SEPARATOR_STR));
        assert_eq!(names([first, second].map(Path::new)), expected);
    }
}

#[test]
fn an_archive_equals_itself() {
    let comparison = compare(&before(|_| {}), &before(|_| {}));
    assert!(
        comparison.same && comparison.differences.is_empty(),
        "{:?}",
        comparison.differences
    );
}

#[test]
fn results_are_compared_by_type() {
    let with_records = |number: u64| {
        before(move |report| {
            let types = &mut report.results.as_mut().unwrap().types;
            types.insert("record", number);
        })
    };
    let comparison = compare(&with_records(11), &with_records(12));
    let [difference] = &comparison.differences[..] else {
        panic!("{:?}", comparison.differences)
    };
    assert_eq!(
        (difference.section, difference.what.as_str()),
        ("parts", "results_by_type.record")
    );
    assert_eq!([&difference.first, &difference.second], [11, 12]);
}

#[test]
fn comparison_page_matches_the_snapshot() {
    let look = RenderOptions {
        color: false,
        unicode: true,
        width: Some(80),
    };
    insta::assert_snapshot!("comparison", render_text(&page(&compared(), &files()), look));
}

#[test]
fn sizes_have_units_and_times_of_events_are_dates() {
    let cells = |section, what: &str, [first, second]: [Value; 2]| {
        let what = what.to_owned();
        let cells = row(&Difference {
            section,
            heading: "",
            what,
            first,
            second,
        });
        cells.into_iter().skip(1).collect::<Vec<_>>()
    };
    let expected = |[first, second]: [&str; 2]| vec![Text::styled(Removed, first), Text::styled(Added, second)];
    for (section, what, values, texts) in [
        (
            "parts",
            "inputs.bytes",
            [json!(36_132), json!(72_000)],
            ["35.3 KiB", "70.3 KiB"],
        ),
        (
            "parts",
            "inputs.bytes",
            [json!(36_132), json!(36_133)],
            ["36,132 B", "36,133 B"],
        ),
        (
            "parts",
            "inputs.documents",
            [json!(36_132), json!(36_133)],
            ["36,132", "36,133"],
        ),
        (
            "datafeed",
            "query.term.bytes",
            [json!(36_132), json!(1)],
            ["36,132", "1"],
        ),
        (
            "calendars",
            "holidays.events",
            [json!([{"start_time": 1_704_067_200_000_i64}]), json!(["a", "b"])],
            [r#"{"start_time":"2024-01-01T00:00:00Z"}"#, "a, b"],
        ),
    ] {
        assert_eq!(cells(section, what, values), expected(texts), "{what}");
    }
    let none = Text::styled(Faint, "-");
    let cells = cells("filters", "quiet.items", [json!([]), json!(["a"])]);
    assert_eq!(cells, [none, Text::styled(Added, "a")]);
}

#[test]
fn text_from_an_archive_cannot_control_terminal_or_browser() {
    let sheet = page(&compared(), &files());
    for text in [render_text(&sheet, RenderOptions::default()), render_html(&sheet)] {
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    }
    assert!(!render_html(&sheet).contains("<b>"));
}

#[test]
fn possible_values_are_printed_only_with_values() {
    let without = |mut examined: Inspection| {
        examined.report.values = None;
        examined
    };
    let comparison = compare(&without(before(|_| {})), &without(after(|_| {})));
    let document = serde_json::to_string(&comparison).unwrap();
    assert!(
        !document.contains("\"h1\"") && document.contains("1 item"),
        "{document}"
    );
    assert!(serde_json::to_string(&compared()).unwrap().contains("\"h1\""));
}

#[test]
fn literals_of_queries_and_rules_are_printed_only_with_values() {
    let with_query = |host: &str, values: bool| {
        let config = format!(
            r#"{{"job_id":"a","description":"d","analysis_config":{{"bucket_span":"15m","detectors":[{{"function":"mean"}}]}},
            "custom_settings":{{"note":"{host}"}},"model_plot_config":{{"terms":"{host}"}},
            "datafeed_config":{{"datafeed_id":"f","indices":["i"],"query":{{"term":{{"host":"{host}"}}}}}}}}"#
        );
        let mut examined = examined(&config, "[]", &[], |_| {});
        if !values {
            examined.report.values = None;
        }
        examined
    };
    for values in [false, true] {
        let comparison = compare(
            &with_query("web-07.secret", values),
            &with_query("web-08.secret", values),
        );
        let look = RenderOptions {
            color: false,
            unicode: true,
            width: Some(200),
        };
        for text in [
            serde_json::to_string(&comparison).unwrap(),
            render_text(&page(&comparison, &files()), look),
            render_html(&page(&comparison, &files())),
        ] {
            assert!(
                text.contains("query.term.host") && text.contains("custom_settings.note"),
                "{text}"
            );
            assert_eq!(text.contains("secret"), values, "{text}");
        }
    }
}

#[test]
fn documentation_lists_exactly_the_members() {
    let open = ["differences[].first", "differences[].second"];
    let mut found = BTreeSet::from(["values".to_owned()]);
    members(&serde_json::to_value(compared()).unwrap(), "", &open, &mut found);
    let page = include_str!("../../../../docs/inspect-json.md");
    let (_, section) = page.split_once("## Two archives").unwrap();
    let (section, _) = section.split_once("## Directory").unwrap();
    assert_eq!(rows(section), found);
}
