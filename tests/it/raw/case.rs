//! One raw case: a file with the bytes that a client sends, and what must come of them. The form is
//! described in `tests/raw/README.md`.

use std::path::{Path, PathBuf};

/// What must come of a case's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// One request arrives, with this method and target.
    Forward(String),
    /// The gateway answers for itself, and nothing arrives.
    Answer { status: u16, code: Option<String> },
    /// As before, and the connection ends, so that nothing behind it means anything.
    Refuse { status: u16, code: Option<String>, reason: Option<String> },
    /// No whole message was sent, so nothing arrives and nothing is answered as if it had.
    Cut,
}

/// Whether a request that follows on the connection is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    Answered,
    Closed,
    Either,
}

#[derive(Debug, Clone)]
pub struct Case {
    /// `F01/classic`.
    pub name: String,
    pub expected: Expected,
    pub after: After,
    /// Headers that arrive; with an empty value: that are there.
    pub sees: Vec<(String, String)>,
    /// Headers that do not arrive; with `=` before it: texts that arrive nowhere in the head.
    pub lacks: Vec<String>,
    pub body: Option<Vec<u8>>,
    bytes: Vec<u8>,
}

impl Case {
    /// All cases below a directory, in the order of their names.
    pub fn all(directory: &Path) -> Vec<Case> {
        let mut paths: Vec<PathBuf> = children(directory).into_iter().filter(|path| path.is_dir()).collect();
        paths.sort_unstable();
        let mut cases = Vec::new();
        for row in paths {
            let mut files = children(&row);
            files.sort_unstable();
            cases.extend(files.iter().map(|file| Case::read(file)));
        }
        cases
    }

    fn read(path: &Path) -> Self {
        let part = |path: &Path| path.file_stem().expect("a name").to_string_lossy().into_owned();
        let name = format!("{}/{}", part(path.parent().expect("a row")), part(path));
        let text = std::fs::read_to_string(path).expect("a case");
        let (fields, bytes) = text.split_once("\n\n").unwrap_or_else(|| panic!("{name}: no bytes"));
        let mut case = Case {
            expected: Expected::Cut,
            after: After::Closed,
            sees: Vec::new(),
            lacks: Vec::new(),
            body: None,
            bytes: repeated(&bytes_of(bytes)),
            name,
        };
        let (mut has_title, mut has_source, mut after) = (false, false, None);
        for line in fields.lines() {
            let (key, value) = line.split_once(": ").unwrap_or((line.trim_end_matches(':'), ""));
            match key {
                "title" => has_title = true,
                "source" => has_source = true,
                "expect" => case.expected = expected(value).unwrap_or_else(|| panic!("{}: {line}", case.name)),
                "sees" => {
                    let (name, value) = value.split_once(':').unwrap_or_else(|| panic!("{}: {line}", case.name));
                    case.sees.push((name.to_owned(), value.trim().to_owned()));
                }
                "lacks" => case.lacks.push(value.to_owned()),
                "body" => case.body = Some(bytes_of(value)),
                "after" => after = Some(value.to_owned()),
                _ => panic!("{}: what is `{line}`?", case.name),
            }
        }
        assert!(has_title && has_source, "{}: it has no title or no source", case.name);
        case.after = match (after.as_deref(), &case.expected) {
            (Some("close"), _) | (None, Expected::Refuse { .. } | Expected::Cut) => After::Closed,
            (Some("either"), _) => After::Either,
            (None, Expected::Forward(_) | Expected::Answer { .. }) => After::Answered,
            (Some(other), _) => panic!("{}: after: {other}", case.name),
        };
        case
    }

    /// The bytes, with a token where the case wants one.
    pub fn bytes(&self, token: &str) -> Vec<u8> {
        replaced(&self.bytes, b"<token>", token.as_bytes())
    }

    pub fn is_cut(&self) -> bool {
        self.expected == Expected::Cut
    }

    /// So much is sent that a reset may overtake the answer.
    pub fn is_flood(&self) -> bool {
        self.bytes.len() > 128 * 1024
    }

    pub fn row(&self) -> &str {
        self.name.split('/').next().unwrap_or_default()
    }

    /// Whether it asks for a head alone, as far as somebody who reads leniently would say.
    pub fn is_head(&self) -> bool {
        let start = self.bytes.iter().position(|byte| !b"\r\n".contains(byte)).unwrap_or(0);
        self.bytes[start..].starts_with(b"HEAD ")
    }
}

fn children(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    entries.map(|entry| entry.expect("an entry").path()).collect()
}

fn expected(text: &str) -> Option<Expected> {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    let mut words = rest.split(' ');
    let mut named = || words.next().filter(|word| *word != "*" && *word != "-").map(str::to_owned);
    match word {
        "cut" => Some(Expected::Cut),
        "forward" => Some(Expected::Forward(text_of(rest))),
        "answer" => Some(Expected::Answer { status: named()?.parse().ok()?, code: named() }),
        "refuse" => Some(Expected::Refuse { status: named()?.parse().ok()?, code: named(), reason: named() }),
        _ => None,
    }
}

fn text_of(text: &str) -> String {
    String::from_utf8(repeated(text.as_bytes())).expect("a target is ASCII")
}

/// What the escapes stand for. Line ends of the file mean nothing.
fn bytes_of(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes().iter();
    while let Some(&byte) = rest.next() {
        match byte {
            b'\n' => {}
            b'\\' => bytes.push(match rest.next() {
                Some(b'r') => b'\r',
                Some(b'n') => b'\n',
                Some(b't') => b'\t',
                Some(b'\\') => b'\\',
                Some(b'x') => {
                    let digits: String = rest.by_ref().take(2).map(|&digit| char::from(digit)).collect();
                    u8::from_str_radix(&digits, 16).expect("two digits")
                }
                other => panic!("what is \\{other:?}?"),
            }),
            byte => bytes.push(byte),
        }
    }
    bytes
}

/// `<text*9>` as nine times the text.
fn repeated(bytes: &[u8]) -> Vec<u8> {
    let Some(start) = bytes.iter().position(|&byte| byte == b'<') else { return bytes.to_vec() };
    let (before, rest) = bytes.split_at(start);
    let pattern = rest.iter().position(|&byte| byte == b'>').and_then(|end| {
        let (inner, behind) = (&rest[1..end], &rest[end + 1..]);
        let star = inner.iter().rposition(|&byte| byte == b'*')?;
        let count: usize = str::from_utf8(&inner[star + 1..]).ok()?.parse().ok()?;
        Some((inner[..star].repeat(count), behind))
    });
    match pattern {
        Some((text, behind)) => [before, &text, &repeated(behind)].concat(),
        None => [before, b"<", &repeated(&rest[1..])].concat(),
    }
}

fn replaced(bytes: &[u8], what: &[u8], with: &[u8]) -> Vec<u8> {
    match bytes.windows(what.len()).position(|window| window == what) {
        Some(at) => [&bytes[..at], with, &replaced(&bytes[at + what.len()..], what, with)].concat(),
        None => bytes.to_vec(),
    }
}
