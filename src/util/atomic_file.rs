//! Atomic file creation: a temporary file next to the target is written, synced and renamed, so that the name of the
//! target never shows an incomplete file.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tempfile::NamedTempFile;

use crate::util::process::{NO_DESCRIPTORS, is_out_of_descriptors, lock};

/// The paths of all temporary files so far. Published and removed files no longer have this path.
static TEMPORARY: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// The temporary file. It is removed when dropped, unless [`publish`](Self::publish) was called.
#[derive(Debug)]
pub struct AtomicFile {
    pub(crate) file: NamedTempFile,
    /// The final path.
    pub(crate) target: PathBuf,
    overwrite: bool,
}

/// Removes all temporary files, for a process that ends without dropping its values.
pub(crate) fn remove_temporary_files() {
    for path in &*lock(&TEMPORARY) {
        let _ = std::fs::remove_file(path);
    }
}

/// Why a file was not read or written. For a temporary file, the path is that of the target.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The target exists and may not be replaced.
    #[error("{} already exists", .0.display())]
    Exists(PathBuf),
    /// Directories, links, devices and pipes are never replaced, even with `overwrite`.
    #[error("cannot create {}: it is {}", .0.display(), .1)]
    NotAFile(PathBuf, &'static str),
    /// The temporary file next to the target cannot be created.
    #[error("cannot create {}: {}", .0.display(), .1)]
    Create(PathBuf, #[source] io::Error),
    /// The file cannot be read.
    #[error("cannot read {}: {}", .0.display(), .1)]
    Read(PathBuf, #[source] io::Error),
    /// The file cannot be written, synced or renamed.
    #[error("cannot write to {}: {}", .0.display(), .1)]
    Write(PathBuf, #[source] io::Error),
}

/// Refuses a target that must not be replaced: an existing file without `overwrite`, and anything except a regular file
/// with it.
fn check_target(target: &Path, overwrite: bool) -> Result<(), FileError> {
    let path = target.to_owned();
    match target.symlink_metadata().map(|found| found.file_type()) {
        Err(_) => Ok(()),
        Ok(found) if !found.is_file() => Err(FileError::NotAFile(path, describe(found))),
        Ok(_) if overwrite => Ok(()),
        Ok(_) => Err(FileError::Exists(path)),
    }
}

fn describe(found: std::fs::FileType) -> &'static str {
    #[cfg(unix)]
    use std::os::unix::fs::FileTypeExt as _;
    match found {
        _ if found.is_dir() => "a directory",
        _ if found.is_symlink() => "a symbolic link",
        #[cfg(unix)]
        _ if found.is_fifo() => "a named pipe",
        #[cfg(unix)]
        _ if found.is_char_device() || found.is_block_device() => "a device",
        _ => "not a regular file",
    }
}

impl AtomicFile {
    /// Creates `<target>.<random>.partial` with mode 0600, after the check of the target.
    pub fn create(target: &Path, overwrite: bool) -> Result<Self, FileError> {
        check_target(target, overwrite)?;
        let failed = |cause| FileError::Create(target.to_owned(), cause);
        let is_folder = target.to_string_lossy().ends_with(std::path::is_separator);
        let Some(name) = target.file_name().filter(|_| !is_folder) else {
            let why = "the path does not end with a file name";
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, why)));
        };
        let mut prefix = name.to_owned();
        prefix.push(".");
        // Not `tempfile_in`: its errors contain the temporary path, which the user did not choose.
        let file = tempfile::Builder::new()
            .prefix(&prefix)
            .suffix(".partial")
            .make_in(folder_of(target), |path| {
                let mut options = File::options();
                options.read(true).write(true).create_new(true);
                #[cfg(unix)]
                std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
                options.open(path)
            })
            .map_err(failed)?;
        lock(&TEMPORARY).push(file.path().to_owned());
        Ok(Self {
            file,
            target: target.to_owned(),
            overwrite,
        })
    }

    /// Syncs and renames the file. Without `overwrite`, a target that was created in the meantime is kept.
    pub fn publish(self) -> Result<(), FileError> {
        let (file, target, overwrite) = (self.file, self.target, self.overwrite);
        let failed = |cause| FileError::Write(target.clone(), cause);
        file.as_file().sync_all().map_err(failed)?;
        check_target(&target, overwrite)?;
        let renamed = match overwrite {
            true => file.persist(&target),
            false => file.persist_noclobber(&target),
        };
        renamed.map_err(|refused| match refused.error.kind() {
            io::ErrorKind::AlreadyExists => FileError::Exists(target.clone()),
            _ => failed(refused.error),
        })?;
        // Syncs the directory, so that the new name is kept after a crash. Not needed on Windows.
        if cfg!(unix) {
            let folder = folder_of(&target);
            let synced = File::open(folder).and_then(|folder| folder.sync_all());
            synced.map_err(|cause| FileError::Write(folder.to_owned(), cause))?;
        }
        Ok(())
    }
}

impl FileError {
    pub(crate) fn stdout(cause: io::Error) -> Self {
        Self::Write("stdout".into(), cause)
    }

    /// Whether the file was not written because of what the target is.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self, Self::Exists(_) | Self::NotAFile(..))
    }

    /// The next step.
    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Exists(_) => "choose another file, or replace this one with --overwrite",
            Self::NotAFile(path, _) if path.is_dir() => "add a file name to the path",
            Self::NotAFile(..) => "choose another file",
            Self::Create(path, cause) if cause.kind() == io::ErrorKind::NotFound => {
                let folder = folder_of(path).display();
                return Some(format!("create the directory `{folder}`, or choose another one"));
            }
            Self::Create(_, cause) | Self::Read(_, cause) | Self::Write(_, cause) => file_hint(cause)?,
        };
        Some(hint.to_owned())
    }
}

/// The next step after a file system error.
pub(crate) fn file_hint(error: &io::Error) -> Option<&'static str> {
    use io::ErrorKind as Kind;
    match error.kind() {
        _ if is_out_of_descriptors(error) => Some(NO_DESCRIPTORS),
        Kind::NotFound => Some("check the path of the file"),
        Kind::PermissionDenied => Some("check the permissions of the file and its directory"),
        Kind::StorageFull | Kind::QuotaExceeded => {
            Some("free up space or use another disk; TMPDIR sets the directory for temporary files")
        }
        Kind::FileTooLarge => {
            Some("use another disk, or raise the limit (`ulimit -f`): larger files are not allowed here")
        }
        Kind::InvalidInput | Kind::IsADirectory => Some("add a file name to the path"),
        _ => None,
    }
}

fn folder_of(target: &Path) -> &Path {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn written(target: &Path, overwrite: bool, text: &str) -> AtomicFile {
        let file = AtomicFile::create(target, overwrite).unwrap();
        file.file.as_file().write_all(text.as_bytes()).unwrap();
        file
    }

    #[test]
    fn without_overwrite_the_first_of_two_runs_publishes_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        let (first, second) = (written(&target, false, "first"), written(&target, false, "second"));
        second.publish().unwrap();
        assert!(matches!(first.publish(), Err(FileError::Exists(_))));
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "second");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn with_overwrite_both_of_two_runs_publish_a_complete_file() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        let (first, second) = (written(&target, true, "first"), written(&target, true, "second"));
        first.publish().unwrap();
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "first");
        second.publish().unwrap();
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "second");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_directory_created_in_the_meantime_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        let file = written(&target, true, "text");
        std::fs::create_dir(&target).unwrap();
        assert!(matches!(file.publish(), Err(FileError::NotAFile(..))));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_neither_replaced_nor_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (target, other) = (folder.path().join("a"), folder.path().join("other"));
        std::fs::write(&other, "mine").unwrap();
        std::os::unix::fs::symlink(&other, &target).unwrap();
        for overwrite in [false, true] {
            let refused = AtomicFile::create(&target, overwrite);
            assert!(matches!(refused, Err(FileError::NotAFile(_, "a symbolic link"))));
        }
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "mine");
    }
}
