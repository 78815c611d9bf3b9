//! Formats numbers, paragraphs and tables, parses sizes and durations as Elasticsearch writes them (`512mb`, `90s`), and
//! escapes control characters, so that no text can control a terminal or change a page.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use console::{Alignment, measure_text_width, pad_str};
use indicatif::HumanCount;

/// The content of a table's cell without a value.
pub(crate) const NO_VALUE: &str = "-";
/// The most names that a text lists.
const MAX_NAMES: usize = 12;

/// Formats a number with separators: `300,000`.
pub fn count(n: u64) -> String {
    HumanCount(n).to_string()
}

/// Formats a number with its noun: `1 document`, `300,000 documents`.
pub fn amount(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// Bytes in binary units, with one digit after the point unless the number is exact: `999 B`, `4.9 MiB`, `512 MiB`.
pub fn bytes(n: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let mut value = n as f64 / 1024.0;
    let mut unit = 0;
    // 1023.95 would be printed as 1024.0.
    while value >= 1023.95 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let digits = usize::from(value.fract() > 0.0);
    format!("{value:.digits$} {}", UNITS[unit])
}

/// Formats bytes without rounding: `10 GiB`, `1025 KiB`, `1025 bytes`.
pub(crate) fn exact_bytes(n: u64) -> String {
    let exponent = (n.max(1).trailing_zeros() / 10) as usize;
    let unit = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"][exponent];
    format!("{} {unit}", n >> (exponent * 10))
}

/// Formats a duration: `0.4 s`, `12 s`, `3 min 12 s`, `1 h 02 min`, `29 d 23 h`.
pub fn duration(length: Duration) -> String {
    let seconds = length.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", length.as_millis() as f64 / 1000.0),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        3600..172_800 => format!("{} h {:02} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// Wraps a paragraph to `width` columns. Longer words are not broken.
pub(crate) fn wrapped(text: &str, width: usize) -> String {
    let mut lines = String::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        let columns = measure_text_width(word);
        if used > 0 {
            let fits = used + 1 + columns <= width;
            lines.push(if fits { ' ' } else { '\n' });
            used = if fits { used + 1 } else { 0 };
        }
        lines.push_str(word);
        used += columns;
    }
    lines
}

/// The first `max` characters of a text, with an ellipsis if there are more.
pub(crate) fn truncated(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => text.to_owned(),
        Some((end, _)) => format!("{} …", &text[..end]),
    }
}

/// A path as a word of a command that can be pasted.
pub(crate) fn quoted(path: &Path) -> String {
    shell_words::quote(&path.display().to_string()).into_owned()
}

/// Whether a name is in a list of names that are separated by spaces.
pub(crate) fn is_among(names: &str, name: &str) -> bool {
    names.split(' ').any(|known| known == name)
}

/// Formats bytes as lowercase hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// A table without borders. Columns are as wide as their widest cell.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    right: Vec<usize>,
}

impl Table {
    /// An empty table. The columns in `right` are right-aligned.
    pub(crate) fn new(right: &[usize]) -> Self {
        let (rows, right) = (Vec::new(), right.to_vec());
        Self { rows, right }
    }

    /// Adds a row.
    pub(crate) fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// The table, if its lines fit into a width.
    pub(crate) fn within(&self, width: Option<usize>) -> Option<String> {
        let text = self.render(0);
        let fits = |width| text.lines().all(|line| measure_text_width(line) <= width);
        width.is_none_or(fits).then_some(text)
    }

    /// Instead of each row after the first, a list: the cell of the column `name`, and the others with the title in the first
    /// row.
    pub(crate) fn lists(&self, name: usize) -> String {
        let list = |row: &Vec<String>| {
            let cells = self.rows[0].iter().zip(row).enumerate();
            let cells = cells.filter(|(column, (_, cell))| *column != name && *cell != NO_VALUE);
            let cells = cells.map(|(_, (title, cell))| format!("  {title}: {cell}\n"));
            format!("{}\n{}", row[name], cells.collect::<String>())
        };
        self.rows.iter().skip(1).map(list).collect()
    }

    /// Formats the table with an indentation of `indent` spaces, without trailing spaces.
    pub(crate) fn render(&self, indent: usize) -> String {
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| measure_text_width(cell)).max().unwrap_or(0)
        };
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
                let is_right = self.right.contains(&column);
                let alignment = if is_right { Alignment::Right } else { Alignment::Left };
                pad_str(cell, *width, alignment, None)
            });
            let line = cells.collect::<Vec<_>>().join("  ");
            text.push_str(format!("{:indent$}{line}", "").trim_end());
            text.push('\n');
        }
        text
    }
}

/// The first names of a list, and the number of the others.
pub(crate) fn first_names(names: &[String]) -> String {
    let first = names.get(..MAX_NAMES).unwrap_or(names).join(", ");
    match names.len().saturating_sub(MAX_NAMES) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

const SIZE_UNITS: [&str; 6] = ["b", "kb", "mb", "gb", "tb", "pb"];

/// Parses a size as Elasticsearch does, in bytes: a number, which may have a fraction, with the unit `b`, `kb`, `mb`, `gb`,
/// `tb` or `pb` (powers of 1024, in any case, also `k` for `kb`). Only `0` needs no unit.
pub fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    if text == "0" {
        return Some(0);
    }
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit() && c != '.')?);
    let unit = unit.trim();
    let is_named = |name: &str| name == unit || name.strip_suffix('b') == Some(unit);
    let exponent = SIZE_UNITS.into_iter().position(is_named)?;
    let unit = 1_u64 << (10 * exponent);
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(unit);
    }
    let bytes = number.parse::<f64>().ok()? * unit as f64;
    (bytes.is_finite() && bytes < u64::MAX as f64).then_some(bytes as u64)
}

/// Formats bytes as Elasticsearch does, in the largest unit without a fraction.
pub fn format_size(bytes: u64) -> String {
    let exponent = match bytes {
        0 => 0,
        more => (more.trailing_zeros() / 10).min(5),
    };
    format!("{}{}", bytes >> (exponent * 10), SIZE_UNITS[exponent as usize])
}

/// Parses a duration as Elasticsearch does: a whole number with the unit `d`, `h`, `m`, `s`, `ms`, `micros` or `nanos`. Also
/// accepts weeks (`w`).
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let nanos: u64 = match unit {
        "nanos" => 1,
        "micros" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        "d" => 86_400_000_000_000,
        "w" => 604_800_000_000_000,
        _ => return None,
    };
    let number = number.parse::<u32>().ok()?;
    Some(Duration::from_nanos(nanos).saturating_mul(number))
}

/// Whether a character can move the cursor, change the text direction or hide other text: control characters, and Unicode's
/// directional marks, line separators, invisible operators and tags. Joiners are not included, because words of several
/// languages and emoji need them.
pub(crate) fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Replaces control characters, except line breaks and tabs, with visible escapes.
pub fn escape(text: &str) -> Cow<'_, str> {
    escape_as(text, |c, out| out.extend(c.escape_default()))
}

/// Escapes a message and indents all lines after the first, so that none of them looks like a separate message.
pub fn indented(text: &str) -> String {
    escape(text).trim_end().replace('\n', "\n  ")
}

/// Escapes control characters in a JSON text as JSON does, so that its meaning does not change. Most of them are allowed
/// unescaped in JSON strings. Line breaks and tabs between JSON tokens are kept.
pub fn escape_json(json: &str) -> Cow<'_, str> {
    escape_as(json, |c, out| {
        for unit in c.encode_utf16(&mut [0; 2]) {
            out.push_str(&format!("\\u{unit:04x}"));
        }
    })
}

fn escape_as(text: &str, escape: impl Fn(char, &mut String)) -> Cow<'_, str> {
    let must_be_escaped = |c: char| c != '\n' && c != '\t' && is_control(c);
    // Most texts are plain ASCII, which is faster to check.
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~');
    if text.bytes().all(is_plain) || !text.contains(must_be_escaped) {
        return Cow::Borrowed(text);
    }
    let mut harmless = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match must_be_escaped(c) {
            true => escape(c, &mut harmless),
            false => harmless.push(c),
        }
    }
    Cow::Owned(harmless)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_separators() {
        for (n, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (300_000, "300,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(count(n), text);
        }
    }

    #[test]
    fn amounts_use_the_singular_for_one() {
        let amount = |n| amount(n, "entry", "entries");
        assert_eq!(
            [amount(0), amount(1), amount(1000)],
            ["0 entries", "1 entry", "1,000 entries"]
        );
    }

    #[test]
    fn bytes_have_units() {
        for (n, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (5_138_022, "4.9 MiB"),
            (512 << 20, "512 MiB"),
            (1_048_524, "1023.9 KiB"),
            (1_048_575, "1.0 MiB"),
            (u64::MAX, "16 EiB"),
        ] {
            assert_eq!(bytes(n), text);
        }
    }

    #[test]
    fn only_the_first_names_of_a_list_are_printed() {
        let names: Vec<String> = (0..MAX_NAMES + 2).map(|number| number.to_string()).collect();
        assert_eq!(first_names(&names[..2]), "0, 1");
        assert!(first_names(&names).ends_with("10, 11 and 2 more"));
    }

    #[test]
    fn paragraphs_are_wrapped_between_words() {
        assert_eq!(wrapped("one two three", 7), "one two\nthree");
        assert_eq!(wrapped("one two-and-three four", 5), "one\ntwo-and-three\nfour");
        assert_eq!(wrapped("", 5), "");
    }

    #[test]
    fn durations_use_the_largest_units() {
        for (millis, text) in [
            (400, "0.4 s"),
            (12_900, "12 s"),
            (192_000, "3 min 12 s"),
            (3_720_000, "1 h 02 min"),
            (2_588_400_000, "29 d 23 h"),
        ] {
            assert_eq!(duration(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn hex_has_two_digits_per_byte() {
        assert_eq!(hex(&[0, 0x0a, 0xff]), "000aff");
        assert_eq!(hex(&[]), "");
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&[1]);
        table.row(["inputs", "300,000", "2024"]);
        table.row(["日本", "12", ""]);
        table.row(["short"]);
        assert_eq!(table.render(2), "  inputs  300,000  2024\n  日本         12\n  short\n");
    }

    #[test]
    fn an_empty_table_is_an_empty_text() {
        assert_eq!(Table::new(&[]).render(4), "");
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        for (text, bytes) in [
            ("512mb", Some(512 << 20)),
            ("1GB", Some(1 << 30)),
            ("10g", Some(10 << 30)),
            ("1.5kb", Some(1536)),
            ("7b", Some(7)),
            ("0", Some(0)),
            ("12", None),
            ("mb", None),
            ("", None),
            ("5mib", None),
            ("5ä", None),
            ("1zb", None),
            ("99999999pb", None),
            ("99999999999999999999b", None),
            ("-1mb", None),
        ] {
            assert_eq!(parse_size(text), bytes, "{text}");
        }
        for text in ["0b", "512mb", "3gb", "1536kb", "7b", "4096pb"] {
            assert_eq!(parse_size(text).map(format_size).as_deref(), Some(text));
        }
    }

    #[test]
    fn durations_are_whole_numbers_with_a_unit() {
        for (text, millis) in [
            ("0s", 0),
            ("90s", 90_000),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("7ms", 7),
        ] {
            assert_eq!(parse_duration(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "s",
            "5",
            "-1s",
            "1.5m",
            "5 m",
            "5M",
            "5min",
            "5m&x=1",
            "99999999999s",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
    }

    #[test]
    fn directional_and_invisible_characters_are_control_characters() {
        for c in [
            '\0',
            '\u{1b}',
            '\u{9b}',
            '\u{61c}',
            '\u{202e}',
            '\u{2066}',
            '\u{feff}',
            '\u{e0041}',
        ] {
            assert!(is_control(c), "{c:?}");
        }
        for c in ['a', 'ä', '日', 'ש', 'ع', '\u{200d}', '😀', ' '] {
            assert!(!is_control(c), "{c:?}");
        }
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(escape("a\u{1b}[2Jb\r\u{9b}\u{202e}"), r"a\u{1b}[2Jb\r\u{9b}\u{202e}");
        assert_eq!(escape("two\nlines\tä"), "two\nlines\tä");
    }

    #[test]
    fn further_lines_of_a_message_are_indented() {
        assert_eq!(indented("a\nhint: rm -rf\u{7}\n"), "a\n  hint: rm -rf\\u{7}");
    }

    #[test]
    fn escaped_json_has_the_same_meaning() {
        let text = "a\u{7f}\u{9b}\u{202e}\u{e0041}ä";
        let json = serde_json::to_string(text).unwrap_or_default();
        let harmless = escape_json(&json);
        assert_eq!(harmless, r#""a\u007f\u009b\u202e\udb40\udc41ä""#);
        assert_eq!(serde_json::from_str::<String>(&harmless).ok().as_deref(), Some(text));
        assert_eq!(escape_json("{\n\t}"), "{\n\t}");
    }
}
