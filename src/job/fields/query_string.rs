//! The fields that the text of a `query_string` names: `status:500 AND (host:(a OR b) OR _exists_:user)`.

use super::Found;

const OPERATORS: [&str; 7] = ["AND", "OR", "NOT", "&&", "||", "TO", "*"];

/// Reads a text. True where a part of it names no field, and is looked for in the default ones.
pub(super) fn read(text: &str, found: &mut Found) -> bool {
    let mut reader = Reader {
        chars: text.chars().peekable(),
        found,
        bare: false,
    };
    reader.group(false);
    reader.bare
}

struct Reader<'a, 'f> {
    chars: std::iter::Peekable<std::str::Chars<'a>>,
    found: &'f mut Found,
    bare: bool,
}

impl Reader<'_, '_> {
    /// Up to the closing parenthesis. `owned`: a field's name stands before the opening one.
    fn group(&mut self, owned: bool) {
        while let Some(&c) = self.chars.peek() {
            match c {
                ')' => {
                    self.chars.next();
                    return;
                }
                '(' => {
                    self.chars.next();
                    self.group(owned);
                }
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
        if word == "_exists_" {
            let name = self.value();
            return self.found.name(&name);
        }
        // `*:x` is everywhere.
        if word == "*" {
            let all = self.value();
            self.bare |= all != "*";
            return;
        }
        self.found.name(&word);
        if self.chars.peek() == Some(&'(') {
            self.chars.next();
            self.group(true);
        } else {
            self.value();
        }
    }

    /// One value with what follows it directly (`^2`, `~`).
    fn value(&mut self) -> String {
        let text = match self.chars.peek() {
            Some('"') => self.until('"'),
            Some('/') => self.until('/'),
            Some('[' | '{') => self.range(),
            Some('(') => {
                self.chars.next();
                self.group(true);
                String::new()
            }
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
        ] {
            let mut found = Found::default();
            assert_eq!(read(text, &mut found), bare, "{text}");
            assert_eq!(
                found.names.iter().map(String::as_str).collect::<Vec<_>>(),
                names,
                "{text}"
            );
        }
    }
}
