#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::*;

/// Generates JSON that a map cannot store: repeated names, extra whitespace, every kind of value.
fn json() -> impl Strategy<Value = String> {
    let text = || prop_oneof!["[a-c]{1}", "\\PC{0,8}"].prop_map(|text| quoted(&text));
    let escaped = prop_oneof![
        Just(r#""\u00e4\/\\\"\n""#.to_owned()),
        Just(r#""\ud83d\ude00""#.to_owned())
    ];
    let number = prop_oneof![
        any::<i64>().prop_map(|n| n.to_string()),
        Just("1.10".to_owned()),
        Just("-0.0E+07".to_owned())
    ];
    let word = prop_oneof![Just("true"), Just("false"), Just("null")].prop_map(str::to_owned);
    let leaf = prop_oneof![text(), escaped, number, word];
    let blank = || prop_oneof![Just(""), Just(" "), Just("\n\t"), Just("\r\n  ")];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        let part =
            (blank(), inner.clone(), blank()).prop_map(|(before, value, after)| format!("{before}{value}{after}"));
        let member = (blank(), text(), blank(), part.clone())
            .prop_map(|(before, name, after, value)| format!("{before}{name}{after}:{value}"));
        prop_oneof![
            prop::collection::vec(part, 0..6).prop_map(|parts| format!("[{}]", parts.join(","))),
            prop::collection::vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(","))),
            blank().prop_map(|blank| format!("{{{blank}}}")),
        ]
    })
}

/// Applies `edit` to a text that is split into pieces of this size.
fn edited(
    text: &str,
    piece: usize,
    mut edit: impl FnMut(&mut Editor<Vec<u8>>, &Token<'_>) -> std::io::Result<()>,
) -> Result<String, std::io::Error> {
    let mut editor = Editor::new(Vec::new());
    let mut tokens = Tokenizer::default();
    let mut sink = |token: Token<'_>| edit(&mut editor, &token);
    for piece in text.as_bytes().chunks(piece) {
        tokens.push(piece, &mut sink)?;
    }
    let rest = tokens.finish(&mut sink)?;
    Ok(String::from_utf8(editor.finish(&rest)?).unwrap())
}

proptest! {
    #[test]
    fn unchanged_tokens_are_kept_byte_for_byte(text in json(), end in "[ \n]{0,2}", piece in 1_usize..20) {
        let text = format!("{text}{end}");
        prop_assert_eq!(edited(&text, piece, |editor, token| editor.keep(token)).unwrap(), text);
    }

    #[test]
    fn truncated_json_is_an_error(text in json(), cut in any::<prop::sample::Index>()) {
        let cut = &text[..(0..=cut.index(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap()];
        let valid = serde_json::from_str::<serde::de::IgnoredAny>(cut).is_ok();
        prop_assert_eq!(edited(cut, 7, |editor, token| editor.keep(token)).is_ok(), valid);
    }

    #[test]
    fn decoded_strings_equal_those_of_serde_json(text in "\\PC{0,20}", n in any::<u16>()) {
        for json in [quoted(&text), format!("\"\\u{:04x}{text}\"", n & 0x7ff).replace('\\', "\\\\").replacen("\\\\", "\\", 1)] {
            let Ok(meant) = serde_json::from_str::<String>(&json) else { continue };
            edited(&json, 3, |_, token| { assert_eq!(token.text().unwrap(), meant); Ok(()) }).unwrap();
        }
    }

    /// Leaving out every value whose name or text is `a` results in valid JSON.
    #[test]
    fn output_without_omitted_members_is_valid_json(text in json(), piece in 1_usize..20) {
        let mut named = false;
        let out = edited(&text, piece, |editor, token| {
            let out = !editor.skipping() && named;
            named = token.kind == Kind::Name && token.raw == b"\"a\"";
            if out { editor.leave_out(token); Ok(()) } else { editor.keep(token) }
        }).unwrap();
        let expected = without_a(serde_json::from_str::<Pairs>(&text).unwrap());
        prop_assert_eq!(serde_json::from_str::<Pairs>(&out).unwrap(), expected);
    }
}

#[test]
fn strings_are_replaced_in_place() {
    let text = r#"{ "a" : "x" ,"a":["x" , 1.10,{}],"b":"y"}"#;
    let out = edited(text, 4, |editor, token| match token.raw {
        b"\"x\"" => editor.replace(token, &quoted("\"z\"")),
        b"1.10" => editor.replace(token, "[1]"),
        _ => editor.keep(token),
    });
    assert_eq!(out.unwrap(), r#"{ "a" : "\"z\"" ,"a":["\"z\"" , [1],{}],"b":"y"}"#);
}

#[test]
fn held_output_is_released_or_discarded() {
    let text = r#"{"d":"2","a":{"k":"1"},"a":{"k":"2"},"e":"0"}"#;
    for (drop, wanted) in [
        ("1", r#"{"d":"2","a":{"k":"2"},"e":"0"}"#),
        ("2", r#"{"d":"2","a":{"k":"1"},"e":"0"}"#),
        ("", text),
    ] {
        let mut forget = false;
        let out = edited(text, 5, |editor, token| {
            if token.raw == b"\"a\"" {
                editor.hold();
                forget = false;
            }
            forget |= token.kind == Kind::Text && token.text().unwrap() == drop;
            editor.keep(token)?;
            if token.kind == Kind::EndObject {
                match forget {
                    true => editor.discard(),
                    false => editor.release("")?,
                }
                forget = false;
            }
            Ok(())
        });
        assert_eq!(out.unwrap(), wanted);
    }
}

#[test]
fn invalid_json_is_an_error() {
    for bad in [
        "",
        " ",
        "{",
        "}",
        "[1,]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "[1 2]",
        "{1:2}",
        "01",
        "1.",
        "tru",
        "truex",
        "\"\\",
        "[]]",
        "{}{}",
        "{\"a\":1]",
        "[1}",
        ",",
        "[,1]",
        "\u{feff}1",
    ] {
        assert!(edited(bad, 2, |editor, token| editor.keep(token)).is_err(), "{bad}");
    }
}

/// Members in order, with duplicates.
#[derive(Debug, Clone, PartialEq)]
enum Pairs {
    Object(Vec<(String, Pairs)>),
    Array(Vec<Pairs>),
    Leaf(serde_json::Value),
}

fn without_a(pairs: Pairs) -> Pairs {
    match pairs {
        Pairs::Object(members) => Pairs::Object(
            members
                .into_iter()
                .filter(|(name, _)| name != "a")
                .map(|(name, value)| (name, without_a(value)))
                .collect(),
        ),
        Pairs::Array(elements) => Pairs::Array(elements.into_iter().map(without_a).collect()),
        leaf => leaf,
    }
}

impl<'de> serde::Deserialize<'de> for Pairs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw: &serde_json::value::RawValue = serde::Deserialize::deserialize(deserializer)?;
        Ok(match raw.get().as_bytes()[0] {
            b'{' => {
                struct Members;
                impl<'de> serde::de::Visitor<'de> for Members {
                    type Value = Vec<(String, Pairs)>;
                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }
                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                        let mut members = Vec::new();
                        while let Some(member) = map.next_entry()? {
                            members.push(member);
                        }
                        Ok(members)
                    }
                }
                let mut json = serde_json::Deserializer::from_str(raw.get());
                Self::Object(serde::Deserializer::deserialize_map(&mut json, Members).unwrap())
            }
            b'[' => Self::Array(serde_json::from_str(raw.get()).unwrap()),
            _ => Self::Leaf(serde_json::from_str(raw.get()).unwrap()),
        })
    }
}

#[test]
fn unpaired_surrogates_are_read_as_lucene_indexes_them() {
    for (raw, text) in [
        (r#""\ud800""#, "\u{fffd}"),
        (r#""a\uDFFF\ud83d\ude00b""#, "a\u{fffd}\u{1f600}b"),
        (r#""\ud83d\ud83d\ude00""#, "\u{fffd}\u{1f600}"),
        (r#""\\ud800 \ud800\n""#, "\\ud800 \u{fffd}\n"),
        (r#""\udc00x""#, "\u{fffd}x"),
    ] {
        let token = Token {
            kind: Kind::Text,
            lead: b"",
            raw: raw.as_bytes(),
        };
        assert_eq!(token.text().unwrap(), text, "{raw}");
    }
    for raw in [r#""\ud80""#, r#""\x""#, "\"\\"] {
        let token = Token {
            kind: Kind::Text,
            lead: b"",
            raw: raw.as_bytes(),
        };
        assert!(token.text().is_err(), "{raw}");
    }
}
