//! What became of keys that were to be imported.

use serde::Serialize;
use utoipa::ToSchema;

use super::terms;
use crate::model::TokenId;
use crate::problem::FieldError;

/// What became of keys that were to be imported; `items` are in the order of the request's.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Import)]
pub(in crate::admin) struct ImportRecord {
    /// Nothing was changed.
    dry_run: bool,
    created: usize,
    exists: usize,
    refused: usize,
    items: Vec<ImportedRecord>,
}

/// What became of one key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ImportedKey)]
pub(in crate::admin) struct ImportedRecord {
    #[schema(value_type = terms::ImportStatus)]
    status: &'static str,
    /// Of its token; null where it was refused.
    #[schema(required, value_type = Option<terms::TokenId>)]
    id: Option<String>,
    errors: Vec<FieldError>,
}

impl ImportRecord {
    pub(in crate::admin) fn of(dry_run: bool, items: Vec<ImportedRecord>) -> Self {
        let count = |status| items.iter().filter(|item| item.status == status).count();
        let (created, exists, refused) = (count("created"), count("exists"), count("refused"));
        Self { dry_run, created, exists, refused, items }
    }
}

impl ImportedRecord {
    pub(in crate::admin) fn made(id: TokenId) -> Self {
        Self { status: "created", id: Some(id.to_string()), errors: Vec::new() }
    }

    pub(in crate::admin) fn there(id: TokenId) -> Self {
        Self { status: "exists", id: Some(id.to_string()), errors: Vec::new() }
    }

    pub(in crate::admin) fn refused(errors: Vec<FieldError>) -> Self {
        Self { status: "refused", id: None, errors }
    }
}
