//! What a datafeed may name: an index, a pattern, an exclusion, date math, an index of another cluster.

use std::fmt;
use std::str::FromStr;

use crate::job::error::Error;
use crate::job::id::IndexName;

/// One index expression as a datafeed's `indices` takes it, by Elasticsearch's rules for naming several indices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexPattern(String);

impl IndexPattern {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IndexPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<IndexName> for IndexPattern {
    fn from(name: IndexName) -> Self {
        Self(name.into())
    }
}

impl FromStr for IndexPattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match check(text) {
            Ok(()) => Ok(Self(text.to_owned())),
            Err(why) => Err(Error::InvalidId {
                what: "index pattern",
                id: text.to_owned(),
                why,
            }),
        }
    }
}

/// Whether an expression names indices of another cluster: `europe:logs-*`, but not `<logs-{now{HH:mm}}>` or `logs::failures`.
pub fn is_remote(expression: &str) -> bool {
    remote(expression.strip_prefix('-').unwrap_or(expression)).is_some()
}

/// Cluster and index.
fn remote(expression: &str) -> Option<(&str, &str)> {
    if expression.starts_with('<') {
        return None;
    }
    let (cluster, index) = expression.split_once(':')?;
    (!index.starts_with(':')).then_some((cluster, index))
}

fn check(text: &str) -> Result<(), &'static str> {
    let included = text.strip_prefix('-').unwrap_or(text);
    let index = match remote(included) {
        Some((cluster, index)) => {
            let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '*');
            if cluster.is_empty() || !cluster.chars().all(known) {
                return Err("what stands before `:` is no cluster's name");
            }
            index
        }
        None => included,
    };
    let (index, selector) = match index.strip_prefix('<') {
        None => index
            .split_once("::")
            .map_or((index, None), |(index, part)| (index, Some(part))),
        Some(_) => (index, None),
    };
    if selector.is_some_and(|part| !matches!(part, "data" | "failures")) {
        return Err("`::` is followed by `data` or `failures`");
    }
    if let Some(inner) = index.strip_prefix('<') {
        return date_math(inner);
    }
    // A pattern is a name with `*` in it.
    match index.replace('*', "x").parse::<IndexName>() {
        _ if index == "_all" => Ok(()),
        Err(Error::InvalidId { why, .. }) => Err(why),
        _ => Ok(()),
    }
}

/// `logs-{now/d{yyyy.MM.dd|+12:00}}>`
fn date_math(text: &str) -> Result<(), &'static str> {
    let Some(inner) = text.strip_suffix('>') else {
        return Err("date math ends with `>`");
    };
    let mut depth = 0_i32;
    for c in inner.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' | ' ' | '<' | '>' | '"' | '?' | '#' => return Err("date math holds a character that no index has"),
            _ => {}
        }
        if depth < 0 {
            break;
        }
    }
    match depth {
        0 if inner.contains('{') => Ok(()),
        0 => Err("date math needs an expression such as `{now/d}`"),
        _ => Err("the braces of its date math do not match"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_datafeed_may_name_is_taken() {
        for good in [
            "logs",
            "logs-*",
            "*",
            "_all",
            "-logs-old",
            "-logs-*-old",
            ".ds-logs-2024.01.01-000001",
            "europe:logs-*",
            "*:logs",
            "-europe:*",
            "logs::failures",
            "<logs-{now/d}>",
            "<logs-{now/d{yyyy.MM.dd|+12:00}}-*>",
            "europe:<logs-{now/M}>",
        ] {
            assert!(good.parse::<IndexPattern>().is_ok(), "{good}");
        }
        for bad in [
            "",
            "-",
            "a,b",
            "a b",
            "Logs",
            "a/b",
            "a?",
            "_x",
            "..",
            ":a",
            "a:",
            "a b:c",
            "a:b:c",
            "logs::x",
            "<logs>",
            "<logs-{now>",
            "<logs-{now}",
            "<{now}},a>",
            "a#",
            "\"a\"",
            "a\n",
        ] {
            assert!(bad.parse::<IndexPattern>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_colon_does_not_always_name_a_cluster() {
        for remote in ["europe:logs", "*:logs-*", "-europe:*", "europe:<logs-{now}>"] {
            assert!(is_remote(remote), "{remote}");
        }
        for local in ["logs", "-logs", "<logs-{now/d{HH:mm|+12:00}}>", "logs::failures"] {
            assert!(!is_remote(local), "{local}");
        }
    }
}
