//! Every request of export and import, combined with every kind of fault.

#![allow(clippy::print_stdout, reason = "the figures are printed")]

mod binary_sample;
mod changed;
mod credentials;
mod data;
mod documented_figures;
mod export;
mod fault_kinds;
mod fixture;
mod import;
mod interruption;
mod late_writes;
mod other_users;
mod rejected_documents;
mod request;
pub mod runner;
mod scenario;
mod start;
