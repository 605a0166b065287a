//! Grants as they are asked for: `{"devices": "read+write", "*": "read"}`.

use super::fields::{Fields, shown};
use super::wire::Json;
use crate::model::{Access, AccessError, GrantError, Grants, ResourceName, ResourceNameError};

/// Far more than an API has resources; every one is looked at on every request of the token.
const MOST: usize = 256;
pub(super) const NEEDED: &str = "must name at least one resource and its access, as in {\"devices\": \"read\"}";

/// The grants in the field; notes what is wrong with them.
pub(super) fn take(fields: &mut Fields) -> Option<Grants> {
    let Some(given) = fields.take("grants") else {
        fields.refuse("grants", NEEDED);
        return None;
    };
    let (sound, empty) = (fields.errors(), given == Json::Object(vec![]));
    let grants = read(fields, "grants", given)?;
    if empty {
        fields.refuse("grants", NEEDED);
    } else if grants.is_empty() && fields.errors() == sound {
        fields.refuse("grants", "gives nothing: every access is `none`");
    }
    Some(grants)
}

/// What an account may do at most; `Some(None)` for null, which is no limit. `{}` allows nothing.
pub(super) fn take_ceiling(fields: &mut Fields) -> Option<Option<Grants>> {
    match fields.take("ceiling")? {
        Json::Null => Some(None),
        given => read(fields, "ceiling", given).map(Some),
    }
}

fn read(fields: &mut Fields, field: &'static str, given: Json) -> Option<Grants> {
    let entries = match given {
        Json::Object(entries) => entries,
        other => return fields.wrong_kind(field, "an object", &other),
    };
    if entries.len() > MOST {
        fields.refuse(field, format!("has {} resources; at most {MOST} are allowed", entries.len()));
        return None;
    }
    let mut grants: Vec<(ResourceName, Access)> = Vec::with_capacity(entries.len());
    for (name, value) in entries {
        if let Some((resource, access)) = one(fields, field, &name, value) {
            // Grants of one resource add up, so a repetition would give more than either line says.
            if grants.iter().any(|(other, _)| *other == resource) {
                fields.refuse(&format!("{field}.{name}"), "is given more than once");
            }
            grants.push((resource, access));
        }
    }
    Some(Grants::new(grants))
}

fn one(fields: &mut Fields, field: &str, name: &str, value: Json) -> Option<(ResourceName, Access)> {
    let field = format!("{field}.{name}");
    let resource = name.parse::<ResourceName>().ok();
    if resource.is_none() {
        fields.refuse(&field, ResourceNameError(shown(name)).to_string());
    }
    let Json::Text(text) = value else { return fields.wrong_kind(&field, "text", &value) };
    let access = text.parse::<Access>().ok();
    if access.is_none() {
        fields.refuse(&field, AccessError(shown(&text)).to_string());
    }
    resource.zip(access)
}

/// The grants that are more than the giver's own.
pub(super) fn exceeding(grants: &Grants, giver: &Grants) -> Vec<GrantError> {
    let single = |(resource, access): (&ResourceName, Access)| Grants::new([(resource.clone(), access)]);
    grants.iter().map(single).filter_map(|grant| grant.within(giver).err()).collect()
}
