//! The fields that a Painless script names.

use std::ops::Range;

use serde_json::Value;

use super::references::FieldReferences;

/// Ways to the document itself, a path following.
const DOCUMENT: [&str; 6] = [
    "params._source",
    "params?._source",
    "params['_source']",
    "params[\"_source\"]",
    "params.get('_source')",
    "params.get(\"_source\")",
];
/// Methods of a map that take a key.
const BY_KEY: [&str; 3] = ["get", "containsKey", "getOrDefault"];

/// Reads the script that is a member of an object.
pub(super) fn read_in(object: &Value, member: &str, place: &str, found: &mut FieldReferences) {
    if let Some(script) = object.get(member) {
        read(script, place, found);
    }
}

/// `script` is a string or an object with `source` or `id`; `place` is named in a doubt.
pub(super) fn read(script: &Value, place: &str, found: &mut FieldReferences) {
    let source = script.as_str().or_else(|| script.get("source").and_then(Value::as_str));
    let Some(source) = source else {
        return found.warn(format!("{place}: a stored script, its text is not known"));
    };
    let (code, params) = (Code::read(source), script.get("params"));
    let unknown = |access| format!("{place}: `{access}` with a name made at run time");
    // Values as a search sees them.
    for rest in code.after_uses_of("doc") {
        match step(rest, params) {
            Step::Key(field, _) => found.name(&field),
            // As in `doc in list`: no use of it.
            Step::End if rest.trim_start().starts_with(is_word) => {}
            _ => found.warn(unknown("doc")),
        }
    }
    for access in ["field", "$"] {
        let after = code.after_uses_of(access);
        for call in after.filter_map(|rest| rest.trim_start().strip_prefix('(')) {
            match name(call, params) {
                Some((field, _)) => found.name(&field),
                None => found.warn(unknown(access)),
            }
        }
    }
    let mut whole = code.uses_of("_source").count() + code.literals_that_are("_source");
    for access in DOCUMENT {
        for rest in code.after_uses_of(access) {
            whole = whole.saturating_sub(1);
            match path(rest, params) {
                Some(path) => drop(found.places.insert(path)),
                None => found.warn(unknown(access)),
            }
        }
    }
    if whole > 0 {
        found.warn(format!("{place}: `_source` read in a way that is not understood"));
    }
}

/// A path through the document, as far as it is written down.
fn path(mut rest: &str, params: Option<&Value>) -> Option<String> {
    let mut path = String::new();
    loop {
        rest = match step(rest, params) {
            Step::Key(key, after) => {
                path.extend([if path.is_empty() { "" } else { "." }, &key]);
                after
            }
            Step::Element(after) if !path.is_empty() => after,
            _ => return Some(path).filter(|path| !path.is_empty()),
        };
    }
}

/// One step from a value to what is inside.
enum Step<'a> {
    Key(String, &'a str),
    /// An element of a list: the path stays.
    Element(&'a str),
    /// A key that is made at run time.
    Unknown,
    /// The value itself is used.
    End,
}

/// `['x']`, `[0]`, `.x`, `?.x`, `.get('x')` or the end.
fn step<'a>(rest: &'a str, params: Option<&Value>) -> Step<'a> {
    let rest = rest.trim_start();
    if let Some(inner) = rest.strip_prefix('[') {
        if let Some((name, after)) = name(inner, params) {
            return match after.trim_start().strip_prefix(']') {
                Some(after) => Step::Key(name, after),
                None => Step::Unknown,
            };
        }
        let digits = inner.trim_start_matches(|c: char| c.is_ascii_digit());
        return match digits.strip_prefix(']') {
            Some(after) if digits.len() < inner.len() => Step::Element(after),
            _ => Step::Unknown,
        };
    }
    let Some(dotted) = rest.strip_prefix("?.").or_else(|| rest.strip_prefix('.')) else {
        return Step::End;
    };
    let dotted = dotted.trim_start();
    let end = dotted.find(|c| !is_word(c) && c != '@').unwrap_or(dotted.len());
    let (word, after) = dotted.split_at(end);
    match after.trim_start().strip_prefix('(') {
        Some(inner) if BY_KEY.contains(&word) => match name(inner, params) {
            Some((name, after)) => Step::Key(name, after.split_once(')').map_or("", |(_, after)| after)),
            None => Step::Unknown,
        },
        // A method of the value.
        Some(_) => Step::End,
        None if word.is_empty() => Step::Unknown,
        None => Step::Key(word.to_owned(), after),
    }
}

/// A name as a literal or a parameter of the script, with what follows it.
fn name<'a>(text: &'a str, params: Option<&Value>) -> Option<(String, &'a str)> {
    let text = text.trim_start();
    let (name, rest) = match text.chars().next()? {
        quote @ ('\'' | '"') => {
            let (name, rest) = text[1..].split_once(quote)?;
            (name.to_owned(), rest)
        }
        _ => {
            let rest = text.strip_prefix("params")?;
            let Step::Key(parameter, rest) = step(rest, None) else {
                return None;
            };
            (params?.get(&parameter)?.as_str()?.to_owned(), rest)
        }
    };
    // `'a' + i` is made at run time.
    (!rest.trim_start().starts_with('+')).then_some((name, rest))
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Words after which a slash starts a regular expression; after other words it divides.
const BEFORE_PATTERN: [&str; 7] = ["return", "in", "else", "do", "instanceof", "new", "throw"];

/// A script's source, each comment replaced by a blank.
struct Code {
    text: String,
    /// Texts and regular expressions with their quotes, in order.
    literals: Vec<Range<usize>>,
}

impl Code {
    /// One pass. A literal or comment without an end takes in the rest.
    fn read(source: &str) -> Self {
        let mut code = Self {
            text: String::with_capacity(source.len()),
            literals: Vec::new(),
        };
        let mut rest = source;
        // Bytes that follow the last line known to have no more regular expressions: no line is searched twice.
        let mut after_line = usize::MAX;
        while let Some(at) = rest.find(['\'', '"', '/']) {
            code.text.push_str(&rest[..at]);
            rest = &rest[at..];
            rest = if rest.starts_with("//") {
                code.text.push(' ');
                &rest[rest.find(['\n', '\r']).unwrap_or(rest.len())..]
            } else if let Some(comment) = rest.strip_prefix("/*") {
                code.text.push(' ');
                comment.split_once("*/").map_or("", |(_, after)| after)
            } else if rest.starts_with('/') {
                let mut end = None;
                if rest.len() <= after_line && code.starts_pattern() {
                    match literal_end(rest, b'/', Some(b'\n')) {
                        Ok(length) => end = Some(length),
                        Err(line) => after_line = rest.len() - line,
                    }
                }
                code.take(rest, end.unwrap_or(1), end.is_some())
            } else {
                let end = literal_end(rest, rest.as_bytes()[0], None);
                code.take(rest, end.unwrap_or(rest.len()), true)
            };
        }
        code.text.push_str(rest);
        code
    }

    fn take<'a>(&mut self, rest: &'a str, length: usize, literal: bool) -> &'a str {
        let start = self.text.len();
        self.text.push_str(&rest[..length]);
        if literal {
            self.literals.push(start..self.text.len());
        }
        &rest[length..]
    }

    /// Whether a slash that follows starts a regular expression, as the Painless lexer decides it: by what precedes it.
    fn starts_pattern(&self) -> bool {
        let before = self.text.trim_end();
        let start = before.trim_end_matches(is_word).len();
        match before[start..].is_empty() {
            true => !before.ends_with([')', ']']),
            false => BEFORE_PATTERN.contains(&&before[start..]),
        }
    }

    /// Where `word` occurs outside of literals.
    fn uses_of<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> {
        let places = self.text.match_indices(word).map(|(at, _)| at);
        places.filter(|at| {
            let next = self.literals.partition_point(|literal| literal.end <= *at);
            self.literals.get(next).is_none_or(|literal| *at < literal.start)
        })
    }

    /// What follows each use of a word that stands alone.
    fn after_uses_of<'a>(&'a self, word: &'a str) -> impl Iterator<Item = &'a str> {
        let alone = |before: &str| !before.ends_with(|c: char| is_word(c) || ".$'\"".contains(c));
        let uses = self.uses_of(word).filter(move |at| alone(&self.text[..*at]));
        let after = uses.map(|at| &self.text[at + word.len()..]);
        after.filter(|rest| !rest.starts_with(is_word))
    }

    /// How many texts are this word and nothing else.
    fn literals_that_are(&self, word: &str) -> usize {
        let inner = |literal: &Range<usize>| self.text.get(literal.start + 1..literal.end.saturating_sub(1));
        let words = self.literals.iter().map(inner);
        words.filter(|inner| *inner == Some(word)).count()
    }
}

/// The length of a literal with its quotes; else where the search for its end stopped.
fn literal_end(rest: &str, quote: u8, stop: Option<u8>) -> Result<usize, usize> {
    let mut escaped = false;
    for (at, byte) in rest.bytes().enumerate().skip(1) {
        if byte == quote && !escaped {
            return Ok(at + 1);
        }
        if Some(byte) == stop {
            return Err(at);
        }
        escaped = byte == b'\\' && !escaped;
    }
    Err(rest.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_all(source: &str) -> FieldReferences {
        let mut found = FieldReferences::default();
        let script = json!({"source": source, "params": {"f": "x", "n": 1}});
        read(&script, "r", &mut found);
        found
    }

    #[test]
    fn values_are_named() {
        for source in [
            "emit(doc['x'].value)",
            "emit(doc[\"x\"].value)",
            "emit(doc.x.value.toLowerCase())",
            "emit(doc.x.size())",
            "if (doc.containsKey('x')) {}",
            "doc.get('x')",
            "emit(field('x').get(0))",
            "emit($('x', 0))",
            "emit(doc[params.f].value)",
            "emit(doc[params['f']].value)",
        ] {
            let found = read_all(source);
            assert_eq!(found.names.iter().collect::<Vec<_>>(), ["x"], "{source}");
            assert!(found.warnings.is_empty(), "{source}: {:?}", found.warnings);
        }
    }

    #[test]
    fn every_use_of_a_field_and_of_a_parameter_is_read() {
        let params = json!({"f": "x", "g": "y"});
        for (source, names, places) in [
            ("emit(doc['x'].value + doc['y'].value)", vec!["x", "y"], vec![]),
            ("emit(doc.x.value + doc[params.g].value)", vec!["x", "y"], vec![]),
            (
                "emit(doc[params.f].size() == 0 ? 0 : doc[params.f].value)",
                vec!["x"],
                vec![],
            ),
            (
                "emit(doc[params.f].value + doc[params.g].value)",
                vec!["x", "y"],
                vec![],
            ),
            ("emit(field(params.f).get(0) + $(params.f, 0))", vec!["x"], vec![]),
            (
                "emit(params._source[params.f] + params._source[params.f])",
                vec![],
                vec!["x"],
            ),
            ("emit(params._source.a + params._source.b.c)", vec![], vec!["a", "b.c"]),
        ] {
            let mut found = FieldReferences::default();
            read(&json!({"source": source, "params": params}), "r", &mut found);
            assert_eq!(found.names.iter().collect::<Vec<_>>(), names, "{source}");
            assert_eq!(found.places.iter().collect::<Vec<_>>(), places, "{source}");
            assert!(found.warnings.is_empty(), "{source}: {:?}", found.warnings);
        }
    }

    #[test]
    fn places_in_the_document_are_named() {
        for (source, place) in [
            ("emit(params._source.x)", "x"),
            ("emit(params['_source']['x'])", "x"),
            ("emit(params._source.a.b.toString())", "a.b"),
            ("emit(params._source?.a?.b)", "a.b"),
            ("emit(params['_source']['a']['b'])", "a.b"),
            ("emit(params._source.get('a').get('b'))", "a.b"),
            ("emit(params.get('_source').a)", "a"),
            ("emit(params._source.list[0].b)", "list.b"),
            ("emit(params._source.map[key])", "map"),
            ("emit(params._source[params.f])", "x"),
            ("emit(params._source['@timestamp'])", "@timestamp"),
        ] {
            let found = read_all(source);
            assert_eq!(found.places.iter().collect::<Vec<_>>(), [place], "{source}");
            assert!(found.warnings.is_empty(), "{source}: {:?}", found.warnings);
        }
    }

    #[test]
    fn names_in_comments_and_texts_are_not_read() {
        for source in [
            "emit(doc['x'].value) // don't trust doc['a']",
            "// doc['a']\nemit(doc['x'].value)",
            "// doc['a']\remit(doc['x'].value)",
            "/* it's doc['a'], params._source.a\n * field('a') */ emit(doc['x'].value)",
            "emit(doc/* of */['x'].value)",
            "emit(doc['x'].value + \" instead of doc['a'], params._source.a\")",
            "emit('say \\' doc[\"a\"]' + doc['x'].value)",
            "emit('http://a/b' + doc['x'].value)",
            "emit('/* ' + doc['x'].value + ' */')",
            "if (params.u =~ /^https?:\\/\\//) emit(doc['x'].value)",
            "return /['\"]/.matcher(doc['x'].value).find()",
            "def n = 4 / 2; emit(doc['x'].value / n) // doc['a']",
            "emit(doc['x'].value) /* doc['a']",
        ] {
            let found = read_all(source);
            assert_eq!(found.names.iter().collect::<Vec<_>>(), ["x"], "{source}");
            assert!(found.places.is_empty(), "{source}: {:?}", found.places);
            assert!(found.warnings.is_empty(), "{source}: {:?}", found.warnings);
        }
    }

    #[test]
    fn what_is_made_at_run_time_leaves_a_doubt() {
        for source in [
            "for (f in l) emit(doc[f].value)",
            "emit(doc['a' + i].value)",
            "def d = doc; emit(d['x'].value)",
            "def s = params._source; emit(s.x)",
            "emit(params._source[f])",
            "emit(params.getOrDefault('_source', null).x)",
            "emit(doc[params.n].value)",
            "emit(doc[params.other].value)",
        ] {
            let found = read_all(source);
            assert_eq!(found.warnings.len(), 1, "{source}: {:?}", found.warnings);
            assert!(found.names.is_empty() && found.places.is_empty(), "{source}");
        }
        let stored = json!({"id": "mine"});
        let mut found = FieldReferences::default();
        read(&stored, "r", &mut found);
        assert_eq!(found.warnings.len(), 1);
    }

    #[test]
    fn comments_become_blanks_and_literals_stay() {
        for (source, text, literals) in [
            ("a // b\nc", "a  \nc", 0),
            ("a /* b */ c", "a   c", 0),
            ("'//' + \"/*\" // x", "'//' + \"/*\"  ", 2),
            ("'\\'//' x", "'\\'//' x", 1),
            ("a / b / c // d", "a / b / c  ", 0),
            ("x =~ /\\/\\// // y", "x =~ /\\/\\//  ", 1),
            ("'open // x", "'open // x", 1),
            ("'", "'", 1),
            ("/", "/", 0),
            ("/*/ a", " ", 0),
            ("\u{e9}/\u{e9} '\u{e9}' //\u{e9}", "\u{e9}/\u{e9} '\u{e9}'  ", 1),
        ] {
            let code = Code::read(source);
            assert_eq!((code.text.as_str(), code.literals.len()), (text, literals), "{source}");
        }
    }

    #[test]
    fn time_is_linear() {
        for part in ["/ ", "'", "/* ", "//", "= /x ", "= /\\", "doc['"] {
            let code = Code::read(&part.repeat(200_000));
            assert!(code.uses_of("doc").count() <= 200_000);
        }
    }
}
