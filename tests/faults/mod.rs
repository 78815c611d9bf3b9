//! Every request of export and import × everything that can go wrong with it.

mod cell;
mod credentials;
mod data;
mod export;
mod figures;
mod import;
mod interruption;
mod kinds;
mod late;
mod sample;
mod spot;
mod subject;
mod walk;
