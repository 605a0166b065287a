//! A file that is there whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;

/// Where a backup goes.
pub(in crate::cli) enum Target<'a> {
    File(NewFile),
    Stream(&'a mut dyn Write),
}

/// Written under another name until it is complete; removed again if it never is.
pub(in crate::cli) struct NewFile {
    path: PathBuf,
    part: PathBuf,
    file: File,
    kept: bool,
}

impl<'a> Target<'a> {
    /// `-` is standard output.
    pub(in crate::cli) fn open(path: &Path, out: &'a mut dyn Write) -> Result<Self, Failure> {
        if path == Path::new("-") { Ok(Self::Stream(out)) } else { NewFile::create(path).map(Self::File) }
    }

    /// What was written is complete.
    pub(in crate::cli) fn keep(self) -> Result<(), Failure> {
        match self {
            Self::File(file) => file.keep(),
            Self::Stream(out) => {
                out.flush().map_err(|error| Failure::failed(format!("cannot write to standard output: {error}")))
            }
        }
    }
}

impl Write for Target<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::File(file) => file.file.write(bytes),
            Self::Stream(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::File(file) => file.file.flush(),
            Self::Stream(out) => out.flush(),
        }
    }
}

impl NewFile {
    fn create(path: &Path) -> Result<Self, Failure> {
        let Some(name) = path.file_name() else {
            return Err(Failure::usage(format!("{} names no file", path.display())));
        };
        refuse_existing(path)?;
        let mut part = name.to_owned();
        part.push(".part");
        let part = path.with_file_name(part);
        // Readable by nobody else from its first moment on: it has the hashes and the names of all tokens.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part);
        match file {
            Ok(file) => Ok(Self { path: path.to_owned(), part, file, kept: false }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(Failure::new(Exit::Conflict, format!("{} exists already", part.display()))
                    .hint("another backup is being written there, or one was broken off: then remove it"))
            }
            Err(error) => Err(unwritable(&part, &error)),
        }
    }

    fn keep(mut self) -> Result<(), Failure> {
        self.file.sync_all().map_err(|error| unwritable(&self.part, &error))?;
        self.take_its_name()?;
        self.kept = true;
        let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(directory).and_then(|it| it.sync_all()).map_err(|error| unwritable(&self.path, &error))
    }

    /// Somebody may have made the file meanwhile, so the kernel has to look and to rename at one moment.
    fn take_its_name(&self) -> Result<(), Failure> {
        match rustix::fs::renameat_with(CWD, &self.part, CWD, &self.path, RenameFlags::NOREPLACE) {
            // Not every file system can do that, and then there is a moment between the two.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {
                refuse_existing(&self.path)?;
                fs::rename(&self.part, &self.path).map_err(|error| unwritable(&self.path, &error))
            }
            Err(Errno::EXIST) => Err(exists(&self.path)),
            renamed => renamed.map_err(|error| unwritable(&self.path, &error.into())),
        }
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        if !self.kept {
            // The failure that led here is the one to tell.
            let _ = fs::remove_file(&self.part);
        }
    }
}

fn refuse_existing(path: &Path) -> Result<(), Failure> {
    // A link that leads nowhere is there too.
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    Err(exists(path))
}

fn exists(path: &Path) -> Failure {
    Failure::new(Exit::Conflict, format!("{} exists already, and nothing was changed", path.display()))
        .hint("name a file that is not there yet")
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::failed(format!("cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn new(path: &Path) -> Result<Target<'static>, Failure> {
        Ok(Target::File(NewFile::create(path)?))
    }

    #[test]
    fn it_is_there_once_it_is_complete_and_for_its_owner_alone() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("k.jsonl");
        let mut target = new(&path).unwrap();
        target.write_all(b"all").unwrap();
        assert!(!path.exists());
        target.keep().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"all");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }

    #[test]
    fn nothing_is_replaced_and_nothing_incomplete_is_left() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("k.jsonl");
        drop(new(&path).unwrap());
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
        let first = new(&path).unwrap();
        assert_eq!(new(&path).map(drop).unwrap_err().exit.code(), 6, "two at a time");
        fs::write(&path, "meanwhile").unwrap();
        assert_eq!(first.keep().unwrap_err().exit.code(), 6);
        assert_eq!(new(&path).map(drop).unwrap_err().exit.code(), 6);
        assert_eq!(fs::read(&path).unwrap(), b"meanwhile");
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }
}
