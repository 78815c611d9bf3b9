//! Scripts: what they read, and the few comparisons with a replaced field that tokens can follow.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::compare::Kind;
use super::values::text_of;
use super::{Made, Rewriter};
use crate::commands::pseudonymize::fields::Input;
use crate::commands::pseudonymize::queried::Queried;
use crate::job::script_reads;
use crate::pseudonym::Error;

/// Where a script looks into values, and why that cannot be followed.
pub(super) struct Looks {
    pub(super) field: String,
    pub(super) why: &'static str,
}

/// Ways to ask whether there is a value.
const EXISTENCE: [&str; 4] = [".size()", ".isEmpty()", ".empty", ".length"];

/// Whether a member of a clause is a script.
pub(super) fn is_script(name: &str, value: &Value) -> bool {
    (name == "script" || name.ends_with("_script"))
        && (value.is_string() || value.get("source").is_some() || value.get("id").is_some())
}

impl Rewriter {
    /// A script of the datafeed; one that cannot be followed is remembered.
    pub(super) fn script(&mut self, place: &str, script: &Value) -> Made {
        match self.painless(script)? {
            Ok(script) => Ok(script),
            Err(Looks { field, why }) => {
                self.unfollowed(place, &field, why);
                Ok(script.clone())
            }
        }
    }

    /// A script that says of tokens what it said of values, or where it does not.
    pub(super) fn painless(&mut self, script: &Value) -> Result<Result<Value, Looks>, Error> {
        let looks = |field: &str, why| {
            let field = field.to_owned();
            Ok(Err(Looks { field, why }))
        };
        let reads = script_reads(script);
        if !reads.doubts.is_empty() {
            return looks("any field", "which ones it reads cannot be told");
        }
        if let Some(place) = reads.places.iter().find(|place| self.is_replaced_place(place)) {
            return looks(place, "it reads the document");
        }
        let mut fields = BTreeMap::new();
        for name in &reads.names {
            match self.fields.queried(name) {
                Queried::Others => {}
                Queried::Values {
                    field,
                    kind: Kind::Keyword | Kind::Unknown,
                } => drop(fields.insert(name.as_str(), field)),
                Queried::Values { .. } | Queried::Messages(_) => return looks(name, "it makes something of values"),
                Queried::Untold(why) => return looks(name, why),
            }
        }
        let Some(last) = fields.keys().next_back().copied() else {
            return Ok(Ok(self.scrubbed_json(script)));
        };
        let source = script
            .as_str()
            .or_else(|| script.get("source")?.as_str())
            .unwrap_or_default();
        let parameters = script.get("params").cloned().unwrap_or_default();
        let mut rest = source.to_owned();
        let mut used = BTreeSet::new();
        for name in fields.keys() {
            rest = without_comparisons(&rest, name, &parameters, &mut used);
        }
        let left = script_reads(&serde_json::json!({"source": rest, "params": parameters}));
        let again = |name: &String| {
            rest.contains("params[") || rest.contains("params.get") || rest.contains(&format!("params.{name}"))
        };
        let untold = !left.doubts.is_empty() || !left.places.is_empty() && reads.places.is_empty();
        if untold || left.names.iter().any(|name| fields.contains_key(name.as_str())) || used.iter().any(again) {
            return looks(last, "it makes something of values");
        }
        let mut new = self.scrubbed_json(script);
        for name in &used {
            let of: Vec<&str> = fields.values().map(String::as_str).collect();
            match self.parameter(&of, &parameters[name])? {
                Some(value) => new["params"][name] = value,
                None => return looks(last, "it compares one parameter with several fields"),
            }
        }
        Ok(Ok(new))
    }

    /// A parameter that is compared with these fields.
    fn parameter(&mut self, fields: &[&str], value: &Value) -> Result<Option<Value>, Error> {
        if let Some(list) = value.as_array() {
            let mut new = Vec::with_capacity(list.len());
            for item in list {
                match self.parameter(fields, item)? {
                    Some(item) => new.push(item),
                    None => return Ok(None),
                }
            }
            return Ok(Some(new.into()));
        }
        let Some(text) = text_of(value).filter(|_| value.is_string()) else {
            return Ok(Some(value.clone()));
        };
        let tokens: Result<BTreeSet<String>, Error> = fields.iter().map(|field| self.sent(field, &text)).collect();
        let mut tokens = tokens?;
        let token = tokens.pop_first();
        Ok(token.filter(|_| tokens.is_empty()).map(Value::from))
    }

    /// Whether values that are replaced stand at a place of documents, around it or below.
    fn is_replaced_place(&self, path: &str) -> bool {
        let replaced = |path: &str| matches!(self.fields.input(path), Input::Value(_) | Input::Message);
        let below = |place: &str| place.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
        // The end may be a property of the value.
        replaced(path)
            || path.rsplit_once('.').is_some_and(|(above, _)| replaced(above))
            || self.fields.places().any(|(place, _)| below(place))
            || self.fields.message_places().any(below)
    }
}

/// The script without what tokens can follow of a field: whether it has a value, and whether that is a parameter's. Names
/// of the parameters are added to `used`.
fn without_comparisons(source: &str, field: &str, parameters: &Value, used: &mut BTreeSet<String>) -> String {
    let mut out = String::new();
    let mut rest = source;
    let accesses = [format!("doc['{field}']"), format!("doc[\"{field}\"]")];
    let asked = [
        format!("doc.containsKey('{field}')"),
        format!("doc.containsKey(\"{field}\")"),
    ];
    loop {
        let found = accesses
            .iter()
            .chain(&asked)
            .filter_map(|access| Some((rest.find(access.as_str())?, access)));
        let Some((at, access)) = found.min_by_key(|(at, _)| *at) else {
            out.push_str(rest);
            return out;
        };
        let (before, after) = (&rest[..at], &rest[at + access.len()..]);
        out.push_str(before);
        let taken = match asked.contains(access) {
            true => Some((0, 0)),
            false => comparison(&out, after, parameters, used),
        };
        match taken {
            Some((behind, ahead)) => {
                out.truncate(out.len() - behind);
                out.push_str("true");
                rest = &after[ahead..];
            }
            None => {
                out.push_str(access);
                rest = after;
            }
        }
    }
}

/// How many bytes before and after an access are the rest of a comparison.
fn comparison(before: &str, after: &str, parameters: &Value, used: &mut BTreeSet<String>) -> Option<(usize, usize)> {
    if let Some(end) = EXISTENCE.into_iter().find(|end| after.starts_with(end)) {
        let rest = &after[end.len()..];
        return (!rest.starts_with(|c: char| c == '(' || is_word(c))).then_some((0, end.len()));
    }
    let end = |rest: &str| after.len() - rest.len();
    let mut take = |name: &str, list: bool| {
        let fits = parameters.get(name).is_some_and(|value| value.is_array() == list);
        fits.then(|| used.insert(name.to_owned())).map(|_| ())
    };
    if let Some(inner) = after.strip_prefix(".contains(") {
        let (name, rest) = parameter(inner)?;
        let rest = rest.trim_start().strip_prefix(')')?;
        return take(name, false).map(|()| (0, end(rest)));
    }
    let rest = after.strip_prefix(".value")?;
    if let Some(inner) = rest.strip_prefix(".equals(") {
        let (name, rest) = parameter(inner)?;
        let rest = rest.trim_start().strip_prefix(')')?;
        return take(name, false).map(|()| (0, end(rest)));
    }
    let operator = |text: &str| ["==", "!="].iter().any(|operator| text.trim_end().ends_with(operator));
    let other = rest.trim_start();
    if let Some(other) = other
        .strip_prefix("==")
        .or_else(|| other.strip_prefix("!="))
        .filter(|_| begins(before))
    {
        let other = other.trim_start();
        if let Some(rest) = other.strip_prefix("null").filter(|rest| ends(rest)) {
            return Some((0, end(rest)));
        }
        let (name, rest) = parameter(other)?;
        ends(rest).then_some(())?;
        return take(name, false).map(|()| (0, end(rest)));
    }
    ends(rest).then_some(())?;
    let (list, text) = match operator(before) {
        true => (false, before.trim_end().trim_end_matches(['=', '!']).trim_end()),
        false => (true, before.trim_end().strip_suffix(".contains(")?),
    };
    let at = text.rfind(|c: char| !is_word(c)).map_or(0, |at| at + 1);
    let start = text[..at].strip_suffix("params.")?;
    begins(start).then_some(())?;
    let rest = match list {
        true => rest.trim_start().strip_prefix(')')?,
        false => rest,
    };
    take(&text[at..], list).map(|()| (before.len() - start.len(), end(rest)))
}

/// A parameter's name, and what follows.
fn parameter(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start().strip_prefix("params.")?;
    let end = text.find(|c| !is_word(c)).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// Whether an expression begins after this.
fn begins(before: &str) -> bool {
    let before = before.trim_end();
    let assigned = before.ends_with('=') && !["==", "!=", "<=", ">="].iter().any(|end| before.ends_with(end));
    before.is_empty()
        || before.ends_with(['(', '!', '&', '|', '?', ':', '{', '}', ';', ','])
        || assigned
        || before.ends_with("return")
}

/// Whether an expression ends before this.
fn ends(rest: &str) -> bool {
    let rest = rest.trim_start();
    rest.is_empty() || rest.starts_with([')', '&', '|', '?', ':', '}', ';', ','])
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equality_with_a_parameter_is_followed_and_nothing_else() {
        let parameters = json!({"h": "web-01", "l": ["web-01"], "n": 1});
        for (source, rest, names) in [
            ("doc['host'].value == params.h", "true", vec!["h"]),
            ("return doc[\"host\"].value != params.h;", "return true;", vec!["h"]),
            ("emit(params.h == doc['host'].value)", "emit(true)", vec!["h"]),
            (
                "if (doc['host'].value.equals(params.h)) emit(1)",
                "if (true) emit(1)",
                vec!["h"],
            ),
            (
                "params.l.contains(doc['host'].value) && doc['n'].value > 1",
                "true && doc['n'].value > 1",
                vec!["l"],
            ),
            ("doc['host'].contains(params.h)", "true", vec!["h"]),
            ("doc['host'].size() == 0 ? 1 : 2", "true == 0 ? 1 : 2", vec![]),
            (
                "doc.containsKey('host') && doc['host'].value != null",
                "true && true",
                vec![],
            ),
        ] {
            let mut used = BTreeSet::new();
            assert_eq!(
                without_comparisons(source, "host", &parameters, &mut used),
                rest,
                "{source}"
            );
            assert_eq!(used.iter().map(String::as_str).collect::<Vec<_>>(), names, "{source}");
        }
        for source in [
            "emit(doc['host'].value)",
            "doc['host'].value == 'web-01'",
            "doc['host'].value.contains(params.h)",
            "doc['host'].value.length() > 3",
            "doc['host'].sizes",
            "doc['host'].value == params.h + 'x'",
            "'x' + doc['host'].value == params.h",
            "'x' + params.h == doc['host'].value",
            "params.h.contains(doc['host'].value)",
            "doc['host'].value == params.l",
            "doc['host'].value == params.h.toLowerCase()",
            "doc['host'].value == params.missing",
            "doc['host'].value > params.h",
            "doc['host'][0] == params.h",
        ] {
            let mut used = BTreeSet::new();
            assert_eq!(
                without_comparisons(source, "host", &parameters, &mut used),
                source,
                "{source}"
            );
        }
    }
}
