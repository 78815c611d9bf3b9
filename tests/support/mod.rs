//! What the tests stand on.
#![allow(dead_code)]

pub mod archive;
pub mod binary;
pub mod cluster;
pub mod fixtures;
pub mod world;
