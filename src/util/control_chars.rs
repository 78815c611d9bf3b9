//! Characters that steer whoever shows them: they never reach a terminal or a page as they are.

use std::borrow::Cow;

/// Whether a character moves a cursor, turns the direction of writing, or hides what stands around it: control
/// characters, Unicode's marks of direction, separators of lines, invisible operators, and tags. Joiners stay, since
/// words of several languages and emoji need them.
pub(crate) fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
        || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Replaces what could steer a terminal (control characters, changes of writing direction) by a
/// visible escape. Line feeds and tabs stay.
pub fn escape(text: &str) -> Cow<'_, str> {
    escape_as(text, |c, out| out.extend(c.escape_default()))
}

/// The same for a text of one line: further ones stand below the first, so that none can pass for a line of ours.
pub fn indented(text: &str) -> String {
    escape(text).trim_end().replace('\n', "\n  ")
}

/// The same for a JSON text, which stays the same JSON: JSON lets most of them stand in its strings as they are.
/// Line feeds and tabs, which may stand between tokens, stay.
pub fn escape_json(json: &str) -> Cow<'_, str> {
    escape_as(json, |c, out| {
        for unit in c.encode_utf16(&mut [0; 2]) {
            out.push_str(&format!("\\u{unit:04x}"));
        }
    })
}

fn escape_as(text: &str, escape: impl Fn(char, &mut String)) -> Cow<'_, str> {
    let must_be_escaped = |c: char| c != '\n' && c != '\t' && is_control(c);
    if !text.contains(must_be_escaped) {
        return Cow::Borrowed(text);
    }
    let mut harmless = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match must_be_escaped(c) {
            true => escape(c, &mut harmless),
            false => harmless.push(c),
        }
    }
    Cow::Owned(harmless)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_or_hides_text_steers_and_letters_do_not() {
        for c in [
            '\0',
            '\u{1b}',
            '\u{9b}',
            '\u{61c}',
            '\u{202e}',
            '\u{2066}',
            '\u{feff}',
            '\u{e0041}',
        ] {
            assert!(is_control(c), "{c:?}");
        }
        for c in ['a', 'ä', '日', 'ש', 'ع', '\u{200d}', '😀', ' '] {
            assert!(!is_control(c), "{c:?}");
        }
    }

    #[test]
    fn text_from_outside_cannot_steer_the_terminal() {
        assert_eq!(escape("a\u{1b}[2Jb\r\u{9b}\u{202e}"), r"a\u{1b}[2Jb\r\u{9b}\u{202e}");
        assert_eq!(escape("two\nlines\tä"), "two\nlines\tä");
    }

    #[test]
    fn a_text_of_several_lines_cannot_pass_for_lines_of_ours() {
        assert_eq!(indented("a\nhint: rm -rf\u{7}\n"), "a\n  hint: rm -rf\\u{7}");
    }

    #[test]
    fn json_that_cannot_steer_the_terminal_means_the_same() {
        let text = "a\u{7f}\u{9b}\u{202e}\u{e0041}ä";
        let json = serde_json::to_string(text).unwrap_or_default();
        let harmless = escape_json(&json);
        assert_eq!(harmless, r#""a\u007f\u009b\u202e\udb40\udc41ä""#);
        assert_eq!(serde_json::from_str::<String>(&harmless).ok().as_deref(), Some(text));
        assert_eq!(escape_json("{\n\t}"), "{\n\t}");
    }
}
