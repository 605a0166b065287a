//! The stable codes of refusals: what each means and what to do about it. Both listeners take them from
//! here, and so do the page `docs/problems.md` and the description of the management API.

mod catalogue;
mod credential;
mod gateway;
mod object;
mod person;
mod request;
mod rule;

use http::StatusCode;

pub use self::catalogue::page;
pub use self::credential::*;
pub use self::gateway::*;
pub use self::object::*;
pub use self::person::*;
pub use self::request::*;
pub use self::rule::*;

/// Why something is refused. A code has one status and one title, wherever it is answered.
#[derive(Debug)]
pub struct Code {
    /// Stable: programs may compare it.
    pub name: &'static str,
    pub status: u16,
    pub by: By,
    pub challenge: Told,
    pub title: &'static str,
    /// When it is answered.
    pub meaning: &'static str,
    /// What its reader does about it.
    pub remedy: &'static str,
}

impl Code {
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).expect("the tables have lawful statuses")
    }
}

/// Which listener answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Proxy,
    Management,
    Both,
}

/// Whether `WWW-Authenticate: Bearer` is sent with it, and with which `error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    Nothing,
    /// Nothing was presented; or the token is good, and none of the errors fits.
    Challenge,
    Error(&'static str),
}

/// Codes that belong together.
pub struct Section {
    pub title: &'static str,
    pub text: &'static str,
    pub codes: &'static [&'static Code],
}

/// All codes that there are.
pub static SECTIONS: [&Section; 6] =
    [&credential::SECTION, &person::SECTION, &request::SECTION, &object::SECTION, &rule::SECTION, &gateway::SECTION];

/// Every code there is.
pub fn all() -> impl Iterator<Item = &'static Code> {
    SECTIONS.iter().flat_map(|section| section.codes.iter().copied())
}

/// A table of codes: each a name in the program, status, listener, challenge, code and title; then when it
/// is answered, and what to do about it.
macro_rules! codes {
    ($section:literal, $text:literal; $($id:ident $status:literal $by:ident $told:expr, $name:literal $title:literal
        $meaning:literal $remedy:literal;)+) => {
        $(pub static $id: Code = Code {
            name: $name,
            status: $status,
            by: By::$by,
            challenge: $told,
            title: $title,
            meaning: $meaning,
            remedy: $remedy,
        };)+
        pub(super) static SECTION: Section = Section { title: $section, text: $text, codes: &[$(&$id),+] };
    };
}
use codes;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_are_told_apart_and_speak_in_sentences() {
        let mut names = BTreeSet::new();
        for code in all() {
            assert!(names.insert(code.name), "{} is there twice", code.name);
            assert!(code.name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{}", code.name);
            assert!((400..600).contains(&code.status), "{}", code.name);
            for sentence in [code.meaning, code.remedy] {
                assert!(sentence.ends_with('.') && !sentence.contains("  "), "{}: {sentence}", code.name);
            }
            assert!(!code.title.ends_with('.'), "{}", code.name);
        }
        assert!(names.len() > 70, "{}", names.len());
    }

    #[test]
    fn who_lacks_a_credential_is_told_how_to_present_one() {
        for code in all() {
            assert_eq!(code.status == 401, code.status == 401 && code.challenge != Told::Nothing, "{}", code.name);
        }
    }
}
