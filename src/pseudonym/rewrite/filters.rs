//! Replaces the items of filters, including patterns.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use serde_json::value::RawValue;

use super::rewriter::Rewriter;
use crate::job::JobConfig;
use crate::pseudonym::error::{Error, Result};
use crate::util::process;
use crate::values::Content;

/// The maximum number of items in a filter in Elasticsearch.
const MAX_ITEMS: usize = 10_000;
/// The maximum size of a pattern in bytes. Each position of a value may be compared with a few patterns.
const MAX_PATTERN_BYTES: usize = 1024;
/// The maximum number of comparisons of values with patterns in all filters.
const MAX_COMPARISONS: usize = 100_000_000;

impl Rewriter {
    /// Rewrites filters. The items of filters in the scope of a rule are values of its field.
    pub(crate) fn filters(&mut self, filters: &RawValue, config: &JobConfig) -> Result<Vec<u8>> {
        let mut fields: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (filter, field) in config.filtered_fields() {
            fields.entry(filter.as_str()).or_default().insert(field);
        }
        let filters = serde_json::from_str(filters.get());
        let mut filters: Value = filters.map_err(|_| Error::unknown_value())?;
        let mut left = MAX_COMPARISONS;
        for filter in filters.as_array_mut().into_iter().flatten() {
            let id = filter["filter_id"].as_str().unwrap_or_default().to_owned();
            if let Some(text) = filter.get("description").and_then(Value::as_str) {
                filter["description"] = self.text(Content::FreeText, text)?.into();
            }
            let items = filter["items"].as_array().map_or(&[][..], Vec::as_slice);
            // Elasticsearch does not accept such a filter.
            if items.len() > MAX_ITEMS {
                return Err(too_many(&id, items.len()));
            }
            let items = items.iter().filter_map(Value::as_str);
            let new = match fields.get(id.as_str()) {
                Some(fields) => self.items(&id, items, fields, &mut left)?,
                None => items.map(|item| self.other_value(item)).collect::<Result<_>>()?,
            };
            filter["items"] = new.into_iter().collect();
        }
        Ok(filters.to_string().into_bytes())
    }

    /// Returns the new items. A pattern is replaced by all matching values of each field that the filter applies to.
    fn items<'a>(
        &mut self,
        filter: &str,
        items: impl Iterator<Item = &'a str>,
        fields: &BTreeSet<&str>,
        left: &mut usize,
    ) -> Result<BTreeSet<String>> {
        let (mut new, mut patterns) = (BTreeSet::new(), Patterns::default());
        for item in items {
            let is_pattern = patterns.add(filter, item)?;
            for field in fields {
                // If a filter applies to two fields, an item for a field that is not selected may be a value of the
                // other.
                if !is_pattern || !self.fields.names.contains(*field) {
                    new.insert(self.value(field, item)?);
                }
            }
        }
        if patterns.0.is_empty() {
            return Ok(new);
        }
        patterns.sort();
        // The values are complete only when tokens are written.
        let fields = fields.iter().filter(|_| self.writing);
        for values in fields.filter_map(|field| self.values_by_field.get(*field)) {
            let values = process::until_cancelled(values.iter().map(|id| self.tokens.entry(*id)));
            for (value, token) in values {
                *left = left.checked_sub(1).ok_or_else(|| {
                    Error::filter(format!(
                        "the patterns in filters would require more than {MAX_COMPARISONS} comparisons with values"
                    ))
                })?;
                if patterns.match_value(value) {
                    new.insert(token.to_owned());
                }
                if new.len() > MAX_ITEMS {
                    return Err(too_many(filter, new.len()));
                }
            }
            process::fail_if_cancelled()?;
        }
        self.notes.insert(
            "a filter contains patterns such as `web-*`: each is replaced by the tokens of all matching values; \
             future values will not match",
        );
        Ok(new)
    }
}

/// The patterns of a filter, as autodetect interprets them: an asterisk at either end of an item matches any text. Each is
/// a part of a value with its edges. A value is compared with all patterns at once.
#[derive(Default)]
struct Patterns(Vec<Vec<u8>>);

/// Marks the beginning and the end of a value. It does not occur in UTF-8.
const EDGE: &[u8] = &[0xff];

impl Patterns {
    /// Adds an item; false if it is not a pattern.
    fn add(&mut self, filter: &str, item: &str) -> Result<bool> {
        let part = match (item.strip_prefix('*'), item.strip_suffix('*')) {
            (Some(_), Some(_)) => item.trim_matches('*').into(),
            (Some(ending), None) => [ending.as_bytes(), EDGE].concat(),
            (None, Some(beginning)) => [EDGE, beginning.as_bytes()].concat(),
            (None, None) => return Ok(false),
        };
        if part.len() > MAX_PATTERN_BYTES {
            return Err(Error::filter(format!(
                "filter {filter} has a pattern of {} bytes, but the maximum is {MAX_PATTERN_BYTES}",
                part.len()
            )));
        }
        self.0.push(part);
        Ok(true)
    }

    /// Sorts the patterns and removes those that begin with another one.
    fn sort(&mut self) {
        self.0.sort_unstable();
        self.0.dedup_by(|part, shorter| part.starts_with(shorter));
    }

    /// Whether a value matches a pattern. The patterns must be sorted.
    fn match_value(&self, value: &str) -> bool {
        let value = [EDGE, value.as_bytes(), EDGE].concat();
        // An edge is the last byte in the order. If the first pattern begins with one, all do.
        let is_at_beginning = self.0.first().is_some_and(|first| first.starts_with(EDGE));
        let positions = if is_at_beginning { 1 } else { value.len() };
        (0..positions).any(|at| begins_with_any(&value[at..], &self.0))
    }
}

/// Whether a value begins with one of the sorted texts. Texts between that one and the value would begin with it too,
/// so it is the last one before the value.
fn begins_with_any(value: &[u8], texts: &[Vec<u8>]) -> bool {
    let after = texts.partition_point(|text| text.as_slice() <= value);
    after > 0 && value.starts_with(&texts[after - 1])
}

fn too_many(filter: &str, items: usize) -> Error {
    Error::filter(format!(
        "filter {filter} has or matches at least {items} values, but the maximum is {MAX_ITEMS} items: its rules would \
         have different results"
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_asterisk_matches_any_text_at_either_end_of_an_item() {
        for (text, value, wanted) in [
            ("web-*", "web-01", true),
            ("web-*", "a.web-01", false),
            ("*.example", "web.example", true),
            ("*.example", "web.example.org", false),
            ("*b-0*", "web-01", true),
            ("*b-2*", "web-01", false),
            ("*", "", true),
        ] {
            let mut patterns = Patterns::default();
            assert!(patterns.add("f", text).unwrap());
            patterns.sort();
            assert_eq!(patterns.match_value(value), wanted, "{text} {value}");
        }
        let mut patterns = Patterns::default();
        assert!(!patterns.add("f", "web-01").unwrap() && !patterns.add("f", "w*b").unwrap());
        assert!(patterns.0.is_empty() && patterns.add("f", &"x*".repeat(1000)).is_err());
    }

    #[test]
    fn combined_patterns_match_what_each_matches() {
        let items = ["a*", "ab*", "b-*", "*a", "*ba", "*-c", "*xyx*", "*yx*", "*zz*"];
        let matches = |items: &[&str], value: &str| {
            let mut patterns = Patterns::default();
            items.iter().for_each(|item| assert!(patterns.add("f", item).unwrap()));
            patterns.sort();
            patterns.match_value(value)
        };
        for value in [
            "", "a", "abc", "b", "b-", "ca", "c-c", "xxyxx", "xyy", "zyz", "-zz", "bab", "cab",
        ] {
            let each = items.iter().any(|item| matches(&[item], value));
            assert_eq!(matches(&items, value), each, "{value}");
        }
    }

    /// Takes minutes if each value is compared with each pattern.
    #[test]
    fn matching_time_is_independent_of_the_number_of_patterns() {
        let mut patterns = Patterns::default();
        for n in 0..MAX_ITEMS {
            let text = format!("{}{n}", "a".repeat(n % 900));
            patterns.add("f", &format!("*{text}*")).unwrap();
            patterns.add("f", &format!("{text}*")).unwrap();
            patterns.add("f", &format!("*{text}")).unwrap();
        }
        patterns.sort();
        let values = (0..2_000).map(|n| format!("{}x", "a".repeat(100 + n % 50)));
        assert_eq!(values.filter(|value| patterns.match_value(value)).count(), 0);
    }
}
