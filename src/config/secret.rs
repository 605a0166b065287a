//! Secrets by reference: `{ file = … }`, `{ env = … }`, `{ credential = … }`. Never inline.
//!
//! No message of this module holds a byte of a secret.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::problem::Place;
use super::table::{Located, Mistake, Reader};
use super::tree::{Node, Value};
use super::value;

/// More than any key or pepper needs; a larger file is a mistake.
const MOST_BYTES: u64 = 1 << 20;

/// What files and variables a configuration may refer to.
pub(super) struct Surroundings<'a> {
    /// The directory of the configuration file: relative paths start there.
    pub directory: &'a Path,
    pub env: &'a BTreeMap<String, String>,
}

impl Surroundings<'_> {
    pub fn resolve(&self, path: &str) -> PathBuf {
        self.directory.join(path)
    }
}

/// Who else may have read access to a file with a secret.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Guard {
    /// Nobody: the file's mode has to say so.
    Mode,
    /// The service manager guards the directory; the mode shows its access list and not who may read.
    Directory,
}

/// The secret that `key` of a table refers to. `None`: reported.
pub(super) fn read(
    reader: &mut Reader<'_>,
    key: &'static str,
    around: &Surroundings<'_>,
) -> Option<Located<Zeroizing<Vec<u8>>>> {
    let help = "write `{ file = \"…\" }`, `{ env = \"…\" }` or `{ credential = \"…\" }`";
    let Some(node) = reader.node(key) else {
        reader.missing(key, help);
        return None;
    };
    if node.as_text().is_some() {
        let help = match &node.place {
            Place::Variable(name) => {
                format!("put the secret into a file with mode 0600 and name the file in {name}__FILE")
            }
            Place::Span(_) | Place::File => {
                "put the secret into a file with mode 0600 and write `{ file = \"…\" }`".to_owned()
            }
        };
        reader.mistake(key, node, Mistake::new("must not hold the secret itself", help));
        return None;
    }
    if !matches!(node.value, Value::Table(_)) {
        reader.mistake(key, node, Mistake::of_type(node, "a reference to a secret", help));
        return None;
    }
    let mut inner = reader.table_in(key, node)?;
    let secret = follow(&mut inner, around, help);
    inner.finish();
    secret
}

/// Follows the one reference of a table. A variable's goes before the file's.
fn follow(inner: &mut Reader<'_>, around: &Surroundings<'_>, help: &str) -> Option<Located<Zeroizing<Vec<u8>>>> {
    const KINDS: [&str; 3] = ["file", "env", "credential"];
    // All are named before any is read, so that the report of an unknown key lists them all.
    let nodes = KINDS.map(|kind| inner.node(kind).map(|node| (kind, node)));
    let from_variable = |(_, node): &(&str, &Node)| matches!(node.place, Place::Variable(_));
    let given: Vec<_> = nodes.iter().flatten().copied().collect();
    let chosen: Vec<_> = match given.iter().filter(|pair| from_variable(pair)).count() {
        0 => given,
        _ => given.into_iter().filter(from_variable).collect(),
    };
    let (kind, node) = match chosen.as_slice() {
        [one] => *one,
        [] => {
            inner.findings().report_absence(inner.place(), "the reference says nothing of where the secret is", help);
            return None;
        }
        [_, .., (_, last)] => {
            inner.findings().report(&last.place, "the reference names two places for one secret", help);
            return None;
        }
    };
    let found = value::text(node).and_then(|target| match kind {
        "file" => from_file(&around.resolve(&target), Guard::Mode),
        "env" => from_variable_named(&target, around),
        _ => from_credential(&target, around),
    });
    match found {
        Ok(value) => Some(Located { value, place: node.place.clone() }),
        Err(mistake) => {
            inner.mistake(kind, node, mistake);
            None
        }
    }
}

fn from_variable_named(name: &str, around: &Surroundings<'_>) -> Result<Zeroizing<Vec<u8>>, Mistake> {
    let value = around.env.get(name).ok_or_else(|| {
        Mistake::new(
            "names an environment variable that is not set",
            "set it in the environment of keygate, or name another",
        )
    })?;
    Ok(Zeroizing::new(value.as_bytes().to_vec()))
}

fn from_credential(name: &str, around: &Surroundings<'_>) -> Result<Zeroizing<Vec<u8>>, Mistake> {
    let Some(directory) = around.env.get("CREDENTIALS_DIRECTORY") else {
        let help = "run keygate as a systemd service with LoadCredential=, or write `{ file = \"…\" }`";
        return Err(Mistake::new("needs $CREDENTIALS_DIRECTORY, which is not set", help));
    };
    if name.is_empty() || name.contains('/') || name == ".." || name == "." {
        return Err(Mistake::new(
            "is no name of a credential",
            "write the name that stands in LoadCredential=, without a path",
        ));
    }
    from_file(&Path::new(directory).join(name), Guard::Directory)
}

/// The contents of a private file: one that others may not read.
pub(super) fn private_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Mistake> {
    from_file(path, Guard::Mode)
}

fn from_file(path: &Path, guard: Guard) -> Result<Zeroizing<Vec<u8>>, Mistake> {
    let (file, mode) = open(path)?;
    let open_to_others = mode & 0o077 != 0;
    if guard == Guard::Mode && open_to_others {
        let what = format!(
            "names a secret file that others than its owner have access to ({} has mode {mode:04o})",
            path.display()
        );
        return Err(Mistake::new(what, format!("run `chmod 600 {}`", shell_word(path))));
    }
    contents(file, path)
}

/// The contents of a file that anybody may read.
pub(super) fn public_file(path: &Path) -> Result<Zeroizing<Vec<u8>>, Mistake> {
    let (file, _) = open(path)?;
    contents(file, path)
}

fn open(path: &Path) -> Result<(File, u32), Mistake> {
    // Asked before opening: to open a pipe would wait for its other end.
    let is_file = fs::metadata(path).map_err(|error| unreadable(path, &error))?.is_file();
    if !is_file {
        let what = format!("names no regular file ({})", path.display());
        return Err(Mistake::new(what, "name a file"));
    }
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    // Of the opened file and not of the path, which may have been exchanged meanwhile.
    let mode = file.metadata().map_err(|error| unreadable(path, &error))?.permissions().mode() & 0o7777;
    Ok((file, mode))
}

fn contents(file: File, path: &Path) -> Result<Zeroizing<Vec<u8>>, Mistake> {
    let length = file.metadata().map_err(|error| unreadable(path, &error))?.len();
    if length > MOST_BYTES {
        let what = format!("names a file of {length} bytes ({})", path.display());
        return Err(Mistake::new(
            what,
            format!("a file of this kind has at most {MOST_BYTES} bytes: name the right one"),
        ));
    }
    // Room for all of it at once: a buffer that grows leaves copies behind that nobody wipes.
    let room = usize::try_from(length).unwrap_or_default() + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    file.take(MOST_BYTES).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    Ok(bytes)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Mistake {
    let what = format!("names a file that cannot be read ({}): {error}", path.display());
    Mistake::new(what, "create the file, correct the path, or give the user that runs keygate access to it")
}

/// The path as a shell takes it.
pub(super) fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+@".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}
