//! Filters.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::options::MlOptions;
use super::reply::{Reply, acknowledged, exists, illegal, no_handler, not_found, ok, status};
use super::{MlApi, Request, config, fields, open};
use crate::support::cluster::Answer;

fn no_filter(id: &str) -> Answer {
    not_found(format!("Unable to find filter [{id}]"))
}

fn items(value: &Value) -> BTreeSet<String> {
    value
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(str::to_owned)
        .collect()
}

/// Returns a page of a list, with 100 items by default.
pub fn page<T>(request: &Request<'_>, all: Vec<T>) -> Vec<T> {
    let number = |name: &str, otherwise| {
        request
            .param(name)
            .and_then(|value| value.parse().ok())
            .unwrap_or(otherwise)
    };
    all.into_iter()
        .skip(number("from", 0))
        .take(number("size", 100))
        .collect()
}

impl MlApi {
    pub(super) fn filters(&self, method: &str, rest: &[&str], request: &Request<'_>, options: &MlOptions) -> Reply {
        match (method, rest) {
            ("GET", [] | ["_all" | "*"]) => {
                let all: Vec<Value> = self.store().filters.values().cloned().collect();
                let count = all.len();
                ok(json!({"count": count, "filters": page(request, all)}))
            }
            ("GET", [id]) => {
                let store = self.store();
                let filter = store.filters.get(*id).ok_or_else(|| no_filter(id))?;
                ok(json!({"count": 1, "filters": [filter]}))
            }
            ("PUT", [id]) => self.put_filter(id, request, options),
            ("POST", [id, "_update"]) => self.update_filter(id, request, options),
            ("DELETE", [id]) => self.delete_filter(id),
            _ => Err(no_handler(request.method, &request.uri)),
        }
    }

    fn put_filter(&self, id: &str, request: &Request<'_>, options: &MlOptions) -> Reply {
        let given = request.json()?;
        config::check_fields(
            &given,
            fields::FILTER,
            &options.version,
            &[],
            "ml_filter_parser",
            request.body,
        )?;
        config::check_id("filter_id", id)?;
        let items = items(&given["items"]);
        if items.len() > 10_000 {
            return Err(illegal(format!(
                "Filter [{id}] has too many items; up to [10000] are allowed"
            )));
        }
        let mut store = self.store();
        if store.filters.contains_key(id) {
            return Err(exists(format!("A filter with id [{id}] already exists")));
        }
        let mut filter = json!({"filter_id": id});
        if let Some(description) = given.get("description") {
            filter["description"] = description.clone();
        }
        filter["items"] = json!(items);
        store.filters.insert(id.to_owned(), filter.clone());
        ok(filter)
    }

    fn update_filter(&self, id: &str, request: &Request<'_>, options: &MlOptions) -> Reply {
        let change = request.json()?;
        let known: fields::Fields = &[("description", (0, 0)), ("add_items", (0, 0)), ("remove_items", (0, 0))];
        config::check_fields(
            &change,
            known,
            &options.version,
            &[],
            "update_filter_action",
            request.body,
        )?;
        let mut store = self.store();
        let filter = store.filters.get_mut(id).ok_or_else(|| no_filter(id))?;
        let mut kept = items(&filter["items"]);
        for gone in items(&change["remove_items"]) {
            if !kept.remove(&gone) {
                return Err(illegal(format!(
                    "Cannot remove item [{gone}] as it is not present in filter [{id}]"
                )));
            }
        }
        kept.extend(items(&change["add_items"]));
        filter["items"] = json!(kept);
        if let Some(description) = change.get("description") {
            filter["description"] = description.clone();
        }
        ok(filter.clone())
    }

    fn delete_filter(&self, id: &str) -> Reply {
        let mut store = self.store();
        let users: Vec<String> = store
            .jobs
            .iter()
            .filter(|(_, job)| open::filters_of(&job.config).iter().any(|filter| filter == id))
            .map(|(job, _)| job.clone())
            .collect();
        if !users.is_empty() {
            let users = users.join(", ");
            return Err(status(
                409,
                format!("Cannot delete filter [{id}] currently used by jobs [{users}]"),
            ));
        }
        store.filters.remove(id).ok_or_else(|| {
            not_found(format!(
                "Could not delete filter with ID [{id}] because it does not exist"
            ))
        })?;
        acknowledged()
    }
}
