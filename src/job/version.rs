//! Versions of Elasticsearch.

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

impl Version {
    /// Parses `8.19.0`, `9.3.0-SNAPSHOT`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let number = text.split(['-', '+']).next()?;
        let mut parts = number.split('.').map(|part| part.parse::<u32>().ok());
        let version = Self {
            major: parts.next()??,
            minor: parts.next()??,
            patch: parts.next()??,
        };
        parts.next().is_none().then_some(version)
    }

    /// Whether this client may be used with this version at all.
    pub fn is_supported(self) -> bool {
        self.at_least(7, 10) && self.major <= 9
    }

    /// Whether this client is tested with this version: 7.17, 8.x and 9.x.
    pub fn is_tested(self) -> bool {
        self.at_least(7, 17)
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn suffixes_are_dropped_and_other_text_is_no_version() {
        let version = Version::parse("9.3.0-SNAPSHOT").unwrap();
        assert_eq!(
            version,
            Version {
                major: 9,
                minor: 3,
                patch: 0
            }
        );
        let supported = |text: &str| Version::parse(text).map(|version| (version.is_supported(), version.is_tested()));
        assert_eq!(supported("7.9.3"), Some((false, false)));
        assert_eq!(supported("7.10.0"), Some((true, false)));
        assert_eq!(supported("7.16.3"), Some((true, false)));
        assert_eq!(supported("7.17.0"), Some((true, true)));
        assert!(supported("10.0.0").is_some_and(|(supported, _)| !supported));
        assert!(version.at_least(7, 15) && !version.at_least(9, 4));
        for bad in ["", "8", "8.1", "8.1.x", "8.1.2.3", "v8.1.0"] {
            assert_eq!(Version::parse(bad), None, "{bad}");
        }
    }
}
