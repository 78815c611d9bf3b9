#![allow(clippy::unwrap_used)]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::{
    Block, Cell, Column, Gauge, RenderOptions, ReportPage, Section, Table, TextStyle, render_html, render_text,
};

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
    render_text(
        sheet,
        RenderOptions {
            unicode: true,
            width: Some(60),
            ..RenderOptions::default()
        },
    )
}

fn table(rows: usize) -> Table {
    let row = |n: usize| vec![Cell::from(format!("row {n} {}", "x".repeat(60))), n.to_string().into()];
    Table {
        columns: vec![Column::Flexible("name"), Column::Numbers("n")],
        rows: (0..rows).map(row).collect(),
        shown: Some(2),
        more: 1000,
        left_out: "see elsewhere",
        note: "A note.".to_owned(),
    }
}

#[test]
fn facts_without_value_are_omitted_and_long_labels_have_their_own_line() {
    let page = narrow(&sheet(|section| {
        section.facts("none", None::<&str>);
        section.fact("empty", "");
        section.fact("a label that is long", "value");
        section.facts("short", ["first", "second"]);
    }));
    assert_eq!(
        page,
        "Title\nSection\n  a label that is long\n                     value\n  short              first\n                     second\n"
    );
}

#[test]
fn a_gauge_has_two_lines_if_one_is_too_short() {
    let page = narrow(&sheet(|section| {
        section.push(Block::Gauge(Gauge {
            label: "memory",
            part: 1,
            whole: 4,
            style: TextStyle::Good,
            text: "25% of the available memory".into(),
        }));
    }));
    assert_eq!(
        page,
        "Title\nSection\n  memory             ██████░░░░░░░░░░░░░░░░░░\n                     25% of the available memory\n"
    );
}

#[test]
fn omitted_rows_are_reported() {
    let page = narrow(&sheet(|section| section.push(Block::Table(table(5)))));
    let lines: Vec<&str> = page.lines().skip(2).collect();
    assert!(lines.iter().all(|line| line.chars().count() <= 60), "{page}");
    assert!(lines[1].contains('…') && lines[1].ends_with('0'), "{page}");
    assert_eq!(lines[3..], ["  1,003 more; see elsewhere", "  A note."]);
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
