//! The figures in docs/reliability.md.

use super::fault_kinds::KINDS;
use super::{backup, changed, close_job, copy, export, import, other_users};
use crate::import_safety;

/// Title and figure of each row.
fn figures() -> Vec<(&'static str, usize)> {
    let (exported, imported) = (export::baseline().requests.len(), import::baseline().requests.len());
    let closed = close_job::requests().len();
    let skipped = backup::baseline().requests.len();
    let copied = [false, true].map(|cutover| copy::baseline(cutover).count());
    let requests = exported + imported;
    let all = requests + closed + skipped + copied.iter().sum::<usize>();
    vec![
        ("requests of an export", exported),
        ("requests of an import", imported),
        ("requests of an export with `--close-job`", closed),
        (
            "requests of an export with `--skip-unchanged` that skips the job",
            skipped,
        ),
        ("requests of a copy, to both clusters", copied[0]),
        ("requests of a copy with `--cutover`, to both clusters", copied[1]),
        ("faults", KINDS.len()),
        (
            "combinations: each request × each fault, once and permanently",
            all * KINDS.len() * 2,
        ),
        ("interruptions: each request × Ctrl-C, SIGTERM and SIGHUP", requests * 3),
        (
            "requests of an import before which the job is deleted, opened or recreated",
            other_users::requests_after_creation().len(),
        ),
        (
            "kinds of change during an export, each before each request",
            changed::KINDS.len(),
        ),
        (
            "kinds of change during an import, each before each request",
            import_safety::CHANGE_COUNT,
        ),
        ("runs that lost or leaked data or left something behind", 0),
    ]
}

#[test]
fn documented_figures_match_the_tests() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/reliability.md");
    let page = std::fs::read_to_string(path).unwrap().replace("\r\n", "\n");
    let mut written = page.clone();
    for (title, figure) in figures() {
        println!("{title}: {figure}");
        let begin = format!("| {title} | ");
        let at = page.find(&begin).unwrap_or_else(|| panic!("no line `{begin}`")) + begin.len();
        let line = &page[at..at + page[at..].find('\n').unwrap()];
        written = written.replace(&format!("{begin}{line}\n"), &format!("{begin}{figure} |\n"));
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, &written).unwrap();
    } else {
        assert!(
            written == page,
            "docs/reliability.md is stale; run the tests once with UPDATE_DOCS=1"
        );
    }
}
