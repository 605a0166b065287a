//! What can be wrong with a file, in words for whoever has to find another one.

use std::io;

/// Why a file was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    #[error("line {line}: {flaw}")]
    Flawed { line: u64, flaw: Flaw },
}

/// What is wrong with a line, or was found wrong when it was read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
    #[error("there is no header: this is no backup or export of keygate")]
    NoHeader,
    #[error("the file has format {found}, and this version of keygate reads format {known}: use a later one")]
    OtherFormat { found: u64, known: u64 },
    #[error(
        "the file was written from a store of schema {found}, and this version of keygate knows {known}: use a later one"
    )]
    LaterSchema { found: u64, known: u64 },
    #[error(
        "tokens are hashed with `{found}` in this file, and keygate looks them up by `{known}`: none would be found"
    )]
    ForeignHash { found: String, known: &'static str },
    #[error("the file was made with another pepper, so no token in it would be found: use the pepper of that store")]
    OtherPepper,
    #[error("it is not UTF-8 from column {column} on")]
    NotUtf8 { column: usize },
    #[error("it is not JSON from column {column} on")]
    NotJson { column: usize },
    #[error("it is longer than {limit} bytes, which no record is")]
    TooLong { limit: usize },
    #[error("its check is wrong: the line was changed or damaged")]
    Check,
    #[error("{0}")]
    Form(String),
    #[error("the file ends here, before its last line: it was cut short")]
    CutShort,
    #[error("this should be line {said}: lines are missing or were added")]
    Lines { said: u64 },
    #[error("there are {found} {what} in the file, and its header says {said}")]
    Counts { what: &'static str, said: u64, found: u64 },
    #[error("something follows the end")]
    AfterEnd,
    #[error("the proof in the header does not fit the records: they are not all that the store held, or were changed")]
    Proof,
}
