//! Documents that come in any order, passed on in the order of their numbers; early ones wait in a file.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::archive::Result;

use super::entry::temporary_failed;

/// The caller bounds the number of documents, and with it the memory. Bytes come with a head (an action line, an id) that waits with them.
#[derive(Debug, Default)]
pub(super) struct Reorder {
    next: u64,
    waiting: BTreeMap<u64, Waiting>,
    file: Option<File>,
    end: u64,
}

#[derive(Debug)]
struct Waiting {
    head: String,
    offset: u64,
    bytes: usize,
}

/// What became of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// Its turn came; so may have others'.
    Passed,
    /// It waits.
    Kept,
    /// One of that number was there before.
    Duplicate,
}

/// Takes the next document in order, with its head.
pub(super) type Pass<'a> = dyn FnMut(&str, Cow<'_, [u8]>) -> Result<()> + 'a;

impl Reorder {
    /// Takes the document of `index` (from 0) and passes on each whose turn it is.
    pub(super) fn push(&mut self, index: u64, head: &str, bytes: Cow<'_, [u8]>, pass: &mut Pass<'_>) -> Result<Taken> {
        if index < self.next || self.waiting.contains_key(&index) {
            return Ok(Taken::Duplicate);
        }
        if index > self.next {
            return self.keep(index, head, &bytes);
        }
        pass(head, bytes)?;
        self.next += 1;
        while let Some(waiting) = self.waiting.remove(&self.next) {
            let bytes = self.fetch(&waiting).map_err(temporary_failed)?;
            pass(&waiting.head, bytes.into())?;
            self.next += 1;
        }
        if self.waiting.is_empty() {
            self.end = 0;
        }
        Ok(Taken::Passed)
    }

    /// The lowest index that did not come, where a higher one did.
    pub(super) fn gap(&self) -> Option<u64> {
        (!self.waiting.is_empty()).then_some(self.next)
    }

    /// How many came, in a row from 0.
    pub(super) fn passed(&self) -> u64 {
        self.next
    }

    fn keep(&mut self, index: u64, head: &str, bytes: &[u8]) -> Result<Taken> {
        self.store(bytes).map_err(temporary_failed)?;
        let waiting = Waiting {
            head: head.to_owned(),
            offset: self.end,
            bytes: bytes.len(),
        };
        self.waiting.insert(index, waiting);
        self.end += bytes.len() as u64;
        Ok(Taken::Kept)
    }

    fn store(&mut self, bytes: &[u8]) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile()?),
        };
        file.seek(SeekFrom::Start(self.end))?;
        file.write_all(bytes)
    }

    fn fetch(&mut self, waiting: &Waiting) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; waiting.bytes];
        if let Some(file) = &mut self.file {
            file.seek(SeekFrom::Start(waiting.offset))?;
            file.read_exact(&mut bytes)?;
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    fn run(order: &[u64]) -> (Vec<String>, Vec<Taken>, Reorder) {
        let (mut reorder, mut passed, mut taken) = (Reorder::default(), Vec::new(), Vec::new());
        for index in order {
            let mut pass = |head: &str, bytes: Cow<'_, [u8]>| {
                assert_eq!(head.as_bytes(), &*bytes);
                passed.push(head.to_owned());
                Ok(())
            };
            let text = index.to_string();
            taken.push(reorder.push(*index, &text, text.as_bytes().into(), &mut pass).unwrap());
        }
        (passed, taken, reorder)
    }

    #[test]
    fn duplicates_and_gaps_are_told() {
        let (passed, taken, reorder) = run(&[0, 2, 2, 0]);
        assert_eq!(passed, ["0"]);
        assert_eq!(taken, [Taken::Passed, Taken::Kept, Taken::Duplicate, Taken::Duplicate]);
        assert_eq!((reorder.gap(), reorder.passed()), (Some(1), 1));
    }

    proptest! {
        #[test]
        fn any_order_comes_out_sorted(order in Just((0..40u64).collect::<Vec<_>>()).prop_shuffle()) {
            let (passed, _, reorder) = run(&order);
            prop_assert_eq!(passed, (0..40).map(|n| n.to_string()).collect::<Vec<_>>());
            prop_assert_eq!(reorder.gap(), None);
        }
    }
}
