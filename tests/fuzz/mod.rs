//! Runs the fuzz targets of `fuzz/run` with their seeds, and with truncated and modified seeds.

#[path = "../../fuzz/checks/archive.rs"]
mod archive;
#[path = "../../fuzz/checks/chunks.rs"]
mod chunks;
#[path = "../../fuzz/checks/entries.rs"]
pub mod entries;
#[path = "../../fuzz/checks/fields.rs"]
mod fields;
#[path = "../../fuzz/checks/pseudonymize.rs"]
pub mod pseudonymize;
#[path = "../../fuzz/checks/texts.rs"]
mod texts;
#[path = "../../fuzz/checks/words.rs"]
mod words;

/// The number of changes to each seed.
const CHANGES: usize = 40;

fn replay(name: &str, check: fn(&[u8])) {
    let folder = format!("{}/fuzz/seeds/{name}", env!("CARGO_MANIFEST_DIR"));
    let mut random = fastrand::Rng::with_seed(1);
    let mut executions = 0;
    for seed in std::fs::read_dir(folder).unwrap() {
        let seed = std::fs::read(seed.unwrap().path()).unwrap();
        check(&seed);
        for _ in 0..CHANGES {
            check(&changed(&seed, &mut random));
        }
        executions += 1 + CHANGES;
    }
    println!("{name}: {executions} executions");
    assert!(executions > CHANGES);
}

/// Returns the seed, truncated and with some bytes changed.
pub fn changed(seed: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut changed = seed[..random.usize(..=seed.len())].to_vec();
    for _ in 0..random.usize(..4) {
        if let Some(byte) = random.choice(&mut changed) {
            *byte = random.u8(..);
        }
    }
    changed
}

#[test]
fn fuzz_archives() {
    replay("archive", archive::check);
}

#[test]
fn fuzz_entry_contents() {
    replay("entries", entries::check);
}

#[test]
fn fuzz_state_documents() {
    replay("chunks", chunks::check);
}

#[test]
fn fuzz_dates_and_ids() {
    replay("words", words::check);
}

#[test]
fn fuzz_decoded_state() {
    replay("texts", texts::check);
}

#[test]
fn fuzz_datafeed_fields() {
    replay("fields", fields::check);
}

#[test]
fn fuzz_pseudonymization() {
    replay("pseudonymize", pseudonymize::check);
}
