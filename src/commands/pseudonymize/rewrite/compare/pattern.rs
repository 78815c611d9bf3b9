//! Texts that stand for others.

use super::Holds;

/// Values that are equal but for their case, that of other letters than those of ASCII counting.
pub(in super::super) fn equal_in_any_case(text: &str) -> Holds {
    let text = text.to_owned();
    Box::new(move |value| value.eq_ignore_ascii_case(&text))
}

/// Values that begin so.
pub(in super::super) fn begins(text: &str, any_case: bool) -> Holds {
    let text = in_case(text, any_case);
    Box::new(move |value| in_case(value, any_case).starts_with(&text))
}

/// Values that a pattern takes in: `*` stands for anything, `?` for one character, a backslash takes that from them.
pub(in super::super::super) fn like(pattern: &str, any_case: bool) -> Holds {
    let pattern = pieces(&in_case(pattern, any_case));
    Box::new(move |value| {
        let value: Vec<char> = in_case(value, any_case).chars().collect();
        takes_in(&pattern, &value)
    })
}

/// A regular expression of Lucene's as a pattern for [`like`]; `None` where it says more than such a pattern can.
pub(in super::super) fn pattern_of(regexp: &str) -> Option<String> {
    let mut pattern = String::with_capacity(regexp.len());
    let mut characters = regexp.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '.' => match characters.peek() {
                Some('*') => {
                    characters.next();
                    pattern.push('*');
                }
                Some('+') => {
                    characters.next();
                    pattern.push_str("?*");
                }
                _ => pattern.push('?'),
            },
            '\\' => {
                let meant = characters.next()?;
                // A letter or digit behind a backslash may be a class of characters.
                (!meant.is_alphanumeric()).then_some(())?;
                pattern.extend(['\\', meant]);
            }
            c if "?+*|{}[]()\"#@&<>~^$".contains(c) => return None,
            c => pattern.push(c),
        }
        // What may follow says how often it comes.
        characters
            .peek()
            .is_none_or(|next| !"?+*{".contains(*next))
            .then_some(())?;
    }
    Some(pattern)
}

/// As autodetect takes items of filters: an asterisk at either end stands for anything. `None` without one.
pub(in super::super) fn item(item: &str) -> Option<Holds> {
    let owned = str::to_owned;
    Some(
        match (item.strip_prefix('*').map(owned), item.strip_suffix('*').map(owned)) {
            (Some(_), Some(_)) => {
                let inner = item.trim_matches('*').to_owned();
                Box::new(move |value| value.contains(&inner))
            }
            (Some(end), None) => Box::new(move |value| value.ends_with(&end)),
            (None, Some(begin)) => Box::new(move |value| value.starts_with(&begin)),
            (None, None) => return None,
        },
    )
}

fn in_case(text: &str, any_case: bool) -> String {
    match any_case {
        true => text.to_ascii_lowercase(),
        false => text.to_owned(),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece {
    Anything,
    One,
    This(char),
}

fn pieces(pattern: &str) -> Vec<Piece> {
    let mut characters = pattern.chars();
    let mut pieces = Vec::new();
    while let Some(c) = characters.next() {
        pieces.push(match c {
            '*' => Piece::Anything,
            '?' => Piece::One,
            '\\' => Piece::This(characters.next().unwrap_or('\\')),
            c => Piece::This(c),
        });
    }
    pieces
}

/// Goes back to the last asterisk only: what an earlier one took in need not be tried again.
fn takes_in(pattern: &[Piece], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(Piece::Anything) => {
                back = Some((p + 1, t));
                p += 1;
            }
            Some(piece) if *piece == Piece::One || *piece == Piece::This(text[t]) => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((behind, from)) = back else { return false };
                back = Some((behind, from + 1));
                (p, t) = (behind, from + 1);
            }
        }
    }
    pattern[p..].iter().all(|piece| *piece == Piece::Anything)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn patterns_take_in_what_elasticsearch_finds() {
        for (pattern, any_case, taken, not) in [
            ("web-*", false, vec!["web-", "web-01"], vec!["Web-01", "a web-01"]),
            ("WEB-*", true, vec!["web-01"], vec!["wob-01"]),
            ("*a*b", false, vec!["ab", "aab", "a-b-b"], vec!["aba", "b"]),
            ("w?b", false, vec!["web", "wäb"], vec!["wb", "weeb"]),
            (r"a\*b", false, vec!["a*b"], vec!["aab"]),
            ("", false, vec![""], vec!["a"]),
            ("*", false, vec!["", "a"], vec![]),
        ] {
            let holds = like(pattern, any_case);
            assert!(taken.iter().all(|value| holds(value)), "{pattern}");
            assert!(!not.iter().any(|value| holds(value)), "{pattern}");
        }
        assert!(begins("web", false)("web-01") && !begins("Web", false)("web-01") && begins("Web", true)("web-01"));
        assert!(equal_in_any_case("Anna")("aNNA") && !equal_in_any_case("Anna")("anna2"));
    }

    #[test]
    fn plain_regular_expressions_are_patterns() {
        for (regexp, wanted) in [
            ("web-.*", Some("web-*")),
            (r"web\-0.\.iad.+", Some(r"web\-0?\.iad?*")),
            ("", Some("")),
            ("web-[0-9]+", None),
            ("a|b", None),
            ("a*", None),
            (".?", None),
            (".{2}", None),
            ("..*+", None),
            (r"\d", None),
            ("a~b", None),
            ("<1-5>", None),
            ("a\\", None),
        ] {
            assert_eq!(pattern_of(regexp).as_deref(), wanted, "{regexp}");
        }
    }

    #[test]
    fn an_asterisk_stands_for_anything_at_either_end_of_an_item() {
        for (text, value, wanted) in [
            ("web-*", "web-01", true),
            ("web-*", "a.web-01", false),
            ("*.example", "web.example", true),
            ("*.example", "web.example.org", false),
            ("*b-0*", "web-01", true),
            ("*b-2*", "web-01", false),
            ("*", "", true),
        ] {
            assert_eq!(item(text).unwrap()(value), wanted, "{text} {value}");
        }
        assert!(item("web-01").is_none() && item("w*b").is_none());
    }
}
