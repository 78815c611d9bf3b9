//! Characters that steer whoever shows them: they never reach a terminal or a page as they are.

/// Whether a character moves a cursor, turns the direction of writing, or hides what stands around it: control
/// characters, Unicode's marks of direction, separators of lines, invisible operators, and tags. Joiners stay, since
/// words of several languages and emoji need them.
pub(crate) fn steers(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200b}'
                | '\u{200e}'
                | '\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
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
            assert!(steers(c), "{c:?}");
        }
        for c in ['a', 'ä', '日', 'ש', 'ع', '\u{200d}', '😀', ' '] {
            assert!(!steers(c), "{c:?}");
        }
    }
}
