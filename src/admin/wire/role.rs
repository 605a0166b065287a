//! Roles, as they are shown.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::{grants_record, terms};
use crate::model::{Role, RoleName};

/// A role. `grants` maps a resource to an access.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Role)]
pub(in crate::admin) struct RoleRecord {
    name: String,
    description: String,
    #[schema(value_type = terms::Grants)]
    grants: BTreeMap<String, String>,
}

impl RoleRecord {
    pub(in crate::admin) fn new(name: &RoleName, role: &Role) -> Self {
        Self { name: name.to_string(), description: role.description.clone(), grants: grants_record(&role.grants) }
    }
}
