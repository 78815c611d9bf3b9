//! What `pseudonymize`, and `export --pseudonymize`, can be asked.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::archive::{self, Limits, Target};
use crate::error::{Error, Result};
use crate::pseudonym::{KeyFile, KeyFileLock};
use crate::terminal::Terminal;
use crate::util::atomic_file::{AtomicFile, PublishError, check_target};

/// How often a run that waits for a key file looks again.
const KEY_FILE_POLL: Duration = Duration::from_millis(100);

/// What `pseudonymize` was asked.
#[derive(Clone, Debug)]
pub struct PseudonymizeOptions {
    /// The file.
    pub archive: PathBuf,
    /// Where the other one goes.
    pub target: Target,
    /// Which tokens.
    pub tokens: Tokens,
    /// 0..=9.
    pub compression_level: u32,
    /// `--max-entry-size` and the other bounds.
    pub limits: Limits,
    /// Write nothing.
    pub dry_run: bool,
    /// The result as one JSON document.
    pub json: bool,
}

/// How values are replaced.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// The key file: one that exists is gone on with. `None`: a new one beside the archive.
    pub key: Option<PathBuf>,
    /// `--fields`, where given.
    pub fields: Option<Vec<String>>,
    /// `--keep-text`
    pub keep_text: bool,
    /// `--accept-names`
    pub accept_names: bool,
    /// `--skip-datafeed`
    pub skip_datafeed: bool,
}

impl PseudonymizeOptions {
    /// Where the key file is.
    pub(super) fn key(&self) -> PathBuf {
        self.tokens.key_beside(&self.target)
    }
}

impl Tokens {
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
    pub(in crate::commands) fn refuse_existing(&self, target: &Target) -> Result<()> {
        target.check()?;
        let key = self.key_beside(target);
        match check_target(&key, self.key.is_some()) {
            Err(PublishError::Exists { .. }) => {}
            checked => checked.map_err(archive::Error::from)?,
        }
        if key.symlink_metadata().is_err() {
            return Ok(());
        }
        let key_named = self.key.is_some();
        let refused = |message: String, hint: &str| Error::Refused {
            message,
            hint: hint.to_owned(),
        };
        if !key_named {
            return Err(refused(
                format!("{} exists already", key.display()),
                "name it with --key to use the same key again, or name another key file",
            ));
        }
        if key_named {
            KeyFile::read(&key)?;
        }
        Ok(())
    }

    /// The key and the tokens that are known, with the lock of a file that exists. Waits for another run that holds it.
    pub(super) async fn open_key(&self, terminal: &Terminal) -> Result<(KeyFile, Option<KeyFileLock>)> {
        let Some(path) = self.key.as_ref().filter(|key| key.symlink_metadata().is_ok()) else {
            return Ok((KeyFile::new()?, None));
        };
        let mut waiting = false;
        loop {
            if let Some(lock) = KeyFileLock::try_acquire(path)? {
                return Ok((KeyFile::read(path)?, Some(lock)));
            }
            if !std::mem::replace(&mut waiting, true) {
                terminal.say(&format!(
                    "Waiting for another run that uses the key file {}",
                    path.display()
                ));
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

    /// As the manifest names them.
    pub(super) fn for_manifest(&self, options: &mut serde_json::Map<String, serde_json::Value>) {
        options.insert("pseudonymize".to_owned(), true.into());
        options.insert("keep-text".to_owned(), self.keep_text.into());
        options.insert("skip-datafeed".to_owned(), self.skip_datafeed.into());
        if let Some(fields) = &self.fields {
            options.insert("fields".to_owned(), fields.clone().into());
        }
    }
}

/// `a.tar.gz` → `a.key.json`
fn beside(archive: &Path) -> PathBuf {
    let name = archive.file_name().unwrap_or_default().to_string_lossy();
    let stem = [".tar.gz", ".tgz"]
        .iter()
        .find_map(|ending| name.strip_suffix(ending))
        .unwrap_or(&name);
    archive.with_file_name(format!("{stem}.key.json"))
}
