//! The order of hits.

use std::cmp::Ordering;

use serde_json::Value;

use super::context::View;
use super::dates;
use super::failure::{Failure, Outcome};
use super::index::Slot;
use super::mapping::{Field, Key, Kind, field};

/// One sort criterion as the request gives it.
#[derive(Clone, Debug)]
pub(super) struct Sort {
    pub(super) name: String,
    pub(super) descending: bool,
    missing_first: bool,
    unmapped: Option<String>,
    format: Option<String>,
    numeric: Option<String>,
}

impl Sort {
    pub(super) fn named(name: &str) -> Self {
        let descending = name == "_score";
        Self {
            name: name.to_owned(),
            descending,
            missing_first: false,
            unmapped: None,
            format: None,
            numeric: None,
        }
    }

    pub(super) fn list(value: &Value) -> Vec<Self> {
        match value {
            Value::Array(items) => items.iter().flat_map(Self::list).collect(),
            Value::String(text) => match text.split_once(':') {
                Some((name, order)) => vec![Self {
                    descending: order == "desc",
                    ..Self::named(name)
                }],
                None => vec![Self::named(text)],
            },
            Value::Object(object) => object.iter().map(|(name, options)| Self::with(name, options)).collect(),
            _ => Vec::new(),
        }
    }

    fn with(name: &str, options: &Value) -> Self {
        let text = |key: &str| options.get(key).and_then(Value::as_str).map(str::to_owned);
        let order = options.as_str().map(str::to_owned).or_else(|| text("order"));
        let plain = Self::named(name);
        Self {
            descending: order.map_or(plain.descending, |order| order.eq_ignore_ascii_case("desc")),
            missing_first: text("missing").as_deref() == Some("_first"),
            unmapped: text("unmapped_type"),
            format: text("format"),
            numeric: text("numeric_type"),
            ..plain
        }
    }

    fn special(&self) -> bool {
        ["_doc", "_shard_doc", "_score"].contains(&self.name.as_str())
    }

    /// The criterion for one index; `None` inside: by place or score.
    pub(super) fn bind(&self, view: &View) -> Outcome<Option<Field>> {
        if self.special() || self.name == "_id" || self.name == "_seq_no" {
            return Ok(None);
        }
        if let Some(found) = field(&view.mappings, &self.name) {
            if found.kind == Kind::Text {
                let reason = format!(
                    "Fielddata is disabled on [{0}] in [{1}]. Text fields are not optimised for operations that require per-document field data like aggregations and sorting, so these operations are disabled by default. Please use a keyword field instead. Alternatively, set fielddata=true on [{0}] in order to load field data by uninverting the inverted index. Note that this can use significant memory.",
                    self.name, view.name
                );
                return Err(Failure::illegal(reason));
            }
            return Ok(Some(found));
        }
        let Some(unmapped) = &self.unmapped else {
            let reason = format!("No mapping found for [{}] in order to sort on", self.name);
            return Err(Failure::new(400, "query_shard_exception", reason)
                .with("index_uuid", "_na_")
                .with("index", view.name.as_str()));
        };
        let mappings = serde_json::json!({"properties": {"unmapped": {"type": unmapped}}});
        Ok(field(&mappings, "unmapped").map(|found| Field {
            path: "\u{0}".to_owned(),
            ..found
        }))
    }

    /// Where a document stands. `None`: last, whatever the order.
    pub(super) fn key(&self, field: Option<&Field>, slot: &Slot, shard: usize) -> Option<Key> {
        let Some(field) = field else {
            return Some(match self.name.as_str() {
                "_doc" => Key::Int(slot.place as i64),
                "_shard_doc" => Key::Int(((shard as i64) << 32) | slot.place as i64),
                "_id" => Key::Text(slot.document.id.clone()),
                "_seq_no" => Key::Int(slot.document.seq_no as i64),
                _ => Key::Float(1.0),
            });
        };
        let keys = field.keys(slot.document.value()).into_iter();
        let order = |a: &Key, b: &Key| a.partial_cmp(b).unwrap_or(Ordering::Equal);
        let key = if self.descending {
            keys.max_by(order)
        } else {
            keys.min_by(order)
        };
        let low = self.missing_first != self.descending;
        let Some(key) = key else {
            return match field.kind {
                Kind::Keyword | Kind::Text => None,
                Kind::Double => Some(Key::Float(if low { f64::NEG_INFINITY } else { f64::INFINITY })),
                _ => Some(Key::Int(if low { i64::MIN } else { i64::MAX })),
            };
        };
        Some(match (key, field.kind, self.numeric.as_deref()) {
            (Key::Int(millis), Kind::Date, Some("date_nanos")) => Key::Int(millis * 1_000_000),
            (Key::Int(nanos), Kind::DateNanos, Some("date")) => Key::Int(nanos.div_euclid(1_000_000)),
            (Key::Int(number), _, Some("double")) => Key::Float(number as f64),
            (Key::Float(number), _, Some("long")) => Key::Int(number as i64),
            (key, ..) => key,
        })
    }

    pub(super) fn compare(&self, a: Option<&Key>, b: Option<&Key>) -> Ordering {
        match (a, b) {
            (None, None) => Ordering::Equal,
            (None, _) => {
                if self.missing_first {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
            (_, None) => {
                if self.missing_first {
                    Ordering::Greater
                } else {
                    Ordering::Less
                }
            }
            (Some(a), Some(b)) => {
                let order = a.partial_cmp(b).unwrap_or(Ordering::Equal);
                if self.descending { order.reverse() } else { order }
            }
        }
    }

    /// A key as the answer shows it.
    pub(super) fn shown(&self, field: Option<&Field>, key: Option<&Key>) -> Value {
        match key {
            None => Value::Null,
            Some(Key::Text(text)) => text.as_str().into(),
            Some(Key::Float(number)) if number.is_infinite() => {
                if *number > 0.0 {
                    "Infinity".into()
                } else {
                    "-Infinity".into()
                }
            }
            Some(Key::Float(number)) => (*number).into(),
            Some(Key::Int(number)) => {
                let date = field.is_some_and(|field| matches!(field.kind, Kind::Date | Kind::DateNanos));
                let nanos = field.is_some_and(|field| field.kind == Kind::DateNanos)
                    || self.numeric.as_deref() == Some("date_nanos");
                match self.format.as_deref().filter(|_| date) {
                    Some("epoch_millis") => number.to_string().into(),
                    Some(_) if nanos => dates::print_nanos(*number).into(),
                    Some(_) => dates::print(*number).into(),
                    None => (*number).into(),
                }
            }
        }
    }

    /// A value of `search_after`.
    pub(super) fn after(&self, field: Option<&Field>, value: &Value) -> Outcome<Option<Key>> {
        let refuse = || Failure::illegal(format!("Failed to parse search_after value for field [{}].", self.name));
        match (value, field) {
            (Value::Null, _) => Ok(None),
            (Value::String(text), None) => match text.parse() {
                _ if self.name == "_id" => Ok(Some(Key::Text(text.clone()))),
                Ok(number) => Ok(Some(Key::Int(number))),
                Err(_) => Err(refuse()),
            },
            (Value::Number(number), None) if self.name == "_score" => Ok(number.as_f64().map(Key::Float)),
            (Value::Number(number), None) => Ok(Some(Key::Int(number.as_i64().ok_or_else(refuse)?))),
            (Value::Number(number), Some(field)) if !matches!(field.kind, Kind::Keyword | Kind::Double) => {
                Ok(Some(Key::Int(number.as_i64().ok_or_else(refuse)?)))
            }
            (Value::String(text), Some(field)) if field.kind == Kind::Double && text.ends_with("Infinity") => {
                Ok(Some(Key::Float(if text.starts_with('-') {
                    f64::NEG_INFINITY
                } else {
                    f64::INFINITY
                })))
            }
            (_, Some(field)) => {
                let format = self
                    .format
                    .clone()
                    .map_or_else(|| field.format.clone(), |own| format!("{own}||{}", dates::DEFAULT));
                let reader = Field {
                    format,
                    ..field.clone()
                };
                reader.key(value).map(Some).ok_or_else(refuse)
            }
            _ => Err(refuse()),
        }
    }
}
