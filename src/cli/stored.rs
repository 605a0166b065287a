//! The session of `keygate login`: a file of the user's own, with the token and the admin URL that it is for.
//!
//! Nobody else may read it: it is written with mode 0600 into a directory with mode 0700, and one that
//! others could read or change is refused.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::Environment;
use super::exit::Exit;
use super::failure::Failure;

const NAME: &str = "session.json";
/// More than any session; what is longer is something else.
const MAX_BYTES: u64 = 16 << 10;

/// A session as it is kept.
pub(super) struct Stored {
    pub admin_url: String,
    /// Certificates that the admin URL was trusted by.
    pub ca: Option<PathBuf>,
    pub token: Zeroizing<String>,
    /// The session's own id.
    pub id: String,
    pub login: String,
}

/// Where sessions are kept: `$XDG_CONFIG_HOME/keygate`, else `$HOME/.config/keygate`.
pub(super) fn directory(environment: &Environment) -> Option<PathBuf> {
    let absolute = |name: &str| environment.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_CONFIG_HOME").or_else(|| absolute("HOME").map(|home| home.join(".config")))?;
    Some(base.join("keygate"))
}

impl Stored {
    /// The session that is kept, if there is one.
    pub(super) fn load(environment: &Environment) -> Result<Option<Stored>, Failure> {
        let Some(directory) = directory(environment) else { return Ok(None) };
        let path = directory.join(NAME);
        let file = match OpenOptions::new().read(true).custom_flags(no_follow()).open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(&path, &error.to_string())),
        };
        private(&directory, fs::metadata(&directory))?;
        private(&path, file.metadata())?;
        let mut text = Zeroizing::new(String::new());
        file.take(MAX_BYTES).read_to_string(&mut text).map_err(|error| unusable(&path, &error.to_string()))?;
        Self::read(&text).map(Some).ok_or_else(|| {
            unusable(&path, "it is no session")
                .hint("`keygate logout --local` removes it, `keygate login` makes another")
        })
    }

    fn read(text: &str) -> Option<Stored> {
        let record: Value = serde_json::from_str(text).ok()?;
        let text = |name: &str| record[name].as_str().map(str::to_owned);
        let token = Zeroizing::new(text("token")?);
        let is_word = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
        is_word.then_some(())?;
        Some(Stored {
            admin_url: text("admin_url")?,
            ca: text("ca").map(PathBuf::from),
            token,
            id: text("id")?,
            login: text("login")?,
        })
    }

    /// Keeps it in the place of the one before, whole or not at all.
    pub(super) fn save(&self, environment: &Environment) -> Result<PathBuf, Failure> {
        let directory = directory(environment).ok_or_else(|| {
            Failure::failed("there is no place for the session: neither XDG_CONFIG_HOME nor HOME is an absolute path")
        })?;
        let path = directory.join(NAME);
        let failed = |error: io::Error| Failure::failed(format!("cannot write {}: {error}", path.display()));
        DirBuilder::new().recursive(true).mode(0o700).create(&directory).map_err(failed)?;
        private(&directory, fs::metadata(&directory))?;
        let part = directory.join(format!("{NAME}.part"));
        // One that a login left behind when it was killed.
        let _ = fs::remove_file(&part);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part).map_err(failed)?;
        let record = json!({
            "admin_url": self.admin_url, "ca": self.ca, "token": self.token.as_str(), "id": self.id,
            "login": self.login,
        });
        let text = Zeroizing::new(format!("{record}\n"));
        let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
        written.and_then(|()| fs::rename(&part, &path)).map_err(failed)?;
        // A loss of power may bring back the session before, which is over then and refused.
        let _ = File::open(&directory).and_then(|directory| directory.sync_all());
        Ok(path)
    }

    /// Whether there was one to remove.
    pub(super) fn remove(environment: &Environment) -> Result<bool, Failure> {
        let Some(directory) = directory(environment) else { return Ok(false) };
        let path = directory.join(NAME);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Failure::failed(format!("cannot remove {}: {error}", path.display()))),
        }
    }
}

/// Refuses what others could read, or put another one in the place of.
fn private(path: &Path, metadata: io::Result<fs::Metadata>) -> Result<(), Failure> {
    let metadata = metadata.map_err(|error| unusable(path, &error.to_string()))?;
    let mode = metadata.permissions().mode() & 0o777;
    let wanted = if metadata.is_dir() { 0o700 } else { 0o600 };
    if mode & !wanted != 0 {
        return Err(unusable(path, &format!("its mode is {mode:04o}, and others may not read or change it"))
            .hint(format!("chmod {wanted:04o} {}; if others may have read it, log in again", path.display())));
    }
    let (owner, me) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != me {
        return Err(unusable(path, "it is another user's"));
    }
    Ok(())
}

fn unusable(path: &Path, why: &str) -> Failure {
    Failure::new(Exit::Authentication, format!("the session in {} is not used: {why}", path.display()))
}

fn no_follow() -> i32 {
    i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Stored {
        Stored {
            admin_url: "http://127.0.0.1:9901".into(),
            ca: Some("/etc/ca.pem".into()),
            token: Zeroizing::new("kg_ses_x".into()),
            id: "tok_1".into(),
            login: "ada".into(),
        }
    }

    fn home() -> (tempfile::TempDir, Environment) {
        let home = tempfile::tempdir().unwrap();
        let environment = Environment::from([("HOME".to_owned(), home.path().display().to_string())]);
        (home, environment)
    }

    #[test]
    fn what_is_kept_comes_back_and_is_for_its_owner_alone() {
        let (_home, environment) = home();
        assert!(Stored::load(&environment).unwrap().is_none());
        let path = session().save(&environment).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert!(path.ends_with(".config/keygate/session.json"));
        let loaded = Stored::load(&environment).unwrap().unwrap();
        assert_eq!((loaded.token.as_str(), loaded.admin_url.as_str()), ("kg_ses_x", "http://127.0.0.1:9901"));
        assert_eq!(loaded.ca, Some("/etc/ca.pem".into()));
        assert!(Stored::remove(&environment).unwrap() && !Stored::remove(&environment).unwrap());
        assert!(Stored::load(&environment).unwrap().is_none());
    }

    #[test]
    fn what_others_could_read_is_refused_with_the_remedy() {
        let (_home, environment) = home();
        let path = session().save(&environment).unwrap();
        for (place, mode) in [(path.as_path(), 0o640), (path.parent().unwrap(), 0o755)] {
            fs::set_permissions(place, fs::Permissions::from_mode(mode)).unwrap();
            let refused = Stored::load(&environment).err().expect("refused");
            assert_eq!(refused.exit, Exit::Authentication);
            assert!(refused.text().contains(&format!("its mode is {mode:04o}")), "{}", refused.text());
            assert!(refused.text().contains("hint: chmod 0") && !refused.text().contains("kg_ses"));
            fs::set_permissions(place, fs::Permissions::from_mode(mode & 0o700)).unwrap();
        }
        assert!(Stored::load(&environment).unwrap().is_some());
    }

    #[test]
    fn links_and_garbage_are_no_session() {
        let (home, environment) = home();
        let path = session().save(&environment).unwrap();
        fs::write(&path, "{\"token\": \"\"}").unwrap();
        assert!(Stored::load(&environment).err().unwrap().text().contains("it is no session"));
        fs::remove_file(&path).unwrap();
        fs::write(home.path().join("elsewhere"), "{}").unwrap();
        std::os::unix::fs::symlink(home.path().join("elsewhere"), &path).unwrap();
        assert!(Stored::load(&environment).is_err());
    }

    #[test]
    fn the_place_is_an_absolute_path_or_none() {
        let of = |pairs: &[(&str, &str)]| {
            directory(&pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
        };
        assert_eq!(of(&[("XDG_CONFIG_HOME", "/c"), ("HOME", "/h")]), Some("/c/keygate".into()));
        assert_eq!(of(&[("XDG_CONFIG_HOME", "c"), ("HOME", "/h")]), Some("/h/.config/keygate".into()));
        assert_eq!(of(&[]), None);
    }
}
