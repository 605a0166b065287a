//! Unix sockets: where they are, and who may connect to ours.

use std::path::PathBuf;

use super::secret::Surroundings;
use super::table::Mistake;
use super::tree::Node;
use super::value;

/// What stands before a path, where an address or a URL could stand.
const SCHEME: &str = "unix:";

/// What the system has room for, without the zero at its end.
const LONGEST: usize = 107;

/// Who made the gateway start, and nobody else.
pub(super) const MODE: u32 = 0o600;

const PATH_HELP: &str = "write a path behind `unix:`, such as \"unix:/run/keygate/keygate.sock\"";
const MODE_HELP: &str = "write three octal digits in quotes, such as \"0660\" for the owner and the group";

/// `None`: it names no Unix socket.
pub(super) fn path(text: &str, around: &Surroundings<'_>) -> Option<Result<PathBuf, Mistake>> {
    let written = text.strip_prefix(SCHEME)?;
    // As in the URL of a file; the two slashes are no part of the path.
    let written = written.strip_prefix("//").filter(|path| path.starts_with('/')).unwrap_or(written);
    let wrong = |what: &str| Some(Err(Mistake::new(what, PATH_HELP)));
    if written.is_empty() || written.ends_with('/') {
        return wrong("names no file");
    }
    if written.starts_with('@') {
        return wrong("names a socket that is no file, which has no mode to say who may connect");
    }
    if written.contains('\0') {
        return wrong("has a zero in its path");
    }
    // It is told to others, who may be elsewhere.
    let path = around.resolve(written);
    let path = std::path::absolute(&path).unwrap_or(path);
    let length = path.as_os_str().len();
    if length > LONGEST {
        let what = format!("names a path of {length} bytes, and a socket's may have {LONGEST}");
        return Some(Err(Mistake::new(what, "choose a shorter one, such as below /run")));
    }
    Some(Ok(path))
}

/// Of the file, for who may connect: to write to it is to connect.
pub(super) fn mode(node: &Node) -> Result<u32, Mistake> {
    let text = value::text(node)?;
    let digits = text.strip_prefix('0').filter(|rest| rest.len() == 3).unwrap_or(&text);
    let mode = u32::from_str_radix(digits, 8).ok().filter(|_| digits.len() == 3 && !digits.starts_with('+'));
    match mode {
        Some(mode) if mode & 0o200 == 0 => Err(Mistake::new("keeps its own user out", MODE_HELP)),
        Some(mode) => Ok(mode),
        None => Err(Mistake::new("is no mode of a file", MODE_HELP)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::Path;

    use super::*;
    use crate::config::problem::Place;
    use crate::config::tree::Value;

    fn path_of(text: &str) -> Option<Result<PathBuf, String>> {
        let env = BTreeMap::new();
        let around = Surroundings { directory: Path::new("/etc/keygate"), env: &env };
        path(text, &around).map(|path| path.map_err(|mistake| mistake.what))
    }

    #[test]
    fn paths() {
        for (text, path) in [
            ("unix:/run/k.sock", "/run/k.sock"),
            ("unix:///run/k.sock", "/run/k.sock"),
            ("unix:k.sock", "/etc/keygate/k.sock"),
        ] {
            assert_eq!(path_of(text), Some(Ok(PathBuf::from(path))), "{text}");
        }
        assert_eq!(path_of("127.0.0.1:80"), None);
        let long = format!("unix:/{}", "x".repeat(107));
        for (text, what) in [
            ("unix:", "names no file"),
            ("unix:/run/", "names no file"),
            ("unix:@keygate", "names a socket that is no file, which has no mode to say who may connect"),
            (&long, "names a path of 108 bytes, and a socket's may have 107"),
        ] {
            assert_eq!(path_of(text), Some(Err(what.to_owned())), "{text}");
        }
        assert!(path_of(&long[..long.len() - 1]).is_some_and(|path| path.is_ok()));
    }

    #[test]
    fn modes() {
        let mode = |text: &str| {
            mode(&Node { value: Value::Text(text.to_owned()), place: Place::File }).map_err(|mistake| mistake.what)
        };
        assert_eq!((mode("0600"), mode("660"), mode("0666")), (Ok(0o600), Ok(0o660), Ok(0o666)));
        assert_eq!(mode("0440"), Err("keeps its own user out".to_owned()));
        for wrong in ["", "06000", "0o600", "0680", "+60", "rw", "1660"] {
            assert_eq!(mode(wrong), Err("is no mode of a file".to_owned()), "{wrong}");
        }
    }
}
