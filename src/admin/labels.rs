//! Labels as a body has them: `{"env": "prod"}`.

use super::fields::{Fields, shown};
use super::wire::Json;
use crate::model::{LabelEdit, Labels};

/// Of a new object.
pub(super) fn take_new(fields: &mut Fields) -> Labels {
    let entries = match fields.take("labels") {
        None | Some(Json::Null) => return Labels::default(),
        Some(value) => entries(fields, value),
    };
    let mut set = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        match value {
            Some(value) => set.push((key, value)),
            None => fields.refuse(&named(&key), "must be a text"),
        }
    }
    Labels::new(set).unwrap_or_else(|error| {
        fields.refuse("labels", error.to_string());
        Labels::default()
    })
}

/// Of an edit, as RFC 7396 merges it: a label that is null goes, and all of them go where the field itself
/// is null. What the labels come to is checked where they are changed.
pub(super) fn take_edit(fields: &mut Fields) -> LabelEdit {
    match fields.take("labels") {
        None => LabelEdit::default(),
        Some(Json::Null) => LabelEdit { clear: true, set: Vec::new() },
        Some(value) => LabelEdit { clear: false, set: entries(fields, value) },
    }
}

fn entries(fields: &mut Fields, value: Json) -> Vec<(String, Option<String>)> {
    let given = match value {
        Json::Object(given) => given,
        other => return fields.wrong_kind("labels", "an object of texts", &other).unwrap_or_default(),
    };
    let mut entries: Vec<(String, Option<String>)> = Vec::with_capacity(given.len());
    for (key, value) in given {
        let value = match value {
            Json::Text(text) => Some(text),
            Json::Null => None,
            other => {
                let message = format!("must be a text, or null to remove it, not {}", other.kind());
                fields.refuse(&named(&key), message);
                continue;
            }
        };
        if entries.iter().any(|(known, _)| *known == key) {
            fields.refuse(&named(&key), "is given more than once");
        }
        entries.push((key, value));
    }
    entries
}

fn named(key: &str) -> String {
    format!("labels.{}", shown(key))
}
