//! The demo's directory: nobody else's to read, and removed at the end.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::super::failure::Failure;
use super::super::init::pepper;

pub(super) const PEPPER: &str = "pepper";
pub(super) const STORE: &str = "data";

pub(super) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    pub(super) fn new() -> Result<Self, Failure> {
        let tail = getrandom::u32()
            .map_err(|error| Failure::failed(format!("the operating system gave no randomness: {error}")))?;
        let path = std::env::temp_dir().join(format!("keygate-demo-{}-{tail:08x}", std::process::id()));
        // Fails where it is there already, so nobody can have prepared it.
        DirBuilder::new().mode(0o700).create(&path).map_err(|error| unwritable(&path, &error))?;
        Ok(Self { path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the configuration and a new pepper; answers the configuration's path.
    pub(super) fn install(&self, config: &str) -> Result<PathBuf, Failure> {
        write(&self.path.join(PEPPER), pepper()?.as_bytes())?;
        let path = self.path.join("keygate.toml");
        write(&path, config.as_bytes())?;
        Ok(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!("{} could not be removed: {error}", self.path.display());
        }
    }
}

fn write(path: &Path, contents: &[u8]) -> Result<(), Failure> {
    let create = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    create().and_then(|mut file| file.write_all(contents)).map_err(|error| unwritable(path, &error))
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::failed(format!("cannot write {}: {error}", path.display()))
        .hint("the demo needs a temporary directory that it may write to; TMPDIR names another")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_is_private_and_removed_at_the_end() {
        let scratch = Scratch::new().unwrap();
        let path = scratch.path().to_owned();
        let config = scratch.install("version = 1\n").unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&config), mode(&path.join(PEPPER))), (0o700, 0o600, 0o600));
        drop(scratch);
        assert!(!path.exists());
    }
}
