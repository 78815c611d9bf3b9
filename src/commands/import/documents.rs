//! Documents that an import writes, by ID: what a rollback removes, and where each of them was written.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::parts::DerivedId;
use crate::cluster::Written;

/// Documents of one kind. The cluster may move an alias between two requests, so each document has its own place.
#[derive(Debug)]
pub(super) struct Documents {
    /// What they are, such as `annotations`.
    pub(super) what: &'static str,
    ids: Ids,
    /// Where they are searched for.
    pub(super) patterns: &'static [&'static str],
    /// Where a document is that may have been written, but whose place is not known.
    presumed: String,
    places: Mutex<Places>,
}

/// IDs in order.
#[derive(Debug)]
enum Ids {
    Text(Vec<String>),
    /// Many, each of which takes less than its text does.
    Derived(Vec<DerivedId>),
}

/// Indices, and for each document the number of its own from 1; 0 where it is not known.
#[derive(Debug)]
struct Places {
    indices: Vec<String>,
    of: Vec<u16>,
}

impl Documents {
    /// State and results, whose IDs belong to one job.
    pub(super) fn of_job(
        what: &'static str,
        mut ids: Vec<String>,
        patterns: &'static [&'static str],
        presumed: impl Into<String>,
    ) -> Self {
        ids.sort_unstable();
        Self::new(what, Ids::Text(ids), patterns, presumed.into())
    }

    /// Annotations and notifications that were not there before.
    pub(super) fn derived(
        what: &'static str,
        mut ids: Vec<DerivedId>,
        patterns: &'static [&'static str],
        presumed: impl Into<String>,
    ) -> Self {
        ids.sort_unstable();
        Self::new(what, Ids::Derived(ids), patterns, presumed.into())
    }

    fn new(what: &'static str, ids: Ids, patterns: &'static [&'static str], presumed: String) -> Self {
        let of = vec![0; ids.len()];
        Self {
            what,
            ids,
            patterns,
            presumed,
            places: Mutex::new(Places {
                indices: Vec::new(),
                of,
            }),
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether a document of this ID is one of them.
    pub(super) fn contains(&self, id: &str) -> bool {
        self.ids.position(id).is_some()
    }

    /// Their IDs, so many at a time.
    pub(super) fn batches(&self, size: usize) -> impl Iterator<Item = Vec<String>> + '_ {
        (0..self.len()).step_by(size).map(move |from| {
            (from..(from + size).min(self.len()))
                .map(|n| self.ids.text(n))
                .collect()
        })
    }

    /// The index that the document was written to; `None` where the cluster did not confirm it.
    pub(super) fn place(&self, id: &str) -> Option<String> {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let number = *places.of.get(self.ids.position(id)?)?;
        places.indices.get(usize::from(number).checked_sub(1)?).cloned()
    }

    /// Where they are or may be: the patterns, and every index that the cluster named and that these do not cover.
    pub(super) fn searched(&self) -> Vec<String> {
        let mut searched: Vec<String> = self.patterns.iter().map(|&pattern| pattern.to_owned()).collect();
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let covered = |index: &str| {
            let mut prefixes = self.patterns.iter().map(|pattern| pattern.trim_end_matches('*'));
            prefixes.any(|prefix| index.starts_with(prefix))
        };
        searched.extend(places.indices.iter().filter(|index| !covered(index)).cloned());
        searched
    }

    /// The request that deletes them, each from where it is as far as that is known.
    pub(super) fn removal(&self) -> String {
        let lines: Vec<String> = (0..self.len())
            .map(|n| {
                let id = self.ids.text(n);
                let index = self.place(&id).unwrap_or_else(|| self.presumed.clone());
                serde_json::json!({"delete": {"_index": index, "_id": id}}).to_string()
            })
            .collect();
        format!("POST /_bulk\n{}", lines.join("\n"))
    }

    /// The documents by the indices that they were written to; those without a known place under the patterns.
    pub(super) fn by_place<T>(&self, documents: Vec<(String, T)>) -> BTreeMap<Vec<String>, BTreeMap<String, T>> {
        let mut grouped: BTreeMap<Vec<String>, BTreeMap<String, T>> = BTreeMap::new();
        for (id, document) in documents {
            let indices = self.place(&id).map_or_else(|| self.searched(), |index| vec![index]);
            grouped.entry(indices).or_default().insert(id, document);
        }
        grouped
    }
}

impl Ids {
    fn len(&self) -> usize {
        match self {
            Self::Text(ids) => ids.len(),
            Self::Derived(ids) => ids.len(),
        }
    }

    fn position(&self, id: &str) -> Option<usize> {
        match self {
            Self::Text(ids) => ids.binary_search_by(|known| known.as_str().cmp(id)).ok(),
            Self::Derived(ids) => ids.binary_search(&DerivedId::parse(id)?).ok(),
        }
    }

    fn text(&self, n: usize) -> String {
        match self {
            Self::Text(ids) => ids[n].clone(),
            Self::Derived(ids) => ids[n].to_string(),
        }
    }
}

impl Written for Documents {
    fn written(&self, id: &str, index: &str) {
        let Some(position) = self.ids.position(id) else { return };
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let number = match places.indices.iter().position(|known| known == index) {
            Some(number) => number + 1,
            None => {
                places.indices.push(index.to_owned());
                places.indices.len()
            }
        };
        if let (Some(place), Ok(number)) = (places.of.get_mut(position), u16::try_from(number)) {
            *place = number;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_document_is_removed_from_the_index_that_it_was_written_to() {
        let documents = Documents::of_job(
            "state documents",
            vec!["b".to_owned(), "a".to_owned(), "c".to_owned()],
            &[".ml-state*"],
            ".ml-state-write",
        );
        documents.written("a", ".ml-state-000001");
        documents.written("b", "elsewhere");
        documents.written("unknown", ".ml-state-000001");
        assert_eq!(documents.place("c"), None);
        assert_eq!(documents.searched(), [".ml-state*", "elsewhere"]);
        assert_eq!(
            documents.removal(),
            "POST /_bulk\n\
             {\"delete\":{\"_index\":\".ml-state-000001\",\"_id\":\"a\"}}\n\
             {\"delete\":{\"_index\":\"elsewhere\",\"_id\":\"b\"}}\n\
             {\"delete\":{\"_index\":\".ml-state-write\",\"_id\":\"c\"}}"
        );
    }
}
