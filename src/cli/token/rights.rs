//! What a token may do, as arguments: grants or roles, and filters.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::{Map, Value, json};

use super::super::failure::Failure;
use crate::model::{Access, Grants, ResourceName, RoleName};

#[derive(Debug, Default, Args)]
pub(in crate::cli) struct RightsArgs {
    /// What it may do: `devices=read`, `'*=write'`, `files=read+write`; may be repeated. The accesses are
    /// read, write (create and update: neither read nor delete), full, and single actions joined by `+`
    #[arg(long = "grant", value_name = "RESOURCE=ACCESS", group = "change")]
    pub grants: Vec<String>,
    /// Short for --grant '*=read'
    #[arg(long, group = "change")]
    pub read: bool,
    /// Short for --grant '*=write'
    #[arg(long, group = "change")]
    pub write: bool,
    /// Short for --grant '*=full'
    #[arg(long, group = "change")]
    pub full: bool,
    /// In place of grants: whatever this role gives, now and later; may be repeated
    #[arg(long = "role", value_name = "ROLE", conflicts_with_all = ["grants", "read", "write", "full"], group = "change")]
    pub roles: Vec<String>,
    /// Limits it to a part of the data: `region=eu`; a key repeated allows each of its values
    #[arg(long = "filter", value_name = "KEY=VALUE", group = "change")]
    pub filters: Vec<String>,
}

impl RightsArgs {
    /// Puts what is given into a body for the admin API.
    pub(super) fn put(&self, body: &mut Map<String, Value>) -> Result<(), Failure> {
        let grants = self.grants()?;
        if grants.iter().len() > 0 {
            body.insert("grants".to_owned(), wire_grants(&grants));
        }
        if !self.roles.is_empty() {
            body.insert("roles".to_owned(), self.roles()?.into());
        }
        if !self.filters.is_empty() {
            body.insert("filters".to_owned(), json!(self.filters()?));
        }
        Ok(())
    }

    pub(super) fn names_none(&self) -> bool {
        !self.read && !self.write && !self.full && self.grants.is_empty() && self.roles.is_empty()
    }

    fn grants(&self) -> Result<Grants, Failure> {
        let shorthands = [(self.read, Access::READ), (self.write, Access::WRITE), (self.full, Access::FULL)];
        let on_all = shorthands.into_iter().filter(|(given, _)| *given);
        let mut grants: Vec<_> = on_all.map(|(_, access)| (ResourceName::every_api(), access)).collect();
        for grant in &self.grants {
            grants.push(parse_grant("grant", grant)?);
        }
        Ok(Grants::new(grants))
    }

    fn roles(&self) -> Result<Vec<String>, Failure> {
        let checked = |role: &String| role.parse::<RoleName>().map(|role| role.to_string());
        let roles = self.roles.iter().map(checked).collect::<Result<_, _>>();
        roles.map_err(|error| Failure::usage(format!("--role: {error}")))
    }

    fn filters(&self) -> Result<BTreeMap<&str, Vec<&str>>, Failure> {
        let mut filters: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for filter in &self.filters {
            let (key, value) = filter.split_once('=').ok_or_else(|| {
                Failure::usage(format!("--filter: `{filter}` has no `=`")).hint("write KEY=VALUE, such as region=eu")
            })?;
            filters.entry(key).or_default().push(value);
        }
        Ok(filters)
    }
}

pub(in crate::cli) fn parse_grant(option: &str, text: &str) -> Result<(ResourceName, Access), Failure> {
    let refused = |why: String| {
        Failure::usage(format!("--{option}: {why}")).hint("write RESOURCE=ACCESS, such as devices=read or '*=write'")
    };
    let (resource, access) = text.split_once('=').ok_or_else(|| refused(format!("`{text}` has no `=`")))?;
    let resource =
        resource.trim().parse().map_err(|error: crate::model::ResourceNameError| refused(error.to_string()))?;
    let access: Access =
        access.trim().parse().map_err(|error: crate::model::AccessError| refused(error.to_string()))?;
    if access.is_none() {
        return Err(refused(format!("`{text}` grants nothing; leave it out")));
    }
    Ok((resource, access))
}

pub(in crate::cli) fn wire_grants(grants: &Grants) -> Value {
    Value::Object(grants.iter().map(|(name, access)| (name.to_string(), access.to_string().into())).collect())
}
