//! Where ids go: the cluster's own hash, so that shards and slices split as they do there.

use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// The shard of an id in an index of that many shards.
pub(super) fn shard(id: &str, shards: usize) -> usize {
    if shards <= 1 {
        return 0;
    }
    let bytes: Vec<u8> = id.encode_utf16().flat_map(u16::to_le_bytes).collect();
    // The cluster spreads over a multiple of the shards, at most 1024, so that an index can be split later.
    let mut routing = shards;
    while routing * 2 <= 1024 {
        routing *= 2;
    }
    murmur3(&bytes, 0).rem_euclid(routing as i32) as usize / (routing / shards)
}

/// Whether a slice of a scroll has an id.
pub(super) fn in_slice(id: &str, slice: usize, max: usize) -> bool {
    murmur3(&stored(id), 7919).rem_euclid(max as i32) as usize == slice
}

/// An id as the index stores it: digits packed, base64 decoded, or UTF-8.
fn stored(id: &str) -> Vec<u8> {
    if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) {
        let mut bytes = vec![0xfe];
        for pair in id.as_bytes().chunks(2) {
            let high = (pair[0] - b'0') << 4;
            bytes.push(high | pair.get(1).map_or(0x0f, |low| low - b'0'));
        }
        return bytes;
    }
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireNone);
    let decoded = GeneralPurpose::new(&URL_SAFE, config).decode(id).ok();
    match decoded {
        Some(bytes) if !bytes.is_empty() => {
            if bytes[0] >= 0xfd {
                [&[0xfd], bytes.as_slice()].concat()
            } else {
                bytes
            }
        }
        _ => [&[0xff], id.as_bytes()].concat(),
    }
}

fn murmur3(data: &[u8], seed: u32) -> i32 {
    let mix = |k: u32| k.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let mut hash = seed;
    let mut chunks = data.chunks_exact(4);
    for chunk in &mut chunks {
        let word = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
        hash = (hash ^ mix(word))
            .rotate_left(13)
            .wrapping_mul(5)
            .wrapping_add(0xe654_6b64);
    }
    let tail = chunks
        .remainder()
        .iter()
        .rev()
        .fold(0u32, |word, byte| (word << 8) | u32::from(*byte));
    if !chunks.remainder().is_empty() {
        hash ^= mix(tail);
    }
    hash ^= data.len() as u32;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    (hash ^ (hash >> 16)) as i32
}
