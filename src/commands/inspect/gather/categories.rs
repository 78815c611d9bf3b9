//! The categories that came along.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Categories kept; more than a job finds with sense.
const MOST: usize = 10_000;
/// Characters of an example.
const EXAMPLE: usize = 200;

/// Categories by id.
#[derive(Debug, Default)]
pub(in crate::commands::inspect) struct Categories {
    examples: bool,
    found: BTreeMap<u64, Category>,
    more: bool,
}

/// A category.
#[derive(Clone, Debug, Default)]
pub(in crate::commands::inspect) struct Category {
    /// Documents that it matches.
    pub(in crate::commands::inspect) matches: Option<u64>,
    /// The beginning of one of them.
    pub(in crate::commands::inspect) example: Option<String>,
}

/// The members of a category definition that matter here.
#[derive(Deserialize)]
struct Definition {
    category_id: u64,
    num_matches: Option<u64>,
    #[serde(default)]
    examples: Vec<String>,
}

impl Categories {
    /// With an example of each, which are values of the data.
    pub(super) fn with_examples(examples: bool) -> Self {
        Self {
            examples,
            ..Self::default()
        }
    }

    /// Reads a category definition.
    pub(super) fn add(&mut self, source: &[u8]) {
        let Ok(definition) = serde_json::from_slice::<Definition>(source) else {
            return;
        };
        let id = definition.category_id;
        if self.found.len() >= MOST && !self.found.contains_key(&id) {
            self.more = true;
            return;
        }
        let known = self.found.entry(id).or_default();
        // Partitions count their categories in one row of ids; a definition of the same id is a later one.
        known.matches = definition.num_matches.max(known.matches);
        if self.examples {
            let example = definition.examples.first();
            known.example = example.map(|example| example.chars().take(EXAMPLE).collect());
        }
    }

    /// By id.
    pub(in crate::commands::inspect) fn found(&self) -> &BTreeMap<u64, Category> {
        &self.found
    }

    /// Whether there are more than were kept.
    pub(in crate::commands::inspect) fn more(&self) -> bool {
        self.more
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn categories(examples: bool) -> Categories {
        let mut categories = Categories::with_examples(examples);
        for source in [
            r#"{"category_id": 2, "num_matches": 3, "examples": ["a", "b"], "regex": ".*"}"#,
            r#"{"category_id": 1}"#,
            r#"{"category_id": 2, "num_matches": 5, "examples": ["c"]}"#,
            "{}",
        ] {
            categories.add(source.as_bytes());
        }
        categories
    }

    #[test]
    fn the_latest_definition_counts() {
        let categories = categories(true);
        let second = categories.found().get(&2).unwrap();
        assert_eq!((second.matches, second.example.as_deref()), (Some(5), Some("c")));
        assert_eq!((categories.found().len(), categories.more()), (2, false));
    }

    #[test]
    fn examples_are_kept_where_values_were_asked_for() {
        assert!(
            categories(false)
                .found()
                .values()
                .all(|category| category.example.is_none())
        );
    }
}
