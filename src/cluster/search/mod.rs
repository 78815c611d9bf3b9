//! Searches: what is asked for, and how all of it is read in bounded memory.

pub(crate) mod contexts;
pub(crate) mod documents;
pub(crate) mod pages;
mod point_in_time;
pub(crate) mod query;
pub(crate) mod response;
mod time_ranges;
