//! The options of `pseudonymize`, and those that `export --pseudonymize` shares with it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value};

use crate::archive::{Limits, Target};
use crate::commands::interrupt;
use crate::commands::options::{max_entry_size, number, target};
use crate::error::{Error, Result};
use crate::pseudonym::{KeyFile, KeyFileLock};
use crate::terminal::Terminal;
use crate::util::atomic_file::{AtomicFile, FileError};
use crate::util::format::quoted;

/// The interval for checking whether a key file is unlocked.
const KEY_FILE_POLL: Duration = Duration::from_millis(100);

/// The heading of the options about tokens.
pub(in crate::commands) const PSEUDONYMIZATION: &str = "Pseudonymization";

/// Copy an archive with values replaced with tokens
///
/// Replaces values of by, over, partition and influencer fields, words in categories and messages, user names and free
/// text. They are replaced in the model state, quantiles, input documents, annotations, notifications, filters, calendars
/// and the configuration, and the same value always has the same token. A key file next to the new archive maps tokens to
/// values: do not share it. The new archive is searched for all replaced values before it is saved as FILE.
#[derive(Clone, Debug, Default, Args)]
#[command(after_long_help = include_str!("help.txt").trim_end())]
pub struct PseudonymizeOptions {
    /// Archive to copy
    #[arg(value_name = "ARCHIVE")]
    pub archive: PathBuf,
    /// Archive to write, or `-` for stdout
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    pub overwrite: bool,
    /// Show what would be replaced
    ///
    /// Nothing is written.
    #[arg(long)]
    pub dry_run: bool,
    /// Print the result as a JSON document
    #[arg(long)]
    pub json: bool,
    /// gzip level from 0 to 9
    ///
    /// 0 does not compress, 9 writes the smallest archive.
    #[arg(long, value_name = "LEVEL", default_value = "4", value_parser = number(0_u32, 9))]
    pub compression_level: u32,
    /// Maximum size of an entry
    ///
    /// An archive is refused if the decompressed size of an entry is larger. SIZE has a unit, such as `512mb`.
    #[arg(long = "max-entry-size", value_name = "SIZE", default_value = "10gb", value_parser = max_entry_size)]
    pub limits: Limits,
    #[command(flatten)]
    #[allow(missing_docs, reason = "clap does not support documentation of a flattened field")]
    pub tokens: TokenOptions,
}

/// How values are replaced.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = PSEUDONYMIZATION)]
pub struct TokenOptions {
    /// Key file [default: a.key.json for a.tar.gz]
    ///
    /// The default is the name of the archive with .key.json instead of .tar.gz. An existing file must be given with --key:
    /// it is extended, and archives with the same key file have the same tokens for the same values. The file contains all
    /// replaced values, and only its owner can read it.
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
    /// Replace only values of these fields
    ///
    /// Separate several fields with commas, or repeat the option. Supported are the by, over, partition and influencer
    /// fields, the fields of `distinct_count` and `info_content`, and the categorization field. User names and free text
    /// are replaced regardless of this option.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub fields: Option<Vec<String>>,
    /// Keep free text, except for values in it
    ///
    /// Free text is in descriptions, custom settings, annotations and notifications. Text in input documents is always
    /// replaced.
    #[arg(long)]
    pub keep_text: bool,
    /// Accept names that contain values
    ///
    /// Names of the job, fields, aggregations, indices, filters and calendars are not replaced. This option is required if
    /// one of them contains a replaced value of six characters or more that is not a number.
    #[arg(long)]
    pub accept_names: bool,
    /// Skip the datafeed
    ///
    /// This option is required if an aggregation or a script of the datafeed would return different results with tokens.
    #[arg(long)]
    pub skip_datafeed: bool,
}

impl PseudonymizeOptions {
    /// Checks the options.
    pub fn validated(mut self, terminal: &Terminal) -> Result<Self> {
        let target = target(&self.output, self.overwrite, self.dry_run, terminal)?;
        self.tokens.check(Some(&target))?;
        self.json = self.prints_json();
        Ok(self)
    }

    /// Whether a JSON document is printed; not if the archive is written to stdout.
    pub fn prints_json(&self) -> bool {
        self.json && (self.dry_run || self.output != Path::new("-"))
    }

    /// The target of the new archive.
    pub(super) fn target(&self) -> Target {
        Target::new(&self.output, self.overwrite)
    }
}

impl TokenOptions {
    /// Whether none of the options was given.
    pub(in crate::commands) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Checks the key file for this target; `None` is a target that is named after the job.
    pub(in crate::commands) fn check(&self, target: Option<&Target>) -> Result<()> {
        match (&self.key, target) {
            (None, Some(Target::Stdout)) => Err(Error::usage(
                "--key is required if the archive is written to stdout",
                "add --key FILE",
            )),
            (Some(key), Some(Target::File { path, .. })) if key == path => Err(Error::usage(
                "the archive and the key file are the same file",
                "choose another key file with --key",
            )),
            _ => Ok(()),
        }
    }

    /// The path of the key file of an archive.
    pub(in crate::commands) fn key_beside(&self, target: &Target) -> PathBuf {
        match (&self.key, target) {
            (Some(key), _) => key.clone(),
            (None, Target::File { path, .. }) => beside(path),
            // `check` refuses this.
            (None, Target::Stdout) => PathBuf::from("stdout.key.json"),
        }
    }

    /// Refuses files that would be replaced, before anything is read.
    pub(in crate::commands) async fn refuse_existing(&self, target: &Target) -> Result<()> {
        target.check()?;
        let key = self.key_beside(target);
        let created = AtomicFile::create(&key, self.key.is_some());
        if let Err(error @ FileError::Exists(_)) = &created {
            let key = quoted(&key);
            let hint = format!("use it with `--key {key}`, or choose another file with --key");
            return Err(Error::refused(error.to_string(), hint));
        }
        drop(created?);
        if key.exists() {
            read_key(&key).await?;
        }
        Ok(())
    }

    /// Reads an existing key file and locks it, or creates a new key. Waits for another process that has locked the file.
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
                terminal.print(&format!("Waiting for another process that uses the key file {path}"));
            }
            tokio::time::sleep(KEY_FILE_POLL).await;
        }
    }

    /// Writes the key file. Without a lock, it is a new file and does not replace one that was created in the meantime.
    pub(super) fn publish_key(&self, target: &Target, file: &KeyFile, lock: Option<KeyFileLock>) -> Result<()> {
        let path = self.key_beside(target);
        let published = match lock {
            Some(lock) => file.write(&path, true).and_then(|new| lock.publish(new)),
            None => file.write(&path, false).and_then(AtomicFile::publish),
        };
        Ok(published?)
    }

    /// The options for the manifest.
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

/// Reads a key file, which can contain millions of tokens.
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
