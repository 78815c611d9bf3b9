//! Where a word begins and ends in bytes that may not be UTF-8.

use std::ops::Range;

/// Whether a part of a text does not begin or end inside a word. In a `whole` word of a message `_`, `-` and `.` join
/// letters and digits, as they do for autodetect.
pub(super) fn is_bounded(text: &[u8], part: &Range<usize>, whole: bool) -> bool {
    let (before, within, after) = (&text[..part.start], &text[part.clone()], &text[part.end..]);
    let begins =
        last(before).is_none_or(|c| !c.is_alphanumeric()) || first(within).is_none_or(|c| !c.is_alphanumeric());
    let ends = first(after).is_none_or(|c| !c.is_alphanumeric()) || last(within).is_none_or(|c| !c.is_alphanumeric());
    begins && ends && !(whole && (is_joined_before(before) || is_joined_after(after)))
}

fn joins(byte: &u8) -> bool {
    matches!(byte, b'_' | b'-' | b'.')
}

fn is_joined_before(before: &[u8]) -> bool {
    let word = before.iter().rposition(|byte| !joins(byte));
    word.is_some_and(|at| at + 1 < before.len() && last(&before[..=at]).is_some_and(char::is_alphanumeric))
}

fn is_joined_after(after: &[u8]) -> bool {
    let word = after.iter().position(|byte| !joins(byte));
    word.is_some_and(|at| at > 0 && first(&after[at..]).is_some_and(char::is_alphanumeric))
}

/// The first character; none where the bytes are not UTF-8.
fn first(text: &[u8]) -> Option<char> {
    let begin = &text[..text.len().min(4)];
    begin.utf8_chunks().next()?.valid().chars().next()
}

fn last(text: &[u8]) -> Option<char> {
    let begin = (1..=text.len().min(4)).map(|n| text.len() - n);
    let mut begin = begin.filter(|at| !matches!(text[*at], 0x80..=0xbf));
    std::str::from_utf8(&text[begin.next()?..]).ok()?.chars().next()
}
