//! Names that the configuration gives: of roles, of plans, of policies.

use std::fmt;
use std::str::FromStr;

/// A text that cannot be such a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no name: 1 to 64 of a-z, 0-9, `_` and `-`, starting with a letter")]
pub struct NameError(pub String);

macro_rules! typed_name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                if is_name(text) { Ok(Self(text.into())) } else { Err(NameError(text.to_owned())) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

typed_name!(
    /// Of a set of grants.
    RoleName
);
typed_name!(
    /// Of what an account has booked; policies allow kinds of tokens by it.
    PlanName
);
typed_name!(
    /// Of a set of rules for tokens.
    PolicyName
);

fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for good in ["admin", "power_user", "a-1"] {
            assert_eq!(good.parse::<RoleName>().map(|name| name.to_string()), Ok(good.to_owned()));
        }
        for bad in ["", "Admin", "1a", "a b", "a.b", "é", &"a".repeat(65)] {
            assert_eq!(bad.parse::<RoleName>(), Err(NameError(bad.to_owned())));
        }
    }
}
