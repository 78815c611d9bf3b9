//! The fields that the text of a `query_string` names: `status:500 AND (host:(a OR b) OR _exists_:user)`.

use super::references::FieldReferences;

const OPERATORS: [&str; 7] = ["AND", "OR", "NOT", "&&", "||", "TO", "*"];

/// Whether it reads a time relative to now, as in `[now-1d TO now]`; a value that only looks so does no harm.
pub(super) fn is_relative(text: &str) -> bool {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    text.match_indices("now")
        .any(|(at, word)| !text[..at].ends_with(is_word) && !text[at + word.len()..].starts_with(is_word))
}

/// Reads a text. True where a part of it names no field, and is looked for in the default ones.
pub(super) fn read(text: &str, found: &mut FieldReferences) -> bool {
    let mut reader = Reader {
        chars: text.chars().peekable(),
        found,
        bare: false,
        owned: Vec::new(),
    };
    reader.read();
    reader.bare
}

struct Reader<'a, 'f> {
    chars: std::iter::Peekable<std::str::Chars<'a>>,
    found: &'f mut FieldReferences,
    bare: bool,
    /// The open parentheses: whether a field's name precedes one, or one around it. A list of its own instead of
    /// recursion, since a text may open any number of them.
    owned: Vec<bool>,
}

impl Reader<'_, '_> {
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

    /// A word, or a field's name and what follows it.
    fn word(&mut self, owned: bool) {
        let word = self.text();
        if self.chars.next_if_eq(&':').is_none() {
            self.bare |= !owned && !word.is_empty() && !OPERATORS.contains(&word.as_str());
            return;
        }
        self.skip_while(|c| c.is_whitespace() || "<>=".contains(c));
        let group = self.chars.next_if_eq(&'(').is_some();
        let value = match group {
            true => String::new(),
            false => self.value(),
        };
        self.owned.extend(group.then_some(true));
        match word.as_str() {
            "_exists_" => self.found.name(&value),
            // `*:x` is everywhere.
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

    /// Up to the quote that ends it.
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
            // A bracket that opens nothing must not be looked at twice.
            self.chars.next_if(|c| "]}".contains(*c));
        }
        text
    }

    /// Up to a character that no backslash precedes.
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
    fn names_stand_before_a_colon() {
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
            assert_eq!(read(text, &mut found), bare, "{text}");
            assert_eq!(
                found.names.iter().map(String::as_str).collect::<Vec<_>>(),
                names,
                "{text}"
            );
        }
    }

    #[test]
    fn any_number_of_parentheses_is_read() {
        for open in ["(", "a:(", "*:(", "_exists_:(", "(a:("] {
            let text = format!("{} b:1 {}", open.repeat(1_000_000), ")".repeat(1_000_000));
            let mut found = FieldReferences::default();
            read(&text, &mut found);
            assert!(found.names.contains("b"), "{open}");
        }
    }
}
