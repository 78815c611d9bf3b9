//! Filters that the job's rules name: created, or found with the same content.

use std::collections::BTreeSet;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::Remarks;
use crate::cluster::Cluster;
use crate::commands::import::checked::Checked;
use crate::commands::import::options::ImportOptions;
use crate::error::{Error, Result};
use crate::job::FilterId;

/// A filter of the archive.
#[derive(Debug)]
pub(in crate::commands::import) struct FilterPlan {
    /// Its id.
    pub(in crate::commands::import) id: FilterId,
    /// Body of `PUT _ml/filters/<id>`.
    pub(in crate::commands::import) body: Box<RawValue>,
    /// What happens.
    pub(in crate::commands::import) action: FilterAction,
}

/// What happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::commands::import) enum FilterAction {
    /// It is created.
    Create,
    /// It is there with the same content.
    Keep,
}

/// Compares the archive's filters with the cluster's.
pub(super) async fn look(
    cluster: &Cluster,
    options: &ImportOptions,
    checked: &Checked,
    remarks: &mut Remarks,
) -> Result<Vec<FilterPlan>> {
    let mut plans = Vec::new();
    let carried = if options.skip.filters {
        &[][..]
    } else {
        &checked.archive.filters
    };
    for (id, filter) in carried {
        let ours = object(filter)?;
        let action = match cluster.filter(id).await? {
            None => FilterAction::Create,
            Some(there) if same(&ours, &object(&there)?) => FilterAction::Keep,
            Some(_) => {
                remarks.conflict(
                    format!("filter {id} exists with other content"),
                    "leave the filters as they are with --skip-filters, or change the one on the cluster",
                );
                continue;
            }
        };
        plans.push(FilterPlan {
            id: id.clone(),
            body: body(ours)?,
            action,
        });
    }
    for id in checked.archive.config.filters() {
        let planned = plans.iter().any(|plan| plan.id == *id);
        if !planned && cluster.filter(id).await?.is_none() {
            remarks.note(format!(
                "a rule of the job names filter {id}, which is neither imported nor there: from 8.6 on the job does \
                 not open without it"
            ));
        }
    }
    Ok(plans)
}

impl FilterPlan {
    /// Whether a filter of this id has the content that the import gives it.
    pub(in crate::commands::import) fn made(&self, there: &RawValue) -> bool {
        match (object(&self.body), object(there)) {
            (Ok(ours), Ok(there)) => same(&ours, &there),
            _ => false,
        }
    }
}

fn object(filter: &RawValue) -> Result<Map<String, Value>> {
    serde_json::from_str(filter.get()).map_err(|error| Error::Failed {
        message: format!("a filter cannot be read: {error}"),
        hint: None,
    })
}

fn body(mut filter: Map<String, Value>) -> Result<Box<RawValue>> {
    filter.remove("filter_id");
    serde_json::value::to_raw_value(&filter).map_err(|error| Error::Failed {
        message: format!("a filter cannot be written: {error}"),
        hint: None,
    })
}

fn same(a: &Map<String, Value>, b: &Map<String, Value>) -> bool {
    let items = |filter: &Map<String, Value>| -> BTreeSet<String> {
        let items = filter.get("items").and_then(Value::as_array);
        items
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    a.get("description") == b.get("description") && items(a) == items(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str) -> Map<String, Value> {
        serde_json::from_str(text).expect("valid")
    }

    #[test]
    fn the_order_of_items_makes_no_other_filter() {
        let a = filter(r#"{"filter_id":"f","description":"d","items":["a","b"]}"#);
        assert!(same(
            &a,
            &filter(r#"{"filter_id":"f","description":"d","items":["b","a"]}"#)
        ));
        assert!(!same(
            &a,
            &filter(r#"{"filter_id":"f","description":"d","items":["a"]}"#)
        ));
        assert!(!same(&a, &filter(r#"{"filter_id":"f","items":["a","b"]}"#)));
    }
}
