//! The parts of an archive that values stand in, and how often in each.

/// Where values stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::commands::inspect) enum Part {
    ModelState,
    CategorizerState,
    Categories,
    Inputs,
    Annotations,
    Notifications,
    Calendars,
    Filters,
    Configuration,
}

/// All of them, in the order of reports.
pub(in crate::commands::inspect) const PARTS: [Part; 9] = [
    Part::ModelState,
    Part::CategorizerState,
    Part::Categories,
    Part::Inputs,
    Part::Annotations,
    Part::Notifications,
    Part::Calendars,
    Part::Filters,
    Part::Configuration,
];

/// How often a value stands in each part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::commands::inspect) struct Counts([u32; PARTS.len()]);

impl Counts {
    pub(super) fn add(&mut self, part: Part) {
        if let Some(count) = self.0.get_mut(part as usize) {
            *count = count.saturating_add(1);
        }
    }

    pub(super) fn join(&mut self, other: Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count = count.saturating_add(more);
        }
    }

    /// How often in a part.
    pub(in crate::commands::inspect) fn of(self, part: Part) -> u64 {
        self.0.get(part as usize).copied().unwrap_or(0).into()
    }

    /// How often in all.
    pub(in crate::commands::inspect) fn total(self) -> u64 {
        self.0.iter().map(|count| u64::from(*count)).sum()
    }
}

impl Part {
    /// Its name in the `--json` document.
    pub(in crate::commands::inspect) fn name(self) -> &'static str {
        match self {
            Self::ModelState => "model_state",
            Self::CategorizerState => "categorizer_state",
            Self::Categories => "categories",
            Self::Inputs => "inputs",
            Self::Annotations => "annotations",
            Self::Notifications => "notifications",
            Self::Calendars => "calendars",
            Self::Filters => "filters",
            Self::Configuration => "configuration",
        }
    }
}
