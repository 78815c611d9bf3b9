//! One bulk request: where it goes, what is asked of its answer, its action lines, what it did.

use serde_json::json;

use crate::cluster::body::Size;
use crate::cluster::{Path, Request};

/// Where a batch goes.
#[derive(Clone, Debug)]
pub(in crate::cluster) struct Target {
    /// Index or alias; empty where every action names its own.
    pub(in crate::cluster) name: String,
    /// It must be an alias.
    pub(in crate::cluster) alias: bool,
    /// The index behind an alias, where it is one index that is searched later: refreshed while it is loaded.
    pub(in crate::cluster) refreshed: Option<String>,
}

/// What is asked of the answer. An outcome for every item costs the cluster nearly a tenth of the request's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cluster) enum Told {
    /// Whether there were errors.
    Errors,
    /// Every item's outcome, with the index that the document was written to.
    Items,
}

/// Learns which index each document was written to: an alias may point to another index from one request to the next.
pub trait Written: std::fmt::Debug + Send + Sync {
    /// The cluster confirmed the document of this ID, in this index.
    fn written(&self, id: &str, index: &str);
}

/// What a bulk load did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BulkReport {
    /// Documents that the cluster confirmed.
    pub documents: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// The request for a target; without a name the actions name their indices.
pub(in crate::cluster) fn request(target: &Target, told: Told) -> Request {
    let path = if target.name.is_empty() {
        Path::of(["_bulk"])
    } else {
        Path::of([target.name.as_str(), "_bulk"])
    };
    let (wanted, size) = match told {
        Told::Errors => ("errors", Size::Status),
        // Where it is too large, the batch is sent in halves.
        Told::Items => ("items.*._index,items.*.status,items.*.error", Size::Page),
    };
    let request = Request::post(path).query("filter_path", wanted).returns(size);
    if target.alias {
        request.query("require_alias", "true")
    } else {
        request
    }
}

/// Writes the action line of a document that is written, without its end.
pub(in crate::cluster) fn index_action(id: &str, to: &mut Vec<u8>) {
    to.extend_from_slice(br#"{"index":{"_id":"#);
    // Neither a text nor a vector can fail.
    let _ = serde_json::to_writer(&mut *to, id);
    to.extend_from_slice(b"}}");
}

/// The action line of a document that is deleted.
pub(in crate::cluster) fn delete_action(index: &str, id: &str) -> String {
    json!({ "delete": { "_index": index, "_id": id } }).to_string()
}
