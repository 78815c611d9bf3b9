//! Paths below the cluster's address.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::cluster::{Error, Result};

/// Everything outside the unreserved characters of RFC 3986.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// Wildcards stay readable in messages.
const EXPRESSION: &AsciiSet = &SEGMENT.remove(b'*');

/// A path below the cluster's address: segments are percent-encoded; an empty segment, `.` and
/// `..` make a path that is refused when it is sent, for no encoding protects them.
#[derive(Clone, Debug)]
pub struct Path(std::result::Result<String, String>);

impl Path {
    /// Joins the segments: `Path::of(["_ml", "anomaly_detectors", id])`.
    pub fn of<'a>(segments: impl IntoIterator<Item = &'a str>) -> Self {
        Self(Ok(String::new())).then(segments)
    }

    /// An index expression (names, aliases, wildcards) as the first segment. No expression at all
    /// would mean every index and is refused.
    pub fn indices(expression: &[impl AsRef<str>]) -> Self {
        let names = expression.iter().map(|name| encode(name.as_ref(), EXPRESSION));
        match names.collect::<std::result::Result<Vec<_>, _>>() {
            Ok(names) if names.is_empty() => Self(Err("no index is named".to_owned())),
            Ok(names) => Self(Ok(format!("/{}", names.join(",")))),
            Err(why) => Self(Err(why)),
        }
    }

    /// The path with more segments behind it.
    pub fn then<'a>(self, segments: impl IntoIterator<Item = &'a str>) -> Self {
        Self(self.0.and_then(|mut path| {
            for segment in segments {
                path.push('/');
                path.push_str(&encode(segment, SEGMENT)?);
            }
            Ok(path)
        }))
    }

    /// The text, beginning with `/`.
    ///
    /// # Errors
    /// A path that cannot be sent.
    pub(in crate::cluster) fn as_str(&self) -> Result<&str> {
        match &self.0 {
            Ok(path) if path.is_empty() => Ok("/"),
            Ok(path) => Ok(path),
            Err(why) => Err(Error::Options(format!("impossible request path: {why}"))),
        }
    }
}

fn encode(segment: &str, set: &'static AsciiSet) -> std::result::Result<String, String> {
    match segment {
        "" | "." | ".." => Err(format!("`{segment}` cannot stand in it")),
        _ => Ok(utf8_percent_encode(segment, set).to_string()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn segments_cannot_leave_their_place() {
        let path = Path::of(["t1", "_doc", "a/../b#c?d%2e"]);
        assert_eq!(path.as_str().unwrap(), "/t1/_doc/a%2F..%2Fb%23c%3Fd%252e");
        for bad in ["", ".", ".."] {
            assert!(Path::of(["_ml", bad]).as_str().is_err(), "{bad}");
            assert!(Path::indices(&["a", bad]).as_str().is_err(), "{bad}");
        }
        assert_eq!(Path::of([]).as_str().unwrap(), "/");
    }

    #[test]
    fn index_expressions_keep_wildcards_and_commas() {
        let path = Path::indices(&[".ml-state*", "remote:logs", "<a-{now/d}>"]).then(["_search"]);
        assert_eq!(
            path.as_str().unwrap(),
            "/.ml-state*,remote%3Alogs,%3Ca-%7Bnow%2Fd%7D%3E/_search"
        );
        assert!(Path::indices(&[] as &[&str]).as_str().is_err());
    }
}
