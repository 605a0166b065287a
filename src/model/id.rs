//! Public identifiers: `tok_…` for tokens, `acc_…` for accounts, `usr_…` for users; `note_…` in
//! backups.
//!
//! An id is a UUID version 7 (RFC 9562 section 5.7) in 22 base62 characters, so ids sort by the time
//! they were made, as text and as bytes. An id is not a secret.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::base62;

const BODY: usize = 22;

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("an id of this kind starts with `{0}_`")]
    Prefix(&'static str),
    #[error("an id is its prefix and 22 characters of 0-9, A-Z, a-z")]
    Body,
}

macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// The letters before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// A fresh id, later in order than those made in earlier milliseconds.
            pub fn fresh() -> Self {
                Self(Uuid::now_v7().as_u128())
            }

            /// Big-endian bytes, which sort as the ids do.
            pub const fn to_bytes(self) -> [u8; 16] {
                self.0.to_be_bytes()
            }

            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(u128::from_be_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let body = base62::encode::<BODY>(self.0);
                f.write_str(concat!($prefix, "_"))?;
                f.write_str(str::from_utf8(&body).map_err(|_| fmt::Error)?)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let body = text.strip_prefix(concat!($prefix, "_")).ok_or(IdError::Prefix($prefix))?;
                if body.len() != BODY {
                    return Err(IdError::Body);
                }
                base62::decode(body.as_bytes()).map(Self).ok_or(IdError::Body)
            }
        }
    };
}

typed_id!(
    /// A token's public name; stays the same when its secret is rotated.
    TokenId,
    "tok"
);
typed_id!(
    /// An account's public name.
    AccountId,
    "acc"
);
typed_id!(
    /// A user's public name.
    UserId,
    "usr"
);
typed_id!(
    /// Under which something is noted; never fresh, since it has to be found again.
    NoteId,
    "note"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trip() {
        let id = TokenId::fresh();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(id.to_string().len(), 26);
    }

    #[test]
    fn kinds_do_not_mix_and_garbage_is_named() {
        let account = AccountId::fresh().to_string();
        assert_eq!(account.parse::<TokenId>(), Err(IdError::Prefix("tok")));
        assert_eq!("tok_short".parse::<TokenId>(), Err(IdError::Body));
        assert_eq!("tok_zzzzzzzzzzzzzzzzzzzzzz".parse::<TokenId>(), Err(IdError::Body));
        assert_eq!("tok_000000000000000000000é".parse::<TokenId>(), Err(IdError::Body));
    }
}
