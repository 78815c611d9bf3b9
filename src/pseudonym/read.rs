//! The documents of the archive, one after the other.

use std::io::{self, Write};

use super::rewrite::Rewriter;
use crate::archive::{CheckedArchive, Contents, Document, Limits, Part, Progress};
use crate::job::{JobConfig, JobId, SnapshotId};
use crate::pseudonym::error::{Error, Result};
use crate::state::schema::{StateRewriter, StateStream};
use crate::state::{self, ChunkDecoder, StateDocId, StateKind, StateLimits};
use crate::util::cancellation::{self, Cancellable};

/// A checked archive.
pub(crate) struct SourceArchive<'a> {
    pub(crate) archive: &'a CheckedArchive,
    pub(crate) contents: &'a Contents,
    pub(crate) config: &'a JobConfig,
    pub(crate) limits: Limits,
}

/// Parts whose documents stand alone.
pub(crate) const DOCUMENTS: [Part; 4] = [Part::Annotations, Part::Notifications, Part::Categories, Part::Inputs];

impl SourceArchive<'_> {
    /// The job.
    pub(crate) fn job(&self) -> &JobId {
        self.config.id()
    }

    /// The snapshot.
    pub(crate) fn snapshot(&self) -> &SnapshotId {
        &self.archive.snapshot.snapshot_id
    }

    /// All documents together.
    pub(crate) fn documents(&self) -> u64 {
        self.contents.documents.values().sum()
    }

    /// Bounds on a decoded state.
    pub(crate) fn state_limits(&self) -> StateLimits {
        StateLimits {
            decoded: self.limits.state,
        }
    }

    /// Notes every value; nothing is written.
    pub(crate) async fn read_values(&self, mut rewriter: Rewriter, progress: Progress<'_>) -> Result<Rewriter> {
        rewriter.configuration(self.config)?;
        let contents = self.contents;
        rewriter.snapshot(&self.archive.snapshot_document, None, self.state_limits())?;
        if let Some(mapping) = &contents.input_mapping {
            rewriter.mapping(mapping)?;
        }
        if let Some(filters) = &contents.filters {
            rewriter.filters(filters, self.config)?;
        }
        if let Some(calendars) = &contents.calendars {
            rewriter.calendars(calendars, self.config).map_err(Error::of_edit)?;
        }
        if let Some(manifest) = &contents.manifest {
            rewriter.manifest(&mut manifest.clone())?;
        }
        rewriter = self.state(rewriter, progress, |_| io::sink(), |_, _| Ok(())).await?;
        for part in DOCUMENTS {
            self.for_each_document(part, progress, &mut |document| {
                rewriter.document(part, &document.source).map(|_| ())
            })
            .await?;
        }
        Ok(rewriter)
    }

    /// Gives each document of a part away.
    pub(crate) async fn for_each_document(
        &self,
        part: Part,
        progress: Progress<'_>,
        take: &mut dyn FnMut(&Document) -> Result<()>,
    ) -> Result<()> {
        let mut stream = self.archive.documents(part);
        while let Some(batch) = stream.next().await? {
            cancellation::check()?;
            tokio::task::block_in_place(|| batch.iter().try_for_each(&mut *take))?;
            progress(batch.len() as u64);
        }
        Ok(())
    }

    /// Walks the state; what it becomes goes to what `open` gives, and is closed when its kind has ended.
    pub(crate) async fn state<W: Write>(
        &self,
        rewriter: Rewriter,
        progress: Progress<'_>,
        mut open: impl FnMut(StateKind) -> W,
        mut close: impl FnMut(StateKind, W) -> Result<()>,
    ) -> Result<Rewriter> {
        let mut walk = StateWalk::Between(Some(Box::new(rewriter)));
        let snapshot = self.snapshot();
        self.for_each_document(Part::State, progress, &mut |document| {
            let id = document.own_id();
            let Some(StateDocId { kind, .. }) = StateDocId::parse(id, self.job(), snapshot) else {
                return Err(state::Error::foreign(id).into());
            };
            walk.enter(kind, self.state_limits(), &mut open, &mut close)?;
            walk.document(id, &document.source)
        })
        .await?;
        walk.leave(&mut close)?;
        match walk {
            StateWalk::Between(Some(rewriter)) => Ok(*rewriter),
            _ => Err(Error::UnknownValue),
        }
    }
}

/// Where in the state the walk is.
enum StateWalk<W: Write> {
    Between(Option<Box<Rewriter>>),
    Inside(StateKind, Box<ChunkDecoder<Cancellable<StateRewriter<Rewriter, W>>>>),
}

impl<W: Write> StateWalk<W> {
    fn enter(
        &mut self,
        kind: StateKind,
        limits: StateLimits,
        open: &mut impl FnMut(StateKind) -> W,
        close: &mut impl FnMut(StateKind, W) -> Result<()>,
    ) -> Result<()> {
        if matches!(self, Self::Inside(inside, _) if *inside == kind) {
            return Ok(());
        }
        self.leave(close)?;
        if let Self::Between(rewriter) = self
            && let Some(rewriter) = rewriter.take()
        {
            let stream = match kind {
                StateKind::Model => StateStream::Model,
                StateKind::Categorizer => StateStream::Categorizer,
            };
            let texts = StateRewriter::new(stream, *rewriter, open(kind));
            *self = Self::Inside(kind, Box::new(ChunkDecoder::new(Cancellable(texts), limits)));
        }
        Ok(())
    }

    fn document(&mut self, id: &str, source: &[u8]) -> Result<()> {
        match self {
            Self::Inside(_, decoder) => Ok(decoder.document(id, source).map(|_| ())?),
            Self::Between(_) => Ok(()),
        }
    }

    fn leave(&mut self, close: &mut impl FnMut(StateKind, W) -> Result<()>) -> Result<()> {
        match std::mem::replace(self, Self::Between(None)) {
            Self::Between(rewriter) => *self = Self::Between(rewriter),
            Self::Inside(kind, decoder) => {
                let (_, Cancellable(texts)) = decoder.finish()?;
                let (rewriter, out) = texts.finish().map_err(|cause| state::Cause::from(cause).of("state"))?;
                close(kind, out)?;
                *self = Self::Between(Some(Box::new(rewriter)));
            }
        }
        Ok(())
    }
}

impl Rewriter {
    /// A document of a part that is no state.
    pub(crate) fn document(&mut self, part: Part, source: &[u8]) -> Result<Vec<u8>> {
        let written = match part {
            Part::Annotations => self.annotation(source),
            Part::Notifications => self.notification(source),
            Part::Categories => self.category(source),
            Part::Inputs => self.input(source),
            Part::State => Ok(Vec::new()),
        };
        written.map_err(Error::of_edit)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use super::super::fields::Fields;
    use super::*;
    use crate::archive::Archive;
    use crate::pseudonym::tokens::{KeyFile, TokenMap};
    use crate::util::cancellation::cancellable;

    /// Counts what is written, and requests cancellation with the first bytes.
    struct Signaling {
        cancelled: Option<Arc<AtomicBool>>,
        written: Arc<AtomicU64>,
    }

    impl Write for Signaling {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if let Some(cancelled) = &self.cancelled {
                cancelled.store(true, Ordering::Relaxed);
            }
            self.written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Bytes of the state that are written although cancellation is requested with the first of them, and how the walk ends.
    async fn written(interrupted: bool) -> (u64, Result<()>) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/from-python/complete.tar.gz");
        let limits = Limits::default();
        let archive = Archive::open(&path).unwrap();
        let archive = archive.require_importable(limits, &mut (), &|_| {}).unwrap();
        let config = &archive.config;
        let source = SourceArchive {
            archive: &archive,
            contents: &archive.contents,
            config,
            limits,
        };
        let fields = Fields::of(&archive.contents, config, config, None).unwrap();
        let rewriter = Rewriter::new(TokenMap::new(KeyFile::new().unwrap()), fields, false);
        let cancelled = Arc::new(AtomicBool::new(false));
        let counted = Arc::new(AtomicU64::new(0));
        let open = |_| Signaling {
            cancelled: interrupted.then(|| Arc::clone(&cancelled)),
            written: Arc::clone(&counted),
        };
        let walk = async { source.state(rewriter, &|_| {}, open, |_, _| Ok(())).await.map(|_| ()) };
        let is_cancelled = Arc::clone(&cancelled);
        let outcome = cancellable(move || is_cancelled.load(Ordering::Relaxed), walk).await;
        (counted.load(Ordering::Relaxed), outcome)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn cancellation_ends_the_walk_within_a_document() {
        let (whole, outcome) = written(false).await;
        outcome.unwrap();
        let (part, outcome) = written(true).await;
        assert!(outcome.is_err());
        assert!(
            part > 0 && part < 128 << 10 && part * 8 < whole,
            "{part} of {whole} bytes"
        );
    }
}
