//! Filters: what their items stand for, and the items that stand for the same tokens.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use serde_json::value::RawValue;

use super::Rewriter;
use super::small::changed;
use crate::commands::interrupt;
use crate::error;
use crate::job::JobConfig;
use crate::pseudonym::Error;

/// Whether a value matches an item.
type Matches = Box<dyn Fn(&str) -> bool>;

/// Items that Elasticsearch takes in one filter.
const MOST_ITEMS: usize = 10_000;

impl Rewriter {
    /// Filters; those of a rule's scope hold values of its field.
    pub(in super::super) fn filters(&mut self, filters: &RawValue, config: &JobConfig) -> error::Result<Vec<u8>> {
        let mut fields: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (filter, field) in config.filtered_fields() {
            fields.entry(filter).or_default().insert(field);
        }
        let mut filters: Value = serde_json::from_str(filters.get()).map_err(|cause| changed(cause.into()))?;
        for filter in filters.as_array_mut().into_iter().flatten() {
            let id = filter["filter_id"].as_str().unwrap_or_default().to_owned();
            if let Some(text) = filter.get("description").and_then(Value::as_str) {
                filter["description"] = self.free(text)?.into();
            }
            let items = filter["items"].as_array().cloned().unwrap_or_default();
            let of = fields.get(id.as_str());
            let mut new = BTreeSet::new();
            // Elasticsearch has no such filter, and each pattern is compared with every value.
            if items.len() > MOST_ITEMS {
                return Err(too_many(&id, items.len()));
            }
            for item in items.iter().filter_map(Value::as_str) {
                interrupt::check()?;
                self.item(of, item, &mut new)?;
                if new.len() > MOST_ITEMS {
                    return Err(too_many(&id, new.len()));
                }
            }
            filter["items"] = new.into_iter().collect();
        }
        Ok(filters.to_string().into_bytes())
    }

    /// The items that stand for this one: those of each field that the filter is applied to, all that match where it is
    /// a pattern.
    fn item(&mut self, fields: Option<&BTreeSet<&str>>, item: &str, new: &mut BTreeSet<String>) -> Result<(), Error> {
        let Some(fields) = fields else {
            new.insert(self.named(item)?);
            return Ok(());
        };
        for field in fields {
            // An unchosen field's item is a value of another field too, where one filter is for both.
            let Some(holds) = matched(item).filter(|_| self.fields.is_chosen(field)) else {
                new.insert(self.value(field, item)?);
                continue;
            };
            self.note(
                "a filter holds patterns such as `web-*`: the tokens of all values that match one stand in its place, \
                 values to come will not match",
            );
            new.extend(self.matching(field, &*holds));
        }
        Ok(())
    }
}

/// The values that an item stands for, as autodetect takes it: an asterisk at either end matches any text. `None` without
/// one.
fn matched(item: &str) -> Option<Matches> {
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

fn too_many(filter: &str, items: usize) -> error::Error {
    error::Error::Refused {
        message: format!(
            "filter {filter} has or matches at least {items} values, and a filter has at most {MOST_ITEMS} items: its \
             rules would find other results"
        ),
        hint: "leave the field that it is applied to out with --fields".to_owned(),
    }
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
            assert_eq!(matched(text).unwrap()(value), wanted, "{text} {value}");
        }
        assert!(matched("web-01").is_none() && matched("w*b").is_none());
    }
}
