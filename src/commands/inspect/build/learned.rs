//! What the documents say of what was learned: patterns and categories.

use std::cmp::Reverse;

use crate::archive::{Contents, Part};
use crate::commands::inspect::gather::{Gatherer, Pattern};
use crate::commands::inspect::report::{AnnotationFacts, CategoriesFacts, CategoryFacts, PatternFacts};

/// By detector.
pub(super) fn patterns(gathered: &Gatherer) -> Vec<PatternFacts> {
    let facts = |(detector, pattern, series): (Option<u64>, &Pattern, u64)| {
        let (what, period, days) = match pattern {
            Pattern::Trend => ("trend", None, None),
            Pattern::Seasonality { period, days } => ("seasonality", Some(period.clone()), *days),
            Pattern::Other => ("other", None, None),
        };
        PatternFacts {
            what,
            period,
            days,
            detector,
            series,
        }
    };
    gathered.patterns().found().map(facts).collect()
}

pub(super) fn annotations(gathered: &Gatherer) -> AnnotationFacts {
    let (by_job, by_people) = gathered.patterns().authors();
    AnnotationFacts { by_job, by_people }
}

/// Those that match most first; `None` without any.
pub(super) fn categories(contents: &Contents, gathered: &Gatherer) -> Option<CategoriesFacts> {
    if contents.count(Part::Categories) == 0 {
        return None;
    }
    let categories = gathered.categories();
    let mut list: Vec<CategoryFacts> = categories
        .found()
        .iter()
        .map(|(id, category)| CategoryFacts {
            id: *id,
            matches: category.matches,
            example: category.example.clone(),
        })
        .collect();
    list.sort_by_key(|category| (Reverse(category.matches), category.id));
    Some(CategoriesFacts {
        more: categories.more(),
        list,
    })
}
