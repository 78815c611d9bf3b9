#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod build;
mod documented;
pub(super) mod examples;
mod page;
