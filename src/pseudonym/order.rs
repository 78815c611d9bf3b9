//! Tokens in the byte order of the values that they stand for: ranks, with room between them.
//!
//! The order holds among the values of each field. Numbers stay numbers and addresses stay addresses where that is
//! possible: where a field mixes them with other texts in a way that their tokens could not follow, its values are told
//! by rank alone.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::Error;
use super::kind::{Kind, NUMBERS};

/// How tokens of a kind are put in order together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Family {
    Number,
    Address,
    Plain,
}

/// Values of an address's part that is written with three digits: from 100 to 255.
const OCTET: u64 = 156;
/// Values of a part that is written with four hexadecimal digits, the first not 0.
const GROUP: u64 = 0xf000;
/// Ranks of other values: twelve hexadecimal digits.
const RANKS: u64 = 1 << 48;

/// Gives each text its token; `fields` are the texts of each field, `free` says whether a token may be used.
///
/// # Errors
/// [`Error::NoToken`]
pub(super) fn tokens<'a>(
    fields: &BTreeMap<&str, Vec<&'a str>>,
    free: &mut dyn FnMut(&str) -> bool,
) -> Result<BTreeMap<&'a str, String>, Error> {
    let families = families(fields);
    let of = |family| {
        let texts = families.iter().filter(move |(_, of)| **of == family);
        texts.map(|(text, _)| *text).collect::<Vec<&'a str>>()
    };
    let mut tokens = BTreeMap::new();
    let plain = |rank: u64, text: &str| {
        let domain = if Kind::of(text) == Kind::Email {
            "@mail.invalid"
        } else {
            ""
        };
        format!("t_{rank:012x}{domain}")
    };
    spread(&of(Family::Plain), RANKS, &plain, free, &mut tokens)?;
    let number = |rank: u64, _: &str| (NUMBERS.start() + rank).to_string();
    spread(
        &of(Family::Number),
        NUMBERS.end() - NUMBERS.start() + 1,
        &number,
        free,
        &mut tokens,
    )?;
    addresses(&of(Family::Address), free, &mut tokens)?;
    Ok(tokens)
}

/// The family of each text, in byte order.
fn families<'a>(fields: &BTreeMap<&str, Vec<&'a str>>) -> BTreeMap<&'a str, Family> {
    let texts = fields.values().flatten();
    let mut families: BTreeMap<&'a str, Family> = texts.map(|text| (*text, family(text))).collect();
    loop {
        let mut changed = false;
        for texts in fields.values() {
            let mut texts = texts.clone();
            texts.sort_unstable();
            let of: Vec<Family> = texts.iter().map(|text| families[text]).collect();
            let mixed = of.contains(&Family::Number) && of.contains(&Family::Address);
            // Tokens of other texts begin with a letter, those of numbers and addresses with a digit.
            if !mixed && of.is_sorted_by_key(|family| *family == Family::Plain) {
                continue;
            }
            for text in texts {
                changed |= families.insert(text, Family::Plain) != Some(Family::Plain);
            }
        }
        if !changed {
            return families;
        }
    }
}

fn family(text: &str) -> Family {
    match Kind::of(text) {
        Kind::Number => Family::Number,
        Kind::Ipv4 | Kind::Ipv6 => Family::Address,
        _ => Family::Plain,
    }
}

/// Even spaces between them, and at both ends.
fn spread<'a>(
    texts: &[&'a str],
    room: u64,
    token: &dyn Fn(u64, &str) -> String,
    free: &mut dyn FnMut(&str) -> bool,
    tokens: &mut BTreeMap<&'a str, String>,
) -> Result<(), Error> {
    let space = room / (texts.len() as u64 + 1);
    for (n, text) in texts.iter().enumerate() {
        let from = space * (n as u64 + 1);
        let found = (from..from + space)
            .map(|rank| token(rank, text))
            .find(|token| free(token));
        let kind = Kind::of(text).name();
        tokens.insert(*text, found.ok_or(Error::NoToken { kind })?);
    }
    Ok(())
}

/// Both versions: what begins all addresses of one run of a version is lower than what begins those of the next.
fn addresses<'a>(
    texts: &[&'a str],
    free: &mut dyn FnMut(&str) -> bool,
    tokens: &mut BTreeMap<&'a str, String>,
) -> Result<(), Error> {
    let version = |text: &str| Kind::of(text) == Kind::Ipv4;
    let mut runs: Vec<Vec<&'a str>> = texts
        .chunk_by(|a, b| version(a) == version(b))
        .map(<[&str]>::to_vec)
        .collect();
    if runs.len() as u64 > OCTET {
        // They cannot be interleaved that often: each version in an order of its own.
        let (four, six) = texts.iter().partition(|text| version(text));
        runs = vec![four, six];
    }
    let each = OCTET / (runs.len() as u64).max(1);
    for (n, run) in runs.iter().enumerate() {
        let first = 100 + n as u64 * each;
        let four = |rank: u64, _: &str| {
            let part = |n: u64| u8::try_from(n).unwrap_or(u8::MAX);
            let octet = |power: u32| part(100 + rank / OCTET.pow(power) % OCTET);
            Ipv4Addr::new(part(first + rank / OCTET.pow(3)), octet(2), octet(1), octet(0)).to_string()
        };
        let six = |rank: u64, _: &str| {
            // Three decimal digits and a 0, so that they compare with those of the other version.
            let begin = format!("{}0", first + rank / (GROUP * GROUP));
            let group = |n: u64| u16::try_from(0x1000 + n % GROUP).unwrap_or(u16::MAX);
            let begin = u16::from_str_radix(&begin, 16).unwrap_or(u16::MAX);
            Ipv6Addr::new(begin, group(rank / GROUP), group(rank), 0, 0, 0, 0, 1).to_string()
        };
        match run.first().is_some_and(|text| version(text)) {
            true => spread(run, each * OCTET.pow(3), &four, free, tokens)?,
            false => spread(run, each * GROUP * GROUP, &six, free, tokens)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn ordered(texts: &[&str]) -> Vec<String> {
        let mut texts = texts.to_vec();
        texts.sort_unstable();
        texts.dedup();
        let fields = BTreeMap::from([("field", texts.clone())]);
        let tokens = tokens(&fields, &mut |_| true).unwrap();
        texts.iter().map(|text| tokens[text].clone()).collect()
    }

    #[test]
    fn kinds_stay_where_they_can() {
        let addresses = ordered(&["10.1.2.3", "2001:db8::1", "192.168.0.1", "34.0.0.1", "fe80::1", "::1"]);
        assert!(addresses.is_sorted());
        let versions: Vec<bool> = addresses.iter().map(|text| Kind::of(text) == Kind::Ipv4).collect();
        assert_eq!(versions, [true, true, false, true, false, false]);
        assert!(
            ordered(&["200", "404", "503"])
                .iter()
                .all(|text| Kind::of(text) == Kind::Number)
        );
        let mixed = ordered(&["10.0.0.1", "a", "a@b.c"]);
        assert_eq!((Kind::of(&mixed[0]), Kind::of(&mixed[2])), (Kind::Ipv4, Kind::Email));
        // A blank comes before digits.
        assert!(
            ordered(&["10.0.0.1", " a", "5"])
                .iter()
                .all(|text| Kind::of(text) == Kind::Plain)
        );
    }

    #[test]
    fn a_token_that_is_taken_is_passed_over() {
        let fields = BTreeMap::from([("a", vec!["x"]), ("b", vec!["x", "y"])]);
        let mut refused = 0;
        let tokens = tokens(&fields, &mut |_| {
            refused += 1;
            refused > 3
        });
        let tokens = tokens.unwrap();
        assert!(tokens["x"].ends_with('8') && tokens["x"] < tokens["y"], "{tokens:?}");
    }

    proptest! {
        #[test]
        fn the_order_of_bytes_is_kept(
            texts in proptest::collection::vec("[a-z0-9 .:-]{1,4}|[0-9]{1,3}|10[.][0-9]{1,2}[.]0[.][0-9]|[0-9a-f]{2,4}::[0-9]", 1..40)
        ) {
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let tokens = ordered(&texts);
            prop_assert!(tokens.windows(2).all(|pair| pair[0] < pair[1]), "{tokens:?}");
        }
    }
}
