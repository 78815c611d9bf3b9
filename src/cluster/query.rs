//! A search as request bodies.

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::cluster::body::Size;
use crate::cluster::reader::{Method, Portion};
use crate::cluster::request::unintelligible;
use crate::cluster::search::completely;
use crate::cluster::{Cluster, Error, Pagination, Path, Request, Result, Search, Sort, SourceFields};

impl Search {
    pub(in crate::cluster) fn addressed(&self, request: Request) -> Request {
        if self.lenient {
            return completely(request);
        }
        let options = self.indices_options.iter().cloned();
        options.fold(request, |request, (name, value)| request.query(name, value))
    }

    pub(in crate::cluster) fn size(&self) -> usize {
        self.page_size.clamp(1, 10_000)
    }

    /// What scroll and point in time have in common.
    pub(in crate::cluster) fn body(&self, portion: &Portion) -> Map<String, Value> {
        let mut body = Map::new();
        body.insert("size".to_owned(), json!(self.size()));
        let query = match (portion, self.sort.field()) {
            (Portion::Range(range), Some(field)) => range.within(&self.query, field),
            _ => self.query.clone(),
        };
        body.insert("query".to_owned(), query);
        body.insert("track_total_hits".to_owned(), json!(false));
        if let Some(mappings) = &self.runtime_mappings {
            body.insert("runtime_mappings".to_owned(), mappings.clone());
        }
        if let SourceFields::Only(fields) = &self.fields {
            body.insert("_source".to_owned(), json!(fields));
        }
        body
    }

    pub(in crate::cluster) fn sort(&self, ties: &[&str]) -> Value {
        let mut sort = Vec::new();
        match &self.sort {
            Sort::Ascending(field) => sort.push(json!({ field: { "order": "asc", "unmapped_type": "date" } })),
            Sort::AscendingMillis(field) => {
                sort.push(json!({ field: { "order": "asc", "unmapped_type": "date", "numeric_type": "date" } }))
            }
            Sort::Unordered => {}
        }
        sort.extend(ties.iter().map(|tie| json!({ *tie: "asc" })));
        Value::Array(sort)
    }

    /// A page of a point in time, with a total where aggregations are asked for too. `filter_path` is not used: with it the cluster prints documents anew.
    pub(in crate::cluster) fn page_request(
        &self,
        cluster: &Cluster,
        id: &str,
        portion: &Portion,
        after: Option<&RawValue>,
        size: usize,
        aggregations: Option<&Value>,
    ) -> Result<Request> {
        let mut body = self.body(portion);
        body.insert("size".to_owned(), json!(size));
        body.insert(
            "pit".to_owned(),
            json!({ "id": id, "keep_alive": cluster.keep_alive() }),
        );
        body.insert("sort".to_owned(), self.sort(&["_shard_doc"]));
        if let Some(aggregations) = aggregations {
            body.insert("track_total_hits".to_owned(), json!(true));
            body.insert("aggs".to_owned(), aggregations.clone());
        }
        let request = Request::post(Path::of(["_search"]));
        let what = request.what();
        if let Some(after) = after {
            let after = serde_json::from_str(after.get()).map_err(|error| unintelligible(&what, &error))?;
            body.insert("search_after".to_owned(), after);
        }
        Ok(request.json(&Value::Object(body)).returns(Size::of_documents(size)))
    }

    pub(in crate::cluster) fn method(&self, cluster: &Cluster) -> Result<Method> {
        // 7.10 and 7.11 have points in time, but no `_shard_doc`: of documents of one instant some could be passed over.
        let whole = cluster.has(7, 12);
        match self.pagination {
            Pagination::Auto | Pagination::PointInTime if whole => Ok(Method::PointInTime),
            Pagination::Auto | Pagination::Scroll => Ok(Method::Scroll),
            Pagination::PointInTime => Err(Error::Options(format!(
                "Elasticsearch {} cannot read every document through a point in time (7.12 and later can): use \
                 --pagination scroll",
                cluster.version()
            ))),
        }
    }
}
