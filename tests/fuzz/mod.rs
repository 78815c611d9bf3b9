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
fn any_file_is_read_or_refused_as_an_archive() {
    replay("archive", archive::check);
}

#[test]
fn any_entry_content_is_read_or_refused() {
    replay("entries", entries::check);
}

#[test]
fn any_state_document_is_decoded_or_refused() {
    replay("chunks", chunks::check);
}

#[test]
fn any_word_is_parsed_or_refused() {
    replay("words", words::check);
}

#[test]
fn any_decoded_state_is_rewritten_or_refused() {
    replay("texts", texts::check);
}

#[test]
fn fields_of_any_datafeed_are_found() {
    replay("fields", fields::check);
}

#[test]
fn any_archive_is_pseudonymized_or_refused() {
    replay("pseudonymize", pseudonymize::check);
}
