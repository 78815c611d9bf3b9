//! Whether any key came twice, among any number of keys, in flat memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::hash::{BuildHasher, Hash, RandomState};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

use crate::archive::Result;
use crate::archive::entry::temporary_failed;

/// Hashes held in memory: 8 MiB.
const IN_MEMORY: usize = if cfg!(test) { 1 << 10 } else { 1 << 20 };
/// Bytes read at once of each run.
const BUFFER: usize = 4 << 10;

/// Hashes of keys: in memory, and once there are many in sorted runs in an unlinked temporary file. Two keys of one hash
/// count as a repetition, which among a thousand million keys happens in one of forty runs.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    hasher: RandomState,
    hashes: Vec<u64>,
    file: Option<File>,
    /// Where each run ends, in bytes.
    ends: Vec<u64>,
    repeated: bool,
}

impl Repeats {
    /// Takes a key.
    pub(super) fn add(&mut self, key: impl Hash) -> Result<()> {
        if self.hashes.len() == IN_MEMORY {
            self.spill().map_err(temporary_failed)?;
        }
        self.hashes.push(self.hasher.hash_one(key));
        Ok(())
    }

    /// Whether any key came twice.
    pub(super) fn any(mut self) -> Result<bool> {
        self.sort();
        if self.repeated || self.file.is_none() {
            return Ok(self.repeated);
        }
        self.spill().and_then(|()| self.merge()).map_err(temporary_failed)
    }

    fn sort(&mut self) {
        self.hashes.sort_unstable();
        self.repeated |= self.hashes.windows(2).any(|pair| pair[0] == pair[1]);
    }

    fn spill(&mut self) -> io::Result<()> {
        self.sort();
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        let bytes: Vec<u8> = self.hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        file.write_all(&bytes)?;
        self.ends.push(self.ends.last().unwrap_or(&0) + bytes.len() as u64);
        self.hashes.clear();
        Ok(())
    }

    fn merge(self) -> io::Result<bool> {
        let Some(file) = self.file else { return Ok(false) };
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        let mut runs: Vec<BufReader<Run<'_>>> = begins
            .zip(&self.ends)
            .map(|(begin, end)| {
                let run = Run {
                    file: &file,
                    next: begin,
                    end: *end,
                };
                BufReader::with_capacity(BUFFER, run)
            })
            .collect();
        let mut heads = BinaryHeap::new();
        for (number, run) in runs.iter_mut().enumerate() {
            heads.extend(next(run)?.map(|hash| Reverse((hash, number))));
        }
        let mut last = None;
        while let Some(Reverse((hash, number))) = heads.pop() {
            if last == Some(hash) {
                return Ok(true);
            }
            last = Some(hash);
            heads.extend(next(&mut runs[number])?.map(|hash| Reverse((hash, number))));
        }
        Ok(false)
    }
}

/// A part of the file.
struct Run<'a> {
    file: &'a File,
    next: u64,
    end: u64,
}

impl Read for Run<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.next).unwrap_or(usize::MAX);
        let most = to.len().min(left);
        let mut file = self.file;
        file.seek(SeekFrom::Start(self.next))?;
        let n = file.read(&mut to[..most])?;
        self.next += n as u64;
        Ok(n)
    }
}

/// The next hash of a run; `None` at its end.
fn next(run: &mut impl Read) -> io::Result<Option<u64>> {
    let mut bytes = [0; 8];
    match run.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(u64::from_le_bytes(bytes))),
        Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(cause) => Err(cause),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn any(keys: impl Iterator<Item = usize>) -> bool {
        let mut repeats = Repeats::default();
        for key in keys {
            repeats.add(("index", key)).unwrap();
        }
        repeats.any().unwrap()
    }

    #[test]
    fn a_key_that_comes_twice_is_found_in_memory_and_across_runs() {
        assert!(!any(std::iter::empty()) && !any(0..1000));
        assert!(any((0..1000).chain([500])));
        let many = 2 * IN_MEMORY + 10;
        assert!(!any(0..many));
        for repeated in [0, IN_MEMORY + 3, many - 1] {
            assert!(any((0..many).chain([repeated])), "{repeated}");
        }
    }
}
