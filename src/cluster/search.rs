//! Pages of documents, by point in time or scroll, in slices merged in time order.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use crate::cluster::{Cluster, Result};

/// How to page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Pagination {
    /// Point in time where the cluster has it (7.10 and later, slices 7.15), scroll otherwise.
    #[default]
    Auto,
    /// Point in time with search_after.
    PointInTime,
    /// Scroll.
    Scroll,
}

/// In which order documents come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Ascending by this date field; slices are merged so that the whole is in order.
    Time(String),
    /// As the cluster likes.
    Unordered,
}

/// Which part of `_source` is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceFields {
    /// All of it, byte for byte as it was indexed.
    All,
    /// These fields; the cluster prints the document anew.
    Only(Vec<String>),
}

/// What is searched.
#[derive(Clone, Debug)]
pub struct Search {
    /// Names, aliases, wildcards.
    pub indices: Vec<String>,
    /// Hidden indices too, and an index or wildcard that matches nothing is no error.
    pub lenient: bool,
    /// The query.
    pub query: Value,
    /// Runtime mappings that the query needs.
    pub runtime_mappings: Option<Value>,
    /// Which part of the documents.
    pub fields: SourceFields,
    /// The order.
    pub sort: Sort,
    /// Documents a page, at most 10,000.
    pub page_size: usize,
    /// Readers at once, at least 1.
    pub slices: usize,
    /// How to page.
    pub pagination: Pagination,
}

/// One document. Cloning shares the page's bytes.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The concrete index.
    pub index: Arc<str>,
    /// `_id`.
    pub id: String,
    /// `_source`, exactly the bytes received.
    pub source: Bytes,
}

/// An open search. Dropping it leaves closing to [`Cluster::release`].
#[derive(Debug)]
pub struct Pages {}

impl Pages {
    /// The next documents in order, or `None` at the end (the context is then closed).
    pub async fn next(&mut self) -> Result<Option<Vec<Hit>>> {
        todo!()
    }
}

impl Cluster {
    /// How many documents the search has.
    pub async fn count(&self, search: &Search) -> Result<u64> {
        todo!()
    }

    /// Opens the search.
    pub async fn pages(&self, search: Search) -> Result<Pages> {
        todo!()
    }

    /// The documents of these ids, in no order, at most `ids.len()`; `indices` as in [`Search`],
    /// leniently. Sends an `ids` query, for it works through aliases and wildcards.
    pub async fn documents(&self, indices: &[&str], ids: &[String]) -> Result<Vec<Hit>> {
        todo!()
    }
}
