//! A file that appears whole or not at all: written beside its place, synced, renamed.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// The file under its provisional name; removed when dropped, unless it was published.
#[derive(Debug)]
pub struct Partial {
    path: PathBuf,
    target: PathBuf,
    overwrite: bool,
    file: File,
    renamed: bool,
}

/// Why it is not written.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum NotWritten {
    /// The target is there already.
    #[error("{} exists already", path.display())]
    Exists { path: PathBuf },
    /// What the file system says.
    #[error("{}: {cause}", path.display())]
    Io {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
}

impl Partial {
    /// Creates `<target>.partial`, readable by its owner only; an existing target is refused unless it may be
    /// replaced.
    ///
    /// # Errors
    /// The target is there, or the file system refuses.
    pub fn create(target: &Path, overwrite: bool) -> Result<Self, NotWritten> {
        if !overwrite && target.symlink_metadata().is_ok() {
            return Err(exists(target));
        }
        let mut name = target.as_os_str().to_owned();
        name.push(".partial");
        let path = PathBuf::from(name);
        // What a killed run left is removed rather than opened: opening would follow a link put there.
        match std::fs::remove_file(&path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(failed(&path, cause)),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&path).map_err(|cause| failed(&path, cause))?;
        Ok(Self {
            path,
            target: target.to_owned(),
            overwrite,
            file,
            renamed: false,
        })
    }

    /// Where it is for now.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file to write to.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Gives it its name.
    ///
    /// # Errors
    /// The target appeared meanwhile, or the file system refuses.
    pub fn publish(mut self) -> Result<(), NotWritten> {
        self.file.sync_all().map_err(|cause| failed(&self.path, cause))?;
        if !self.overwrite && self.target.symlink_metadata().is_ok() {
            return Err(exists(&self.target));
        }
        std::fs::rename(&self.path, &self.target).map_err(|cause| failed(&self.target, cause))?;
        self.renamed = true;
        sync_folder(&self.target)
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.renamed {
            // Nobody is left to be told; the name says what it is.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// What to do where the file system says no, where anything can be done.
pub(crate) fn file_hint(kind: io::ErrorKind) -> Option<&'static str> {
    use io::ErrorKind as Kind;
    match kind {
        Kind::NotFound => Some("look whether the path is right and its folder exists"),
        Kind::PermissionDenied => Some("look whether you may read and write there"),
        Kind::StorageFull | Kind::QuotaExceeded => {
            Some("make room or choose another disk; temporary files go where TMPDIR says")
        }
        Kind::FileTooLarge => {
            Some("the file system or a limit (`ulimit -f`) takes no larger file: choose another disk, or raise it")
        }
        Kind::InvalidInput => Some("name a file"),
        _ => None,
    }
}

fn exists(path: &Path) -> NotWritten {
    NotWritten::Exists { path: path.to_owned() }
}

fn failed(path: &Path, cause: io::Error) -> NotWritten {
    NotWritten::Io {
        path: path.to_owned(),
        cause,
    }
}

/// Makes the new name survive a crash; Windows has no such call and needs none.
#[cfg(unix)]
fn sync_folder(target: &Path) -> Result<(), NotWritten> {
    let folder = target
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(|cause| failed(folder, cause))
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> Result<(), NotWritten> {
    Ok(())
}
