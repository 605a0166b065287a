//! Roles: named sets of grants, which tokens and memberships refer to by name.

use std::collections::BTreeMap;

use super::access::Access;
use super::grants::{Grants, ResourceName};
use super::name::RoleName;

/// What a role gives, and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    pub description: String,
    pub grants: Grants,
}

/// All roles that there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roles(BTreeMap<RoleName, Role>);

/// Name, description, and resource → access.
type BuiltIn = (&'static str, &'static str, &'static [(&'static str, Access)]);

/// The roles that are there without a line of configuration, which may redefine each of them.
const BUILT_IN: [BuiltIn; 5] = [
    (
        "owner",
        "everything, the management of the account included",
        &[("*", Access::FULL), ("keygate.*", Access::FULL)],
    ),
    (
        "admin",
        "everything, and the management of tokens, users and accounts",
        &[
            ("*", Access::FULL),
            ("keygate.tokens", Access::FULL),
            ("keygate.users", Access::FULL),
            ("keygate.sessions", Access::FULL),
            ("keygate.accounts", Access::FULL),
            ("keygate.audit", Access::READ),
            ("keygate.config", Access::READ),
        ],
    ),
    ("power_user", "everything but management", &[("*", Access::FULL)]),
    ("deployment", "reading and writing, for pipelines: nothing is deleted", &[("*", Access::READ_WRITE)]),
    ("viewer", "reading", &[("*", Access::READ)]),
];

impl Default for Roles {
    /// The built-in ones.
    fn default() -> Self {
        Self::with([])
    }
}

impl Roles {
    /// The built-in roles and `own`, which may redefine them.
    pub fn with(own: impl IntoIterator<Item = (RoleName, Role)>) -> Self {
        let mut roles: BTreeMap<RoleName, Role> = BUILT_IN.iter().map(built_in).collect();
        roles.extend(own);
        Self(roles)
    }

    pub fn get(&self, name: &RoleName) -> Option<&Role> {
        self.0.get(name)
    }

    /// In the order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&RoleName, &Role)> {
        self.0.iter()
    }

    /// What these roles give together. A name that stands for no role, such as one that the
    /// configuration had and has no more, gives nothing.
    pub fn grants(&self, names: &[RoleName]) -> Grants {
        let found = names.iter().filter_map(|name| self.get(name));
        Grants::new(found.flat_map(|role| role.grants.iter().map(|(resource, access)| (resource.clone(), access))))
    }

    /// Those of `names` that stand for no role.
    pub fn unknown<'a>(&self, names: &'a [RoleName]) -> Vec<&'a RoleName> {
        names.iter().filter(|name| !self.0.contains_key(name)).collect()
    }
}

fn built_in((name, description, grants): &BuiltIn) -> (RoleName, Role) {
    let resource = |name: &str| name.parse::<ResourceName>().expect("a built-in role names lawful resources");
    let grants = Grants::new(grants.iter().map(|(name, access)| (resource(name), *access)));
    let name = name.parse().expect("a built-in role has a lawful name");
    (name, Role { description: (*description).to_owned(), grants })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> RoleName {
        text.parse().expect("a name")
    }

    #[test]
    fn roles_add_up_and_unknown_ones_give_nothing() {
        let roles = Roles::default();
        let both = roles.grants(&[name("viewer"), name("deployment"), name("gone")]);
        assert_eq!(both.on("devices"), Access::READ_WRITE);
        assert_eq!(roles.grants(&[name("gone")]), Grants::default());
        assert_eq!(roles.unknown(&[name("viewer"), name("gone")]), [&name("gone")]);
    }

    #[test]
    fn only_owner_and_admin_manage() {
        let roles = Roles::default();
        let managing: Vec<_> = roles
            .iter()
            .filter(|(_, role)| !role.grants.on("keygate.tokens").is_none())
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(managing, ["admin", "owner"]);
    }

    #[test]
    fn a_built_in_role_can_be_redefined() {
        let none = Role { description: String::new(), grants: Grants::default() };
        let roles = Roles::with([(name("viewer"), none)]);
        assert_eq!(roles.grants(&[name("viewer")]), Grants::default());
        assert_eq!(roles.iter().len(), 5);
    }
}
