//! The categories.

use crate::commands::inspect::report::Report;
use crate::report::{Cell, Column, Section, Table};
use crate::util::format::count;

/// Categories that are always shown.
const SHOWN: usize = 10;

/// Those that match most, with an example of each where values were asked for.
pub(in crate::commands::inspect) fn categories(report: &Report) -> Option<Section> {
    let categories = report
        .categories
        .as_ref()
        .filter(|categories| !categories.list.is_empty())?;
    let largest = categories
        .list
        .iter()
        .filter_map(|category| category.matches)
        .max()
        .unwrap_or(0);
    let examples = categories.list.iter().any(|category| category.example.is_some());
    let mut columns = vec![
        Column::numbers("category"),
        Column::numbers("matches"),
        Column::words(""),
    ];
    if examples {
        columns.push(Column::flexible("for example"));
    }
    let rows = categories.list.iter().map(|category| {
        let value = category.matches.unwrap_or(0);
        let mut row: Vec<Cell> = vec![
            count(category.id).into(),
            count(value).into(),
            Cell::Bar { value, largest },
        ];
        row.extend(category.example.as_ref().map(Cell::from));
        row
    });
    let mut note: Vec<&str> = Vec::new();
    if categories.more {
        note.push("There are more than are read here.");
    }
    if !examples {
        note.push("--values shows an example of each.");
    }
    let table = Table {
        columns,
        rows: rows.collect(),
        shown: Some(SHOWN),
        note: note.join(" "),
        ..Table::default()
    };
    let mut section = Section::new("Categories");
    section.table(table);
    Some(section)
}
