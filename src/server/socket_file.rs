//! A Unix socket's place in the file system: made, taken over from a process that is gone, removed.
//!
//! What is no socket is never removed, nor is one that somebody listens on.

use std::fs::{self, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};

/// Why there is no socket there. What is at `path` was left as it is.
#[derive(Debug, thiserror::Error)]
pub enum SocketFileError {
    #[error(
        "cannot listen on unix:{path}: another process listens there; stop it (`ss -xlp 'src = {path}'` shows it) or choose another path"
    )]
    InUse { path: PathBuf },
    #[error(
        "cannot listen on unix:{path}: there is something that is no socket, and it is not deleted; move it away or choose another path"
    )]
    NoSocket { path: PathBuf },
    #[error("cannot listen on unix:{path}: its directory is not there; make it, and let this user write to it")]
    NoDirectory { path: PathBuf },
    #[error("cannot listen on unix:{path}: this user may not write to its directory")]
    Forbidden { path: PathBuf },
    #[error("cannot listen on unix:{path}: {error}")]
    Other { path: PathBuf, error: io::Error },
}

/// The file of a socket that is listened on. Dropping it removes the file, unless somebody has put
/// another in its place meanwhile.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    /// Listens at `path`, and lets in who `mode` says.
    pub(super) fn listen(path: &Path, mode: u32, backlog: i32) -> Result<(Self, UnixListener), SocketFileError> {
        let other = |error| SocketFileError::Other { path: path.to_owned(), error };
        // Two that start at once must not both find the same dead socket, and the second remove the first
        // one's new one. Closing the directory gives it free.
        let directory = lock_directory(path)?;
        if let Some(found) = look(path).map_err(other)? {
            make_way(path, &found)?;
        }
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(other)?;
        socket.bind(&SockAddr::unix(path).map_err(other)?).map_err(|error| named(path, error))?;
        let bound = fs::symlink_metadata(path).map_err(other)?;
        let file = Self { path: path.to_owned(), device: bound.dev(), inode: bound.ino() };
        // Nobody can connect before it listens, so it never has another mode in anybody's sight.
        fs::set_permissions(path, Permissions::from_mode(mode)).map_err(other)?;
        socket.listen(backlog).map_err(other)?;
        socket.set_nonblocking(true).map_err(other)?;
        drop(directory);
        Ok((file, socket.into()))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let is_ours = |found: &Metadata| (found.dev(), found.ino()) == (self.device, self.inode);
        if let Ok(Some(found)) = look(&self.path)
            && is_ours(&found)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "the socket's file cannot be removed; the next start does it");
        }
    }
}

fn lock_directory(path: &Path) -> Result<File, SocketFileError> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    let directory = File::open(directory).map_err(|error| named(path, error))?;
    match directory.try_lock() {
        Ok(()) | Err(fs::TryLockError::Error(_)) => Ok(directory),
        Err(fs::TryLockError::WouldBlock) => Err(SocketFileError::InUse { path: path.to_owned() }),
    }
}

fn look(path: &Path) -> io::Result<Option<Metadata>> {
    match fs::symlink_metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes a socket that nobody listens on.
fn make_way(path: &Path, found: &Metadata) -> Result<(), SocketFileError> {
    if !found.file_type().is_socket() {
        return Err(SocketFileError::NoSocket { path: path.to_owned() });
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            tracing::info!(path = %path.display(), "a socket that nobody listens on any more is replaced");
            fs::remove_file(path).map_err(|error| named(path, error))
        }
        // Gone by itself.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // Also where its queue is full, or its mode keeps us out: somebody may be there.
        Ok(_) | Err(_) => Err(SocketFileError::InUse { path: path.to_owned() }),
    }
}

fn named(path: &Path, error: io::Error) -> SocketFileError {
    let path = path.to_owned();
    match error.kind() {
        io::ErrorKind::AddrInUse => SocketFileError::InUse { path },
        io::ErrorKind::NotFound => SocketFileError::NoDirectory { path },
        io::ErrorKind::PermissionDenied => SocketFileError::Forbidden { path },
        _ => SocketFileError::Other { path, error },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(path: &Path) -> Result<(SocketFile, UnixListener), String> {
        SocketFile::listen(path, 0o600, 8).map_err(|error| error.to_string())
    }

    fn inode(path: &Path) -> u64 {
        fs::symlink_metadata(path).expect("it is there").ino()
    }

    #[test]
    fn a_socket_has_its_mode_and_is_removed() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("s");
        for mode in [0o600, 0o660, 0o666] {
            let (file, _listener) = SocketFile::listen(&path, mode, 8).expect("a free path");
            assert_eq!(fs::metadata(&path).expect("it is there").mode() & 0o777, mode);
            drop(file);
            assert!(!path.exists());
        }
    }

    #[test]
    fn a_dead_socket_is_replaced_and_a_live_one_is_not() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("s");
        drop(UnixListener::bind(&path).expect("a free path"));
        assert!(path.exists(), "nobody removes it");
        let (_file, _listener) = listen(&path).expect("nobody listens there");
        let before = inode(&path);
        let refused = listen(&path).expect_err("somebody does now");
        assert!(refused.contains("another process listens there"), "{refused}");
        assert_eq!(inode(&path), before);
        UnixStream::connect(&path).expect("it still listens");
    }

    #[test]
    fn what_is_no_socket_stays() {
        let directory = tempfile::tempdir().expect("a directory");
        let target = directory.path().join("target");
        drop(UnixListener::bind(&target).expect("a free path"));
        let (file, link) = (directory.path().join("file"), directory.path().join("link"));
        fs::write(&file, "precious").expect("a writable directory");
        std::os::unix::fs::symlink(&target, &link).expect("a writable directory");
        for path in [file, link, directory.path().to_owned()] {
            let refused = listen(&path).expect_err("something is there");
            assert!(refused.contains("is no socket, and it is not deleted"), "{refused}");
            assert!(fs::symlink_metadata(&path).is_ok());
        }
        let nowhere = listen(&directory.path().join("no/where")).expect_err("no directory");
        assert!(nowhere.contains("its directory is not there"), "{nowhere}");
    }

    #[test]
    fn anothers_socket_is_not_removed_at_the_end() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("s");
        let (file, _listener) = listen(&path).expect("a free path");
        let aside = directory.path().join("aside");
        fs::rename(&path, &aside).expect("our own directory");
        let _other = UnixListener::bind(&path).expect("a free path");
        drop(file);
        assert!(path.exists());
    }

    #[test]
    fn of_two_that_start_at_once_one_has_it() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("s");
        for _ in 0..50 {
            drop(UnixListener::bind(&path).expect("a free path"));
            let started: Vec<_> = (0..4)
                .map(|_| {
                    let path = path.clone();
                    std::thread::spawn(move || listen(&path))
                })
                .collect();
            let started: Vec<_> = started.into_iter().map(|thread| thread.join().expect("no panic")).collect();
            let has_it: Vec<_> = started.iter().filter(|started| started.is_ok()).collect();
            assert_eq!(has_it.len(), 1, "{started:?}");
            UnixStream::connect(&path).expect("the one that has it listens there");
        }
    }
}
