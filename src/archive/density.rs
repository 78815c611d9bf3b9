//! How dense an archive is: what a reader inflates from so many bytes, against the ratio that it takes.
//!
//! Content that repeats itself compresses to less than a reader believes. An archive that would come out so has pieces
//! in it that are stored as they are: a two-hundredth of the content is enough.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::limits::{RATIO, RATIO_FROM};

/// From so many decompressed bytes on the ratio is kept: one piece is stored before a reader begins to look.
const KEPT_FROM: u64 = RATIO_FROM / 2;
/// Bytes compressed or stored together.
const PIECE: u64 = 1 << 20;

/// A gzip member being written, with the densest of its beginnings.
pub(super) struct Member<W: Write> {
    gzip: GzEncoder<Counted<W>>,
    inflated: u64,
    lead: i64,
}

/// What was written to an archive so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Density {
    /// Decompressed.
    pub(super) inflated: u64,
    /// In the file.
    pub(super) compressed: u64,
}

struct Counted<W> {
    to: W,
    bytes: u64,
}

/// Decompressed bytes beyond what the ratio allows; negative where there is room.
fn lead(inflated: u64, compressed: u64) -> i64 {
    let allowed = compressed.saturating_mul(RATIO);
    let beyond = i64::try_from(inflated.saturating_sub(allowed)).unwrap_or(i64::MAX);
    let room = i64::try_from(allowed.saturating_sub(inflated)).unwrap_or(i64::MAX);
    beyond - room
}

impl<W: Write> Member<W> {
    pub(super) fn new(to: W, level: Compression) -> Self {
        Self {
            gzip: GzEncoder::new(Counted { to, bytes: 0 }, level),
            inflated: 0,
            lead: i64::MIN,
        }
    }

    /// Compresses more.
    ///
    /// # Errors
    /// The writer's.
    pub(super) fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.inflated += bytes.len() as u64;
        // Whoever reads these bytes has read what was written before them, and maybe nothing else.
        self.lead = self.lead.max(lead(self.inflated, self.gzip.get_ref().bytes));
        self.gzip.write_all(bytes)
    }

    /// Ends it: where it went, and the most that it is ahead of the ratio at any place.
    ///
    /// # Errors
    /// The writer's.
    pub(super) fn finish(self) -> io::Result<(W, i64)> {
        Ok((self.gzip.finish()?.to, self.lead))
    }
}

impl Density {
    /// Whether content of so many bytes that is `ahead` by itself would be denser than a reader takes.
    pub(super) fn forbids(self, bytes: u64, ahead: i64) -> bool {
        self.inflated + bytes > KEPT_FROM && self.lead().saturating_add(ahead) > 0
    }

    fn lead(self) -> i64 {
        lead(self.inflated, self.compressed)
    }

    /// Writes the content of a member anew, in members of a piece each: compressed where the ratio allows it, stored
    /// where it does not.
    ///
    /// # Errors
    /// Reader and writer, told apart.
    pub(super) fn loosen<E>(
        &mut self,
        member: impl Read,
        level: Compression,
        unread: impl Fn(io::Error) -> E,
        mut write: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut content = GzDecoder::new(member);
        let mut piece = Vec::new();
        loop {
            piece.clear();
            content.by_ref().take(PIECE).read_to_end(&mut piece).map_err(&unread)?;
            if piece.is_empty() {
                return Ok(());
            }
            let dense = self.lead().saturating_add(piece.len() as i64) > 0;
            let level = if dense { Compression::none() } else { level };
            let packed = packed(&piece, level).map_err(&unread)?;
            write(&packed)?;
            self.inflated += piece.len() as u64;
            self.compressed += packed.len() as u64;
        }
    }
}

/// A whole member.
///
/// # Errors
/// None that is known: it is in memory.
pub(super) fn packed(content: &[u8], level: Compression) -> io::Result<Vec<u8>> {
    let mut gzip = GzEncoder::new(Vec::new(), level);
    gzip.write_all(content)?;
    gzip.finish()
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.to.write(bytes)?;
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::archive::inflate::{Inflate, Source};

    const MIB: usize = 1 << 20;

    /// What a reader says of it.
    fn read(archive: &[u8]) -> io::Result<u64> {
        io::copy(
            &mut Inflate::new(Source::new(archive, 0, &|_| {}), RATIO),
            &mut io::sink(),
        )
    }

    /// Contents as an archive has them.
    fn written(contents: &[&[u8]]) -> Vec<u8> {
        let (mut archive, mut density) = (Vec::new(), Density::default());
        for content in contents {
            let mut member = Member::new(Vec::new(), Compression::new(6));
            content.chunks(128 << 10).for_each(|piece| member.put(piece).unwrap());
            let (bytes, ahead) = member.finish().unwrap();
            if density.forbids(content.len() as u64, ahead) {
                let mut write = |piece: &[u8]| {
                    archive.extend_from_slice(piece);
                    Ok::<_, io::Error>(())
                };
                density
                    .loosen(&bytes[..], Compression::new(6), |cause| cause, &mut write)
                    .unwrap();
            } else {
                archive.extend_from_slice(&bytes);
                density.inflated += content.len() as u64;
                density.compressed += bytes.len() as u64;
            }
        }
        archive
    }

    #[test]
    fn what_repeats_itself_is_still_read() {
        let spaces = vec![b' '; 80 * MIB];
        assert!(read(&packed(&spaces, Compression::new(6)).unwrap()).is_err());
        let parts: Vec<&[u8]> = spaces.chunks(3 * MIB).collect();
        for contents in [vec![&spaces[..]], parts] {
            let archive = written(&contents);
            assert_eq!(read(&archive).unwrap(), spaces.len() as u64);
            assert!(archive.len() < 2 * MIB, "{} bytes", archive.len());
        }
    }

    #[test]
    fn the_densest_place_decides_and_not_the_whole() {
        let mut noise = vec![0; 2 * MIB];
        fastrand::Rng::with_seed(7).fill(&mut noise);
        let content = [vec![b' '; 70 * MIB], noise].concat();
        assert!(read(&packed(&content, Compression::new(6)).unwrap()).is_err());
        assert_eq!(read(&written(&[&content])).unwrap(), content.len() as u64);
    }

    #[test]
    fn nothing_else_is_written_otherwise() {
        let mut noise = vec![0; MIB];
        fastrand::Rng::with_seed(7).fill(&mut noise);
        let spaces = vec![b' '; 31 * MIB];
        for contents in [[&spaces[..], b"{}"], [&noise[..], &spaces[..]]] {
            let plain: Vec<u8> = contents
                .iter()
                .flat_map(|content| packed(content, Compression::new(6)).unwrap())
                .collect();
            assert_eq!(written(&contents).len(), plain.len());
        }
    }
}
