//! The parts of the way that compute, each alone. `cargo bench --bench parts -- --help` says what can be chosen.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, unreachable_pub)]

mod work;

use std::sync::LazyLock;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use work::{DOCUMENTS, Material};

static MATERIAL: LazyLock<Material> = LazyLock::new(Material::load);

fn main() {
    divan::main();
}

/// Documents cut from the answer to a search.
#[divan::bench]
fn page_splitting(bencher: Bencher<'_, '_>) {
    bencher
        .counter(BytesCount::new(MATERIAL.page_bytes()))
        .counter(ItemsCount::new(DOCUMENTS))
        .bench(|| MATERIAL.cut());
}

/// Inputs to an entry of the archive, hashed and compressed.
#[divan::bench(args = [0, 1, 5, 6, 9])]
fn compression(bencher: Bencher<'_, '_>, level: u32) {
    bencher
        .counter(BytesCount::new(MATERIAL.compress(0)))
        .counter(ItemsCount::new(DOCUMENTS))
        .bench(|| MATERIAL.compress(level));
}

/// State documents to decoded state; bytes are those of the documents.
#[divan::bench]
fn chunk_decoding(bencher: Bencher<'_, '_>) {
    bencher
        .counter(BytesCount::new(MATERIAL.state_bytes()))
        .bench(|| MATERIAL.decode());
}

/// Every rule applied to a whole archive; bytes are those of its content.
#[divan::bench]
fn checking(bencher: Bencher<'_, '_>) {
    bencher
        .counter(BytesCount::new(MATERIAL.archive_bytes()))
        .bench(|| MATERIAL.check());
}
