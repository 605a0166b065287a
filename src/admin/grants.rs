//! Grants as they are asked for: `{"devices": "read+write", "*": "read"}`.

use super::fields::Fields;
use super::refusal::Refusal;
use super::wire::Json;
use crate::model::{Access, Grants, ResourceName};

const NEEDED: &str = "must name at least one resource and its access, as in {\"devices\": \"read\"}";

/// The grants in the field; notes what is wrong with them.
pub(super) fn take(fields: &mut Fields) -> Option<Grants> {
    let Some(given) = fields.take("grants") else {
        fields.refuse("grants", NEEDED);
        return None;
    };
    let entries = match given {
        Json::Object(entries) => entries,
        other => return fields.wrong_kind("grants", "an object", &other),
    };
    if entries.is_empty() {
        fields.refuse("grants", NEEDED);
    }
    let mut grants: Vec<(ResourceName, Access)> = Vec::with_capacity(entries.len());
    for (name, value) in entries {
        if let Some((resource, access)) = one(fields, &name, value) {
            // Grants of one resource add up, so a repetition would give more than either line says.
            if grants.iter().any(|(other, _)| *other == resource) {
                fields.refuse(format!("grants.{name}"), "is given more than once");
            }
            grants.push((resource, access));
        }
    }
    if !grants.is_empty() && grants.iter().all(|(_, access)| access.is_none()) {
        fields.refuse("grants", "gives nothing: every access is `none`");
    }
    Some(Grants::new(grants))
}

fn one(fields: &mut Fields, name: &str, value: Json) -> Option<(ResourceName, Access)> {
    let field = format!("grants.{}", name.chars().take(64).collect::<String>());
    let resource = name.parse::<ResourceName>();
    if let Err(error) = &resource {
        fields.refuse(field.clone(), error.to_string());
    }
    let access = match value {
        Json::Text(text) => text.parse::<Access>(),
        other => return fields.wrong_kind(field, "text", &other),
    };
    if let Err(error) = &access {
        fields.refuse(field, error.to_string());
    }
    resource.ok().zip(access.ok())
}

/// Refuses where a grant is more than the giver's own, naming every one that is.
pub(super) fn within(grants: &Grants, giver: &Grants) -> Result<(), Refusal> {
    let single = |(resource, access): (&ResourceName, Access)| Grants::new([(resource.clone(), access)]);
    let exceeding: Vec<_> = grants.iter().map(single).filter_map(|grant| grant.within(giver).err()).collect();
    if exceeding.is_empty() { Ok(()) } else { Err(Refusal::GrantsExceeded(exceeding)) }
}
