//! Every request of export, import and copy, combined with every kind of fault.

#![allow(clippy::print_stdout, reason = "the figures are printed")]

mod backup;
mod binary_sample;
mod changed;
mod close_job;
mod copy;
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
