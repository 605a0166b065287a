//! Secrets that are looked for, and the places where none of them may be.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memmem::Finder;

use crate::support::binary::contents;

/// A secret that was put somewhere.
#[derive(Debug, Clone)]
pub struct Canary {
    /// `a revoked token`.
    pub what: String,
    pub text: String,
    /// What is looked for, each with the name of its form; in lower case.
    forms: Vec<(&'static str, Finder<'static>)>,
}

/// As many characters of a text are enough to know it by.
const PIECE: usize = 15;

impl Canary {
    /// The part of `text` that nobody can guess is `secret`.
    pub fn new(what: impl Into<String>, text: &str, secret: &str) -> Self {
        assert!(secret.len() >= 2 * PIECE, "{secret:?} could stand somewhere by chance");
        let pieces = [("begins", &secret[..PIECE]), ("ends", &secret[secret.len() - PIECE..])];
        let mut forms: Vec<(&str, Vec<u8>)> =
            pieces.iter().map(|(form, piece)| (*form, piece.as_bytes().to_vec())).collect();
        for (_, piece) in pieces {
            let hex =
                |before: &str| piece.bytes().flat_map(|byte| format!("{before}{byte:02x}").into_bytes()).collect();
            forms.push(("percent-encoded", hex("%")));
            forms.push(("in hexadecimal", hex("")));
            forms
                .push(("as numbers", piece.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(", ").into()));
            // Bytes of a text come to other digits by what stands before them.
            for before in 0..3 {
                let padded = [vec![0; before], piece.as_bytes().to_vec()].concat();
                for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
                    let digits = engine.encode(&padded);
                    let whole = &digits[(before * 8).div_ceil(6)..padded.len() * 8 / 6];
                    forms.push(("in Base64", whole.to_ascii_lowercase().into_bytes()));
                }
            }
        }
        forms.iter_mut().for_each(|(_, form)| form.make_ascii_lowercase());
        forms.sort_unstable();
        forms.dedup();
        let forms = forms.into_iter().map(|(form, needle)| (form, Finder::new(&needle).into_owned())).collect();
        Self { what: what.into(), text: text.to_owned(), forms }
    }

    /// A token, of which the 30 random characters are the secret.
    pub fn token(what: impl Into<String>, text: &str) -> Self {
        let body = text.rsplit('_').next().expect("a piece");
        assert_eq!(body.len(), 36, "{text:?} is no token");
        Self::new(what, text, &body[..30])
    }

    /// A text of which all is secret.
    pub fn whole(what: impl Into<String>, text: &str) -> Self {
        Self::new(what, text, text)
    }
}

/// What a gateway told, by the place where that is.
#[derive(Default)]
pub struct Evidence(BTreeMap<String, Vec<u8>>);

/// A secret that was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Find {
    pub what: String,
    pub place: String,
    pub form: &'static str,
    pub excerpt: String,
}

impl Evidence {
    pub fn add(&mut self, place: impl Into<String>, bytes: impl AsRef<[u8]>) {
        let told = self.0.entry(place.into()).or_default();
        told.extend_from_slice(bytes.as_ref());
        told.push(b'\n');
    }

    /// Every file below `directory` but those that hold secrets by design.
    pub fn add_files(&mut self, directory: &Path, except: &[&str]) {
        for (path, bytes) in contents(directory) {
            let name = path.strip_prefix(directory).expect("below it").display().to_string();
            if !except.contains(&name.as_str()) {
                self.add(format!("file {name}"), bytes);
            }
        }
    }

    /// Whether there is a place whose name begins like this, and something in it.
    pub fn has(&self, place: &str) -> bool {
        self.0.iter().any(|(name, bytes)| name.starts_with(place) && !bytes.trim_ascii().is_empty())
    }

    pub fn places(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub fn search(&self, canaries: &[Canary]) -> Vec<Find> {
        let mut finds = Vec::new();
        for (place, bytes) in &self.0 {
            let lower = bytes.to_ascii_lowercase();
            for canary in canaries {
                let found = canary.forms.iter().find_map(|(form, needle)| Some((*form, needle.find(&lower)?)));
                let Some((form, at)) = found else { continue };
                let excerpt = &bytes[at.saturating_sub(120)..(at + 80).min(bytes.len())];
                let excerpt = String::from_utf8_lossy(excerpt).into_owned();
                finds.push(Find { what: canary.what.clone(), place: place.clone(), form, excerpt });
            }
        }
        finds
    }

    /// That no secret is anywhere.
    #[track_caller]
    pub fn assert_silent(&self, canaries: &[Canary]) {
        let finds = self.search(canaries);
        let lines: Vec<String> = finds
            .iter()
            .take(40)
            .map(|find| format!("{} ({}) in {}: …{}…", find.what, find.form, find.place, find.excerpt))
            .collect();
        assert!(finds.is_empty(), "{} finds:\n{}", finds.len(), lines.join("\n"));
    }

    /// A copy with `more` at the end of each place.
    pub fn with(&self, more: &str) -> Self {
        Self(self.0.iter().map(|(name, bytes)| (name.clone(), [bytes, more.as_bytes()].concat())).collect())
    }
}
