//! Hashes of names and values in the state, and of values in the IDs of results.
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

/// The members of a result whose values are hashed for its ID, in this order.
pub const VALUES_IN_ID: [&str; 4] = [
    "by_field_value",
    "over_field_value",
    "partition_field_value",
    "influencer_field_value",
];

/// Returns the end of a result's ID, as Elasticsearch computes it: the hash of its values, which are concatenated, and
/// their length.
pub fn values_id(values: &str) -> String {
    let length = values.encode_utf16().count();
    format!("{}_{length}", hash_128(values.as_bytes()).cast_signed())
}

/// Computes the 128-bit MurmurHash3 for 64-bit machines, with seed 0.
fn hash_128(bytes: &[u8]) -> u128 {
    const C1: u64 = 0x87c3_7b91_1142_53d5;
    const C2: u64 = 0x4cf5_ad43_2745_937f;
    let first = |k: u64| k.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2);
    let second = |k: u64| k.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1);
    let halves = |block: u128| (block as u64, (block >> 64) as u64);
    let (mut one, mut two) = (0_u64, 0_u64);
    let (blocks, tail) = bytes.as_chunks::<16>();
    for block in blocks {
        let (low, high) = halves(u128::from_le_bytes(*block));
        one = (one ^ first(low)).rotate_left(27).wrapping_add(two);
        one = one.wrapping_mul(5).wrapping_add(0x52dc_e729);
        two = (two ^ second(high)).rotate_left(31).wrapping_add(one);
        two = two.wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    let mut last = [0; 16];
    last[..tail.len()].copy_from_slice(tail);
    let (low, high) = halves(u128::from_le_bytes(last));
    let length = bytes.len() as u64;
    one ^= first(low) ^ length;
    two ^= second(high) ^ length;
    one = one.wrapping_add(two);
    two = two.wrapping_add(one);
    let mix = |k: u64| {
        let k = (k ^ (k >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        let k = (k ^ (k >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        k ^ (k >> 33)
    };
    let (one, two) = (mix(one), mix(two));
    let one = one.wrapping_add(two);
    u128::from(one) << 64 | u128::from(two.wrapping_add(one))
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

    /// The values are those of the reference implementation.
    #[test]
    fn ids_of_results_match_known_values() {
        assert_eq!(hash_128(b"hello"), 0xcbd8_a7b3_41bd_9b02_5b1e_906a_48ae_1d19);
        let text = b"The quick brown fox jumps over the lazy dog";
        assert_eq!(hash_128(text), 0xe34b_bc7b_bc07_1b6c_7a43_3ca9_c49a_9347);
        assert_eq!(values_id(""), "0_0");
        assert_eq!(values_id("hello"), "-69324146290566373985303187135944319719_5");
        assert!(values_id("\u{1f600}").ends_with("_2"));
    }
}
