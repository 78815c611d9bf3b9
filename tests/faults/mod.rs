//! Every request of export and import × everything that can go wrong with it.

#![allow(clippy::print_stdout, reason = "the figures are printed")]

mod cell;
mod changed;
mod credentials;
mod data;
mod export;
mod figures;
mod import;
mod interruption;
mod items;
mod kinds;
mod late;
mod others;
mod sample;
mod spot;
mod subject;
pub mod walk;
