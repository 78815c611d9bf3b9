//! Names that are similar to a mistyped one.

/// The minimum similarity, from 0 (different) to 1 (equal).
const MIN_SIMILARITY: f64 = 0.8;
/// Names that are less similar than the best one by more than this are not suggested.
const MAX_DISTANCE_FROM_BEST: f64 = 0.1;
const MAX_SUGGESTIONS: usize = 3;

/// The candidates that are most similar to `name`, at most three, the most similar one first. Case is ignored.
fn similar<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let name = name.to_lowercase();
    let score = |candidate: &'a str| (strsim::jaro_winkler(&name, &candidate.to_lowercase()), candidate);
    let scored = candidates.into_iter().map(score);
    let mut found: Vec<_> = scored.filter(|(score, _)| *score >= MIN_SIMILARITY).collect();
    found.sort_by(|(one, a), (other, b)| other.total_cmp(one).then_with(|| a.cmp(b)));
    found.dedup();
    let best = found.first().map_or(0.0, |(score, _)| *score);
    found.retain(|(score, _)| best - score <= MAX_DISTANCE_FROM_BEST);
    let names = found.into_iter().map(|(_, candidate)| candidate);
    names.take(MAX_SUGGESTIONS).collect()
}

/// ` (did you mean a or b?)`, or nothing without similar names.
pub(crate) fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    alternatives(name, candidates).map_or_else(String::new, |names| format!(" (did you mean {names}?)"))
}

/// A hint that suggests similar names, for example `did you mean a or b? Otherwise, list all jobs`; without similar names
/// only `next`, the next step.
pub(crate) fn suggest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>, next: &str) -> String {
    alternatives(name, candidates).map_or_else(
        || next.to_owned(),
        |names| format!("did you mean {names}? Otherwise, {next}"),
    )
}

/// The similar names as text: `a`, `a or b`, `a, b or c`.
fn alternatives<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let names = similar(name, candidates);
    let (last, others) = names.split_last()?;
    Some(match others {
        [] => (*last).to_owned(),
        others => format!("{} or {last}", others.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn similar_names_are_found_the_best_one_first() {
        let jobs = [
            "web-errors",
            "web-latency",
            "log-categories",
            "web-latency-2",
            "user-population",
        ];
        for (name, expected) in [
            ("web-latnecy", &["web-latency", "web-latency-2"][..]),
            ("Web-Latency", &["web-latency", "web-latency-2"]),
            ("weblatency", &["web-latency", "web-latency-2"]),
            ("log-category", &["log-categories"]),
            ("nosuch", &[]),
            ("", &[]),
        ] {
            assert_eq!(similar(name, jobs), expected, "{name}");
        }
    }

    #[test]
    fn at_most_three_distinct_names_are_similar() {
        let names = ["job-1", "job-2", "job-3", "job-4", "job-1"];
        assert_eq!(similar("job-5", names), ["job-1", "job-2", "job-3"]);
    }

    #[test]
    fn a_suggestion_lists_the_names_before_the_next_step() {
        let suggest = |name, candidates: &[&str]| suggest(name, candidates.iter().copied(), "list all");
        assert_eq!(suggest("x", &["web"]), "list all");
        assert_eq!(suggest("webs", &["web"]), "did you mean web? Otherwise, list all");
        let three = ["job-1", "job-2", "job-3"];
        assert_eq!(
            suggest("job", &three),
            "did you mean job-1, job-2 or job-3? Otherwise, list all"
        );
        assert_eq!(did_you_mean("job", three), " (did you mean job-1, job-2 or job-3?)");
        assert_eq!(did_you_mean("x", three), "");
    }
}
