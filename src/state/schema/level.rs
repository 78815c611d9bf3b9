//! How the form of the state is written down: levels of named elements.

use super::ValueKind;
use super::detector::{KeyMember, ModelKind};

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
