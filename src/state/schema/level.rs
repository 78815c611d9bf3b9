//! How the form of the state is written down: levels of named elements, and texts that can be no value.

use super::value::{KeyMember, ModelKind, ValueKind};

/// What an element may hold.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    /// One text.
    Leaf(Leaf),
    /// Another level.
    Level(&'static Level),
    /// Numbers, and levels of nothing but numbers.
    Numbers,
    /// One text of numbers, or another level.
    NumbersOr(&'static Level),
    /// The same, but for this kind of model a list of rule checksums.
    Checksums(ModelKind),
}

/// What a text may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Leaf {
    /// Numbers.
    Numbers,
    /// Exactly this.
    Constant(&'static str),
    /// Which normaliser it is.
    Cue,
    /// A member of a detector's key.
    Key(KeyMember),
    /// The number of the influencer whose items follow.
    Influencer,
    /// How many entries follow in this level.
    Size,
    /// Something to ask about.
    Text(ValueKind),
    /// A length or a count that belongs to a category.
    Category(CategoryMember),
    /// The name of a person or an attribute.
    Name(Named),
}

/// The members of a category that its match by length depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CategoryMember {
    /// The length of its longest message.
    LongestLength,
    /// The length of the message that it began with.
    BaseLength,
    /// One of the tokens that all its messages have.
    CommonToken,
}

/// Whose name it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Person,
    Attribute,
}

/// One level: its elements in any order and number.
#[derive(Debug)]
pub(super) struct Level {
    pub(super) members: &'static [(&'static str, Rule)],
    /// Members whose names end with a number of dimensions.
    pub(super) dimensioned: &'static [(&'static str, Rule)],
    pub(super) role: Role,
}

/// What more there is to a level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    None,
    /// A detector begins.
    Detector,
    /// Its siblings of the same name belong to one influencer each, in order.
    OneInfluencer,
    /// It begins with the number of its entries.
    Counted,
    /// It goes as a whole where its key goes.
    Entry,
    /// A category, whose lengths follow from its message.
    Category,
}

impl Level {
    pub(super) const fn new(members: &'static [(&'static str, Rule)]) -> Self {
        Self {
            members,
            dimensioned: &[],
            role: Role::None,
        }
    }

    pub(super) const fn with(self, role: Role) -> Self {
        Self { role, ..self }
    }

    pub(super) const fn dimensioned(self, dimensioned: &'static [(&'static str, Rule)]) -> Self {
        Self { dimensioned, ..self }
    }

    pub(super) fn member(&self, name: &str) -> Option<&'static Rule> {
        let known = self.members.iter().find(|(known, _)| *known == name);
        let dimensioned = || {
            let (letter, digits) = name.split_at_checked(1)?;
            let number = digits.parse::<u8>().is_ok_and(|n| n.to_string() == digits);
            self.dimensioned.iter().find(|(known, _)| number && *known == letter)
        };
        known.or_else(dimensioned).map(|(_, rule)| rule)
    }
}

/// Numbers, with what autodetect puts between them.
pub(super) fn is_numbers(text: &str) -> bool {
    text.split([':', ';', ',', '_', ' ']).all(is_number)
}

/// One number as autodetect prints it, a truth value, or nothing.
fn is_number(text: &str) -> bool {
    if matches!(text, "" | "true" | "false") {
        return true;
    }
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(text, "inf" | "nan") {
        return true;
    }
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    is_digits(whole)
        && (fraction.is_empty() || is_digits(fraction))
        && is_digits(exponent.trim_start_matches(['-', '+']))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A 64-bit number.
pub(super) fn is_hash(text: &str) -> bool {
    is_digits(text) && text.parse::<u64>().is_ok()
}

/// A name as the mathematical models have them: a letter or two, with a dimension behind it, the number of a part,
/// or the version that brought something.
pub(super) fn is_tag(name: &str) -> bool {
    if let Some(number) = name.strip_prefix("t_") {
        return is_digits(number);
    }
    if let Some((major, minor)) = name.split_once('.') {
        return is_digits(major) && is_digits(minor) && name.len() <= 5;
    }
    let letters = name.trim_end_matches(|c: char| c.is_ascii_digit());
    matches!(letters.len(), 1 | 2) && letters.bytes().all(|byte| byte.is_ascii_lowercase()) && name.len() <= 5
}

/// Which normaliser this is: a level and the hash of its field names.
pub(super) fn is_cue(text: &str) -> bool {
    let levels = ["leaf", "per", "part", "inflb", "infl"];
    text == "sysChange" || levels.iter().any(|level| text.strip_prefix(level).is_some_and(is_hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_from_texts() {
        for numbers in [
            "",
            " ",
            "0",
            "-4611686018427387904",
            "2.047784727403589e-6",
            "1.7976931348623147e308",
            "1e+5",
            "95,0,0",
            "0:2999.45288:-7839.6",
            "1;1:1;0",
            "413007_1301868182",
            "true",
            "inf:-inf:nan",
        ] {
            assert!(is_numbers(numbers), "{numbers}");
        }
        for text in [
            "a", "10.1.2.3", "1-2", "e5", "1e", ".5", "0x1", "1.2.3", "-", "web-01", "1/2", "٣",
        ] {
            assert!(!is_numbers(text), "{text}");
        }
    }

    #[test]
    fn tags_are_short() {
        for tag in ["a", "h", "7.11", "6.3", "i2", "aa", "t_0", "c12"] {
            assert!(is_tag(tag), "{tag}");
        }
        for name in ["", "host", "A", "7.", "web1", "1", "abc", "a.b", "t_", "t_x", "ä"] {
            assert!(!is_tag(name), "{name}");
        }
    }

    #[test]
    fn cues_name_a_level() {
        for cue in [
            "sysChange",
            "leaf5121724583878076921",
            "infl1",
            "inflb1",
            "per0",
            "part7",
        ] {
            assert!(is_cue(cue), "{cue}");
        }
        for text in ["", "leaf", "leafhost", "infl", "x1", "per99999999999999999999"] {
            assert!(!is_cue(text), "{text}");
        }
    }
}
