//! Finds the fields that queries and aggregations read.

use serde_json::Value;

use super::references::FieldReferences;
use super::script;
use crate::job::config::{entries, one_or_many};
use crate::util::format::is_among;

/// Queries with the name of the field as a key.
const KEYED: &str = "term terms terms_set range match match_phrase match_phrase_prefix match_bool_prefix prefix wildcard \
    regexp fuzzy intervals span_term";
/// The same for geo and vector queries.
const PLACES: &str =
    "geo_distance geo_bounding_box geo_polygon geo_shape geo_grid shape text_expansion weighted_tokens";
/// Queries with the name of the field in `field`, `fields` or `default_field`.
const NAMING: &str = "exists multi_match combined_fields query_string simple_query_string distance_feature rank_feature \
    knn semantic sparse_vector more_like_this";
/// Queries that contain other queries.
const COMPOUND: &str = "bool constant_score dis_max boosting function_score nested has_child has_parent span_near span_or \
    span_not span_first span_containing span_within pinned span_multi field_masking_span";
/// Options of any query that can be next to the name of a field.
const OPTIONS: &str = "boost _name";
/// Options of geo queries.
const PLACE_OPTIONS: &str = "boost _name distance distance_type validation_method ignore_unmapped type unit coerce";
/// Members of compound queries that contain other queries, in addition to `functions`.
const INNER: [&str; 15] = [
    "must", "filter", "should", "must_not", "query", "queries", "positive", "negative", "organic", "clauses",
    "include", "exclude", "match", "big", "little",
];

/// Iterates over the values of these members, and over the items of lists.
fn values<'a>(body: &'a Value, members: &[&str]) -> impl Iterator<Item = &'a Value> {
    members.iter().filter_map(|name| body.get(name)).flat_map(one_or_many)
}

/// Reads a query or a list of queries.
pub(super) fn read(query: &Value, found: &mut FieldReferences) {
    for (kind, body) in one_or_many(query).iter().flat_map(entries) {
        match kind.as_str() {
            "match_all" | "match_none" => {}
            "script" | "script_score" => scripted(body, found),
            "parent_id" => related(kind, found),
            "ids" => found.depends_on_index("_id"),
            "type" => found.depends_on_index("_type"),
            kind if is_among(KEYED, kind) => keyed(body, OPTIONS, found),
            kind if is_among(PLACES, kind) => keyed(body, PLACE_OPTIONS, found),
            kind if is_among(NAMING, kind) => naming(kind, body, found),
            kind if is_among(COMPOUND, kind) => compound(kind, body, found),
            kind => found.warn(format!("query of kind `{kind}`")),
        }
    }
}

fn keyed(body: &Value, options: &str, found: &mut FieldReferences) {
    // A single member is always the name of a field, even if it looks like an option.
    let has_options = entries(body).count() > 1;
    for (field, value) in entries(body) {
        let is_option = has_options && is_among(options, field);
        if is_option && !value.is_object() && !value.is_array() {
            continue;
        }
        found.name(field);
        found.name_in(value, "minimum_should_match_field");
        script::read_in(value, "minimum_should_match_script", "query", found);
        uses_field(value, found);
        // Terms or shapes from another document, or times relative to now.
        if value.get("index").is_some() || value.get("indexed_shape").is_some() {
            found.depends_on_index("a document of another index");
        }
        let mut texts = entries(value).filter_map(|(_, bound)| bound.as_str());
        if texts.any(|text| text.trim_start().starts_with("now")) {
            found.depends_on_index("now");
        }
    }
}

/// Reads `intervals`, which may use another field at any depth.
fn uses_field(value: &Value, found: &mut FieldReferences) {
    found.name_in(value, "use_field");
    let list = value.as_array().into_iter().flatten();
    let inner = entries(value).map(|(_, inner)| inner).chain(list);
    inner.for_each(|inner| uses_field(inner, found));
}

fn naming(kind: &str, body: &Value, found: &mut FieldReferences) {
    let mut named = false;
    for name in values(body, &["field", "default_field", "fields"]).filter_map(Value::as_str) {
        // For example, `title^3`.
        let name = name.split('^').next().unwrap_or(name);
        // Every document has at least one field.
        named |= name != "*" || kind == "exists";
        if name != "*" {
            found.name(name);
        }
    }
    values(body, &["filter"]).for_each(|filter| read(filter, found));
    let text = body.get("query").and_then(Value::as_str).unwrap_or_default();
    if kind == "query_string" && is_relative(text) {
        found.depends_on_index("now");
    }
    // `{"_index": …, "_id": …}` in a list of texts.
    if kind == "more_like_this" && values(body, &["like", "unlike"]).any(Value::is_object) {
        found.depends_on_index("a document of another index");
    }
    let bare = match kind {
        "query_string" => read_query_string(text, found),
        "simple_query_string" => text.trim() != "*",
        _ => true,
    };
    if bare && !named {
        found.by_default.get_or_insert_with(|| kind.to_owned());
    }
}

fn compound(kind: &str, body: &Value, found: &mut FieldReferences) {
    match kind {
        "pinned" => found.depends_on_index("_id"),
        "has_child" | "has_parent" => related(kind, found),
        "nested" => nested(body, found),
        "field_masking_span" => found.name_in(body, "field"),
        _ => {}
    }
    values(body, &INNER).for_each(|inner| read(inner, found));
    // The functions of `function_score`, one or a list.
    values(body, &["functions"]).for_each(|function| compound("function_score", function, found));
    values(body, &["field_value_factor", "random_score"]).for_each(|score| found.name_in(score, "field"));
    values(body, &["script_score"]).for_each(|score| scripted(score, found));
    let decays = values(body, &["gauss", "exp", "linear"]).flat_map(entries);
    let fields = decays.filter(|(key, _)| *key != "multi_value_mode");
    fields.for_each(|(field, _)| found.name(field));
}

/// Parents and children must be on the same shard, which depends on their routing, and an import does not keep `join`
/// fields.
fn related(kind: &str, found: &mut FieldReferences) {
    found.depends_on_index("parents and children");
    found.warn(format!("query of kind `{kind}`"));
}

/// The nested objects themselves are only needed if none of their fields is used.
fn nested(body: &Value, found: &mut FieldReferences) {
    let Some(path) = body.get("path").and_then(Value::as_str) else {
        return;
    };
    let mut inner = FieldReferences::default();
    values(body, &["query"]).for_each(|query| read(query, &mut inner));
    let below = |name: &String| name.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
    if !inner.names.iter().any(below) {
        found.name(path);
    }
}

fn scripted(body: &Value, found: &mut FieldReferences) {
    values(body, &["query"]).for_each(|query| read(query, found));
    script::read_in(body, "script", "query", found);
}

/// Reads an object with aggregations by name.
pub(super) fn read_aggregations(aggregations: &Value, found: &mut FieldReferences) {
    for (kind, body) in entries(aggregations).flat_map(|(_, aggregation)| entries(aggregation)) {
        match kind.as_str() {
            "aggs" | "aggregations" => read_aggregations(body, found),
            "filter" => read(body, found),
            "filters" | "adjacency_matrix" => match body.get("filters") {
                Some(Value::Object(named)) => named.values().for_each(|filter| read(filter, found)),
                Some(list) => read(list, found),
                None => {}
            },
            // `bucket_sort` sorts by other aggregations; the path of `reverse_nested` leads out of a nested
            // aggregation.
            "meta" | "bucket_sort" | "reverse_nested" => {}
            "nested" => {
                let path = body.get("path").and_then(Value::as_str);
                found.nested.extend(path.map(str::to_owned));
            }
            "children" | "parent" => found.warn(format!("aggregation of kind `{kind}`")),
            _ => read_options(body, found),
        }
    }
}

/// Reads `field`, `fields` and scripts at any depth: `sources` of a composite, `metrics` of `top_metrics`, `value` and
/// `weight` of a weighted average.
fn read_options(body: &Value, found: &mut FieldReferences) {
    if let Value::Array(list) = body {
        return list.iter().for_each(|item| read_options(item, found));
    }
    let bucket_script = body.get("buckets_path").is_some();
    for (key, value) in entries(body) {
        match key.as_str() {
            "field" if value.is_string() => names(value, found),
            "fields" | "_source" | "docvalue_fields" => names(value, found),
            // For a composite: each source is a name with one aggregation.
            "sources" => values(body, &["sources"]).for_each(|source| read_aggregations(source, found)),
            "sort" => sort(value, found),
            "filter" | "background_filter" => read(value, found),
            "script" | "init_script" | "map_script" | "combine_script" | "reduce_script" if !bucket_script => {
                script::read(value, "aggregation", found);
            }
            // Options that do not contain names of fields.
            "buckets_path" | "meta" | "order" | "params" | "missing" | "script" => {}
            _ => read_options(value, found),
        }
    }
}

fn names(value: &Value, found: &mut FieldReferences) {
    for item in one_or_many(value) {
        match item {
            Value::String(name) => found.name(name),
            object => values(object, &["field", "includes"]).for_each(|name| names(name, found)),
        }
    }
}

fn sort(value: &Value, found: &mut FieldReferences) {
    for item in one_or_many(value) {
        match item {
            // For `geo_line`.
            Value::Object(object) if object.get("field").is_some_and(Value::is_string) => names(item, found),
            Value::Object(object) => object.keys().for_each(|name| found.name(name)),
            item => names(item, found),
        }
    }
}

const OPERATORS: [&str; 7] = ["AND", "OR", "NOT", "&&", "||", "TO", "*"];

/// Whether a text contains a time relative to now, as in `[now-1d TO now]`. False positives are harmless.
fn is_relative(text: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    text.match_indices("now")
        .any(|(at, word)| !text[..at].ends_with(is_word) && !text[at + word.len()..].starts_with(is_word))
}

/// Reads the text of a `query_string`: `status:500 AND (host:(a OR b) OR _exists_:user)`. Returns true if a part does
/// not name a field, so that the default fields are searched.
fn read_query_string(text: &str, found: &mut FieldReferences) -> bool {
    let mut reader = QueryStringReader {
        chars: text.chars().peekable(),
        found,
        bare: false,
        owned: Vec::new(),
    };
    reader.read();
    reader.bare
}

struct QueryStringReader<'a, 'f> {
    chars: std::iter::Peekable<std::str::Chars<'a>>,
    found: &'f mut FieldReferences,
    bare: bool,
    /// The open parentheses: whether the name of a field precedes one or an enclosing one. A list instead of recursion,
    /// since a text may open any number of them.
    owned: Vec<bool>,
}

impl QueryStringReader<'_, '_> {
    fn read(&mut self) {
        while let Some(&c) = self.chars.peek() {
            let owned = self.owned.last().copied().unwrap_or(false);
            match c {
                '"' | '/' | '[' | '{' => {
                    self.value();
                    self.bare |= !owned;
                    continue;
                }
                '(' => self.owned.push(owned),
                ')' => drop(self.owned.pop()),
                '^' | '~' | '+' | '-' | '!' | '<' | '>' | '=' | ':' => {}
                c if c.is_whitespace() => {}
                _ => {
                    self.word(owned);
                    continue;
                }
            }
            self.chars.next();
            if matches!(c, '^' | '~') {
                // `^2` or `~1`.
                self.skip_while(|c| c.is_ascii_digit() || c == '.');
            }
        }
    }

    fn skip_while(&mut self, skipped: impl Fn(char) -> bool) {
        while self.chars.next_if(|c| skipped(*c)).is_some() {}
    }

    /// Reads a word, or the name of a field and what follows it.
    fn word(&mut self, owned: bool) {
        let word = self.text();
        if self.chars.next_if_eq(&':').is_none() {
            self.bare |= !owned && !word.is_empty() && !OPERATORS.contains(&word.as_str());
            return;
        }
        self.skip_while(|c| c.is_whitespace() || "<>=".contains(c));
        let group = self.chars.next_if_eq(&'(').is_some();
        let value = if group { String::new() } else { self.value() };
        self.owned.extend(group.then_some(true));
        match word.as_str() {
            "_exists_" => self.found.name(&value),
            // `*:x` searches all fields.
            "*" => self.bare |= value != "*",
            name => self.found.name(name),
        }
    }

    fn value(&mut self) -> String {
        match self.chars.next_if(|c| "\"/[{".contains(*c)) {
            Some('[' | '{') => self.range(),
            Some(quote) => self.quoted(quote),
            None => self.text(),
        }
    }

    /// Reads up to the closing quote.
    fn quoted(&mut self, quote: char) -> String {
        let text = self.until(|c| c == quote);
        self.chars.next();
        text
    }

    fn range(&mut self) -> String {
        while let Some(c) = self.chars.next() {
            match c {
                '"' => drop(self.quoted('"')),
                ']' | '}' => break,
                _ => {}
            }
        }
        String::new()
    }

    fn text(&mut self) -> String {
        let text = self.until(|c| c.is_whitespace() || ":()\"[]{}^~".contains(c));
        if text.is_empty() {
            // Skip an unmatched closing bracket, so that it is not read again.
            self.chars.next_if(|c| "]}".contains(*c));
        }
        text
    }

    /// Reads up to a character that is not escaped by a backslash.
    fn until(&mut self, is_end: impl Fn(char) -> bool) -> String {
        let mut text = String::new();
        while let Some(c) = self.chars.next_if(|c| !is_end(*c)) {
            match c {
                '\\' => text.extend(self.chars.next()),
                c => text.push(c),
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn field_names_of_a_query_string_are_found() {
        for (text, names, bare) in [
            (
                "status:500 AND host:(a b) AND _exists_:u",
                &["host", "status", "u"][..],
                false,
            ),
            (
                "status:>=500 OR NOT (type:\"a b:c\"^2 -x.y:[2024-01-01T00:00:00 TO *])",
                &["status", "type", "x.y"],
                false,
            ),
            (r"first\ name:Al* && t:/a:b\/c/~1", &["first name", "t"], false),
            ("error AND status:500", &["status"], true),
            ("+\"connection refused\"", &[], true),
            ("(a:1 OR b:(c OR d:2)) 404", &["a", "b", "d"], true),
            ("*", &[], false),
            ("*:*", &[], false),
            ("*:x", &[], true),
            (r"labels.\*:prod", &["labels.*"], false),
            ("a:b~2^3 c:{1 TO 2]", &["a", "c"], false),
            ("(a:1 OR b:2)^2", &["a", "b"], false),
            ("a:(", &["a"], false),
            ("] } ~ ^", &[], false),
            ("*:(x y)", &[], true),
            ("a:1) AND b:2", &["a", "b"], false),
        ] {
            let mut found = FieldReferences::default();
            assert_eq!(read_query_string(text, &mut found), bare, "{text}");
            assert_eq!(
                found.names.iter().map(String::as_str).collect::<Vec<_>>(),
                names,
                "{text}"
            );
        }
    }

    #[test]
    fn nested_parentheses_are_parsed() {
        for open in ["(", "a:(", "*:(", "_exists_:(", "(a:("] {
            let text = format!("{} b:1 {}", open.repeat(1_000_000), ")".repeat(1_000_000));
            let mut found = FieldReferences::default();
            read_query_string(&text, &mut found);
            assert!(found.names.contains("b"), "{open}");
        }
    }
}
