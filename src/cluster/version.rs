//! Which Elasticsearch answers.

/// `version.number` of the answer to `GET /`, suffixes such as `-SNAPSHOT` dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Before the first dot.
    pub major: u32,
    /// Between the dots.
    pub minor: u32,
    /// After the second dot.
    pub patch: u32,
}

/// What is said to be answering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavour {
    /// A self-managed or hosted stack.
    Stack,
    /// `version.build_flavor: serverless`: no snapshots, no import.
    Serverless,
}

impl Version {
    /// Parses `8.19.0`, `9.3.0-SNAPSHOT`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        todo!()
    }

    /// Whether this is `major.minor` or later.
    pub fn at_least(self, major: u32, minor: u32) -> bool {
        (self.major, self.minor) >= (major, minor)
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}
