//! The options of `pseudonymize`, and what `export --pseudonymize` shares with it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value};

use crate::archive::{self, Limits, Target};
use crate::commands::interrupt;
use crate::commands::options::{compression_level, max_entry_size, target};
use crate::error::{Error, Result};
use crate::pseudonym::{KeyFile, KeyFileLock};
use crate::terminal::Terminal;
use crate::util::atomic_file::{AtomicFile, PublishError, check_target};

/// How often a run that waits for a key file looks again.
const KEY_FILE_POLL: Duration = Duration::from_millis(100);

const EXAMPLES: &str = "\
Examples:
  esml-state pseudonymize web-latency_state.tar.gz -o for-support.tar.gz
  esml-state pseudonymize a.tar.gz -o b.tar.gz --key team.key.json --fields host,clientip
  esml-state reveal for-support.key.json t_8f3a51c09d2e7b64";

/// Write an archive again, with tokens in the place of values
///
/// Values of by, over, partition and influencer fields, words of categories and messages, names of users and free text
/// are replaced in the model state, quantiles, inputs, annotations, notifications, filters, calendars and the
/// configuration alike. The same value has the same token everywhere, of the same kind. A key file beside the new
/// archive maps tokens back: keep it to yourself. What is written is searched for every value before it gets its name.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct PseudonymizeOptions {
    /// The archive
    #[arg(value_name = "ARCHIVE")]
    pub archive: PathBuf,
    /// Where to write; `-` is stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Replace a file that exists
    #[arg(long)]
    pub overwrite: bool,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap takes no documentation of a flattened field")]
    pub tokens: TokenOptions,
    /// 0 stores, 9 is smallest and slowest
    #[arg(long, value_name = "LEVEL", default_value = "4", value_parser = compression_level())]
    pub compression_level: u32,
    /// Refuse larger entries
    ///
    /// An archive is refused where one of its entries decompresses to more.
    #[arg(long = "max-entry-size", value_name = "SIZE", default_value = "10gb", value_parser = max_entry_size)]
    pub limits: Limits,
    /// Say what would be replaced and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print the result as one JSON document
    #[arg(long)]
    pub json: bool,
}

/// How values are replaced.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Tokens")]
pub struct TokenOptions {
    /// The key file [default: OUTPUT.key.json, without .tar.gz]
    ///
    /// One that exists is gone on with: two archives with the same key have the same tokens for the same values. It is
    /// readable by its owner only, and holds every value.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Replace values of these fields only; repeatable
    ///
    /// Commas between several do as well. Of the by, over, partition and influencer fields, those that `distinct_count` and `info_content` look at, and
    /// the field of messages. Names of users and free text are replaced in any case.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub fields: Option<Vec<String>>,
    /// Keep what people and Elasticsearch wrote, except for values in it
    ///
    /// Descriptions, custom settings, annotations and notifications. Text of input documents is replaced in any case.
    #[arg(long)]
    pub keep_text: bool,
    /// Accept that names hold values
    ///
    /// Those of the job, its fields, aggregations, indices, filters and calendars.
    #[arg(long)]
    pub accept_names: bool,
    /// Leave the datafeed out
    ///
    /// If its aggregations or scripts read replaced values, the run is refused without this option.
    #[arg(long)]
    pub skip_datafeed: bool,
}

impl PseudonymizeOptions {
    /// Refuses what contradicts itself or cannot work here.
    pub fn validated(mut self, terminal: &Terminal) -> Result<Self> {
        let target = target(&self.output, self.overwrite, self.dry_run, terminal)?;
        self.tokens.check(Some(&target))?;
        self.json = self.prints_json();
        Ok(self)
    }

    /// Whether stdout carries a document; not where it carries the archive.
    pub fn prints_json(&self) -> bool {
        self.json && (self.dry_run || self.output != Path::new("-"))
    }

    /// Where the archive goes.
    pub(super) fn target(&self) -> Target {
        Target::new(&self.output, self.overwrite)
    }

    /// Where the key file is.
    pub(super) fn key(&self) -> PathBuf {
        self.tokens.key_beside(&self.target())
    }
}

impl TokenOptions {
    /// Whether nothing of it was given.
    pub(in crate::commands) fn is_empty(&self) -> bool {
        let is_flagged = self.keep_text || self.accept_names || self.skip_datafeed;
        self.key.is_none() && self.fields.is_none() && !is_flagged
    }

    /// Refuses a key file that has no place beside this target; `None` is the target that has its name from the job.
    pub(in crate::commands) fn check(&self, target: Option<&Target>) -> Result<()> {
        match (&self.key, target) {
            (None, Some(Target::Stdout)) => Err(Error::usage(
                "an archive on stdout has no place beside it for its key file",
                "name the key file with --key FILE",
            )),
            (Some(key), Some(Target::File { path, .. })) if key == path => Err(Error::usage(
                "archive and key file are the same file",
                "name another one with --key",
            )),
            _ => Ok(()),
        }
    }

    /// Where the key file of an archive is.
    pub(in crate::commands) fn key_beside(&self, target: &Target) -> PathBuf {
        match (&self.key, target) {
            (Some(key), _) => key.clone(),
            (None, Target::File { path, .. }) => beside(path),
            // Refused before it comes to this.
            (None, Target::Stdout) => PathBuf::from("stdout.key.json"),
        }
    }

    /// Refuses files that would be replaced, before anything is read.
    pub(in crate::commands) async fn refuse_existing(&self, target: &Target) -> Result<()> {
        target.check()?;
        let key = self.key_beside(target);
        match check_target(&key, self.key.is_some()) {
            Err(PublishError::Exists { .. }) => {}
            checked => checked.map_err(archive::Error::from)?,
        }
        if key.symlink_metadata().is_err() {
            return Ok(());
        }
        if self.key.is_none() {
            return Err(Error::refused(
                format!("{} exists already", key.display()),
                "name it with --key to use the same key again, or name another key file",
            ));
        }
        read_key(&key).await.map(|_| ())
    }

    /// The key and the tokens that are known, with the lock of a file that exists. Waits for another run that holds it.
    pub(super) async fn open_key(&self, terminal: &Terminal) -> Result<(KeyFile, Option<KeyFileLock>)> {
        let Some(path) = self.key.as_ref().filter(|key| key.symlink_metadata().is_ok()) else {
            return Ok((KeyFile::new()?, None));
        };
        let mut waiting = false;
        loop {
            if let Some(lock) = KeyFileLock::try_acquire(path)? {
                return Ok((read_key(path).await?, Some(lock)));
            }
            if !std::mem::replace(&mut waiting, true) {
                let path = path.display();
                terminal.print(&format!("Waiting for another run that uses the key file {path}"));
            }
            tokio::time::sleep(KEY_FILE_POLL).await;
        }
    }

    /// Writes the key file. Without a lock it is a new file, and one that has appeared since stays.
    pub(super) fn publish_key(&self, target: &Target, file: &KeyFile, lock: Option<KeyFileLock>) -> Result<()> {
        let path = self.key_beside(target);
        let published = match lock {
            Some(lock) => file.write(&path, true).and_then(|new| lock.publish(new)),
            None => file.write(&path, false).and_then(AtomicFile::publish),
        };
        Ok(published.map_err(archive::Error::from)?)
    }

    /// As the manifest records them.
    pub(super) fn for_manifest(&self) -> Map<String, Value> {
        let mut options = Map::from_iter([
            ("pseudonymize".to_owned(), true.into()),
            ("keep-text".to_owned(), self.keep_text.into()),
            ("skip-datafeed".to_owned(), self.skip_datafeed.into()),
        ]);
        options.extend(self.fields.clone().map(|fields| ("fields".to_owned(), fields.into())));
        options
    }
}

/// A key file may know millions of tokens.
async fn read_key(path: &Path) -> Result<KeyFile> {
    let path = path.to_owned();
    interrupt::abandonable(move || KeyFile::read(&path)).await
}

/// `a.tar.gz` → `a.key.json`
fn beside(archive: &Path) -> PathBuf {
    let name = archive.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.strip_suffix(".tar.gz").or(name.strip_suffix(".tgz"));
    archive.with_file_name(format!("{}.key.json", stem.unwrap_or(&name)))
}
