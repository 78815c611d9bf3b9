//! Hashes of names and values in the state.
//!
//! They have a fixed seed and no salt, so values can be found by hashing guesses. See `docs/pseudonymizing.md`.

/// The seed for the first word of a dictionary.
const SEED: u64 = 472_882_027;

/// Returns the hash of one value, as `distinct_count` and `info_content` store it.
pub fn value_hash(value: &str) -> u64 {
    chain(SEED, value)
}

/// Returns the hash that normalizers store: partition field and value, person field and value.
pub fn scope_hash(texts: [&str; 4]) -> u64 {
    texts.into_iter().fold(SEED, chain)
}

/// Continues the [`scope_hash`] of a partition field and value, to hash many persons of one partition.
pub fn scope_hash_of_partition(partition_field: &str, partition_value: &str) -> impl Fn(&str, &str) -> u64 {
    let half = chain(chain(SEED, partition_field), partition_value);
    move |field, value| chain(chain(half, field), value)
}

/// Computes the 64-bit MurmurHash2 for 64-bit machines ("64A"), with the previous hash as its seed.
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
    fn hashes_match_known_values() {
        assert_eq!(scope_hash(["", "", "", ""]), 7_382_284_430_162_962_205);
        assert_eq!(
            scope_hash(["a", "b", "c", "d"]),
            scope_hash_of_partition("a", "b")("c", "d")
        );
    }
}
