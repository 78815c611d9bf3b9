//! A page as one HTML document that needs nothing else: no network, no script, no image.

mod escape;
mod items;
mod plots;
mod policy;

use std::fmt::{self, Write as _};

use crate::sheet::{Section, Sheet};
use escape::Escaped;

const STYLE: &str = include_str!("style.css");

/// The document. Text from anywhere stands in it as text alone.
pub fn html(sheet: &Sheet) -> String {
    let mut document = String::new();
    // Writing to a string cannot fail.
    let _ = write_document(&mut document, sheet);
    document
}

fn write_document(to: &mut String, sheet: &Sheet) -> fmt::Result {
    let title = Escaped(&sheet.title);
    writeln!(
        to,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">"
    )?;
    // The policy comes first: it holds for what follows it.
    writeln!(
        to,
        "<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">",
        policy::policy(STYLE)
    )?;
    for (name, content) in [
        ("viewport", "width=device-width, initial-scale=1"),
        ("color-scheme", "light dark"),
        ("referrer", "no-referrer"),
        ("robots", "noindex, nofollow"),
    ] {
        writeln!(to, "<meta name=\"{name}\" content=\"{content}\">")?;
    }
    writeln!(
        to,
        "<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>"
    )?;
    for (number, section) in sheet.sections.iter().enumerate() {
        write_section(to, section, number)?;
    }
    writeln!(
        to,
        "</main>\n<footer>Written by esml-state {}. This page loads nothing and runs nothing.</footer>\n</body>\n</html>",
        env!("CARGO_PKG_VERSION")
    )
}

fn write_section(to: &mut String, section: &Section, number: usize) -> fmt::Result {
    if section.title.is_empty() {
        writeln!(to, "<section aria-label=\"In short\">")?;
    } else {
        writeln!(to, "<section aria-labelledby=\"s{number}\">")?;
        write!(to, "<h2 id=\"s{number}\">")?;
        items::text(to, &section.title)?;
        writeln!(to, "</h2>")?;
    }
    items::items(to, &section.items)?;
    writeln!(to, "</section>")
}
