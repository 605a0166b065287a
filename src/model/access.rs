//! What may be done: the four actions, and sets of them.

use std::fmt;
use std::str::FromStr;

/// One thing a request does to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Action {
    Read = 1,
    Create = 2,
    Update = 4,
    Delete = 8,
}

impl Action {
    pub const ALL: [Action; 4] = [Action::Read, Action::Create, Action::Update, Action::Delete];

    pub const fn name(self) -> &'static str {
        match self {
            Action::Read => "read",
            Action::Create => "create",
            Action::Update => "update",
            Action::Delete => "delete",
        }
    }
}

impl FromStr for Action {
    type Err = AccessError;

    fn from_str(text: &str) -> Result<Self, AccessError> {
        Action::ALL.into_iter().find(|action| action.name() == text).ok_or_else(|| AccessError(text.to_owned()))
    }
}

/// A set of actions in four bits, so that what several rules allow together is one AND.
///
/// The named sets: `none`, `read` = {read}, `write` = {create, update} (never read, never delete),
/// `read+write`, and `full` = all four.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Access(u8);

/// A text that names no set of actions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no access: it is `none`, `read`, `write`, `read+write`, `full`, or actions joined by `+`")]
pub struct AccessError(pub String);

impl Access {
    pub const NONE: Access = Access(0);
    pub const READ: Access = Access(Action::Read as u8);
    pub const WRITE: Access = Access(Action::Create as u8 | Action::Update as u8);
    pub const READ_WRITE: Access = Access(Self::READ.0 | Self::WRITE.0);
    pub const FULL: Access = Access(Self::READ_WRITE.0 | Action::Delete as u8);

    pub const fn of(action: Action) -> Access {
        Access(action as u8)
    }

    pub const fn allows(self, action: Action) -> bool {
        self.0 & action as u8 != 0
    }

    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    #[must_use]
    pub const fn union(self, other: Access) -> Access {
        Access(self.0 | other.0)
    }

    #[must_use]
    pub const fn intersection(self, other: Access) -> Access {
        Access(self.0 & other.0)
    }

    /// Whether everything that `self` allows, `other` allows too.
    pub const fn within(self, other: Access) -> bool {
        self.0 & !other.0 == 0
    }

    /// The four bits: read 1, create 2, update 4, delete 8.
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The set of these bits; `None` where a bit stands for no action.
    pub const fn from_bits(bits: u8) -> Option<Access> {
        if bits & !Self::FULL.0 == 0 { Some(Access(bits)) } else { None }
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = match *self {
            Access::NONE => "none",
            Access::READ => "read",
            Access::WRITE => "write",
            Access::READ_WRITE => "read+write",
            Access::FULL => "full",
            _ => {
                let names: Vec<_> = Action::ALL.into_iter().filter(|&a| self.allows(a)).map(Action::name).collect();
                return f.write_str(&names.join("+"));
            }
        };
        f.write_str(named)
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Access {
    type Err = AccessError;

    fn from_str(text: &str) -> Result<Self, AccessError> {
        if text == "none" {
            return Ok(Access::NONE);
        }
        text.split('+').try_fold(Access::NONE, |sum, part| {
            let part = match part {
                "read" => Access::READ,
                "write" => Access::WRITE,
                "full" => Access::FULL,
                other => Access::of(other.parse().map_err(|_| AccessError(text.to_owned()))?),
            };
            Ok(sum.union(part))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_is_neither_read_nor_delete() {
        assert!(Access::WRITE.allows(Action::Create) && Access::WRITE.allows(Action::Update));
        assert!(!Access::WRITE.allows(Action::Read) && !Access::WRITE.allows(Action::Delete));
    }

    #[test]
    fn every_set_survives_its_text() {
        for bits in 0..16 {
            let access = Access::from_bits(bits).expect("four bits");
            assert_eq!(access.to_string().parse(), Ok(access));
        }
        assert_eq!(Access::from_bits(16), None);
    }

    #[test]
    fn unknown_words_are_refused() {
        for text in ["", "Read", "read+", "read,write", "all", "none+read"] {
            assert!(text.parse::<Access>().is_err(), "{text}");
        }
    }
}
