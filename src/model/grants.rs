//! Grants: which resource may be accessed how.

use std::fmt;
use std::str::FromStr;

use super::access::{Access, Action};

const MANAGEMENT: &str = "keygate.";
const EVERY_API: &str = "*";
const EVERY_MANAGEMENT: &str = "keygate.*";

/// The name of a group of routes (`devices`), `*` for all of them, a part of the management API
/// (`keygate.tokens`), or `keygate.*` for all of that.
///
/// `*` never covers `keygate.…`: a full token of the API is no administrator of the gateway.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceName(Box<str>);

/// A text that cannot name a resource.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no resource name: 1 to 64 of a-z, 0-9, `_`, `-` and `.`, starting with a letter; or `*`; or `keygate.*`"
)]
pub struct ResourceNameError(pub String);

impl ResourceName {
    pub fn every_api() -> Self {
        Self(EVERY_API.into())
    }

    pub fn every_management() -> Self {
        Self(EVERY_MANAGEMENT.into())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the management API, or a part of it.
    pub fn is_management(&self) -> bool {
        self.0.starts_with(MANAGEMENT)
    }

    /// Whether a grant on `self` speaks of the resource `name`.
    fn covers(&self, name: &str) -> bool {
        match &*self.0 {
            EVERY_API => !name.starts_with(MANAGEMENT),
            EVERY_MANAGEMENT => name.starts_with(MANAGEMENT),
            own => own == name,
        }
    }
}

impl FromStr for ResourceName {
    type Err = ResourceNameError;

    fn from_str(text: &str) -> Result<Self, ResourceNameError> {
        let plain = || {
            text.len() <= 64
                && text.starts_with(|c: char| c.is_ascii_lowercase())
                && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-' | b'.'))
        };
        if text == EVERY_API || text == EVERY_MANAGEMENT || plain() {
            Ok(Self(text.into()))
        } else {
            Err(ResourceNameError(text.to_owned()))
        }
    }
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Resource → access, in order of the names. Grants only add: what several say of one resource is
/// their union, and what none says is not allowed.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Grants(Vec<(ResourceName, Access)>);

/// Why a set of grants cannot be given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    #[error("`{access}` on `{resource}` is more than the giver has: nobody can give what they have not")]
    Exceeds { resource: ResourceName, access: Access },
}

impl Grants {
    pub fn new(entries: impl IntoIterator<Item = (ResourceName, Access)>) -> Self {
        let mut grants = Grants::default();
        for (resource, access) in entries {
            match grants.0.binary_search_by(|(name, _)| name.cmp(&resource)) {
                Ok(at) => grants.0[at].1 = grants.0[at].1.union(access),
                Err(at) => grants.0.insert(at, (resource, access)),
            }
        }
        grants
    }

    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&ResourceName, Access)> {
        self.0.iter().map(|(name, access)| (name, *access))
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|(_, access)| access.is_none())
    }

    /// What is allowed on the one resource `name`.
    pub fn on(&self, name: &str) -> Access {
        self.0.iter().filter(|(grant, _)| grant.covers(name)).fold(Access::NONE, |sum, (_, access)| sum.union(*access))
    }

    pub fn allow(&self, name: &str, action: Action) -> bool {
        self.on(name).allows(action)
    }

    /// What both allow: on every resource, now and later, `limited.on(r)` is the intersection of
    /// `self.on(r)` and `other.on(r)`.
    #[must_use]
    pub fn limited_by(&self, other: &Grants) -> Grants {
        let mut entries: Vec<(ResourceName, Access)> = Vec::new();
        for name in self.0.iter().chain(&other.0).map(|(name, _)| name) {
            let both = match name.as_str() {
                EVERY_API | EVERY_MANAGEMENT => self.exact(name).intersection(other.exact(name)),
                name => self.on(name).intersection(other.on(name)),
            };
            if !both.is_none() && !entries.iter().any(|(known, _)| known == name) {
                entries.push((name.clone(), both));
            }
        }
        Grants::new(entries)
    }

    /// As a ceiling, which speaks of the management API only where it names a part of it.
    #[must_use]
    pub fn as_ceiling(&self) -> Grants {
        let names = |entry: &(ResourceName, Access)| entry.0.as_str().starts_with(MANAGEMENT);
        let rest = if self.0.iter().any(names) { None } else { Some((ResourceName::every_management(), Access::FULL)) };
        Grants::new(self.0.iter().cloned().chain(rest))
    }

    /// Refuses where `self` has a grant that `giver` could not exercise.
    pub fn within(&self, giver: &Grants) -> Result<(), GrantError> {
        for (resource, access) in &self.0 {
            // A wildcard may only be given by who holds the same wildcard: a sum of single resources
            // would not cover those that a later configuration adds.
            let held = match resource.as_str() {
                EVERY_API | EVERY_MANAGEMENT => giver.exact(resource),
                name => giver.on(name),
            };
            if !access.within(held) {
                return Err(GrantError::Exceeds { resource: resource.clone(), access: *access });
            }
        }
        Ok(())
    }

    fn exact(&self, resource: &ResourceName) -> Access {
        self.0.iter().find(|(name, _)| name == resource).map_or(Access::NONE, |(_, access)| *access)
    }
}

impl fmt::Display for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (resource, access)) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{resource}: {access}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grants(entries: &[(&str, Access)]) -> Grants {
        Grants::new(entries.iter().map(|(name, access)| (name.parse().expect("a name"), *access)))
    }

    #[test]
    fn a_full_token_of_the_api_is_no_administrator() {
        let full = grants(&[("*", Access::FULL)]);
        assert_eq!(full.on("devices"), Access::FULL);
        assert_eq!(full.on("keygate.tokens"), Access::NONE);
        let admin = grants(&[("keygate.*", Access::FULL)]);
        assert_eq!(admin.on("keygate.tokens"), Access::FULL);
        assert_eq!(admin.on("devices"), Access::NONE);
    }

    #[test]
    fn grants_add_up() {
        let both = grants(&[("*", Access::READ), ("devices", Access::WRITE), ("devices", Access::of(Action::Delete))]);
        assert_eq!(both.on("devices"), Access::FULL);
        assert_eq!(both.on("files"), Access::READ);
    }

    #[test]
    fn nobody_gives_what_they_have_not() {
        let giver = grants(&[("devices", Access::FULL), ("files", Access::READ)]);
        assert_eq!(grants(&[("devices", Access::READ)]).within(&giver), Ok(()));
        assert!(grants(&[("files", Access::WRITE)]).within(&giver).is_err());
        assert!(grants(&[("*", Access::READ)]).within(&giver).is_err());
        assert!(grants(&[("keygate.tokens", Access::READ)]).within(&grants(&[("*", Access::FULL)])).is_err());
    }

    #[test]
    fn a_ceiling_speaks_of_management_only_where_it_names_it() {
        let quiet = grants(&[("devices", Access::READ)]).as_ceiling();
        assert_eq!(
            (quiet.on("keygate.tokens"), quiet.on("devices"), quiet.on("files")),
            (Access::FULL, Access::READ, Access::NONE)
        );
        let named = grants(&[("*", Access::FULL), ("keygate.tokens", Access::READ)]).as_ceiling();
        assert_eq!((named.on("keygate.tokens"), named.on("keygate.users")), (Access::READ, Access::NONE));
    }

    fn any_grants() -> impl proptest::strategy::Strategy<Value = Grants> {
        use proptest::prelude::*;
        let name = prop::sample::select(vec!["*", "keygate.*", "a", "b", "keygate.tokens", "keygate.users"]);
        prop::collection::vec((name, 0u8..16), 0..5).prop_map(|entries| {
            Grants::new(
                entries
                    .into_iter()
                    .map(|(name, bits)| (name.parse().expect("a name"), Access::from_bits(bits).expect("four bits"))),
            )
        })
    }

    proptest::proptest! {
        #[test]
        fn a_limit_is_an_intersection_on_every_resource(one in any_grants(), other in any_grants()) {
            let both = one.limited_by(&other);
            for name in ["a", "b", "unheard", "keygate.tokens", "keygate.users", "keygate.unheard"] {
                proptest::prop_assert_eq!(both.on(name), one.on(name).intersection(other.on(name)), "{}", name);
            }
            proptest::prop_assert_eq!(both.within(&one), Ok(()));
        }
    }

    #[test]
    fn names_are_checked() {
        for bad in ["", "Devices", "1a", "a b", "keygate.*.x*", "**", "é"] {
            assert!(bad.parse::<ResourceName>().is_err(), "{bad}");
        }
    }
}
