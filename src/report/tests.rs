#![allow(clippy::unwrap_used)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::Column::{Flexible, Numbers, Words};
use super::{
    Block, Histogram, Period, RenderOptions, ReportPage, Section, Table, Text, TextStyle, TimeColumns, render_html,
    render_text,
};
use crate::util::timestamp::EpochMillis;

/// A page of one section.
fn sheet(fill: impl Fn(&mut Section)) -> ReportPage {
    let mut section = Section::new("Section");
    fill(&mut section);
    ReportPage {
        title: "Title".to_owned(),
        sections: vec![section],
    }
}

fn narrow(sheet: &ReportPage) -> String {
    at_width(60, sheet)
}

fn at_width(width: usize, sheet: &ReportPage) -> String {
    render_text(
        sheet,
        RenderOptions {
            unicode: true,
            width: Some(width),
            ..RenderOptions::default()
        },
    )
}

fn table(rows: usize) -> Table {
    let row = |n: usize| vec![Text::from(format!("row {n} {}", "x".repeat(60))), n.to_string().into()];
    let table = Table::new(&[(Flexible, "name"), (Numbers, "n")], (0..rows).map(row));
    table.shortened(2, 1000, "see elsewhere")
}

#[test]
fn facts_without_value_are_omitted_and_long_labels_have_their_own_line() {
    let page = narrow(&sheet(|section| {
        section.facts("none", None::<&str>);
        section.fact("empty", "");
        section.fact("a label that is too long", "value");
        section.facts("short", ["first", "second"]);
    }));
    assert_eq!(
        page,
        "Title\nSection\n  a label that is too long\n                        value\n  short                 first\n                        second\n"
    );
}

#[test]
fn omitted_rows_are_reported() {
    let page = narrow(&sheet(|section| section.push(Block::Table(table(5)))));
    let lines: Vec<&str> = page.lines().skip(2).collect();
    assert!(lines.iter().all(|line| line.chars().count() <= 60), "{page}");
    assert!(lines[1].contains('…') && lines[1].ends_with('0'), "{page}");
    assert_eq!(lines[3..], ["  1,003 more; see elsewhere"]);
    let document = render_html(&sheet(|section| section.push(Block::Table(table(5)))));
    assert!(document.contains("<summary>3 more</summary>") && document.contains("1,000 more; see elsewhere"));
}

#[test]
fn content_security_policy_permits_only_the_style_of_the_page() {
    let document = render_html(&sheet(|_| {}));
    let (_, rest) = document.split_once("<style>").unwrap();
    let (style, rest) = rest.split_once("</style>").unwrap();
    let hash = STANDARD.encode(Sha256::digest(style));
    assert!(document.contains(&format!("style-src 'sha256-{hash}'")));
    assert!(!rest.contains("<style"));
}

/// A comparison of two options, one of which the second archive does not have.
fn comparison(heading: &str) -> ReportPage {
    let row = |name: &str, first: &str, second: &str| {
        let [first, second] = [(TextStyle::Removed, first), (TextStyle::Added, second)];
        let cells = [first, second].map(|(style, text)| Text::styled(style, text));
        [vec![name.into()], cells.into()].concat()
    };
    let rows = [
        row("analysis_config.bucket_span", "15m", "30m"),
        row("description", "of the web tier", ""),
    ];
    let columns = [(Words, ""), (Flexible, "before.tar.gz"), (Flexible, heading)];
    sheet(|section| section.table(Table::new(&columns, rows.clone())))
}

#[test]
fn rows_of_a_narrow_table_are_lists_with_complete_names_and_without_empty_cells() {
    assert_eq!(
        at_width(40, &comparison("after.tar.gz")),
        "Title\nSection\n  analysis_config.bucket_span\n    before.tar.gz: 15m\n    after.tar.gz: 30m\n  description\n    \
         before.tar.gz: of the web tier\n"
    );
}

#[test]
fn rows_are_lists_if_the_titles_of_the_columns_are_too_long() {
    let page = at_width(80, &comparison("web-latency_state.after-the-change.tar.gz"));
    assert!(
        page.contains("    web-latency_state.after-the-change.tar.gz: 30m\n"),
        "{page}"
    );
    let page = at_width(100, &comparison("web-latency_state.after-the-change.tar.gz"));
    assert!(page.contains("bucket_span  15m  "), "{page}");
}

#[test]
fn sides_of_a_comparison_have_colors() {
    let color = RenderOptions {
        color: true,
        ..RenderOptions::default()
    };
    let text = render_text(&comparison("after.tar.gz"), color);
    assert!(
        text.contains("\u{1b}[31m15m\u{1b}[0m") && text.contains("\u{1b}[32m30m\u{1b}[0m"),
        "{text}"
    );
    let document = render_html(&comparison("<b>.tar.gz"));
    assert!(document.contains("<span class=\"removed\">15m</span>"), "{document}");
    assert!(
        document.contains("<th scope=\"col\" class=\"long\">&lt;b&gt;.tar.gz</th>"),
        "{document}"
    );
}

/// Documents of four days, with periods before, within and after them.
fn histogram() -> Block {
    const DAY: i64 = 86_400_000;
    let period = |from: i64, to: i64| Period {
        kind: "annotation",
        from: EpochMillis(from),
        to: EpochMillis(to),
        text: "<b>release</b>".to_owned(),
    };
    let histogram = Histogram {
        columns: TimeColumns {
            from: EpochMillis(0),
            column_millis: 86_400_000,
            number: 4,
        },
        counts: vec![1, 0, 8, 4],
    };
    let periods = vec![
        period(-DAY, -1),
        period(DAY, 3 * DAY),
        period(3 * DAY, 9 * DAY),
        period(4 * DAY + 1, 5 * DAY),
    ];
    Block::Histogram("Documents over time", histogram, periods)
}

#[test]
fn histogram_has_ticks_tooltips_and_the_periods_within_it() {
    let document = render_html(&sheet(|section| section.push(histogram())));
    for text in [
        "1970-01-01T00:00:00Z: 1 document<",
        "1970-01-03T00:00:00Z: 8 documents<",
        "x=\"50.000%\" y=\"198\">1970-01-03<",
        ">2</text>",
        ">8</text>",
        "<rect class=\"annotation\" x=\"25.000%\" y=\"20.00\" width=\"50.000%\"",
        "<rect class=\"annotation\" x=\"75.000%\" y=\"20.00\" width=\"25.000%\"",
        "<title>1970-01-02T00:00:00Z &lt;b&gt;release&lt;/b&gt;</title>",
    ] {
        assert!(document.contains(text), "{text}: {document}");
    }
    assert_eq!(document.matches("<rect class=\"annotation\"").count(), 2, "{document}");
}

#[test]
fn details_are_folded_in_html_and_escaped() {
    let page = sheet(|section| section.push(Block::Details("Query", "{\n  \"a\": \"</pre>\u{1b}\"\n}".to_owned())));
    let document = render_html(&page);
    assert!(
        document.contains("<details><summary>Query</summary>\n<pre>{\n  &quot;a&quot;: &quot;&lt;/pre&gt;\\u{1b}&quot;\n}</pre></details>"),
        "{document}"
    );
    assert_eq!(narrow(&page), "Title\nSection\n");
}

#[test]
fn landmarks_have_different_names() {
    let section = || Section::note("", "The verdict.");
    let (title, sections) = ("Title".to_owned(), vec![section(), section()]);
    let document = render_html(&ReportPage { title, sections });
    assert_eq!(document.matches("aria-label=\"Summary\"").count(), 1);
    assert_eq!(document.matches("<section>").count(), 1);
}
