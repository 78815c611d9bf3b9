use crate::commands::inspect::list::list;
use crate::commands::inspect::tests::examples::full;
use crate::commands::inspect::{PageStyle, json, page};

#[test]
fn the_page_shows_everything_once() {
    insta::assert_snapshot!("page", page(&full(), PageStyle { unicode: true }));
}

#[test]
fn the_page_is_ascii_where_blocks_cannot_be_shown() {
    let page = page(&full(), PageStyle { unicode: false });
    assert!(page.is_ascii(), "{page}");
}

#[test]
fn nothing_from_an_archive_steers_the_terminal() {
    let report = full();
    for text in [
        page(&report, PageStyle::default()),
        list(&report).table(),
        json(&report).unwrap(),
    ] {
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    }
}

#[test]
fn an_archive_without_anything_has_a_page() {
    let mut report = full();
    report.archive.written = None;
    report.importable = false;
    report.job = None;
    report.datafeed = None;
    report.snapshot = None;
    report.inputs = None;
    report.parts.iter_mut().for_each(|part| part.documents = 0);
    report.state.model_documents = 0;
    report.state.categorizer_documents = 0;
    let page = page(&report, PageStyle::default());
    assert!(page.contains("no readable configuration"), "{page}");
    assert!(page.contains("CANNOT be imported"), "{page}");
    assert!(!page.contains("treat this file"), "{page}");
}

#[test]
fn the_list_has_a_line_an_entry() {
    assert_eq!(
        list(&full()).table(),
        "documents  bytes  sha256        name\n        1  3,641  5e884898da28  web-latency_config.json\n"
    );
}

#[test]
fn the_list_as_json_has_whole_checksums_and_the_failure() {
    let document: serde_json::Value = serde_json::from_str(&json(&list(&full())).unwrap()).unwrap();
    assert_eq!(document["entries"][0]["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(document["exit"], 4);
}
