//! Paths that stay where they are.

/// Bytes of a path.
pub(super) const LONGEST_PATH: usize = 1024;

/// Whether a path is relative and leads nowhere else, on any system.
pub(super) fn is_tame(path: &str) -> bool {
    let drive = path.as_bytes().get(1) == Some(&b':');
    let elsewhere = path.is_empty() || path.starts_with('/') || drive || path.contains(['\\', '\0']);
    !elsewhere && path.split('/').all(|component| component != "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_relative_paths_are_tame() {
        for tame in ["a_config.json", "./a_config.json", "folder/a..b.json"] {
            assert!(is_tame(tame), "{tame}");
        }
        for wild in ["", "/a", "..", "a/..", "a/../b", "a\\b", "C:a", "a\0b"] {
            assert!(!is_tame(wild), "{wild:?}");
        }
    }
}
