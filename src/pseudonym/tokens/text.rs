//! Replaces words of texts with tokens, and tokens with values. Other characters stay.

use std::net::Ipv6Addr;
use std::ops::Range;

use super::key_file::KeyFile;

/// The size of the longest IPv6 address in bytes, followed by the period of a sentence.
const MAX_ADDRESS_BYTES: usize = "0000:0000:0000:0000:0000:ffff:255.255.255.255...".len();
/// More than the size of any token in bytes.
const MAX_TOKEN_BYTES: usize = 64;

/// Iterates over the positions of words. A word is an IPv6 address, or a sequence of letters, digits, `_`, `-` and `.` that
/// begins and ends with a letter or digit, as autodetect splits messages.
pub(crate) fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(found) = text[at..].find(|c: char| c.is_alphanumeric() || c == ':') {
            let begin = at + found;
            let length = ipv6(&text[begin..]).or_else(|| plain(&text[begin..]));
            at = begin + length.unwrap_or(1);
            if length.is_some() {
                return Some(begin..at);
            }
        }
        None
    })
}

/// Replaces each word.
pub fn rewrite_text<E>(text: &str, word: &mut dyn FnMut(&str) -> Result<String, E>) -> Result<String, E> {
    let (mut out, mut done) = (String::with_capacity(text.len()), 0);
    for Range { start, end } in words(text) {
        out.push_str(&text[done..start]);
        out.push_str(&word(&text[start..end])?);
        done = end;
    }
    out.push_str(&text[done..]);
    Ok(out)
}

/// Replaces each text in the pattern of a category: texts separated by `.+?`, with special characters escaped by
/// backslashes. The texts are passed without escapes.
pub fn rewrite_pattern<E>(pattern: &str, text: &mut dyn FnMut(&str) -> Result<String, E>) -> Result<String, E> {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while !rest.is_empty() {
        let wild = [".*?", ".+?", ".*"].into_iter().find(|wild| rest.starts_with(wild));
        if let Some(wild) = wild {
            out.push_str(wild);
            rest = &rest[wild.len()..];
            continue;
        }
        let end = piece(rest);
        let plain = unescaped(&rest[..end]);
        let new = text(&plain)?;
        match new == plain {
            true => out.push_str(&rest[..end]),
            false => out.push_str(&escaped(&new)),
        }
        rest = &rest[end..];
    }
    Ok(out)
}

/// Returns the position of the next unescaped wildcard.
fn piece(pattern: &str) -> usize {
    let mut escaped = false;
    let end = pattern.char_indices().find(|(at, c)| {
        let is_wildcard = !escaped && *at > 0 && *c == '.' && pattern[at + 1..].starts_with(['*', '+']);
        escaped = !escaped && *c == '\\';
        is_wildcard
    });
    end.map_or(pattern.len(), |(at, _)| at)
}

/// Removes the backslashes that escape special characters in the text of a pattern.
pub fn unescaped(pattern: &str) -> String {
    let mut plain = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => plain.extend(characters.next()),
            c => plain.push(c),
        }
    }
    plain
}

fn escaped(text: &str) -> String {
    let is_special = |c: char| r"\^$.|?*+()[]{}".contains(c);
    let escape = |c| is_special(c).then_some('\\').into_iter().chain([c]);
    text.chars().flat_map(escape).collect()
}

/// Returns the size of the word at the start in bytes.
fn plain(text: &str) -> Option<usize> {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    let run = text.find(|c| !is_plain(c)).unwrap_or(text.len());
    let word = text[..run].trim_end_matches(['_', '-', '.']);
    (!word.is_empty()).then_some(word.len())
}

/// Returns the size of the address at the start in bytes.
fn ipv6(text: &str) -> Option<usize> {
    // A longer sequence of such characters is not an address. It is not searched again from each of its characters.
    let is_part = |byte: &u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let bytes = text.bytes().take(MAX_ADDRESS_BYTES + 1);
    let run = bytes.take_while(is_part).count();
    let whole = text[run..].chars().next().is_none_or(|c| !c.is_alphanumeric());
    let address = text[..run].trim_end_matches('.');
    let colons = address.bytes().filter(|byte| *byte == b':').count();
    let fits = run <= MAX_ADDRESS_BYTES && whole && colons > 1;
    (fits && address.parse::<Ipv6Addr>().is_ok()).then_some(address.len())
}

impl KeyFile {
    /// Returns a text with values instead of tokens; `None` if it does not contain a token.
    pub fn reveal(&self, text: &str) -> Option<String> {
        if let Some(value) = self.tokens.get(text) {
            return Some(value.clone());
        }
        let (mut out, mut copied) = (String::with_capacity(text.len()), 0);
        for (begin, _) in text.char_indices() {
            if begin < copied || !begins_word(&text[..begin]) {
                continue;
            }
            if let Some((token, value)) = self.token_at_start(&text[begin..]) {
                out.push_str(&text[copied..begin]);
                out.push_str(value);
                copied = begin + token.len();
            }
        }
        (copied > 0).then(|| out + &text[copied..])
    }

    /// Returns the longest token at the start that is not followed by a letter or digit, since an address is more than
    /// its first word.
    fn token_at_start(&self, text: &str) -> Option<(&str, &str)> {
        let may_be = |(at, c): &(usize, char)| *at < MAX_TOKEN_BYTES && (c.is_alphanumeric() || "_-.:@".contains(*c));
        let run = text.char_indices().take_while(may_be);
        let ends: Vec<usize> = run.map(|(at, c)| at + c.len_utf8()).collect();
        let is_end = |end: &usize| !text[*end..].starts_with(is_inside);
        let mut ends = ends.into_iter().rev().filter(is_end);
        let (token, value) = ends.find_map(|end| self.tokens.get_key_value(&text[..end]))?;
        Some((token, value))
    }
}

/// Whether a word may begin after this text: it does not end with a letter or digit, except as part of a JSON escape.
fn begins_word(before: &str) -> bool {
    if !before.ends_with(is_inside) {
        return true;
    }
    match before.as_bytes() {
        [.., b'\\', b'b' | b'f' | b'n' | b'r' | b't'] => true,
        [.., b'\\', b'u', a, b, c, d] => [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()),
        _ => false,
    }
}

fn is_inside(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn marked(text: &str) -> String {
        let mut mark = |word: &str| Ok::<_, ()>(format!("<{word}>"));
        rewrite_text(text, &mut mark).unwrap()
    }

    #[test]
    fn only_words_are_replaced() {
        for (text, replaced) in [
            ("", ""),
            (" - ", " - "),
            (
                "Failed for alice.muster from 10.1.2.3 port 22.",
                "<Failed> <for> <alice.muster> <from> <10.1.2.3> <port> <22>.",
            ),
            (
                "<dora29@example.org> size=65614",
                "<<dora29>@<example.org>> <size>=<65614>",
            ),
            ("[2001:db8::1]: x", "[<2001:db8::1>]: <x>"),
            ("from fe80::1 to 12:30:05", "<from> <fe80::1> <to> <12>:<30>:<05>"),
            ("a::b_", "<a::b>_"),
            ("fe80::1...", "<fe80::1>..."),
            (
                "0000:0000:0000:0000:0000:ffff:255.255.255.255",
                "<0000:0000:0000:0000:0000:ffff:255.255.255.255>",
            ),
            ("C:\\x\\ü-1", "<C>:\\<x>\\<ü-1>"),
            ("_x-", "_<x>-"),
        ] {
            assert_eq!(marked(text), replaced, "{text}");
        }
    }

    #[test]
    fn runs_of_colons_and_digits_are_read_in_linear_time() {
        // Takes many seconds if the rest of the sequence is read again from each of its characters.
        for run in [":".repeat(4 << 15), "a:".repeat(2 << 15), "::1.".repeat(1 << 15)] {
            let rewritten = rewrite_text(&run, &mut |word| Ok::<_, ()>(word.to_owned()));
            assert!(rewritten.unwrap() == run);
        }
    }

    #[test]
    fn patterns_keep_their_wildcards() {
        let mut mark = |word: &str| Ok::<_, ()>(format!("{}.{}", word.len(), word.to_uppercase()));
        let mut rewrite = |pattern| rewrite_pattern(pattern, &mut |text| rewrite_text(text, &mut mark)).unwrap();
        assert_eq!(
            rewrite(r".*?for.+?alice\.muster.+?inv-07.+?ssh2.*"),
            r".*?3\.FOR.+?12\.ALICE\.MUSTER.+?6\.INV-07.+?4\.SSH2.*"
        );
        for whole in ["", ".*", r"\", r"ä\ä", "a.*b.", "("] {
            rewrite(whole);
        }
    }

    fn file() -> KeyFile {
        let mut file = KeyFile::new().unwrap();
        for (token, value) in [
            ("t_1", "\u{e4}\n\""),
            ("240.1.2.3", "10.0.0.1"),
            ("t_9@mail.invalid", "a@b.c"),
        ] {
            file.tokens.insert(token.to_owned(), value.to_owned());
        }
        file
    }

    #[test]
    fn tokens_are_found_between_word_boundaries() {
        let file = file();
        for (text, replaced) in [
            ("<t_1>, t_12 from 240.1.2.3.", "<\u{e4}\n\">, t_12 from 10.0.0.1."),
            ("t_9@mail.invalid:240.1.2.3", "a@b.c:10.0.0.1"),
            (r"\tt_9@mail.invalid\n240.1.2.3\r", r"\ta@b.c\n10.0.0.1\r"),
            (r"\u0009t_9@mail.invalid", r"\u0009a@b.c"),
            ("t_9@mail.invalid.", "a@b.c."),
            ("x240.1.2.3 tt_1", "x240.1.2.3 tt_1"),
        ] {
            let revealed = Some(replaced).filter(|_| replaced != text);
            assert_eq!(file.reveal(text).as_deref(), revealed, "{text}");
        }
        assert_eq!(file.reveal("t_12"), None);
    }

    #[test]
    fn long_runs_are_searched_in_linear_time() {
        let file = file();
        let run = "a.".repeat(1 << 19) + "240.1.2.3";
        assert!(file.reveal(&run).unwrap().ends_with(".10.0.0.1"));
    }
}
