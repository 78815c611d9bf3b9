//! The fields that the text of a `query_string` names: `status:500 AND (host:(a OR b) OR _exists_:user)`.

use super::references::FieldReferences;

const OPERATORS: [&str; 7] = ["AND", "OR", "NOT", "&&", "||", "TO", "*"];

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
                ')' => {
                    self.chars.next();
                    self.owned.pop();
                }
                '(' => self.open(owned),
                '"' | '/' | '[' | '{' => {
                    self.value();
                    self.bare |= !owned;
                }
                '^' | '~' => self.weight(),
                '+' | '-' | '!' | '<' | '>' | '=' => drop(self.chars.next()),
                c if c.is_whitespace() || c == ':' => drop(self.chars.next()),
                _ => self.word(owned),
            }
        }
    }

    fn open(&mut self, owned: bool) {
        self.chars.next();
        self.owned.push(owned);
    }

    /// A word, or a field's name and what follows it.
    fn word(&mut self, owned: bool) {
        let word = self.text();
        if self.chars.peek() != Some(&':') {
            self.bare |= !owned && !word.is_empty() && !OPERATORS.contains(&word.as_str());
            return;
        }
        self.chars.next();
        while self
            .chars
            .peek()
            .is_some_and(|c| c.is_whitespace() || "<>=".contains(*c))
        {
            self.chars.next();
        }
        let group = self.chars.peek() == Some(&'(');
        if word == "_exists_" && !group {
            let name = self.value();
            return self.found.name(&name);
        }
        // `*:x` is everywhere.
        if word == "*" && !group {
            let all = self.value();
            self.bare |= all != "*";
            return;
        }
        match word.as_str() {
            "*" => self.bare = true,
            "_exists_" => {}
            name => self.found.name(name),
        }
        match group {
            true => self.open(true),
            false => drop(self.value()),
        }
    }

    /// One value with what follows it directly (`^2`, `~`).
    fn value(&mut self) -> String {
        let text = match self.chars.peek() {
            Some('"') => self.until('"'),
            Some('/') => self.until('/'),
            Some('[' | '{') => self.range(),
            _ => self.text(),
        };
        while self.chars.peek().is_some_and(|c| "^~".contains(*c)) {
            self.weight();
        }
        text
    }

    /// `^2` or `~1`.
    fn weight(&mut self) {
        self.chars.next();
        while self.chars.peek().is_some_and(|c| c.is_ascii_digit() || *c == '.') {
            self.chars.next();
        }
    }

    fn until(&mut self, end: char) -> String {
        self.chars.next();
        let mut text = String::new();
        while let Some(c) = self.chars.next() {
            match c {
                '\\' => text.extend(self.chars.next()),
                c if c == end => break,
                c => text.push(c),
            }
        }
        text
    }

    fn range(&mut self) -> String {
        while let Some(&c) = self.chars.peek() {
            match c {
                '"' => drop(self.until('"')),
                ']' | '}' => {
                    self.chars.next();
                    break;
                }
                _ => drop(self.chars.next()),
            }
        }
        String::new()
    }

    fn text(&mut self) -> String {
        let mut text = String::new();
        while let Some(&c) = self.chars.peek() {
            match c {
                '\\' => {
                    self.chars.next();
                    text.extend(self.chars.next());
                    continue;
                }
                c if c.is_whitespace() || ":()\"[]{}^~".contains(c) => break,
                c => text.push(c),
            }
            self.chars.next();
        }
        if text.is_empty() {
            // A bracket that opens nothing must not be looked at twice.
            self.chars.next_if(|c| "]}".contains(*c));
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
