//! The hashes that stand in the state for names and values.
//!
//! They have a fixed seed and no salt: whoever has a list of guesses finds the values in it. See
//! `docs/pseudonymizing.md`.

/// Seed of a dictionary's first word.
const SEED: u64 = 472_882_027;

/// The hash of one value, as `distinct_count` and `info_content` keep it.
pub fn value_hash(value: &str) -> u64 {
    chain(SEED, value)
}

/// The hash of four texts, as normalisers keep it: partition field and value, person field and value.
pub fn scope_hash(texts: [&str; 4]) -> u64 {
    texts.into_iter().fold(SEED, chain)
}

/// Continues a [`scope_hash`] that two texts have begun: many persons of one partition.
pub fn scope_hash_of_partition(partition_field: &str, partition_value: &str) -> impl Fn(&str, &str) -> u64 {
    let half = chain(chain(SEED, partition_field), partition_value);
    move |field, value| chain(chain(half, field), value)
}

/// 64-bit MurmurHash2 for 64-bit machines ("64A"), the seed being what came before.
fn chain(seed: u64, text: &str) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    let bytes = text.as_bytes();
    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(M);
    let (blocks, tail) = bytes.as_chunks::<8>();
    for block in blocks {
        let mut k = u64::from_le_bytes(*block).wrapping_mul(M);
        k ^= k >> 47;
        hash = (hash ^ k.wrapping_mul(M)).wrapping_mul(M);
    }
    if !tail.is_empty() {
        let mut last = [0; 8];
        last[..tail.len()].copy_from_slice(tail);
        hash = (hash ^ u64::from_le_bytes(last)).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 47)).wrapping_mul(M);
    hash ^ (hash >> 47)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_hashes() {
        assert_eq!(scope_hash(["", "", "", ""]), 7_382_284_430_162_962_205);
        assert_eq!(
            scope_hash(["a", "b", "c", "d"]),
            scope_hash_of_partition("a", "b")("c", "d")
        );
    }
}
