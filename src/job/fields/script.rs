//! The fields that a Painless script names.

use serde_json::Value;

use super::Found;

/// Ways to a field whose name follows as a literal, or (after a dot) as a bare word.
const ACCESS: [&str; 6] = [
    "doc",
    "params._source",
    "params['_source']",
    "params[\"_source\"]",
    "field",
    "$",
];

/// `script` is a string or an object with `source` or `id`; `place` is named in a doubt.
pub(super) fn read(script: &Value, place: &str, found: &mut Found) {
    let source = script.as_str().or_else(|| script.get("source").and_then(Value::as_str));
    let Some(source) = source else {
        return found.doubt(format!("{place}: a stored script, its text is not known"));
    };
    // An expression or mustache text reads `doc['x']` in the same way.
    for access in ACCESS {
        for (at, _) in source.match_indices(access) {
            if !stands_alone(&source[..at]) {
                continue;
            }
            match follows(access, &source[at + access.len()..]) {
                Follows::Name(name) => found.name(&name),
                Follows::Unknown => found.doubt(format!("{place}: `{}` with a name made at run time", access)),
                Follows::Nothing => {}
            }
        }
    }
}

enum Follows {
    Name(String),
    Unknown,
    Nothing,
}

fn stands_alone(before: &str) -> bool {
    !before.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '$' | '\'' | '"'))
}

fn follows(access: &str, rest: &str) -> Follows {
    let rest = rest.trim_start();
    let call = matches!(access, "field" | "$");
    let open = if call { '(' } else { '[' };
    if let Some(inner) = rest.strip_prefix(open) {
        return literal(inner.trim_start());
    }
    if call {
        return Follows::Nothing;
    }
    if let Some(word) = rest.strip_prefix('.') {
        return word_or_call(access, word);
    }
    // The whole map handed on, as in `def d = doc;`.
    if rest.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
        Follows::Nothing
    } else {
        Follows::Unknown
    }
}

/// `.containsKey('x')`, `.get('x')` or, of a source, `.a.b`.
fn word_or_call(access: &str, rest: &str) -> Follows {
    let end = rest
        .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.' | '@')))
        .unwrap_or(rest.len());
    let (word, tail) = rest.split_at(end);
    if let Some(inner) = tail.strip_prefix('(') {
        if matches!(word, "get" | "containsKey" | "getOrDefault") {
            return literal(inner.trim_start());
        }
        // A method of the value: the field is what stands before it.
        return match word.rsplit_once('.') {
            Some((path, _)) if access != "doc" => Follows::Name(path.to_owned()),
            _ => Follows::Unknown,
        };
    }
    if word.is_empty() {
        return Follows::Unknown;
    }
    let path = if access == "doc" {
        word.strip_suffix(".value").unwrap_or(word)
    } else {
        word
    };
    Follows::Name(path.to_owned())
}

fn literal(text: &str) -> Follows {
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '\'' | '"')) else {
        return Follows::Unknown;
    };
    let Some((name, rest)) = text[1..].split_once(quote) else {
        return Follows::Unknown;
    };
    // `'a' + i` is made at run time.
    if rest.trim_start().starts_with('+') {
        Follows::Unknown
    } else {
        Follows::Name(name.to_owned())
    }
}
