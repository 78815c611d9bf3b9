//! Documents of a checked archive, read on a thread of their own and handed over in bounded batches.

mod producer;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::archive::{Archive, Contents, Error, Part, Result};

/// Batches that wait for the consumer.
const QUEUED: usize = 1;

/// One document of a part.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its number in the part, from 0 (annotations and notifications get ids made of it).
    pub line: u64,
    /// `_index` of its action line; none for state, whose index is the reading cluster's business.
    pub index: Option<String>,
    /// `_id` of its action line.
    pub id: Option<String>,
    /// The document.
    pub source: Bytes,
}

impl Document {
    /// The `_id` of a state document, a category or an input document.
    pub fn own_id(&self) -> &str {
        #[allow(clippy::expect_used, reason = "an empty ID would take another document's place")]
        self.id.as_deref().expect("a replay refuses action lines without `_id`")
    }

    /// The `_index` of an input document.
    pub fn source_index(&self) -> &str {
        #[allow(clippy::expect_used, reason = "an empty name would belong to no target index")]
        let index = self
            .index
            .as_deref()
            .expect("a replay refuses input documents without `_index`");
        index
    }
}

/// The documents of a part. Dropped early, it ends the thread.
#[derive(Debug)]
pub struct Replay {
    messages: mpsc::Receiver<Message>,
    archive: Archive,
    over: bool,
}

/// What the thread says; the end is said too, so that a dead thread is not taken for it.
#[derive(Debug)]
enum Message {
    Batch(Vec<Document>),
    /// Nothing, in the queue's only place: what comes next is not read before there is room for it.
    Room,
    Failed(Error),
    End,
}

impl Replay {
    pub(super) fn start(archive: Archive, part: Part, checked: &Contents) -> Self {
        let (sender, messages) = mpsc::channel(QUEUED);
        let producer = producer::Producer::new(archive.clone(), part, checked, sender.clone());
        let thread = std::thread::Builder::new()
            .name("replay".to_owned())
            .spawn(move || producer.run());
        if let Err(cause) = thread {
            // The channel is empty: there is room.
            let _ = sender.try_send(Message::Failed(Error::Io {
                path: archive.path().to_owned(),
                cause,
            }));
        }
        Self {
            messages,
            archive,
            over: false,
        }
    }

    /// The next batch (at most some MiB), `None` at the end; an error where the file is not what was checked.
    ///
    /// # Errors
    /// [`Error::Changed`], or [`Error::Io`] from the file or a temporary one.
    pub async fn next(&mut self) -> Result<Option<Vec<Document>>> {
        if self.over {
            return Ok(None);
        }
        let last = loop {
            match self.messages.recv().await {
                Some(Message::Batch(batch)) => return Ok(Some(batch)),
                Some(Message::Room) => {}
                Some(Message::End) => break Ok(None),
                Some(Message::Failed(error)) => break Err(error),
                None => {
                    break Err(Error::Changed {
                        path: self.archive.path().to_owned(),
                    });
                }
            }
        };
        self.over = true;
        last
    }
}

#[cfg(test)]
mod tests;
