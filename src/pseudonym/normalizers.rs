//! Values as autodetect sees them. A datafeed reads what Elasticsearch has indexed, which may be spelled otherwise than
//! the documents are: addresses have one form, and a keyword may have a normalizer.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::Value;

use crate::job::{InputMappings, MappedField};

/// How a field's values are spelled alike.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Spelling {
    /// One that is not known here: a normalizer's name.
    Unknown(String),
    AsSent,
    Address,
    Normalized(Vec<Step>),
}

/// A filter of a normalizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Lower,
    Upper,
    Trim,
    /// Letters beyond ASCII lose their marks: which become which is not known here.
    Fold,
}

/// Spellings of fields.
#[derive(Debug, Default)]
pub(crate) struct Spellings {
    fields: BTreeMap<String, Spelling>,
    /// Places of the mapping with a normalizer that values of these fields pass.
    normalized: BTreeSet<String>,
    /// Fields with `ignore_above`: the smallest and the largest that a source has for it, in UTF-16 code units.
    longest: BTreeMap<String, (u64, u64)>,
    /// Places of the mapping with that limit.
    limited: BTreeSet<String>,
}

/// How autodetect sees a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    AsSent,
    As(String),
    /// It cannot be told.
    Untold,
}

impl Spellings {
    /// Of these fields, by the mapping of all sources; each with the name that the mapping has for it.
    pub(crate) fn of<'a>(mappings: &InputMappings, fields: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let mut all = Self::default();
        for (field, name) in fields {
            all.limit(mappings, field, name);
            let mut found: Option<Spelling> = None;
            for mapped in mappings.mapped(name) {
                let spelling = Spelling::of(&mapped);
                if mapped.field.normalizer.is_some() {
                    all.normalized.insert(mapped.name.to_owned());
                }
                found = Some(match found {
                    Some(other) if other != spelling => Spelling::Unknown("of some sources only".to_owned()),
                    _ => spelling,
                });
            }
            if let Some(spelling) = found.filter(|spelling| *spelling != Spelling::AsSent) {
                all.fields.insert(field.to_owned(), spelling);
            }
        }
        all
    }

    /// The same with the field of messages, whose words are replaced.
    pub(crate) fn and_messages(mut self, mappings: &InputMappings, message: Option<&str>) -> Self {
        if let Some(message) = message {
            self.limit(mappings, message, message);
        }
        self
    }

    fn limit(&mut self, mappings: &InputMappings, field: &str, name: &str) {
        let limits = || {
            mappings
                .mapped(name)
                .map(|mapped| mapped.ignore_above.unwrap_or(u64::MAX))
        };
        if let (Some(least), Some(most)) = (limits().min(), limits().max())
            && least < u64::MAX
        {
            self.longest.insert(field.to_owned(), (least, most));
            self.limited
                .extend(mappings.mapped(name).map(|mapped| mapped.name.to_owned()));
        }
    }

    /// Whether Elasticsearch indexed a value: not where it is longer than `ignore_above`. `None` where the sources differ
    /// in that.
    pub(crate) fn is_indexed(&self, field: &str, text: &str) -> Option<bool> {
        let Some((least, most)) = self.longest.get(field) else {
            return Some(true);
        };
        let length = text.encode_utf16().count() as u64;
        match (length <= *least, length > *most) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        }
    }

    /// Whether a place of the mapping has a limit that tokens may exceed.
    pub(crate) fn is_limited(&self, path: &str) -> bool {
        self.limited.contains(path)
    }

    /// How autodetect sees a value that inputs hold.
    pub(crate) fn seen(&self, field: &str, text: &str) -> Seen {
        let seen = match self.fields.get(field) {
            None | Some(Spelling::AsSent) => return Seen::AsSent,
            Some(Spelling::Unknown(_)) => return Seen::Untold,
            Some(Spelling::Address) => match text.parse::<IpAddr>() {
                Ok(address) => address.to_canonical().to_string(),
                Err(_) => return Seen::AsSent,
            },
            Some(Spelling::Normalized(steps)) => match normalized(steps, text) {
                Some(normalized) => normalized,
                None => return Seen::Untold,
            },
        };
        match seen == text {
            true => Seen::AsSent,
            false => Seen::As(seen),
        }
    }

    /// Whether a place of the mapping has a normalizer that replaced values have passed.
    pub(crate) fn is_normalized(&self, path: &str) -> bool {
        self.normalized.contains(path)
    }
}

impl Spelling {
    fn of(mapped: &MappedField<'_>) -> Self {
        match (mapped.field.kind.as_deref(), mapped.field.normalizer.as_deref()) {
            (Some("ip"), _) => Self::Address,
            (Some("keyword"), Some(name)) => match steps(name, mapped.analysis) {
                Some(steps) => Self::Normalized(steps),
                None => Self::Unknown(name.to_owned()),
            },
            _ => Self::AsSent,
        }
    }
}

/// The filters of a normalizer; `None` where one is not known.
fn steps(normalizer: &str, analysis: Option<&Value>) -> Option<Vec<Step>> {
    let section = |section: &str, name: &str| analysis?.get(section)?.get(name);
    let definition = section("normalizer", normalizer);
    let Some(definition) = definition else {
        return (normalizer == "lowercase").then(|| vec![Step::Lower]);
    };
    let list = |name: &str| match definition.get(name) {
        None | Some(Value::Null) => Some(Vec::new()),
        Some(Value::String(one)) => Some(vec![one.as_str()]),
        Some(Value::Array(all)) => all.iter().map(Value::as_str).collect(),
        Some(_) => None,
    };
    match definition.get("type").and_then(Value::as_str) {
        None | Some("custom") if list("char_filter")?.is_empty() => {}
        Some("lowercase") => return Some(vec![Step::Lower]),
        _ => return None,
    }
    let filters = list("filter")?.into_iter();
    let step = |name: &str| {
        let own = section("filter", name);
        // Its own filter of that name may have options, such as a language.
        let bare = |own: &Value| own.as_object().is_some_and(|own| own.keys().all(|key| key == "type"));
        let kind = match own {
            Some(own) if bare(own) => own.get("type")?.as_str()?,
            Some(_) => return None,
            None => name,
        };
        Some(match kind {
            "lowercase" => Step::Lower,
            "uppercase" => Step::Upper,
            "trim" => Step::Trim,
            "asciifolding" => Step::Fold,
            _ => return None,
        })
    };
    filters.map(step).collect()
}

fn normalized(steps: &[Step], text: &str) -> Option<String> {
    let mut text = text.to_owned();
    for step in steps {
        text = match step {
            Step::Lower => text.chars().filter_map(|c| c.to_lowercase().next()).collect(),
            Step::Upper => text.chars().map(upper).collect(),
            Step::Trim => text.trim_matches(is_white).to_owned(),
            Step::Fold if text.is_ascii() => text,
            Step::Fold => return None,
        };
    }
    Some(text)
}

/// Letter by letter: one that becomes several stays.
fn upper(c: char) -> char {
    let mut upper = c.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

/// What Java takes for white space.
fn is_white(c: char) -> bool {
    let joins = matches!(c, '\u{85}' | '\u{a0}' | '\u{2007}' | '\u{202f}');
    matches!(c, '\u{1c}'..='\u{1f}') || (c.is_whitespace() && !joins)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn spellings() -> Spellings {
        let mapping = json!({
            "a": {
                "mappings": {"properties": {
                    "ip": {"type": "ip"},
                    "low": {"type": "keyword", "normalizer": "lowercase"},
                    "other": {"type": "alias", "path": "text.up"},
                    "text": {"type": "text", "fields": {"up": {"type": "keyword", "normalizer": "up"}}},
                    "fold": {"type": "keyword", "normalizer": "fold"},
                    "turkish": {"type": "keyword", "normalizer": "turkish"},
                    "mapped": {"type": "keyword", "normalizer": "mapped"},
                    "here": {"type": "keyword", "normalizer": "lowercase"},
                }},
                "settings": {"index": {"analysis": {
                    "normalizer": {
                        "up": {"type": "custom", "filter": ["trim", "uppercase"]},
                        "fold": {"filter": ["lowercase", "asciifolding"]},
                        "turkish": {"type": "custom", "filter": "turkish"},
                        "mapped": {"type": "custom", "char_filter": ["quotes"]},
                    },
                    "filter": {"turkish": {"type": "lowercase", "language": "turkish"}},
                }}},
            },
            "b": {"mappings": {"properties": {"here": {"type": "keyword"}, "low": {"type": "keyword", "normalizer": "lowercase"}}}},
        });
        let fields = [
            "ip", "low", "other", "text", "fold", "turkish", "mapped", "here", "unmapped",
        ];
        let mappings = InputMappings::parse(mapping.to_string().as_bytes()).expect("valid");
        Spellings::of(&mappings, fields.into_iter().map(|field| (field, field)))
    }

    #[test]
    fn values_are_seen_as_elasticsearch_indexes_them() {
        let all = spellings();
        for (field, text, wanted) in [
            ("ip", "2001:0DB8::1", Some("2001:db8::1")),
            ("ip", "::ffff:10.0.0.1", Some("10.0.0.1")),
            ("ip", "nonsense", None),
            ("low", "WEB-ÄÉ", Some("web-äé")),
            ("low", "web", None),
            ("low", "ΣΣ", Some("σσ")),
            ("other", " straße ", Some("STRAßE")),
            ("text", "Anna", None),
            ("fold", "Anna", Some("anna")),
            ("unmapped", "Anna", None),
        ] {
            let wanted = wanted.map_or(Seen::AsSent, |wanted| Seen::As(wanted.to_owned()));
            assert_eq!(all.seen(field, text), wanted, "{field} {text}");
        }
        for (field, text) in [("fold", "Änna"), ("turkish", "a"), ("mapped", "a"), ("here", "a")] {
            assert_eq!(all.seen(field, text), Seen::Untold, "{field} {text}");
        }
        assert!(all.is_normalized("text.up") && all.is_normalized("low") && !all.is_normalized("text"));
    }

    #[test]
    fn values_above_the_limit_are_not_indexed() {
        let keyword = |limit: u64| json!({"type": "keyword", "ignore_above": limit});
        let source = |properties: serde_json::Value, settings: serde_json::Value| json!({"mappings": {"properties": properties}, "settings": settings});
        let mapping = json!({
            "a": source(
                json!({
                    "url": {"type": "text", "fields": {"raw": keyword(4)}},
                    "labels": {"type": "flattened", "ignore_above": 4},
                    "differs": keyword(4),
                    "text": {"type": "text"},
                    "plain": {"type": "keyword"},
                }),
                json!({}),
            ),
            "b": source(
                json!({"differs": keyword(6), "by_index": {"type": "keyword"}}),
                json!({"index": {"mapping": {"ignore_above": "4"}}}),
            ),
        });
        let names = ["url.raw", "labels.region", "differs", "text", "plain"].map(|name| (name, name));
        let mappings = InputMappings::parse(mapping.to_string().as_bytes()).expect("valid");
        let all = Spellings::of(&mappings, names.into_iter()).and_messages(&mappings, Some("by_index"));
        for (field, text, wanted) in [
            ("url.raw", "four", Some(true)),
            ("url.raw", "fives", Some(false)),
            ("url.raw", "äöüß", Some(true)),
            // Two UTF-16 code units each.
            ("url.raw", "\u{1f600}\u{1f600}\u{1f600}", Some(false)),
            ("labels.region", "fives", Some(false)),
            ("differs", "fives", None),
            ("differs", "sevens!", Some(false)),
            ("by_index", "fives", Some(false)),
            ("text", "fives", Some(true)),
            ("plain", "fives", Some(true)),
        ] {
            assert_eq!(all.is_indexed(field, text), wanted, "{field} {text}");
        }
        let limited = |path| all.is_limited(path);
        assert!(limited("url.raw") && limited("labels") && limited("by_index") && !limited("url") && !limited("plain"));
    }
}
