#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod build;
mod documented;
mod examples;
mod page;
