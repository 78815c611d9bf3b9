//! Plots as SVG within the page. Colours are the style sheet's; sizes stand in attributes, since styles of single
//! elements are forbidden to the page.

use std::fmt::{self, Write as _};

use crate::sheet::Columns;
use crate::sheet::Tone;
use crate::util::format::count;

use super::escape::Escaped;
use super::items::class;

/// Of a bar and of a gauge, in units of its view box.
const LONG: u64 = 240;
const THICK: u64 = 10;

/// The plot over time.
const WIDE: f64 = 960.0;
const HIGH: f64 = 160.0;
/// Room above for the largest count and below for the times.
const ABOVE: f64 = 20.0;
const BELOW: f64 = 22.0;

/// How much of a whole.
pub(super) fn gauge(to: &mut String, part: u64, whole: u64, tone: Tone) -> fmt::Result {
    let filled = scaled(part, whole, LONG);
    let class = class(tone).unwrap_or("plot");
    write!(
        to,
        "<svg class=\"gauge\" viewBox=\"0 0 {LONG} {THICK}\" width=\"{LONG}\" height=\"{THICK}\" aria-hidden=\"true\">\
         <rect class=\"track\" width=\"{LONG}\" height=\"{THICK}\" rx=\"5\"/>\
         <rect class=\"{class}\" width=\"{filled}\" height=\"{THICK}\" rx=\"5\"/></svg> "
    )
}

/// A bar in a table; the number stands in a cell of its own.
pub(super) fn bar(to: &mut String, value: u64, largest: u64) -> fmt::Result {
    let length = scaled(value, largest, LONG / 2);
    write!(
        to,
        "<svg class=\"bar\" viewBox=\"0 0 {} {THICK}\" width=\"{}\" height=\"{THICK}\" aria-hidden=\"true\">\
         <rect class=\"plot\" width=\"{length}\" height=\"{THICK}\" rx=\"2\"/></svg>",
        LONG / 2,
        LONG / 2
    )
}

/// Counts over time. Each column tells its count when pointed at; the whole is named for those who cannot see it.
pub(super) fn columns(to: &mut String, columns: &Columns) -> fmt::Result {
    let number = columns.counts.len().max(1);
    let highest = columns.counts.iter().copied().max().unwrap_or(0).max(1);
    let width = WIDE / number as f64;
    let bottom = ABOVE + HIGH;
    writeln!(
        to,
        "<figure>\n<figcaption>{}: {}</figcaption>\n\
         <svg class=\"columns\" viewBox=\"0 0 {WIDE} {}\" role=\"img\" aria-label=\"{}, from {} to {}, {}\">",
        Escaped(&columns.title),
        columns.at_most(),
        bottom + BELOW,
        Escaped(&columns.title),
        columns.begins(0),
        columns.begins(columns.counts.len()),
        columns.at_most()
    )?;
    for line in [ABOVE, ABOVE + HIGH / 2.0] {
        writeln!(
            to,
            "<line class=\"grid\" x1=\"0\" x2=\"{WIDE}\" y1=\"{line}\" y2=\"{line}\"/>"
        )?;
    }
    writeln!(
        to,
        "<text class=\"axis\" x=\"0\" y=\"{}\">{}</text>",
        ABOVE - 6.0,
        count(highest)
    )?;
    for (at, value) in columns.counts.iter().enumerate().filter(|(_, value)| **value > 0) {
        // A pixel at least: a single document must not look like none.
        let high = (HIGH * *value as f64 / highest as f64).max(1.0);
        writeln!(
            to,
            "<rect class=\"plot\" x=\"{:.2}\" y=\"{:.2}\" width=\"{:.2}\" height=\"{high:.2}\"><title>{}: {} {}</title></rect>",
            width * at as f64,
            bottom - high,
            (width - 1.0).max(0.5),
            columns.begins(at),
            count(*value),
            columns.unit
        )?;
    }
    writeln!(
        to,
        "<line class=\"base\" x1=\"0\" x2=\"{WIDE}\" y1=\"{bottom}\" y2=\"{bottom}\"/>"
    )?;
    let below = bottom + BELOW - 6.0;
    writeln!(
        to,
        "<text class=\"axis\" x=\"0\" y=\"{below}\">{}</text>",
        columns.begins(0)
    )?;
    writeln!(
        to,
        "<text class=\"axis end\" x=\"{WIDE}\" y=\"{below}\">{}</text>\n</svg>\n</figure>",
        columns.begins(columns.counts.len())
    )
}

/// `value` of `largest` as so many of `length`; nothing alone is nothing.
fn scaled(value: u64, largest: u64, length: u64) -> u64 {
    let part = (u128::from(value) * u128::from(length)).div_ceil(u128::from(largest.max(1)));
    u64::try_from(part).unwrap_or(length).min(length)
}
