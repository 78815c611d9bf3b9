//! `--list` and `--show`: the entries as they are.

mod list;
mod show;

pub(super) use list::list;
pub(super) use show::show;
