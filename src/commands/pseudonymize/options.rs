//! What `pseudonymize`, and `export --pseudonymize`, can be asked.

use std::path::{Path, PathBuf};

use crate::archive::{self, Limits, Target};
use crate::error::{Error, Result};
use crate::partial::Partial;
use crate::pseudonym::KeyFile;

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
    pub(in crate::commands) fn refuse_existing(&self, target: &Target, dry_run: bool) -> Result<()> {
        let there = |path: &Path| path.symlink_metadata().is_ok();
        match target {
            _ if dry_run => {}
            Target::File { path, overwrite: false } if there(path) => {
                return Err(archive::Error::Exists { path: path.clone() }.into());
            }
            _ => {}
        }
        let key = self.key_beside(target);
        if !there(&key) {
            return Ok(());
        }
        let key_named = self.key.is_some();
        let refused = |message: String, hint: &str| Error::Refused {
            message,
            hint: hint.to_owned(),
        };
        if !key_named && !dry_run {
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

    /// The key and the tokens that are known.
    pub(super) fn key_file(&self) -> Result<KeyFile> {
        match self.key.as_ref().filter(|key| key.symlink_metadata().is_ok()) {
            Some(key) => Ok(KeyFile::read(key)?),
            None => Ok(KeyFile::new()?),
        }
    }

    /// Writes it in its place.
    pub(super) fn publish_key(&self, target: &Target, file: &KeyFile) -> Result<()> {
        let written = file.write(&self.key_beside(target), self.key.is_some());
        Ok(written.and_then(Partial::publish).map_err(archive::Error::from)?)
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
