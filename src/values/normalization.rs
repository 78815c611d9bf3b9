//! Values as a datafeed reads them, which can differ from the documents: Elasticsearch rewrites addresses, and a
//! keyword may have a normalizer. Normalizers other than `lowercase` are not supported.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::Value;

use crate::job::{InputMappings, MappedField};
use crate::json::nested_values;

/// How Elasticsearch changes the values of a field before it indexes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Normalization {
    Address,
    Lowercase,
    /// A normalizer other than `lowercase`, or one that not all indices have.
    Unsupported,
}

/// How the indices of the input documents change the values of fields.
#[derive(Debug, Default)]
pub(crate) struct Normalizers {
    fields: BTreeMap<String, Normalization>,
    /// Paths in the mapping with a normalizer for values of these fields.
    pub(crate) normalized: BTreeSet<String>,
    /// For fields with `ignore_above`, the smallest and the largest limit of all sources, in UTF-16 code units.
    longest: BTreeMap<String, (u64, u64)>,
    /// Paths in the mapping with such a limit, which tokens may exceed.
    pub(crate) limited: BTreeSet<String>,
}

impl Normalizers {
    /// Reads the mappings of all sources for these fields, each with its name in the mapping. For messages, whose words
    /// are replaced, only `ignore_above` is known.
    pub(crate) fn new<'a>(
        mappings: &InputMappings,
        fields: impl Iterator<Item = (&'a str, &'a str)>,
        messages: Option<&str>,
    ) -> Self {
        let mut all = Self::default();
        for (field, name) in fields {
            all.limit(mappings, field, name);
            let normalized = mappings.mapped(name).filter(|mapped| mapped.field.normalizer.is_some());
            all.normalized.extend(normalized.map(|mapped| mapped.name.to_owned()));
            let mut normalizations = mappings.mapped(name).map(|mapped| Normalization::of(&mapped));
            let first = normalizations.next().flatten();
            let normalization = match normalizations.all(|other| other == first) {
                true => first,
                false => Some(Normalization::Unsupported),
            };
            all.fields.extend(normalization.map(|found| (field.to_owned(), found)));
        }
        if let Some(field) = messages {
            all.limit(mappings, field, field);
        }
        all
    }

    fn limit(&mut self, mappings: &InputMappings, field: &str, name: &str) {
        let mapped = mappings.mapped(name);
        let limits: BTreeSet<u64> = mapped.map(|field| field.ignore_above.unwrap_or(u64::MAX)).collect();
        if let (Some(least), Some(most)) = (limits.first(), limits.last())
            && *least < u64::MAX
        {
            self.longest.insert(field.to_owned(), (*least, *most));
            let limited = mappings.mapped(name).map(|mapped| mapped.name.to_owned());
            self.limited.extend(limited);
        }
    }

    /// Whether Elasticsearch indexed a value, which it does not if the value is longer than `ignore_above`. `None` if
    /// the sources differ in this.
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

    /// Returns what the job reads for a value of a document; `None` if that is unknown.
    pub(crate) fn normalized<'t>(&self, field: &str, text: &'t str) -> Option<Cow<'t, str>> {
        match self.fields.get(field) {
            None => Some(text.into()),
            Some(Normalization::Unsupported) => None,
            Some(Normalization::Address) => Some(match text.parse::<IpAddr>() {
                Ok(address) => address.to_canonical().to_string().into(),
                Err(_) => text.into(),
            }),
            // Like Lucene's `LowerCaseFilter`, it maps each letter to one letter.
            Some(Normalization::Lowercase) => Some(text.chars().filter_map(|c| c.to_lowercase().next()).collect()),
        }
    }
}

impl Normalization {
    fn of(mapped: &MappedField<'_>) -> Option<Self> {
        match (mapped.field.kind.as_deref(), mapped.field.normalizer.as_deref()) {
            (Some("ip"), _) => Some(Self::Address),
            (Some("keyword"), Some(name)) if is_lowercase(name, mapped.analysis) => Some(Self::Lowercase),
            (Some("keyword"), Some(_)) => Some(Self::Unsupported),
            _ => None,
        }
    }
}

/// Whether a normalizer is the built-in `lowercase`, or consists only of that filter.
fn is_lowercase(normalizer: &str, analysis: Option<&Value>) -> bool {
    let section = |section: &str, name: &str| analysis?.get(section)?.get(name);
    let Some(definition) = section("normalizer", normalizer) else {
        return normalizer == "lowercase";
    };
    let named = |section: &str| {
        let names = definition.get(section).into_iter().flat_map(nested_values);
        names.filter(|(_, name)| !name.is_array() && !name.is_null())
    };
    match definition.get("type").and_then(Value::as_str) {
        Some("lowercase") => true,
        // A filter with that name in the index may have options, such as a language.
        None | Some("custom") if section("filter", "lowercase").is_none() => {
            named("filter").map(|(_, name)| name).eq(["lowercase"]) && named("char_filter").next().is_none()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn normalizers() -> Normalizers {
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
                        "up": {"type": "custom", "filter": ["lowercase", "trim"]},
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
        let mappings = InputMappings::parse(&mapping.to_string()).expect("valid");
        Normalizers::new(&mappings, fields.into_iter().map(|field| (field, field)), None)
    }

    #[test]
    fn values_are_normalized_as_elasticsearch_indexes_them() {
        let all = normalizers();
        for (field, text, wanted) in [
            ("ip", "2001:0DB8::1", Some("2001:db8::1")),
            ("ip", "::ffff:10.0.0.1", Some("10.0.0.1")),
            ("ip", "nonsense", None),
            ("low", "WEB-ÄÉ", Some("web-äé")),
            ("low", "web", None),
            ("low", "ΣΣ", Some("σσ")),
            ("text", "Anna", None),
            ("unmapped", "Anna", None),
        ] {
            let wanted = wanted.unwrap_or(text);
            assert_eq!(all.normalized(field, text).as_deref(), Some(wanted), "{field} {text}");
        }
        for (field, text) in [
            ("fold", "anna"),
            ("other", "a"),
            ("turkish", "a"),
            ("mapped", "a"),
            ("here", "a"),
        ] {
            assert_eq!(all.normalized(field, text), None, "{field} {text}");
        }
        let normalized = |path| all.normalized.contains(path);
        assert!(normalized("text.up") && normalized("low") && !normalized("text"));
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
        let mappings = InputMappings::parse(&mapping.to_string()).expect("valid");
        let all = Normalizers::new(&mappings, names.into_iter(), Some("by_index"));
        for (field, text, wanted) in [
            ("url.raw", "four", Some(true)),
            ("url.raw", "fives", Some(false)),
            ("url.raw", "äöüß", Some(true)),
            // Each is two UTF-16 code units.
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
        let limited = |path| all.limited.contains(path);
        assert!(limited("url.raw") && limited("labels") && limited("by_index") && !limited("url") && !limited("plain"));
    }
}
