//! The plan in words.

use super::{CalendarAction, FilterAction, Plan};
use crate::util::format::amount;

impl Plan {
    /// A line for each thing that would be done, in the order in which it is done; inputs and state are written side by
    /// side.
    pub(in crate::commands::import) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        self.replaced(&mut lines);
        lines.push(format!("create job {}", self.job()));
        for filter in &self.filters {
            lines.push(match filter.action {
                FilterAction::Create => format!("create filter {}", filter.id),
                FilterAction::Keep => format!("keep filter {}, which is there with the same content", filter.id),
            });
        }
        for plan in &self.calendars {
            let id = &plan.calendar.calendar_id;
            let events = plan.calendar.events.len() as u64;
            lines.push(match &plan.action {
                CalendarAction::Create => format!("create calendar {id} with {}", amount(events, "event", "events")),
                CalendarAction::Keep => format!("keep calendar {id}, which is there with the same events"),
                CalendarAction::Complete(missing) => {
                    format!(
                        "complete calendar {id} with {}",
                        amount(missing.len() as u64, "event", "events")
                    )
                }
            });
        }
        for target in &self.targets {
            let sources: Vec<&str> = target.index.sources.iter().map(String::as_str).collect();
            lines.push(format!(
                "create index {} for the inputs of {}, with {}",
                target.index.name,
                sources.join(", "),
                some_of(&target.index.fields)
            ));
        }
        self.documents(&mut lines);
        if let Some((id, _)) = &self.portable.datafeed {
            lines.push(format!("create datafeed {id}"));
        }
        for plan in &self.calendars {
            lines.push(format!(
                "add job {} to calendar {}",
                self.job(),
                plan.calendar.calendar_id
            ));
        }
        lines
    }

    fn replaced(&self, lines: &mut Vec<String>) {
        if !self.replace {
            return;
        }
        let job = self.job();
        if self.existing.job {
            lines.push(format!(
                "delete job {job} with its datafeed, state, results, annotations and notifications"
            ));
        } else if self.existing.leftovers {
            lines.push(format!("delete what an earlier job {job} left"));
        }
        for target in self.targets.iter().filter(|target| target.replaces) {
            lines.push(format!("delete index {} of an earlier import", target.index.name));
        }
    }

    fn documents(&self, lines: &mut Vec<String>) {
        let counts = &self.counts;
        write(lines, counts.inputs, "input", "inputs");
        write(
            lines,
            counts.model_state,
            "model state document",
            "model state documents",
        );
        write(
            lines,
            counts.categorizer_state,
            "categorizer state document",
            "categorizer state documents",
        );
        lines.push(format!("revert job {} to snapshot {}", self.job(), self.snapshot_id));
        write(lines, counts.categories, "category", "categories");
        write(lines, counts.annotations, "annotation", "annotations");
        write(lines, counts.notifications, "notification", "notifications");
    }
}

/// The fields of an index, where there are not too many for a line.
fn some_of(fields: &[String]) -> String {
    const SHOWN: usize = 12;
    let shown = fields.get(..SHOWN).unwrap_or(fields).join(", ");
    match fields.len().checked_sub(SHOWN) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {}", amount(more as u64, "more field", "more fields")),
    }
}

fn write(lines: &mut Vec<String>, documents: u64, one: &str, many: &str) {
    if documents > 0 {
        lines.push(format!("write {}", amount(documents, one, many)));
    }
}
