//! Finds the fields that a Painless script uses.

use serde_json::Value;

use self::Token::{Sign, Text, Word};
use super::references::FieldReferences;

/// Methods of a map that have a key as an argument.
const BY_KEY: [&str; 3] = ["get", "containsKey", "getOrDefault"];
/// Words after which a slash starts a regular expression. After other words it is a division.
const BEFORE_PATTERN: [&str; 7] = ["return", "in", "else", "do", "instanceof", "new", "throw"];

/// The maximum size of a script in bytes. Elasticsearch refuses longer ones (`script.max_size_in_bytes`).
const MAX_BYTES: usize = 65_535;
/// The maximum number of tokens in the other arguments of a method. Longer calls are skipped, so that reading takes
/// linear time.
const MAX_ARGUMENTS: usize = 64;

/// A token of a script. Comments and whitespace are dropped.
enum Token<'a> {
    Word(&'a str),
    /// The content of a string or regular expression, as written.
    Text(&'a str),
    Sign(char),
}

/// A step from a value to one inside it, with the tokens that follow.
enum Step<'a, 't> {
    Key(String, &'t [Token<'a>]),
    /// An element of a list. The path does not change.
    Element(&'t [Token<'a>]),
    /// A key that is computed at run time.
    Unknown,
    /// The value itself is used.
    End,
}

/// Reads the script in a member of an object.
pub(super) fn read_in(object: &Value, member: &str, place: &str, found: &mut FieldReferences) {
    if let Some(script) = object.get(member) {
        read(script, place, found);
    }
}

/// Reads a script: a string, or an object with `source` or `id`. `place` is used in warnings.
pub(super) fn read(script: &Value, place: &str, found: &mut FieldReferences) {
    let source = script.as_str().or_else(|| script.get("source").and_then(Value::as_str));
    let Some(source) = source else {
        return found.warn(format!("{place}: the text of a stored script is unknown"));
    };
    if source.len() > MAX_BYTES {
        return found.warn(format!("{place}: the script is too long to be analyzed"));
    }
    let (tokens, params) = (read_tokens(source), script.get("params"));
    let unknown = |access| format!("{place}: `{access}` with a name that is computed at run time");
    let (mut sources, mut understood) = (0, 0);
    for (at, token) in tokens.iter().enumerate() {
        let is_member = at > 0 && matches!(tokens[at - 1], Sign('.'));
        match (token, &tokens[at + 1..]) {
            (Text("_source"), _) => sources += 1,
            (Word(word), _) if word.contains("_source") => sources += word.matches("_source").count(),
            (_, _) if is_member => {}
            // Values as a search returns them.
            (Word("doc"), rest) => match step(rest, params) {
                Step::Key(field, _) => found.name(&field),
                // `doc in list` does not read a field.
                Step::End if matches!(rest, [Word(_), ..]) => {}
                _ => found.warn(unknown("doc")),
            },
            (Word(access @ ("field" | "$")), [Sign('('), rest @ ..]) => match name(rest, params) {
                Some((field, _)) => found.name(&field),
                None => found.warn(unknown(access)),
            },
            (Word("params"), rest) => {
                let Some((access, rest)) = document(rest) else { continue };
                understood += 1;
                match path(rest, params) {
                    Some(path) => drop(found.places.insert(path)),
                    None => found.warn(unknown(access)),
                }
            }
            _ => {}
        }
    }
    if sources > understood {
        found.warn(format!("{place}: unknown use of `_source`"));
    }
}

/// Recognizes an access to the document in the tokens after `params`, and returns the tokens that follow.
fn document<'a, 't>(rest: &'t [Token<'a>]) -> Option<(&'static str, &'t [Token<'a>])> {
    match rest {
        [Sign('.'), Word("_source"), after @ ..] => Some(("params._source", after)),
        [Sign('?'), Sign('.'), Word("_source"), after @ ..] => Some(("params?._source", after)),
        [Sign('['), Text("_source"), Sign(']'), after @ ..] => Some(("params['_source']", after)),
        [
            Sign('.'),
            Word("get"),
            Sign('('),
            Text("_source"),
            Sign(')'),
            after @ ..,
        ] => Some(("params.get('_source')", after)),
        _ => None,
    }
}

/// Returns a path through the document, as far as it is constant.
fn path(mut rest: &[Token<'_>], params: Option<&Value>) -> Option<String> {
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

/// Recognizes `['x']`, `[0]`, `.x`, `?.x`, `.get('x')` or the end.
fn step<'a, 't>(rest: &'t [Token<'a>], params: Option<&Value>) -> Step<'a, 't> {
    match rest {
        [Sign('['), inner @ ..] => match (name(inner, params), inner) {
            (Some((name, [Sign(']'), after @ ..])), _) => Step::Key(name, after),
            (None, [Word(index), Sign(']'), after @ ..]) if index.bytes().all(|byte| byte.is_ascii_digit()) => {
                Step::Element(after)
            }
            _ => Step::Unknown,
        },
        [Sign('?'), Sign('.'), inner @ ..] | [Sign('.'), inner @ ..] => match inner {
            [Word(method), Sign('('), argument @ ..] if BY_KEY.contains(method) => match name(argument, params) {
                Some((name, after)) => {
                    let mut arguments = after.iter().take(MAX_ARGUMENTS);
                    let end = arguments.position(|token| matches!(token, Sign(')')));
                    Step::Key(name, end.map_or(&[], |end| &after[end + 1..]))
                }
                None => Step::Unknown,
            },
            // A method of the value.
            [Word(_), Sign('('), ..] => Step::End,
            [Word(key), after @ ..] => Step::Key((*key).to_owned(), after),
            _ => Step::Unknown,
        },
        _ => Step::End,
    }
}

/// Returns a name from a string or a parameter of the script, and the tokens that follow.
fn name<'a, 't>(tokens: &'t [Token<'a>], params: Option<&Value>) -> Option<(String, &'t [Token<'a>])> {
    let (name, rest) = match tokens {
        [Text(text), rest @ ..] => ((*text).to_owned(), rest),
        [Word("params"), rest @ ..] => match step(rest, None) {
            Step::Key(parameter, rest) => (params?.get(&parameter)?.as_str()?.to_owned(), rest),
            _ => return None,
        },
        _ => return None,
    };
    // `'a' + i` is computed at run time.
    (!matches!(rest, [Sign('+'), ..])).then_some((name, rest))
}

/// Splits a script into tokens in one pass. An unterminated string or comment extends to the end.
fn read_tokens(source: &str) -> Vec<Token<'_>> {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '@');
    let (mut tokens, mut rest) = (Vec::new(), source);
    // The bytes after the last line that is known to have no more regular expressions, so that no line is searched
    // again.
    let mut after_line = usize::MAX;
    while let Some(c) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find(['\n', '\r']).unwrap_or(rest.len())
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.find("*/").map_or(rest.len(), |end| end + 4)
        } else if is_word(c) || c == '$' {
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len()).max(1);
            tokens.push(Word(&rest[..end]));
            end
        } else if matches!(c, '\'' | '"') {
            let end = literal_end(rest, c as u8, None).unwrap_or_else(|end| end);
            tokens.push(Text(&rest[1..end]));
            rest.len().min(end + 1)
        } else {
            let is_pattern = c == '/' && rest.len() <= after_line && starts_pattern(tokens.last());
            match is_pattern.then(|| literal_end(rest, b'/', Some(b'\n'))) {
                Some(Ok(end)) => {
                    tokens.push(Text(&rest[1..end]));
                    end + 1
                }
                ended => {
                    after_line = ended.and_then(Result::err).map_or(after_line, |line| rest.len() - line);
                    tokens.extend((!c.is_whitespace()).then_some(Sign(c)));
                    c.len_utf8()
                }
            }
        };
        rest = &rest[length..];
    }
    tokens
}

/// Whether a slash starts a regular expression. Like the Painless lexer, this looks at the previous token.
fn starts_pattern(before: Option<&Token<'_>>) -> bool {
    match before {
        Some(Word(word)) => BEFORE_PATTERN.contains(word),
        Some(Sign(sign)) => !matches!(sign, ')' | ']'),
        Some(Text(_)) | None => true,
    }
}

/// Returns the position of the closing quote, or the position where the search stopped.
fn literal_end(rest: &str, quote: u8, stop: Option<u8>) -> Result<usize, usize> {
    let mut escaped = false;
    for (at, byte) in rest.bytes().enumerate().skip(1) {
        if byte == quote && !escaped {
            return Ok(at);
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
    fn fields_read_by_a_script_are_found() {
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
    fn fields_and_parameters_are_found_in_every_notation() {
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
    fn source_paths_are_found() {
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
    fn names_computed_at_run_time_are_reported_as_unknown() {
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
    fn comments_are_removed_and_literals_kept() {
        for (source, tokens) in [
            ("a // b\nc", "a c"),
            ("a /* b */ c", "a c"),
            ("'//' + \"/*\" // x", "<//> + </*>"),
            ("'\\'//' x", "<\\'//> x"),
            ("a / b / c // d", "a / b / c"),
            ("x =~ /\\/\\// // y", "x = ~ <\\/\\/>"),
            ("'open // x", "<open // x>"),
            ("'", "<>"),
            ("/", "/"),
            ("/*/ a", ""),
            ("\u{e9}/\u{e9} '\u{e9}' //\u{e9}", "\u{e9} / \u{e9} <\u{e9}>"),
        ] {
            let read: Vec<String> = read_tokens(source)
                .into_iter()
                .map(|token| match token {
                    Word(word) => word.to_owned(),
                    Text(text) => format!("<{text}>"),
                    Sign(sign) => sign.to_string(),
                })
                .collect();
            assert_eq!(read.join(" "), tokens, "{source}");
        }
    }

    #[test]
    fn script_is_analyzed_in_linear_time() {
        for part in ["/ ", "'", "/* ", "//", "= /x ", "= /\\", "doc['"] {
            read_all(&part.repeat(200_000));
        }
    }
}
