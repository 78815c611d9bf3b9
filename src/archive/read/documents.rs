//! Reads the documents of an entry, one per line, and the documents of a part of a checked archive as a stream of
//! batches.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufRead, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::{fmt, mem};

use bytes::Bytes;
use memchr::memchr;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::entries::{Archive, CheckedEntries, TarReader, changed};
use crate::archive::error::{Error, ReadError, Result};
use crate::archive::layout::{EntrySummary, MAX_ACTION, Part, max_document};
use crate::json::{is_plain, without_value};
use crate::util::process::{LARGE_BLOCK, capacity};
use crate::util::spool::FileCursor;

/// The approximate size of a batch in bytes, or its number of documents. A larger document is a separate batch.
const BATCH_BYTES: usize = 1 << 20;
const BATCH_DOCUMENTS: usize = 1000;

/// Reads the documents of entries. The buffers are reused.
#[derive(Debug)]
pub(in crate::archive) struct DocumentReader {
    pub(in crate::archive) part: Part,
    /// The names of the last document.
    pub(in crate::archive) action: Action,
    /// The last document.
    pub(in crate::archive) source: Vec<u8>,
    /// The number of the last line, starting with 1.
    pub(in crate::archive) line: u64,
}

/// The names in an action line. The ID is always present, the index at least for input documents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// `_index`
    #[serde(rename = "_index")]
    pub index: Option<String>,
    /// `_id`
    #[serde(rename = "_id")]
    pub id: Option<String>,
}

impl DocumentReader {
    pub(in crate::archive) fn new(part: Part) -> Self {
        Self {
            part,
            action: Action::default(),
            source: Vec::new(),
            line: 0,
        }
    }

    /// Reads the next document into `action` and `source`; false at the end of the entry.
    pub(in crate::archive) fn next(&mut self, tar: &mut TarReader<'_>) -> Result<bool, ReadError> {
        let has_actions = self.part.has_actions();
        if has_actions {
            if !self.read_line(tar, MAX_ACTION)? {
                return Ok(false);
            }
            let parsed = self.action.parse(&self.source);
            parsed.map_err(|why| ReadError::malformed(format!("not an action line: {why}")))?;
        }
        if !self.read_line(tar, max_document(self.part))? {
            return match has_actions {
                true => Err(ReadError::malformed("an action line without a document")),
                false => Ok(false),
            };
        }
        self.action.require_names(self.part)?;
        Ok(true)
    }

    /// Reads a line and trims it; false at the end.
    fn read_line(&mut self, tar: &mut TarReader<'_>, max: u64) -> Result<bool, ReadError> {
        let (line, large) = (&mut self.source, LARGE_BLOCK);
        line.clear();
        let begun = tar.take((large as u64).min(max + 1)).read_until(b'\n', line)?;
        if begun == 0 {
            return Ok(false);
        }
        if begun == large && line.last() != Some(&b'\n') {
            line.reserve_exact(capacity(begun) - begun);
            tar.take(max + 1 - large as u64).read_until(b'\n', line)?;
        }
        self.line += 1;
        if line.last() != Some(&b'\n') && line.len() as u64 > max {
            return Err(ReadError::malformed(format!("a line of more than {max} bytes")));
        }
        // Whitespace and the carriage return of a CRLF line break are not part of the document.
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        let end = line.iter().rposition(|byte| !blank(byte)).map_or(0, |last| last + 1);
        line.truncate(end);
        if line.first().is_some_and(blank) {
            let begin = line.iter().position(|byte| !blank(byte)).unwrap_or(0);
            line.drain(..begin);
        }
        Ok(true)
    }
}

impl Action {
    /// Returns the `_id` of a state document, a category, a result or an input document.
    #[allow(
        clippy::expect_used,
        reason = "with an empty ID, another document could be overwritten"
    )]
    pub fn own_id(&self) -> &str {
        self.id
            .as_deref()
            .expect("the reader refuses action lines without `_id`")
    }

    /// Returns the `_index` of an input document.
    #[allow(clippy::expect_used, reason = "an empty name would belong to no target index")]
    pub fn source_index(&self) -> &str {
        let index = self.index.as_deref();
        index.expect("the reader refuses input documents without `_index`")
    }

    fn parse(&mut self, line: &[u8]) -> Result<(), String> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Operation<'a> {
            #[serde(borrow)]
            index: &'a RawValue,
        }
        let text = std::str::from_utf8(line).map_err(|cause| cause.to_string())?;
        if self.parse_usual(text).is_some() {
            return Ok(());
        }
        // Serde also accepts an array for a struct.
        let object = |text: &str| text.trim_start().starts_with('{');
        let known = r#"it must have the form `{"index":{"_index":…,"_id":…}}`"#;
        if !object(text) {
            return Err(known.to_owned());
        }
        let operation: Operation<'_> = serde_json::from_str(text).map_err(|cause| without_value(&cause))?;
        if !object(operation.index.get()) {
            return Err(known.to_owned());
        }
        *self = serde_json::from_str(operation.index.get()).map_err(|cause| without_value(&cause))?;
        Ok(())
    }

    /// Parses an action as exports write it, without whitespace or escapes. There is one for every document, and
    /// general JSON parsing takes longer than reading the document.
    fn parse_usual(&mut self, line: &str) -> Option<()> {
        let names = line.strip_prefix(r#"{"index":{""#)?.strip_suffix(r#""}}"#)?;
        let (index, id) = match names.strip_prefix(r#"_index":""#) {
            Some(names) => {
                let (index, id) = names.split_at(memchr(b'"', names.as_bytes())?);
                (Some(index), id.strip_prefix(r#"","_id":""#)?)
            }
            None => (None, names.strip_prefix(r#"_id":""#)?),
        };
        if !index.is_none_or(is_plain) || !is_plain(id) {
            return None;
        }
        match index {
            Some(index) => index.clone_into(self.index.get_or_insert_default()),
            None => self.index = None,
        }
        id.clone_into(self.id.get_or_insert_default());
        Some(())
    }

    fn require_names(&self, part: Part) -> Result<(), ReadError> {
        let missing = |name: &Option<String>| name.as_deref().is_none_or(str::is_empty);
        if part.has_actions() && missing(&self.id) {
            Err(ReadError::malformed("the action line does not have an `_id`"))
        } else if part == Part::Inputs && missing(&self.index) {
            Err(ReadError::malformed("the action line does not have an `_index`"))
        } else {
            Ok(())
        }
    }
}

/// Sorts documents by number, starting with 0. Documents that are early wait in an unlinked temporary file. The caller
/// limits their number, and so the memory use.
#[derive(Debug, Default)]
pub(in crate::archive) struct DocumentOrder {
    /// The number of documents in order so far.
    pub(in crate::archive) next: u64,
    /// By number: the ID, and the offset and length of the document in the file.
    waiting: BTreeMap<u64, (String, u64, usize)>,
    file: Option<File>,
    end: u64,
}

/// The position of a document in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::archive) enum Position {
    /// The document is the next one and counts as passed on.
    Next,
    /// The document is stored until it is the next one.
    Early,
    Duplicate,
}

impl DocumentOrder {
    /// Adds the document with this number.
    pub(in crate::archive) fn take(&mut self, number: u64, id: &str, source: &[u8]) -> Result<Position> {
        if number < self.next || self.waiting.contains_key(&number) {
            return Ok(Position::Duplicate);
        }
        if number == self.next {
            self.next += 1;
            return Ok(Position::Next);
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(tempfile::tempfile().map_err(Error::temporary)?),
        };
        let at_end = file.seek(SeekFrom::Start(self.end));
        at_end.and_then(|_| file.write_all(source)).map_err(Error::temporary)?;
        self.waiting.insert(number, (id.to_owned(), self.end, source.len()));
        self.end += source.len() as u64;
        Ok(Position::Early)
    }

    /// Returns the next document, with its ID, if it is stored.
    pub(in crate::archive) fn next_kept(&mut self) -> Result<Option<(String, Vec<u8>)>> {
        let (Some(file), Some((id, offset, bytes))) = (&self.file, self.waiting.remove(&self.next)) else {
            return Ok(None);
        };
        self.next += 1;
        let mut source = vec![0; bytes];
        let mut cursor = FileCursor { file, offset };
        cursor.read_exact(&mut source).map_err(Error::temporary)?;
        if self.waiting.is_empty() {
            self.end = 0;
        }
        Ok(Some((id, source)))
    }

    /// Returns the lowest missing number, if there is a higher one.
    pub(in crate::archive) fn gap(&self) -> Option<u64> {
        (!self.waiting.is_empty()).then_some(self.next)
    }
}

/// A document of a part.
#[derive(Clone, Debug)]
pub struct Document {
    /// The number in the part, starting with 0. The IDs of annotations and notifications are derived from it.
    pub line: u64,
    /// The names in its action line.
    pub action: Action,
    /// The document.
    pub source: Bytes,
}

/// Builds batches of documents on the thread that reads them.
pub trait BatchBuilder: Send + 'static {
    /// A batch.
    type Batch: fmt::Debug + Send + 'static;

    /// Adds the document with this number in its part, starting with 0; it is one line. Returns a batch that is complete.
    fn add(&mut self, line: u64, action: &Action, source: &mut Vec<u8>) -> Option<Self::Batch>;

    /// Returns the rest.
    fn finish(&mut self) -> Option<Self::Batch>;
}

/// Batches of about [`BATCH_BYTES`] or [`BATCH_DOCUMENTS`].
#[derive(Debug, Default)]
pub(in crate::archive) struct Documents {
    batch: Vec<Document>,
    bytes: usize,
}

impl BatchBuilder for Documents {
    type Batch = Vec<Document>;

    fn add(&mut self, line: u64, action: &Action, source: &mut Vec<u8>) -> Option<Vec<Document>> {
        self.bytes += source.len();
        let action = action.clone();
        // A large document is not copied.
        let source = match source.len() < BATCH_BYTES {
            true => Bytes::copy_from_slice(source),
            false => mem::take(source).into(),
        };
        self.batch.push(Document { line, action, source });
        let is_full = self.batch.len() == BATCH_DOCUMENTS || self.bytes >= BATCH_BYTES;
        is_full.then(|| mem::take(self).batch)
    }

    fn finish(&mut self) -> Option<Vec<Document>> {
        Some(mem::take(&mut self.batch)).filter(|batch| !batch.is_empty())
    }
}

/// The documents of a part, read again on a separate thread, state in numeric order. Every entry is hashed again and
/// must match the check. If the stream is dropped early, the thread ends.
#[derive(Debug)]
pub struct DocumentStream<B = Vec<Document>> {
    batches: mpsc::Receiver<B>,
    reader: Option<JoinHandle<Result<(), ReadError>>>,
    path: Arc<Path>,
}

impl<B: fmt::Debug + Send + 'static> DocumentStream<B> {
    /// `numbers` are the numbers of the state documents by ID, starting with 0.
    pub(in crate::archive) fn start(
        (archive, entries): (Archive, Vec<EntrySummary>),
        part: Part,
        numbers: HashMap<String, u64>,
        builder: impl BatchBuilder<Batch = B>,
    ) -> Self {
        // The next batch is read while one is processed. The queue has a capacity of one batch and is filled when it is
        // empty.
        let (sender, batches) = mpsc::channel(1);
        let path = Arc::clone(&archive.path);
        let reader = PartReader {
            entries: CheckedEntries::new(archive, entries),
            part,
            documents: DocumentReader::new(part),
            is_open: false,
            numbers,
            order: DocumentOrder::default(),
        };
        Self {
            batches,
            reader: Some(tokio::task::spawn_blocking(move || reader.send(&sender, builder))),
            path,
        }
    }

    /// Returns the next batch (at most a few MiB); `None` at the end.
    ///
    /// # Errors
    /// [`Error::Changed`] if the file differs from what was checked, or [`Error::File`] from the file or a temporary
    /// file.
    pub async fn next(&mut self) -> Result<Option<B>> {
        if let Some(batch) = self.batches.recv().await {
            return Ok(Some(batch));
        }
        let Some(reader) = self.reader.take() else {
            return Ok(None);
        };
        let ended = reader.await.map_err(|cause| Error::read(&self.path, cause.into()))?;
        ended.map(|()| None).map_err(|error| error.since_checked(&self.path))
    }
}

/// Reads the entries of one part.
struct PartReader {
    entries: CheckedEntries,
    part: Part,
    documents: DocumentReader,
    /// Whether an entry is opened and not at its end.
    is_open: bool,
    numbers: HashMap<String, u64>,
    order: DocumentOrder,
}

impl PartReader {
    /// Ends early if the receiver was dropped.
    fn send<T: BatchBuilder>(mut self, sender: &mpsc::Sender<T::Batch>, mut builder: T) -> Result<(), ReadError> {
        let mut line = 0;
        while let Ok(place) = Handle::current().block_on(sender.reserve()) {
            let batch = loop {
                // A builder may need no document of the rest.
                if sender.is_closed() {
                    return Ok(());
                }
                if !self.read_next()? {
                    break builder.finish();
                }
                let DocumentReader { action, source, .. } = &mut self.documents;
                let batch = builder.add(line, action, source);
                line += 1;
                if source.capacity() > BATCH_BYTES {
                    *source = Vec::new();
                }
                if batch.is_some() {
                    break batch;
                }
            };
            match batch {
                Some(batch) => place.send(batch),
                None => break,
            }
        }
        Ok(())
    }

    /// Reads the next document in order into `documents`; false at the end.
    fn read_next(&mut self) -> Result<bool, ReadError> {
        loop {
            if let Some((id, source)) = self.order.next_kept()? {
                (self.documents.action.id, self.documents.source) = (Some(id), source);
                return Ok(true);
            }
            if !self.is_open {
                if self.entries.open(|kind| kind.part() == Some(self.part))?.is_none() {
                    return self.order.gap().map_or(Ok(false), |_| Err(changed()));
                }
                self.is_open = true;
            }
            if !self.documents.next(&mut self.entries.tar)? {
                self.is_open = false;
                self.entries.close()?;
                continue;
            }
            let DocumentReader { action, source, .. } = &self.documents;
            if let (Part::State, Some(id)) = (self.part, &action.id) {
                let number = *self.numbers.get(id).ok_or_else(changed)?;
                match self.order.take(number, id, source)? {
                    Position::Next => {}
                    Position::Early => continue,
                    Position::Duplicate => return Err(changed()),
                }
            }
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn action_lines_of_another_form_are_refused() {
        let parse = |line: &str| {
            let (index, id) = (None, Some("of the previous line".to_owned()));
            let mut action = Action { index, id };
            action.parse(line.as_bytes()).map(|()| action)
        };
        for known in [
            r#"{"index":{"_index":"a","_id":"b\u0022"}}"#,
            r#" {"index": {"_index": "a", "_id": "b\""}}"#,
        ] {
            let action = parse(known).unwrap();
            let named = |text: &str| Some(text.to_owned());
            assert_eq!((action.index, action.id), (named("a"), named("b\"")), "{known}");
        }
        let usual = r#"{"index":{"_index":"a","_id":"b"}}"#;
        assert_eq!(parse(usual), parse(r#"{"index":{"_index":"a", "_id":"b"}}"#));
        for bad in [
            "",
            "1",
            "{}",
            r#"[{"_id":"b"}]"#,
            r#"{"index":["a","b"]}"#,
            r#"{"delete":{"_id":"b"}}"#,
            r#"{"index":{"_id":"b","pipeline":"x"}}"#,
            r#"{"index":{"_id":"b"},"delete":{"_id":"b"}}"#,
            r#"{"index":{"_id":"b"}} {}"#,
            "{\"index\":{\"_index\":\"a\",\"_id\":\"b\tc\"}}",
            r#"{"index":{"_index":"a","_id":"b","_id":"c"}}"#,
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    /// Passes documents on in the order of their numbers.
    fn run(order: &[u64]) -> (Vec<String>, Vec<Position>, DocumentOrder) {
        let (mut documents, mut passed, mut positions) = (DocumentOrder::default(), Vec::new(), Vec::new());
        for number in order {
            let text = number.to_string();
            let position = documents.take(*number, &text, text.as_bytes()).unwrap();
            if position == Position::Next {
                passed.push(text);
            }
            positions.push(position);
            while let Some((id, source)) = documents.next_kept().unwrap() {
                assert_eq!(id.as_bytes(), source);
                passed.push(id);
            }
        }
        (passed, positions, documents)
    }

    #[test]
    fn duplicate_and_missing_state_documents_are_detected() {
        let (passed, positions, documents) = run(&[0, 2, 2, 0]);
        assert_eq!(passed, ["0"]);
        let duplicate = Position::Duplicate;
        assert_eq!(positions, [Position::Next, Position::Early, duplicate, duplicate]);
        assert_eq!((documents.gap(), documents.next), (Some(1), 1));
    }

    proptest! {
        #[test]
        fn state_documents_are_sorted(order in Just((0..40u64).collect::<Vec<_>>()).prop_shuffle()) {
            let (passed, _, documents) = run(&order);
            prop_assert_eq!(passed, (0..40).map(|n| n.to_string()).collect::<Vec<_>>());
            prop_assert_eq!(documents.gap(), None);
        }
    }
}
