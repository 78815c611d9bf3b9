//! Filters, calendars and categories of two archives, by id.

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::diff::differences as diff;
use super::report::Difference;
use crate::archive::Contents;
use crate::commands::inspect::report::Report;
use crate::terminal::amount;

/// Items of filters are values of the data: without `values` their number stands for them.
pub(super) fn filters(first: &Contents, second: &Contents, values: bool) -> Vec<Difference> {
    let [first, second] = [first, second].map(|contents| by_id(contents.filters.as_deref(), "filter_id"));
    let mut found = diff("filters", &first, &second);
    for difference in found
        .iter_mut()
        .filter(|found| !values && found.what.ends_with(".items"))
    {
        for side in [&mut difference.first, &mut difference.second] {
            let number = side.as_array().map_or(0, Vec::len) as u64;
            *side = match number {
                0 => json!([]),
                number => json!([amount(number, "item", "items")]),
            };
        }
    }
    found
}

pub(super) fn calendars(first: &Contents, second: &Contents) -> Vec<Difference> {
    let [first, second] = [first, second].map(|contents| by_id(contents.calendars.as_deref(), "calendar_id"));
    diff("calendars", &first, &second)
}

/// An array's elements as members named by their ids.
fn by_id(array: Option<&RawValue>, id: &str) -> Value {
    let elements: Vec<Value> = array
        .and_then(|array| serde_json::from_str(array.get()).ok())
        .unwrap_or_default();
    let named = elements.into_iter().filter_map(|mut element| {
        let id = element.as_object_mut()?.remove(id)?;
        Some((id.as_str()?.to_owned(), element))
    });
    Value::Object(named.collect())
}

/// Documents that each category matches; none where it is not there.
pub(super) fn categories(first: &Report, second: &Report) -> Vec<Difference> {
    let [first, second] = [first, second].map(|report| {
        let list = report.categories.iter().flat_map(|categories| &categories.list);
        let matches = list.map(|category| (format!("category {}", category.id), json!(category.matches)));
        Value::Object(matches.collect())
    });
    diff("categories", &first, &second)
}
