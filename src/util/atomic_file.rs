//! A file that appears complete or not at all: written beside its target under a name of this run alone, synced, then
//! renamed.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::util::process::{NO_DESCRIPTORS, is_out_of_descriptors};

/// The file under its temporary name. Dropped without [`publish`](Self::publish), it is removed.
#[derive(Debug)]
pub struct AtomicFile {
    pub(crate) file: NamedTempFile,
    /// The name that the file will get.
    pub(crate) target: PathBuf,
    overwrite: bool,
}

/// Why a file is not written. Paths are the target's.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum PublishError {
    #[error("{} exists already", path.display())]
    Exists { path: PathBuf },
    /// A folder, link, device or pipe is never replaced, whatever was asked for.
    #[error("{} is {what}, and only a regular file can be replaced", path.display())]
    NotAFile { path: PathBuf, what: &'static str },
    #[error("{}: {cause}", path.display())]
    Io {
        path: PathBuf,
        #[source]
        cause: io::Error,
    },
}

/// Refuses a target that may not be replaced: an existing file without `overwrite`, anything but a regular file with
/// it.
pub fn check_target(target: &Path, overwrite: bool) -> Result<(), PublishError> {
    let path = target.to_owned();
    match target.symlink_metadata().map(|found| found.file_type()) {
        Err(_) => Ok(()),
        Ok(found) if !found.is_file() => Err(PublishError::NotAFile {
            path,
            what: describe(found),
        }),
        Ok(_) if overwrite => Ok(()),
        Ok(_) => Err(PublishError::Exists { path }),
    }
}

fn describe(found: std::fs::FileType) -> &'static str {
    #[cfg(unix)]
    use std::os::unix::fs::FileTypeExt as _;
    match found {
        _ if found.is_dir() => "a folder",
        _ if found.is_symlink() => "a link",
        #[cfg(unix)]
        _ if found.is_fifo() => "a named pipe",
        #[cfg(unix)]
        _ if found.is_char_device() || found.is_block_device() => "a device",
        _ => "not a regular file",
    }
}

impl AtomicFile {
    /// Creates `<target>.<random>.partial`, readable by its owner only, after [`check_target`].
    pub fn create(target: &Path, overwrite: bool) -> Result<Self, PublishError> {
        check_target(target, overwrite)?;
        let Some(name) = target.file_name() else {
            return Err(failed(target, io::ErrorKind::InvalidInput.into()));
        };
        let mut prefix = name.to_owned();
        prefix.push(".");
        // Not `tempfile_in`: its errors name the temporary path, and the target is what the user knows.
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
            .map_err(|cause| failed(target, cause))?;
        Ok(Self {
            file,
            target: target.to_owned(),
            overwrite,
        })
    }

    /// Syncs the file and gives it its name. Without `overwrite` a file that has appeared there since stays.
    pub fn publish(self) -> Result<(), PublishError> {
        let (file, target, overwrite) = (self.file, self.target, self.overwrite);
        file.as_file().sync_all().map_err(|cause| failed(&target, cause))?;
        check_target(&target, overwrite)?;
        let renamed = match overwrite {
            true => file.persist(&target),
            false => file.persist_noclobber(&target),
        };
        renamed.map_err(|refused| match refused.error.kind() {
            io::ErrorKind::AlreadyExists => PublishError::Exists { path: target.clone() },
            _ => failed(&target, refused.error),
        })?;
        // Makes the new name survive a crash; Windows has no such call and needs none.
        if cfg!(unix) {
            let folder = folder_of(&target);
            let synced = File::open(folder).and_then(|folder| folder.sync_all());
            synced.map_err(|cause| failed(folder, cause))?;
        }
        Ok(())
    }
}

/// What to do about an error of the file system, where anything can be done.
pub(crate) fn file_hint(error: &io::Error) -> Option<&'static str> {
    use io::ErrorKind as Kind;
    match error.kind() {
        _ if is_out_of_descriptors(error) => Some(NO_DESCRIPTORS),
        Kind::NotFound => Some("check the path, and that its folder exists"),
        Kind::PermissionDenied => Some("check that you may read and write there"),
        Kind::StorageFull | Kind::QuotaExceeded => {
            Some("make room or choose another disk; temporary files are stored where TMPDIR points")
        }
        Kind::FileTooLarge => {
            Some("the file system or a limit (`ulimit -f`) allows no larger file: choose another disk, or raise it")
        }
        Kind::InvalidInput => Some("name a file"),
        _ => None,
    }
}

fn failed(path: &Path, cause: io::Error) -> PublishError {
    let path = path.to_owned();
    PublishError::Io { path, cause }
}

fn folder_of(target: &Path) -> &Path {
    target
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
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
    fn of_two_runs_without_overwrite_the_first_to_publish_wins() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        let (first, second) = (written(&target, false, "first"), written(&target, false, "second"));
        second.publish().unwrap();
        assert!(matches!(first.publish(), Err(PublishError::Exists { .. })));
        assert_eq!(std::fs::read_to_string(&target).unwrap(), "second");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn of_two_runs_with_overwrite_each_publishes_its_own_complete_file() {
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
    fn a_folder_that_appears_under_the_name_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        let file = written(&target, true, "text");
        std::fs::create_dir(&target).unwrap();
        assert!(matches!(file.publish(), Err(PublishError::NotAFile { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_never_replaced_nor_followed() {
        let folder = tempfile::tempdir().unwrap();
        let (target, other) = (folder.path().join("a"), folder.path().join("other"));
        std::fs::write(&other, "mine").unwrap();
        std::os::unix::fs::symlink(&other, &target).unwrap();
        for overwrite in [false, true] {
            let refused = AtomicFile::create(&target, overwrite);
            assert!(matches!(refused, Err(PublishError::NotAFile { what: "a link", .. })));
        }
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "mine");
    }
}
