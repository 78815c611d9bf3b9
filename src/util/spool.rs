//! Files that are read from several positions at the same time, and the detection of repeated keys with a temporary file.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::hash::{BuildHasher, Hash, RandomState};
use std::io::{self, BufReader, Read, Write};
use std::ops::Deref;

/// The number of hashes in memory: 8 MiB.
const HASHES_IN_MEMORY: usize = if cfg!(test) { 1 << 10 } else { 1 << 20 };
/// The size of a sorted run of hashes, in bytes. The last run can be shorter.
const RUN: u64 = 8 * HASHES_IN_MEMORY as u64;
/// The size of the read buffer of each run, in bytes.
const RUN_BUFFER: usize = 4 << 10;

/// A reader with its own position, so that several readers can share a file.
#[derive(Debug)]
pub(crate) struct FileCursor<F> {
    pub(crate) file: F,
    pub(crate) offset: u64,
}

/// Detects whether a key is repeated, in constant memory: keeps hashes of the keys in memory, and writes them to sorted runs
/// in an unlinked temporary file when there are many. Two keys with the same hash count as a repetition; the probability of
/// that is about 1 in 40 for a billion keys.
#[derive(Debug, Default)]
pub(crate) struct Repetitions {
    hasher: RandomState,
    hashes: Vec<u64>,
    file: Option<File>,
    runs: u64,
    found: bool,
}

impl Repetitions {
    pub(crate) fn add(&mut self, key: impl Hash) -> io::Result<()> {
        if self.hashes.len() == HASHES_IN_MEMORY {
            self.spill()?;
        }
        self.hashes.push(self.hasher.hash_one(key));
        Ok(())
    }

    /// Whether a key was added more than once.
    pub(crate) fn any(mut self) -> io::Result<bool> {
        self.sort();
        if self.found || self.file.is_none() {
            return Ok(self.found);
        }
        self.spill()?;
        self.merge()
    }

    fn sort(&mut self) {
        self.hashes.sort_unstable();
        self.found |= self.hashes.windows(2).any(|pair| pair[0] == pair[1]);
    }

    fn spill(&mut self) -> io::Result<()> {
        self.sort();
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        let bytes: Vec<u8> = self.hashes.drain(..).flat_map(u64::to_le_bytes).collect();
        self.runs += 1;
        file.write_all(&bytes)
    }

    /// Whether two runs contain the same hash.
    fn merge(self) -> io::Result<bool> {
        let Some(file) = &self.file else { return Ok(false) };
        let run = |number: u64| {
            let offset = number * RUN;
            BufReader::with_capacity(RUN_BUFFER, FileCursor { file, offset }.take(RUN))
        };
        let mut runs: Vec<_> = (0..self.runs).map(run).collect();
        let mut heads = BinaryHeap::new();
        for (number, run) in runs.iter_mut().enumerate() {
            heads.extend(next_hash(run)?.map(|hash| Reverse((hash, number))));
        }
        let mut last = None;
        while let Some(Reverse((hash, number))) = heads.pop() {
            if last == Some(hash) {
                return Ok(true);
            }
            last = Some(hash);
            heads.extend(next_hash(&mut runs[number])?.map(|hash| Reverse((hash, number))));
        }
        Ok(false)
    }
}

/// The next hash of a run; `None` at the end.
fn next_hash(run: &mut impl Read) -> io::Result<Option<u64>> {
    let mut bytes = [0; 8];
    match run.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(u64::from_le_bytes(bytes))),
        Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(cause) => Err(cause),
    }
}

impl<F: Deref<Target = File>> Read for FileCursor<F> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let n = read_at(&self.file, to, self.offset)?;
        self.offset += n as u64;
        Ok(n)
    }
}

#[cfg(unix)]
fn read_at(file: &File, to: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, to, offset)
}

/// Changes the position of the file itself, which is not used.
#[cfg(windows)]
fn read_at(file: &File, to: &mut [u8], offset: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, to, offset)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn any(keys: impl Iterator<Item = usize>) -> bool {
        let mut repetitions = Repetitions::default();
        for key in keys {
            repetitions.add(("index", key)).unwrap();
        }
        repetitions.any().unwrap()
    }

    #[test]
    fn a_repeated_key_is_found_in_memory_and_across_runs() {
        assert!(!any(std::iter::empty()) && !any(0..1000));
        assert!(any((0..1000).chain([500])));
        let many = 2 * HASHES_IN_MEMORY + 10;
        assert!(!any(0..many));
        for repeated in [0, HASHES_IN_MEMORY + 3, many - 1] {
            assert!(any((0..many).chain([repeated])), "{repeated}");
        }
    }
}
