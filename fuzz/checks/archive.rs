//! Reads any file as an archive.

use esml_state::archive::{Entries, Limits, check as read};

const LIMITS: Limits = Limits {
    entry: 1 << 20,
    total: 8 << 20,
    state: 1 << 20,
};

/// Reads the archive in every way.
pub fn check(data: &[u8]) {
    let contents = read(data, LIMITS, &mut (), &|_| {}).expect("damage is a finding");
    assert!(!contents.importable() || contents.job_id().is_some());
    for name in ["a_config.json", ""] {
        let _ = Entries::of(data).show(name, &mut std::io::sink());
    }
}
