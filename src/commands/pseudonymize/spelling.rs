//! Values as autodetect sees them. A datafeed reads what Elasticsearch has indexed, which may be spelled otherwise than
//! the documents are: addresses have one form, and a keyword may have a normalizer.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::Value;

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
pub(super) struct Spellings {
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
pub(super) enum Seen {
    AsSent,
    As(String),
    /// It cannot be told.
    Untold,
}

/// One field of a source.
struct Defined<'a> {
    kind: &'a str,
    normalizer: Option<&'a str>,
    alias: Option<&'a str>,
    analysis: Option<&'a Value>,
    ignore_above: Option<u64>,
}

impl Spellings {
    /// Of these fields, by the mapping of all sources; each with the name that the mapping has for it.
    pub(super) fn of<'a>(mapping: &Value, fields: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        let sources = sources(mapping);
        let mut all = Self::default();
        for (field, mapped) in fields {
            all.limit(&sources, field, mapped);
            let mut found: Option<Spelling> = None;
            for source in &sources {
                let Some((path, definition)) = resolved(source, mapped) else {
                    continue;
                };
                let spelling = definition.spelling();
                if definition.normalizer.is_some() {
                    all.normalized.insert(path.to_owned());
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
    pub(super) fn and_messages(mut self, mapping: &Value, message: Option<&str>) -> Self {
        if let Some(message) = message {
            self.limit(&sources(mapping), message, message);
        }
        self
    }

    fn limit(&mut self, sources: &[BTreeMap<String, Defined<'_>>], field: &str, mapped: &str) {
        let found: Vec<(&str, Option<u64>)> = sources
            .iter()
            .filter_map(|source| resolved(source, mapped).or_else(|| flattened(source, mapped)))
            .map(|(path, definition)| (path, definition.ignore_above))
            .collect();
        let limits = || found.iter().map(|(_, limit)| limit.unwrap_or(u64::MAX));
        if let (Some(least), Some(most)) = (limits().min(), limits().max())
            && least < u64::MAX
        {
            self.longest.insert(field.to_owned(), (least, most));
            self.limited.extend(found.iter().map(|(path, _)| (*path).to_owned()));
        }
    }

    /// Whether Elasticsearch indexed a value: not where it is longer than `ignore_above`. `None` where the sources differ
    /// in that.
    pub(super) fn is_indexed(&self, field: &str, text: &str) -> Option<bool> {
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
    pub(super) fn is_limited(&self, path: &str) -> bool {
        self.limited.contains(path)
    }

    /// How autodetect sees a value that inputs hold.
    pub(super) fn seen(&self, field: &str, text: &str) -> Seen {
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
    pub(super) fn is_normalized(&self, path: &str) -> bool {
        self.normalized.contains(path)
    }
}

impl Defined<'_> {
    fn spelling(&self) -> Spelling {
        match (self.kind, self.normalizer) {
            ("ip", _) => Spelling::Address,
            ("keyword", Some(name)) => match steps(name, self.analysis) {
                Some(steps) => Spelling::Normalized(steps),
                None => Spelling::Unknown(name.to_owned()),
            },
            _ => Spelling::AsSent,
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

fn sources(mapping: &Value) -> Vec<BTreeMap<String, Defined<'_>>> {
    let sources = mapping.as_object().into_iter().flat_map(|sources| sources.values());
    sources.map(defined).collect()
}

fn defined(source: &Value) -> BTreeMap<String, Defined<'_>> {
    let analysis = ["/settings/index/analysis", "/settings/index.analysis"];
    let analysis = analysis.iter().find_map(|place| source.pointer(place));
    let settings = [
        "/settings/index/mapping/ignore_above",
        "/settings/index.mapping.ignore_above",
    ];
    let settings = settings.iter().find_map(|place| source.pointer(place));
    let mut found = BTreeMap::new();
    if let Some(properties) = source.pointer("/mappings/properties") {
        let around = Around {
            analysis,
            ignore_above: settings.and_then(number),
        };
        below(properties, "", around, &mut found);
    }
    found
}

/// What the settings of an index define for its fields.
#[derive(Clone, Copy)]
struct Around<'a> {
    analysis: Option<&'a Value>,
    ignore_above: Option<u64>,
}

fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// The field of type `flattened` that holds a field.
fn flattened<'a, 'd>(source: &'a BTreeMap<String, Defined<'d>>, field: &str) -> Option<(&'a str, &'a Defined<'d>)> {
    let mut above = field.rmatch_indices('.').map(|(end, _)| &field[..end]);
    let found = above.find_map(|above| source.get_key_value(above))?;
    Some((found.0.as_str(), found.1)).filter(|(_, definition)| definition.kind == "flattened")
}

fn below<'a>(properties: &'a Value, above: &str, around: Around<'a>, found: &mut BTreeMap<String, Defined<'a>>) {
    for (name, definition) in properties.as_object().into_iter().flatten() {
        let path = format!("{above}{name}");
        let text = |key: &str| definition.get(key).and_then(Value::as_str);
        for inner in ["properties", "fields"] {
            if let Some(inner) = definition.get(inner) {
                below(inner, &format!("{path}."), around, found);
            }
        }
        if let Some(kind) = text("type") {
            let one = Defined {
                kind,
                normalizer: text("normalizer"),
                alias: text("path").filter(|_| kind == "alias"),
                analysis: around.analysis,
                ignore_above: definition
                    .get("ignore_above")
                    .and_then(number)
                    .or(around.ignore_above)
                    .filter(|_| matches!(kind, "keyword" | "wildcard" | "flattened")),
            };
            found.insert(path, one);
        }
    }
}

/// The field of that name, or what its alias stands for.
fn resolved<'a, 'd>(source: &'a BTreeMap<String, Defined<'d>>, field: &str) -> Option<(&'a str, &'a Defined<'d>)> {
    let (path, definition) = source.get_key_value(field)?;
    let (path, definition) = match definition.alias {
        Some(target) => source.get_key_value(target)?,
        None => (path, definition),
    };
    Some((path, definition))
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
        Spellings::of(&mapping, fields.into_iter().map(|field| (field, field)))
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
        let all = Spellings::of(&mapping, names.into_iter()).and_messages(&mapping, Some("by_index"));
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
