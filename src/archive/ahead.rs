//! Inflating on a thread of its own, some blocks ahead of whoever looks at them.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

use super::inflate::{Block, Inflate, Inflated, Source, read_buffered};

/// Blocks that wait to be looked at.
const AHEAD: usize = 3;

/// What the thread says of a block: with how many compressed bytes were read for it.
type Message = (u64, io::Result<Block>);

/// Inflated bytes from another thread.
pub(super) struct Ahead<'a> {
    coming: Receiver<Message>,
    /// Looked-at buffers go back to be filled again.
    done: Sender<Box<[u8]>>,
    progress: &'a dyn Fn(u64),
    block: Block,
    position: usize,
    over: bool,
}

/// Inflates `reader` from its beginning while `work` looks at what was inflated; ends when both did.
///
/// # Errors
/// No thread can be made.
pub(super) fn inflating<T>(
    reader: impl Read + Send,
    ratio: u64,
    progress: &dyn Fn(u64),
    work: impl FnOnce(Ahead<'_>) -> T,
) -> io::Result<T> {
    let (filled, coming) = sync_channel(AHEAD);
    let (done, empty) = channel();
    thread::scope(|scope| {
        thread::Builder::new()
            .name("inflate".to_owned())
            .spawn_scoped(scope, move || fill(reader, ratio, &filled, &empty))?;
        Ok(work(Ahead {
            coming,
            done,
            progress,
            block: Block::default(),
            position: 0,
            over: false,
        }))
    })
}

/// Fills blocks until the end, an error, or nobody wants more.
fn fill(reader: impl Read, ratio: u64, filled: &SyncSender<Message>, empty: &Receiver<Box<[u8]>>) {
    let read = Cell::new(0);
    let count = |bytes| read.set(read.get() + bytes);
    let mut inflate = Inflate::new(Source::new(reader, 0, &count), ratio);
    loop {
        let block = inflate.block(empty.try_recv().unwrap_or_default());
        let last = !matches!(&block, Ok(block) if block.filled > 0);
        if filled.send((read.take(), block)).is_err() || last {
            return;
        }
    }
}

impl Ahead<'_> {
    fn advance(&mut self) -> io::Result<()> {
        let buffer = std::mem::take(&mut self.block).bytes;
        self.position = 0;
        // Nobody takes it where the thread has ended.
        let _ = self.done.send(buffer);
        if self.over {
            return Ok(());
        }
        let (read, block) = self.coming.recv().unwrap_or_else(|_| {
            // It says its end: without that it died.
            (
                0,
                Err(io::Error::other("the thread that inflates stopped before the end")),
            )
        });
        (self.progress)(read);
        self.over = !matches!(&block, Ok(block) if block.filled > 0);
        self.block = block?;
        Ok(())
    }
}

impl Inflated for Ahead<'_> {
    fn member_start(&mut self) -> io::Result<Option<u64>> {
        self.fill_buf()?;
        Ok(if self.position == 0 { self.block.member } else { None })
    }
}

impl BufRead for Ahead<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position == self.block.filled && !self.over {
            self.advance()?;
        }
        Ok(&self.block.bytes[self.position..self.block.filled])
    }

    fn consume(&mut self, n: usize) {
        self.position += n.min(self.block.filled - self.position);
    }
}

impl Read for Ahead<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        read_buffered(self, to)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    /// Compressed members, and their contents one after the other.
    fn members() -> (Vec<u8>, Vec<u8>, Vec<u64>) {
        let (mut compressed, mut plain, mut starts) = (Vec::new(), Vec::new(), Vec::new());
        for number in 1..40_usize {
            let content: Vec<u8> = (0..number * 9_973).map(|n| (n * number % 251) as u8).collect();
            starts.push(compressed.len() as u64);
            let mut gzip = GzEncoder::new(&mut compressed, Compression::fast());
            gzip.write_all(&content).unwrap();
            gzip.finish().unwrap();
            plain.extend(content);
        }
        (compressed, plain, starts)
    }

    #[test]
    fn the_same_bytes_come_with_the_same_members() {
        let (compressed, plain, starts) = members();
        let heard = Cell::new(0);
        let (mut seen, mut found) = (Vec::new(), Vec::new());
        let hear = |bytes| heard.set(heard.get() + bytes);
        inflating(&compressed[..], u64::MAX, &hear, |mut ahead| {
            loop {
                found.extend(ahead.member_start().unwrap());
                let bytes = ahead.fill_buf().unwrap();
                if bytes.is_empty() {
                    break;
                }
                seen.extend_from_slice(bytes);
                let n = bytes.len();
                ahead.consume(n);
            }
        })
        .unwrap();
        assert!(seen == plain);
        assert_eq!(found, starts);
        assert_eq!(heard.get(), compressed.len() as u64);
    }

    #[test]
    fn damage_is_told_after_what_came_before_it_and_once() {
        let (mut compressed, plain, _) = members();
        compressed.truncate(compressed.len() - 5);
        let mut seen = Vec::new();
        inflating(&compressed[..], u64::MAX, &|_| {}, |mut ahead| {
            let error = ahead.read_to_end(&mut seen).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
            assert!(ahead.fill_buf().unwrap().is_empty());
        })
        .unwrap();
        assert!(plain.starts_with(&seen) && seen.len() > plain.len() / 2);
    }

    #[test]
    fn who_stops_early_stops_the_thread() {
        let endless = std::iter::repeat_with(|| members().0)
            .take(3)
            .flatten()
            .collect::<Vec<u8>>();
        let first = inflating(&endless[..], u64::MAX, &|_| {}, |mut ahead| {
            ahead.fill_buf().unwrap()[0]
        });
        assert_eq!(first.unwrap(), 0);
    }
}
