#![allow(clippy::unwrap_used)]
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use super::*;

fn tokens() -> TokenMap {
    TokenMap::new(KeyFile {
        key: Key::parse(&"07".repeat(32)).unwrap(),
        tokens: BTreeMap::new(),
    })
}

#[test]
fn a_value_has_one_token_everywhere() {
    let mut tokens = tokens();
    for text in ["web-01", "10.1.2.3", "anna@example.org", "200", "web-01"] {
        tokens.note(text, TokenUse::Value).unwrap();
    }
    tokens.note("true", TokenUse::Value).unwrap();
    tokens.note("-", TokenUse::Value).unwrap();
    tokens.note("3", TokenUse::HashCandidate).unwrap();
    tokens.assign_tokens().unwrap();
    assert_eq!(tokens.replaced(), 4);
    let token = tokens.token("web-01").unwrap().to_owned();
    assert!(token.starts_with("t_") && token.len() == 18, "{token}");
    assert_eq!(
        (tokens.token("true").unwrap(), tokens.token("3").unwrap()),
        ("true", "3")
    );
    assert_eq!(tokens.token("-").unwrap(), "-");
    assert!(matches!(tokens.token("other"), Err(Error::UnknownValue)));
    assert_eq!(
        tokens.replace_known_values("xweb-01, 200", true),
        format!("x{token}, 200")
    );
    assert_ne!(tokens.replace_known_values("200", true), "200");
    // Another map with the same key assigns the same tokens, whatever else it contains.
    let mut other = TokenMap::new(KeyFile {
        tokens: [("t_1".to_owned(), "db-1".to_owned())].into(),
        ..tokens.to_file()
    });
    other.note("a", TokenUse::Value).unwrap();
    other.note("web-01", TokenUse::Value).unwrap();
    other.note("db-1", TokenUse::Value).unwrap();
    other.assign_tokens().unwrap();
    assert_eq!(
        (other.token("web-01").unwrap(), other.token("db-1").unwrap()),
        (token.as_str(), "t_1")
    );
    assert_eq!(other.to_file().tokens.len(), 3);
}

#[test]
fn a_token_holds_no_value() {
    let mut first = tokens();
    first.note("value", TokenUse::Value).unwrap();
    first.assign_tokens().unwrap();
    let token = first.token("value").unwrap().to_owned();
    for taken in [token.clone(), token[5..12].to_owned()] {
        let mut tokens = tokens();
        tokens.note("value", TokenUse::Value).unwrap();
        tokens.note(&taken, TokenUse::MessageWord).unwrap();
        tokens.assign_tokens().unwrap();
        assert!(!tokens.token("value").unwrap().contains(&taken));
    }
}

#[test]
fn no_two_values_have_one_token() {
    // The token of an address has 27 bits of the digest: of so many values some have the same.
    let mut tokens = tokens();
    let texts: Vec<String> = (0..40_000)
        .map(|n| Ipv4Addr::from(0x0a00_0000 + n).to_string())
        .collect();
    for text in &texts {
        tokens.note(text, TokenUse::Value).unwrap();
    }
    tokens.assign_tokens().unwrap();
    let tokens: BTreeSet<&str> = texts.iter().map(|text| tokens.token(text).unwrap()).collect();
    assert_eq!(tokens.len(), texts.len());
}

#[test]
fn words_are_told_from_values() {
    let mut tokens = tokens();
    tokens.note("timeout", TokenUse::MessageWord).unwrap();
    tokens.note("alice.m", TokenUse::MessageWord).unwrap();
    tokens.note("alice.m", TokenUse::Value).unwrap();
    tokens.assign_tokens().unwrap();
    assert!(tokens.is_original("timeout", true) && !tokens.is_original("timeout", false));
    assert_eq!(tokens.find_value("a timeout", false), None);
    assert_eq!(tokens.find_value("a timeout of alice.m", false), Some(13..20));
    assert_eq!(tokens.find_value("a timeout of alice.m", true), Some(2..9));
}
