//! Resolves expressions: IDs, comma-separated lists, wildcards, `_all`.

use crate::support::cluster::Answer;

/// Whether a text matches a pattern with `*`.
pub fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|rest| {
            let mut at = 0;
            loop {
                if matches(tail, &rest[at..]) {
                    return true;
                }
                match rest[at..].chars().next() {
                    Some(next) => at += next.len_utf8(),
                    None => return false,
                }
            }
        }),
    }
}

/// Returns the IDs that match an expression, sorted. `names` are the IDs with their other names (groups).
pub fn expand(
    expression: &str,
    names: &[(String, Vec<String>)],
    allow_no_match: bool,
    missing: impl Fn(&str) -> Answer,
) -> Result<Vec<String>, Answer> {
    let mut found: Vec<String> = Vec::new();
    for part in expression.split(',') {
        let all = matches!(part, "_all" | "*" | "");
        let fits = |name: &String| all || matches(part, name);
        let before = found.len();
        found.extend(
            names
                .iter()
                .filter(|(id, more)| fits(id) || more.iter().any(fits))
                .map(|(id, _)| id.clone()),
        );
        let concrete = !all && !part.contains('*');
        if found.len() == before && (concrete || !allow_no_match) {
            return Err(missing(part));
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}
