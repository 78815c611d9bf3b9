//! What a detector is, as its key in the state says.

/// A detector for one value of its partition field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detector {
    function: Option<u32>,
    /// `field_name`; empty where it has none, as all of these.
    pub field: String,
    /// `by_field_name`.
    pub by: String,
    /// `over_field_name`.
    pub over: String,
    /// `partition_field_name`.
    pub partition: String,
    /// The job's influencers.
    pub influencers: Vec<String>,
    /// Its value of the partition field.
    pub partition_value: String,
}

/// A member of a detector's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyMember {
    Function,
    Field,
    By,
    Over,
    Partition,
    Influencer,
}

/// Which model a function has: they persist their rule checksums in different places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ModelKind {
    Counting,
    Individual,
    Population,
}

impl Detector {
    /// Takes a member of the key; false where no detector has it.
    pub(super) fn take(&mut self, member: KeyMember, text: &str) -> bool {
        match member {
            KeyMember::Function => {
                self.function = text.parse().ok();
                return self.function.is_some_and(is_known);
            }
            KeyMember::Field => text.clone_into(&mut self.field),
            KeyMember::By => text.clone_into(&mut self.by),
            KeyMember::Over => text.clone_into(&mut self.over),
            KeyMember::Partition => text.clone_into(&mut self.partition),
            KeyMember::Influencer => self.influencers.push(text.to_owned()),
        }
        true
    }

    /// None before its function is known.
    pub(super) fn model(&self) -> Option<ModelKind> {
        Some(match self.function? {
            0 if self.by == "count" => ModelKind::Counting,
            0..200 => ModelKind::Individual,
            _ => ModelKind::Population,
        })
    }

    /// Whether it compares members of a population.
    pub fn is_population(&self) -> bool {
        self.model() == Some(ModelKind::Population)
    }

    /// Whether it is the job's own counter of all records, which has no values.
    pub fn is_counter(&self) -> bool {
        self.model() == Some(ModelKind::Counting)
    }

    /// The field that names persons: the over field of a population, the by field else.
    pub fn person(&self) -> &str {
        if self.is_population() { &self.over } else { &self.by }
    }

    /// The field that names attributes; only a population's detector has any.
    pub(super) fn attribute(&self) -> &str {
        if self.is_population() { &self.by } else { "" }
    }
}

/// The numbers of functions.
fn is_known(function: u32) -> bool {
    matches!(function, 0..=16 | 100..=122 | 200..=214 | 300..=319)
}
