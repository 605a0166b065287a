//! `fields=id,name`: of each object only these, so that a list of many is small.

use serde::Serialize;
use serde_json::{Map, Value};

use super::fields::Fields;
use super::wire::Record;

/// Which fields are shown; `None`: all.
pub(super) struct Projection(Option<Vec<String>>);

/// A record, or what was asked for of it.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Projected<T> {
    Whole(T),
    Part(Map<String, Value>),
}

impl<T: Record> Record for Projected<T> {}

impl Projection {
    /// Takes `fields`; those that there are have to be known.
    pub(super) fn take(query: &mut Fields, known: &[&str]) -> Self {
        let Some(text) = query.take_text("fields") else { return Self(None) };
        let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
        if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
            let unknown = super::fields::shown(unknown);
            query.refuse("fields", format!("has `{unknown}`, which is no field. There are: {}", known.join(", ")));
        }
        Self(Some(names))
    }

    pub(super) fn of<T: Record>(&self, record: T) -> Projected<T> {
        let Some(names) = &self.0 else { return Projected::Whole(record) };
        match serde_json::to_value(&record) {
            Ok(Value::Object(mut fields)) => {
                fields.retain(|name, _| names.contains(name));
                Projected::Part(fields)
            }
            _ => Projected::Whole(record),
        }
    }
}
