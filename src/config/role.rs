//! `[role.NAME]`: sets of grants that tokens and members refer to by name.

use super::table::{Mistake, Reader};
use super::tree::{Node, Value};
use super::value;
use crate::model::{Access, Grants, ResourceName, Role, RoleName, Roles};

const GRANTS_HELP: &str = "write resources and what may be done with them: `{ \"*\" = \"read\", devices = \"write\" }`";
/// More is a slip.
const MOST_GRANTS: usize = 100;

/// The built-in roles, and those of the file, which may redefine them. `None`: reported.
pub(super) fn read(root: &mut Reader<'_>) -> Option<Roles> {
    let mut own = Some(Vec::new());
    for (name, place, mut table) in root.section("role")?.named_tables() {
        let role_name = name.parse::<RoleName>();
        if let Err(error) = &role_name {
            table.findings().report(place, error.to_string(), "write `[role.support]`, for instance");
        }
        let role = one(&mut table);
        table.finish();
        own = own.zip(role_name.ok().zip(role)).map(|(mut own, named)| {
            own.push(named);
            own
        });
    }
    own.map(Roles::with)
}

fn one(table: &mut Reader<'_>) -> Option<Role> {
    let description = table.field("description", value::text).or(String::new());
    let grants = table.required("grants", GRANTS_HELP, grants);
    Some(Role { description: description?, grants: grants?.value })
}

/// `{ "*" = "read", devices = "write" }`.
pub(super) fn grants(node: &Node) -> Result<Grants, Mistake> {
    let Value::Table(table) = &node.value else {
        return Err(Mistake::of_type(node, "a table of grants", GRANTS_HELP));
    };
    if table.entries.is_empty() || table.entries.len() > MOST_GRANTS {
        return Err(Mistake::new(format!("must have 1 to {MOST_GRANTS} grants"), GRANTS_HELP));
    }
    let mut grants = Vec::with_capacity(table.entries.len());
    for (name, entry) in &table.entries {
        let resource = name.parse::<ResourceName>();
        let resource = resource.map_err(|error| Mistake::new(format!("names `{name}`: {error}"), GRANTS_HELP))?;
        let access = value::text(&entry.node).ok().and_then(|text| text.parse::<Access>().ok());
        let help = "write \"read\", \"write\" (create and update), \"full\", or some of read, create, update and delete \
                    with `+` between them";
        grants.push((resource, access.ok_or_else(|| Mistake::new(format!("has no access for `{name}`"), help))?));
    }
    Ok(Grants::new(grants))
}
