#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod build;
pub(super) mod documented;
pub(super) mod examples;
mod page;
