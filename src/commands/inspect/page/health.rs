//! Whether the model has had memory enough, and categories make sense.

use crate::commands::inspect::report::{CategorizationFacts, SnapshotFacts};
use crate::report::Text;
use crate::report::TextStyle;
use crate::util::format::{amount, count};

use super::words::memory;

/// Of the memory.
pub(super) fn tone(snapshot: &SnapshotFacts) -> TextStyle {
    match snapshot.memory_status.as_deref() {
        Some("hard_limit") => TextStyle::Bad,
        Some("soft_limit") => TextStyle::Caution,
        _ => TextStyle::Plot,
    }
}

/// A line each.
pub(super) fn health(snapshot: &SnapshotFacts) -> Vec<Text> {
    let status = snapshot.memory_status.as_deref().unwrap_or("not known");
    let text = match status {
        "ok" => Text::styled(TextStyle::Good, "ok").then(TextStyle::Plain, ": no memory limit reached"),
        "soft_limit" => Text::styled(TextStyle::Caution, "soft limit reached")
            .then(TextStyle::Plain, ": over 60 % of its limit, it prunes what is rare"),
        "hard_limit" => {
            let over = snapshot.bytes_exceeded.unwrap_or(0);
            Text::styled(TextStyle::Bad, "hard limit reached").then(
                TextStyle::Plain,
                format!(": new series were not modelled, {} too much", memory(over)),
            )
        }
        other => Text::styled(TextStyle::Caution, format!("memory status {other}")),
    };
    let mut lines = vec![text];
    if let Some(failures) = snapshot.allocation_failures.filter(|failures| *failures > 0) {
        let failures = amount(failures, "bucket", "buckets");
        lines.push(Text::styled(
            TextStyle::Bad,
            format!("{failures} in which no memory was left"),
        ));
    }
    if let Some(categorization) = &snapshot.categorization {
        lines.push(categorization_health(categorization));
    }
    lines
}

fn categorization_health(categorization: &CategorizationFacts) -> Text {
    let status = categorization.status.as_deref().unwrap_or("not known");
    let (tone, why) = match status {
        "ok" => (TextStyle::Good, ""),
        "warn" => (TextStyle::Caution, ": the messages do not suit categorization"),
        _ => (TextStyle::Caution, ""),
    };
    let counts: Vec<String> = [
        (categorization.frequent, "frequent"),
        (categorization.rare, "rare"),
        (categorization.dead, "dead"),
        (categorization.failed, "failed"),
    ]
    .into_iter()
    .filter_map(|(number, name)| number.filter(|n| *n > 0).map(|n| format!("{} {name}", count(n))))
    .collect();
    let total = amount(categorization.categories.unwrap_or(0), "category", "categories");
    let counts = if counts.is_empty() {
        String::new()
    } else {
        format!(" ({})", counts.join(", "))
    };
    let documents = categorization.documents.map_or_else(String::new, |documents| {
        format!(" of {}", amount(documents, "document", "documents"))
    });
    Text::from("categorization ")
        .then(tone, status)
        .then(TextStyle::Plain, format!("{why}: {total}{counts}{documents}"))
}
