//! What can be asked: clap types, turned into plain options of the commands.

pub mod dates;
