use crate::archive::Contents;
use crate::commands::inspect::facts::Report;
use crate::commands::inspect::inspection::{entry_list, entry_table};
use crate::commands::inspect::options::write_json;
use crate::commands::inspect::page::{page, values_page};
use crate::commands::inspect::tests::examples::{full, full_with_values};
use crate::report::RenderOptions;
use crate::report::{render_html, render_text};

/// As in a pipe.
const PIPE: RenderOptions = RenderOptions {
    color: false,
    unicode: false,
    width: None,
};

/// As on a terminal, without color.
const TERMINAL: RenderOptions = RenderOptions {
    color: false,
    unicode: true,
    width: Some(80),
};

const NARROW: RenderOptions = RenderOptions {
    width: Some(40),
    ..TERMINAL
};

fn json(document: &impl serde::Serialize) -> String {
    let mut text = Vec::new();
    write_json(document, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

fn text(report: &Report, look: RenderOptions) -> String {
    render_text(&page(report), look)
}

#[test]
fn page_matches_the_snapshot() {
    insta::assert_snapshot!("page", text(&full(), TERMINAL));
}

#[test]
fn lines_fit_a_narrow_terminal() {
    let page = text(&full(), NARROW);
    let widest = page.lines().map(console::measure_text_width).max();
    assert!(widest <= Some(40), "{page}");
    insta::assert_snapshot!("narrow", page);
}

#[test]
fn results_fit_a_wide_terminal() {
    let wide = RenderOptions {
        width: Some(120),
        ..TERMINAL
    };
    for (name, report) in [
        ("wide_results", full()),
        ("wide_results_with_values", full_with_values()),
    ] {
        let page = text(&report, wide);
        let widest = page.lines().map(console::measure_text_width).max();
        assert!(widest > Some(80) && widest <= Some(120), "{page}");
        let (_, section) = page.split_once("\nResults\n").unwrap();
        let (section, _) = section.split_once("\nContents\n").unwrap();
        insta::assert_snapshot!(name, section);
    }
}

#[test]
fn values_page_is_printed() {
    let report = full_with_values();
    let values = report.values.as_ref().unwrap();
    insta::assert_snapshot!("values", render_text(&values_page(&report, values), TERMINAL));
    insta::assert_snapshot!("narrow_values", render_text(&values_page(&report, values), NARROW));
}

#[test]
fn values_are_shown_only_with_values() {
    let (without, with) = (page(&full()), page(&full_with_values()));
    assert!(!render_html(&without).contains("web-01.corp.example"));
    assert!(render_html(&with).contains("web-01.corp.example"));
}

#[test]
fn piped_page_is_ascii() {
    let page = text(&full(), PIPE);
    assert!(page.is_ascii(), "{page}");
    insta::assert_snapshot!("piped", page);
}

#[test]
fn color_does_not_change_the_text() {
    let colored = text(
        &full(),
        RenderOptions {
            color: true,
            ..TERMINAL
        },
    );
    assert_eq!(console::strip_ansi_codes(&colored), text(&full(), TERMINAL));
    assert_ne!(colored, text(&full(), TERMINAL));
}

#[test]
fn html_page_escapes_text_of_the_archive() {
    let document = render_html(&page(&full()));
    assert!(!document.contains("<script>"), "{document}");
    assert!(document.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{document}");
    assert!(document.chars().all(|c| c == '\n' || !c.is_control()));
    let (head, rest) = document.split_once("<style>").unwrap();
    let (_, body) = rest.split_once("</style>").unwrap();
    insta::assert_snapshot!("html", format!("{head}{body}"));
}

#[test]
fn text_from_an_archive_cannot_control_the_terminal() {
    let report = full_with_values();
    for text in [
        render_html(&page(&report)),
        render_text(&values_page(&report, report.values.as_ref().unwrap()), TERMINAL),
        text(&report, PIPE),
        text(&report, TERMINAL),
        entry_table(&report, None),
        entry_table(&report, Some(40)),
        json(&report),
    ] {
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    }
}

#[test]
fn an_archive_without_contents_has_a_page() {
    let mut report = full();
    report.importable = false;
    report.contents = Contents::default();
    report.inputs = None;
    report.parts.iter_mut().for_each(|part| part.documents = 0);
    report.state.model_documents = 0;
    report.state.categorizer_documents = 0;
    let page = text(&report, PIPE);
    assert!(page.contains("The job configuration is missing"), "{page}");
    assert!(page.contains("Cannot be imported - "), "{page}");
    assert!(page.starts_with("web-latency_state.tar.gz\n"), "{page}");
    assert!(!page.contains("Protect"), "{page}");
}

#[test]
fn entry_table_has_one_line_per_entry() {
    assert_eq!(
        entry_table(&full(), None),
        "documents  bytes  sha256        name\n        1  3,641  5e884898da28  web-latency_config.json\n"
    );
    assert_eq!(entry_table(&full(), Some(80)), entry_table(&full(), None));
}

#[test]
fn entry_list_on_a_narrow_terminal_has_the_names_first() {
    assert_eq!(
        entry_table(&full(), Some(40)),
        "web-latency_config.json\n  documents: 1\n  bytes: 3,641\n  sha256: 5e884898da28\n"
    );
}

#[test]
fn json_entry_list_has_full_checksums_and_the_exit_code() {
    let document: serde_json::Value = serde_json::from_str(&json(&entry_list(&full()))).unwrap();
    assert_eq!(document["entries"][0]["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(document["exit"], 4);
}

#[test]
fn title_of_the_html_page_is_escaped() {
    let mut report = full();
    report.archive.written.as_mut().unwrap()["cluster_name"] = "</title><script>\u{1b}".into();
    let document = render_html(&page(&report));
    let title = r"Job web-latency, cluster &lt;/title&gt;&lt;script&gt;\u{1b}, 2026-11-23";
    assert!(document.contains(&format!("<title>{title}</title>")), "{document}");
    assert!(document.contains(&format!("<h1>{title}</h1>")), "{document}");
}

#[test]
fn html_page_of_values_escapes_configuration_messages_and_events() {
    let document = render_html(&page(&full_with_values()));
    for text in [
        "&quot;query&quot;: {",
        r"Load test by \u{1b}[2J&lt;b&gt;Bob&lt;/b&gt;</td>",
        r"Load test by \u{1b}[2J&lt;b&gt;Bob&lt;/b&gt;</title>",
        "&lt;i&gt;New year&lt;/i&gt;</title>",
    ] {
        assert!(document.contains(text), "{text}: {document}");
    }
    assert!(!document.contains("<b>") && !document.contains("<i>"), "{document}");
}
