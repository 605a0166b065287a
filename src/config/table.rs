//! Reads tables key by key: each read names its key, and at the end whatever no read named is unknown.
//!
//! A value that is wrong is reported and the reading goes on, so that one run finds everything.

use super::problem::{Findings, Place};
use super::suggest;
use super::tree::{Node, Table, Value};

/// What is wrong with a value: `` `key` {what} ``, and what to do.
pub(super) struct Mistake {
    pub what: String,
    pub help: String,
}

impl Mistake {
    pub fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what: what.into(), help: help.into() }
    }

    pub fn of_type(node: &Node, wanted: &str, help: impl Into<String>) -> Self {
        let what = match &node.value {
            // The text is not repeated: it may be a secret that was put into the wrong variable.
            Value::Raw(_) => format!("must be {wanted}"),
            _ => format!("must be {wanted}, not {}", node.type_name()),
        };
        Self::new(what, help)
    }
}

/// A value together with where it was written.
pub(super) struct Located<T> {
    pub value: T,
    pub place: Place,
}

/// What a table says under a key. "Not there" and "there, but wrong" are different things.
pub(super) enum Field<T> {
    Absent,
    /// Has been reported.
    Bad,
    Good(Located<T>),
}

impl<T> Field<T> {
    /// `None` only for a wrong value.
    pub fn or(self, default: T) -> Option<T> {
        match self {
            Field::Absent => Some(default),
            Field::Bad => None,
            Field::Good(located) => Some(located.value),
        }
    }

    /// `None` only for a wrong value; absent is `Some(None)`.
    pub fn optional(self) -> Option<Option<T>> {
        match self {
            Field::Absent => Some(None),
            Field::Bad => None,
            Field::Good(located) => Some(Some(located.value)),
        }
    }

    pub fn good(self) -> Option<Located<T>> {
        match self {
            Field::Absent | Field::Bad => None,
            Field::Good(located) => Some(located),
        }
    }

    pub fn as_good(&self) -> Option<&Located<T>> {
        match self {
            Field::Absent | Field::Bad => None,
            Field::Good(located) => Some(located),
        }
    }
}

pub(super) struct Reader<'a> {
    table: &'a Table,
    /// Dotted; empty for the root.
    path: String,
    /// Of the table's head, or of the whole file where there is no such table.
    place: Place,
    known: Vec<&'static str>,
    findings: &'a Findings,
}

/// The tables that may be there several times, told apart by their `name`.
pub(super) const ARRAYS: [&str; 3] = ["upstream", "route", "webhook"];

/// What an optional table reads where it is not there.
static EMPTY: Table = Table { entries: std::collections::BTreeMap::new() };

impl<'a> Reader<'a> {
    pub fn root(table: &'a Table, findings: &'a Findings) -> Self {
        Self { table, path: String::new(), place: Place::File, known: Vec::new(), findings }
    }

    pub fn place(&self) -> &Place {
        &self.place
    }

    pub fn findings(&self) -> &'a Findings {
        self.findings
    }

    /// The full name of a key of this table.
    pub fn name_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// `[tokens]` or `[[route]]`, for messages.
    fn title(&self) -> String {
        match self.path.as_str() {
            "" => "the file".to_owned(),
            array if ARRAYS.contains(&array) || array.ends_with(".tls.certificates") => format!("`[[{array}]]`"),
            path => format!("`[{path}]`"),
        }
    }

    /// The value under a key, which is a known key from now on.
    pub fn node(&mut self, key: &'static str) -> Option<&'a Node> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.table.entries.get(key).map(|entry| &entry.node)
    }

    pub fn field<T>(&mut self, key: &'static str, parse: impl FnOnce(&Node) -> Result<T, Mistake>) -> Field<T> {
        let Some(node) = self.node(key) else { return Field::Absent };
        match parse(node) {
            Ok(value) => Field::Good(Located { value, place: node.place.clone() }),
            Err(mistake) => {
                self.mistake(key, node, mistake);
                Field::Bad
            }
        }
    }

    pub fn required<T>(
        &mut self,
        key: &'static str,
        help: &str,
        parse: impl FnOnce(&Node) -> Result<T, Mistake>,
    ) -> Option<Located<T>> {
        if self.node(key).is_none() {
            self.missing(key, help);
        }
        self.field(key, parse).good()
    }

    /// Reports that `key` is not there.
    pub fn missing(&self, key: &str, help: &str) {
        self.findings.report_absence(&self.place, format!("`{key}` is missing in {}", self.title()), help);
    }

    pub fn mistake(&self, key: &str, node: &Node, mistake: Mistake) {
        self.findings.report(&node.place, format!("`{}` {}", self.name_of(key), mistake.what), mistake.help);
    }

    /// A table that may be left out: an empty one then. `None` where it is no table.
    pub fn section(&mut self, key: &'static str) -> Option<Reader<'a>> {
        match self.node(key) {
            Some(node) => self.table_in(key, node),
            None => {
                let path = self.name_of(key);
                Some(Reader { table: &EMPTY, path, place: Place::File, known: Vec::new(), findings: self.findings })
            }
        }
    }

    /// The table that `node`, found under `key`, must be.
    pub fn table_in(&self, key: &str, node: &'a Node) -> Option<Reader<'a>> {
        let path = self.name_of(key);
        let Value::Table(table) = &node.value else {
            let help = match &node.place {
                Place::Variable(name) => format!("set one of its keys, by a variable that starts with {name}__"),
                _ if self.path.is_empty() || self.path == "listen" => {
                    format!("write `[{path}]` on a line of its own and its keys below")
                }
                _ => format!("write its keys in braces: `{key} = {{ … }}`"),
            };
            self.mistake(key, node, Mistake::of_type(node, "a table", help));
            return None;
        };
        Some(Reader { table, path, place: node.place.clone(), known: Vec::new(), findings: self.findings })
    }

    /// The tables of `[[key]]`, none where it is not there.
    pub fn tables(&mut self, key: &'static str) -> Vec<Reader<'a>> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let Value::Array(items) = &node.value else {
            let help = format!("write `[[{key}]]`, with two brackets on each side");
            self.mistake(key, node, Mistake::of_type(node, "a list of tables", help));
            return Vec::new();
        };
        items.iter().filter_map(|item| self.table_in(key, item)).collect()
    }

    /// The tables of this one, by names that are not known beforehand: `[role.NAME]`.
    pub fn named_tables(&self) -> Vec<(&'a str, &'a Place, Reader<'a>)> {
        let entries = self.table.entries.iter();
        let named = entries.filter_map(|(name, entry)| Some((&**name, &entry.key, self.table_in(name, &entry.node)?)));
        named.collect()
    }

    /// What the table says, each with its place.
    pub fn table(&self) -> &'a Table {
        self.table
    }

    /// The same place in the file with other contents.
    pub fn with<'b>(&self, table: &'b Table) -> Reader<'b>
    where
        'a: 'b,
    {
        Reader { table, path: self.path.clone(), place: self.place.clone(), known: Vec::new(), findings: self.findings }
    }

    /// Whether the table says anything under the key, without making the key a known one.
    pub fn has(&self, key: &str) -> bool {
        self.table.entries.contains_key(key)
    }

    /// Reports every key that was never asked for.
    pub fn finish(self) {
        for (key, entry) in self.table.entries.iter().filter(|(key, _)| !self.known.contains(&key.as_str())) {
            match &entry.key {
                Place::Variable(variable) => self.unknown_variable(key, variable),
                place @ (Place::Span(_) | Place::File) => {
                    let what = format!("the keys of {}", self.title());
                    let help = suggest::help(key, &self.known, &what);
                    self.findings.report(place, format!("unknown key {} in {}", named(key), self.title()), help);
                }
            }
        }
    }

    /// The variable is named in full, with the one wrong part put right.
    fn unknown_variable(&self, key: &str, variable: &str) {
        let help = match suggest::nearest(key, &self.known) {
            Some(name) => {
                let mut parts: Vec<_> = variable.split("__").map(str::to_owned).collect();
                if let Some(part) = parts.get_mut(self.variable_part()) {
                    *part = name.to_uppercase();
                }
                format!("did you mean `{}`?", parts.join("__"))
            }
            None => suggest::list(&self.known, &format!("the keys of {}", self.title())),
        };
        let message = format!("{variable} names no key: there is no `{key}` in {}", self.title());
        self.findings.report(&Place::Variable(variable.to_owned()), message, help);
    }

    /// Which part of `KEYGATE__A__B` names a key of this table: one for each table around it, and one
    /// more for the name of an array's entry.
    fn variable_part(&self) -> usize {
        let tables = self.path.split('.').filter(|part| !part.is_empty()).count();
        let in_array = ARRAYS.iter().any(|array| self.path.split('.').next() == Some(array));
        1 + tables + usize::from(in_array)
    }
}

/// No key of ours is half as long; a secret that stands where a key does is, and is not repeated.
fn named(key: &str) -> String {
    const LONGEST: usize = 40;
    let length = key.chars().count();
    if length <= LONGEST { format!("`{key}`") } else { format!("of {length} characters") }
}
