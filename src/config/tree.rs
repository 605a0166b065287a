//! The configuration as a tree of values, each of which knows where it was written.
//!
//! What the file and the environment say meets here; neither names nor types of keys are known yet.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Place;

#[derive(Clone)]
pub(super) struct Node {
    pub value: Value,
    pub place: Place,
}

#[derive(Clone)]
pub(super) enum Value {
    Text(String),
    /// `None`: more than 64 bits.
    Integer(Option<i64>),
    Boolean(bool),
    Array(Vec<Node>),
    Table(Table),
    /// What no key takes: a float, a date.
    Other(&'static str),
    /// From the environment: of the type that its key wants.
    Raw(String),
}

#[derive(Clone, Default)]
pub(super) struct Table {
    pub entries: BTreeMap<String, Entry>,
}

#[derive(Clone)]
pub(super) struct Entry {
    pub key: Place,
    pub node: Node,
}

impl Table {
    /// The same values, all written at `place`.
    pub fn at(self, place: &Place) -> Self {
        let entry = |(name, entry): (String, Entry)| (name, Entry { key: place.clone(), node: entry.node.at(place) });
        Self { entries: self.entries.into_iter().map(entry).collect() }
    }
}

impl Node {
    fn at(self, place: &Place) -> Self {
        let value = match self.value {
            Value::Array(items) => Value::Array(items.into_iter().map(|item| item.at(place)).collect()),
            Value::Table(table) => Value::Table(table.at(place)),
            single => single,
        };
        Self { value, place: place.clone() }
    }

    /// For messages: "a string".
    pub fn type_name(&self) -> &'static str {
        match &self.value {
            Value::Text(_) => "a string",
            Value::Integer(_) => "an integer",
            Value::Boolean(_) => "a boolean",
            Value::Array(_) => "an array",
            Value::Table(_) => "a table",
            Value::Other(name) => name,
            Value::Raw(_) => "a single value",
        }
    }

    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) | Value::Raw(text) => Some(text),
            _ => None,
        }
    }
}

impl From<&DeTable<'_>> for Table {
    fn from(table: &DeTable<'_>) -> Self {
        let entry = |(key, value): (&Spanned<_>, _)| {
            let name = key.get_ref() as &std::borrow::Cow<'_, str>;
            (name.clone().into_owned(), Entry { key: Place::Span(key.span()), node: Node::from(value) })
        };
        Self { entries: table.iter().map(entry).collect() }
    }
}

impl From<&Spanned<DeValue<'_>>> for Node {
    fn from(value: &Spanned<DeValue<'_>>) -> Self {
        let place = Place::Span(value.span());
        let value = match value.get_ref() {
            DeValue::String(text) => Value::Text(text.clone().into_owned()),
            DeValue::Integer(integer) => Value::Integer(i64::from_str_radix(integer.as_str(), integer.radix()).ok()),
            DeValue::Boolean(boolean) => Value::Boolean(*boolean),
            DeValue::Array(items) => Value::Array(items.iter().map(Node::from).collect()),
            DeValue::Table(table) => Value::Table(Table::from(table)),
            DeValue::Float(_) => Value::Other("a number with a fraction"),
            DeValue::Datetime(_) => Value::Other("a date"),
        };
        Self { value, place }
    }
}
