#![allow(clippy::unwrap_used)]
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::*;

fn book() -> Book {
    Book::open(KeyFile {
        key: Key::parse(&"07".repeat(32)).unwrap(),
        tokens: BTreeMap::new(),
    })
}

#[test]
fn a_value_has_one_token_everywhere() {
    let mut book = book();
    for text in ["web-01", "10.1.2.3", "anna@example.org", "200", "web-01"] {
        book.note(text, Use::Value).unwrap();
    }
    book.note("true", Use::Value).unwrap();
    book.note("-", Use::Value).unwrap();
    book.note("3", Use::Candidate).unwrap();
    book.settle().unwrap();
    assert_eq!(book.replaced(), 4);
    let token = book.token("web-01").unwrap().to_owned();
    assert!(token.starts_with("t_") && token.len() == 18, "{token}");
    assert_eq!((book.token("true").unwrap(), book.token("3").unwrap()), ("true", "3"));
    assert_eq!(book.token("-").unwrap(), "-");
    assert!(matches!(book.token("other"), Err(Error::Unheard)));
    assert_eq!(book.scrubbed("xweb-01, 200", true), format!("x{token}, 200"));
    assert_ne!(book.scrubbed("200", true), "200");
    // Another book with the same key agrees, whatever else it holds; one that goes on agrees with the file.
    let mut other = Book::open(KeyFile {
        tokens: [("t_1".to_owned(), "db-1".to_owned())].into(),
        ..book.to_file()
    });
    other.note("a", Use::Value).unwrap();
    other.note("web-01", Use::Value).unwrap();
    other.note("db-1", Use::Value).unwrap();
    other.settle().unwrap();
    assert_eq!(
        (other.token("web-01").unwrap(), other.token("db-1").unwrap()),
        (token.as_str(), "t_1")
    );
    assert_eq!(other.to_file().tokens.len(), 3);
}

#[test]
fn a_token_holds_no_value() {
    let mut first = book();
    first.note("value", Use::Value).unwrap();
    first.settle().unwrap();
    let token = first.token("value").unwrap().to_owned();
    for taken in [token.clone(), token[5..12].to_owned()] {
        let mut book = book();
        book.note("value", Use::Value).unwrap();
        book.note(&taken, Use::Word).unwrap();
        book.settle().unwrap();
        assert!(!book.token("value").unwrap().contains(&taken));
    }
}

#[test]
fn no_two_values_have_one_token() {
    // The token of an address has 27 bits of the digest: of so many values some have the same.
    let mut book = book();
    let texts: Vec<String> = (0..40_000)
        .map(|n| Ipv4Addr::from(0x0a00_0000 + n).to_string())
        .collect();
    for text in &texts {
        book.note(text, Use::Value).unwrap();
    }
    book.settle().unwrap();
    let tokens: BTreeSet<&str> = texts.iter().map(|text| book.token(text).unwrap()).collect();
    assert_eq!(tokens.len(), texts.len());
}

#[test]
fn words_are_told_from_values() {
    let mut book = book();
    book.note("timeout", Use::Word).unwrap();
    book.note("alice.m", Use::Word).unwrap();
    book.note("alice.m", Use::Value).unwrap();
    book.settle().unwrap();
    assert!(book.is_original("timeout", true) && !book.is_original("timeout", false));
    assert_eq!(book.found_in("a timeout", false), None);
    assert_eq!(book.found_in("a timeout of alice.m", false), Some(13..20));
    assert_eq!(book.found_in("a timeout of alice.m", true), Some(2..9));
}
