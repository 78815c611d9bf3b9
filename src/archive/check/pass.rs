//! The pass itself: entry after entry, each read once.

mod documents;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, Read};

use tar::EntryType;

use crate::archive::ahead::inflating;
use crate::archive::fault::Fault;
use crate::archive::inflate::Inflated;
use crate::archive::limits::largest_text;
use crate::archive::tarball::{TarEntry, Tarball};
use crate::archive::{Contents, DocumentVisitor, EntryKind, EntrySummary, Error, Limits, MAX_ENTRIES, Result};

use super::Checked;
use super::findings::Findings;
use super::judge;
use super::path::{LONGEST_PATH, is_tame};
use super::repeats::Repeats;
use super::small;
use super::state::StateCheck;

/// Bytes of all their paths together.
const LONGEST_PATHS: usize = 16 << 20;

/// Why a pass ended before the archive did, damage excepted.
pub(super) enum Stop {
    Reader(io::Error),
    Temporary(Error),
}

/// A pass under way.
pub(super) struct Pass<'v> {
    limits: Limits,
    visitor: &'v mut dyn DocumentVisitor,
    starts: Vec<Option<u64>>,
    pub(super) contents: Contents,
    pub(super) findings: Findings,
    pub(super) seen: BTreeSet<EntryKind>,
    paths: BTreeSet<String>,
    /// Bytes of the paths seen.
    path_bytes: usize,
    pub(super) state: StateCheck,
    /// Source indices and IDs of inputs.
    inputs: Repeats,
    /// Numbers of categories.
    categories: Repeats,
    /// Job ids that documents carry, with the first place of each.
    pub(super) owners: BTreeMap<String, String>,
    /// The archive could not be read to its end: what was not seen may well be there.
    pub(super) cut: bool,
}

enum Trouble {
    Fault(Fault),
    Temporary(Error),
}

impl<E: Into<Fault>> From<E> for Trouble {
    fn from(fault: E) -> Self {
        Self::Fault(fault.into())
    }
}

impl<'v> Pass<'v> {
    pub(super) fn new(limits: Limits, visitor: &'v mut dyn DocumentVisitor) -> Self {
        let state = StateCheck::new(limits.state, &mut |kind| visitor.decoded(kind));
        Self {
            limits,
            visitor,
            starts: Vec::new(),
            contents: Contents::default(),
            findings: Findings::default(),
            seen: BTreeSet::new(),
            paths: BTreeSet::new(),
            path_bytes: 0,
            state,
            inputs: Repeats::default(),
            categories: Repeats::default(),
            owners: BTreeMap::new(),
            cut: false,
        }
    }

    /// Reads to the end, or to the damage that makes going on impossible.
    pub(super) fn run(&mut self, reader: impl Read + Send, progress: &dyn Fn(u64)) -> std::result::Result<(), Stop> {
        let ratio = self.limits.ratio;
        let ended = inflating(reader, ratio, progress, |inflated| self.entries(Tarball::new(inflated)));
        ended.unwrap_or_else(|cause| Err(Stop::Reader(cause)))
    }

    fn entries<I: Inflated>(&mut self, mut tar: Tarball<I>) -> std::result::Result<(), Stop> {
        loop {
            let mut place = String::new();
            let step = match tar.next() {
                Ok(None) => return Ok(()),
                Ok(Some(entry)) => {
                    place.clone_from(&entry.path);
                    self.entry(&mut tar, entry)
                }
                Err(fault) => Err(fault.into()),
            };
            match step {
                Ok(true) => {}
                Ok(false) => break,
                Err(Trouble::Temporary(error)) => return Err(Stop::Temporary(error)),
                Err(Trouble::Fault(Fault::Reader(cause))) => return Err(Stop::Reader(cause)),
                Err(Trouble::Fault(Fault::Damage(why))) => {
                    if place.is_empty() {
                        place = self
                            .contents
                            .entries
                            .last()
                            .map_or_else(String::new, |last| format!("after {}", last.name));
                    }
                    self.findings.fatal(&place, why);
                    break;
                }
            }
        }
        self.cut = true;
        Ok(())
    }

    /// What was found, judged as a whole.
    pub(super) fn finish(mut self) -> Result<Checked> {
        judge::job(&mut self);
        self.contents.repeated_inputs = std::mem::take(&mut self.inputs).any()?;
        if std::mem::take(&mut self.categories).any()? {
            let place = judge::place_of(&self.contents, EntryKind::Categories);
            self.findings.fatal(&place, "two categories have the same ID");
        }
        let place = self.state_place();
        self.contents.state = self.state.finish(&place, &mut self.findings);
        judge::counts(&self.contents, self.cut, &mut self.findings);
        self.contents.findings = self.findings.into_list();
        Ok(Checked {
            contents: self.contents,
            starts: self.starts,
        })
    }

    fn state_place(&self) -> String {
        let state = self
            .contents
            .entries
            .iter()
            .find(|entry| entry.kind == Some(EntryKind::State));
        state.map_or_else(String::new, |entry| entry.name.clone())
    }

    /// False where going on makes no sense.
    fn entry<I: Inflated>(&mut self, tar: &mut Tarball<I>, entry: TarEntry) -> std::result::Result<bool, Trouble> {
        self.path_bytes += entry.path.len();
        if self.contents.entries.len() >= MAX_ENTRIES
            || self.path_bytes > LONGEST_PATHS
            || entry.path.len() > LONGEST_PATH
        {
            self.findings
                .fatal(&entry.path, "more entries or longer names than any export writes");
            return Ok(false);
        }
        if entry.bytes > self.limits.entry {
            let limit = self.limits.entry;
            let what = format!(
                "has {} bytes, the limit is {limit} (--max-entry-size raises it)",
                entry.bytes
            );
            self.findings.fatal(&entry.path, what);
            return Ok(false);
        }
        let kind = self.known(&entry);
        let documents = match kind {
            Some(kind) => match kind.part() {
                Some(part) => self.documents(tar, &entry.path, part)?,
                None => self.small(tar, &entry, kind)?,
            },
            None => 0,
        };
        drain(tar)?;
        self.starts.push(entry.start);
        let sha256 = tar.sha256();
        self.contents.entries.push(EntrySummary {
            name: entry.path,
            kind,
            documents,
            bytes: entry.bytes,
            sha256,
        });
        Ok(true)
    }

    /// What the entry is taken for; none where its path or type is a trap.
    fn known(&mut self, entry: &TarEntry) -> Option<EntryKind> {
        let path = &entry.path;
        let plain = matches!(entry.kind, EntryType::Regular | EntryType::Continuous) && !path.ends_with('/');
        if !plain {
            self.findings.fatal(path, "is not a plain file");
            return None;
        }
        if !is_tame(path) {
            self.findings.fatal(
                path,
                "the path leads elsewhere: absolute, with `..`, or with a backslash",
            );
            return None;
        }
        if !self.paths.insert(path.clone()) {
            self.findings.fatal(path, "is there twice");
            return None;
        }
        let Some(kind) = EntryKind::of_path(path) else {
            self.findings.warning(path, "an unknown entry: ignored");
            return None;
        };
        if self.seen.contains(&EntryKind::Manifest) {
            self.findings
                .fatal(path, "stands behind the manifest, which must be the last entry");
        }
        if !self.seen.insert(kind) {
            self.findings.fatal(path, "another entry of this kind is there already");
            return None;
        }
        Some(kind)
    }

    fn small<I: Inflated>(
        &mut self,
        tar: &mut Tarball<I>,
        entry: &TarEntry,
        kind: EntryKind,
    ) -> std::result::Result<u64, Trouble> {
        let limit = largest_text(kind);
        if entry.bytes > limit {
            let what = format!("has {} bytes; no export writes more than {limit} there", entry.bytes);
            self.findings.fatal(&entry.path, what);
            return Ok(0);
        }
        let mut text = Vec::new();
        tar.read_to_end(&mut text)?;
        if let Err(why) = small::read(kind, text, &mut self.contents) {
            self.findings.fatal(&entry.path, why);
        }
        if let (EntryKind::Config, Some(config)) = (kind, &self.contents.config) {
            self.visitor.config(config);
        }
        Ok(1)
    }
}

fn drain<I: Inflated>(tar: &mut Tarball<I>) -> io::Result<()> {
    loop {
        let n = tar.fill_buf()?.len();
        if n == 0 {
            return Ok(());
        }
        tar.consume(n);
    }
}
