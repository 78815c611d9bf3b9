//! `esml-state`: parse, run, exit.

fn main() {}
