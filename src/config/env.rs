//! `KEYGATE__A__B=…`: variables laid over the tree of the file.
//!
//! A variable names a key by the tables on the way to it. An entry of an array is named by its `name`:
//! `KEYGATE__UPSTREAM__API__URL`. Whether the key exists and what type it has, the readers decide.

use std::collections::BTreeMap;

use super::problem::{Findings, Place};
use super::suggest;
use super::table::ARRAYS;
use super::tree::{Entry, Node, Table, Value};

const PREFIX: &str = "KEYGATE__";

/// Lays every variable of ours over `root`.
pub(super) fn overlay(root: &mut Table, env: &BTreeMap<String, String>, findings: &Findings) {
    for (name, value) in env {
        let Some(path) = name.strip_prefix(PREFIX) else { continue };
        let variable = Variable { name, value, findings };
        let parts: Vec<_> = path.split("__").map(str::to_lowercase).collect();
        if parts.iter().any(String::is_empty) {
            let help = "write the tables and the key with two underscores between them, such as KEYGATE__STORE__PATH";
            variable.refuse("names no key", help);
            continue;
        }
        match parts.split_first() {
            Some((array, rest)) if ARRAYS.contains(&array.as_str()) => variable.lay_over_entry(root, array, rest),
            _ => variable.lay_over_table(root, &parts),
        }
    }
}

struct Variable<'a> {
    name: &'a str,
    value: &'a str,
    findings: &'a Findings,
}

impl Variable<'_> {
    fn place(&self) -> Place {
        Place::Variable(self.name.to_owned())
    }

    fn refuse(&self, what: &str, help: impl Into<String>) {
        self.findings.report_absence(&self.place(), format!("{} {what}", self.name), help);
    }

    fn lay_over_table(&self, table: &mut Table, parts: &[String]) {
        match parts {
            [] => {}
            [key] => self.set(table, key),
            [key, rest @ ..] => {
                let entry = table.entries.entry(key.clone()).or_insert_with(|| self.empty_table());
                if let (Value::Raw(_), Place::Variable(other)) = (&entry.node.value, &entry.node.place) {
                    let help = format!("unset one of the two: {other} sets the whole of `{key}`");
                    return self.refuse("sets a key of something that another variable sets", help);
                }
                // What the file says in place of a table gives way to the table.
                if !matches!(entry.node.value, Value::Table(_)) {
                    *entry = self.empty_table();
                }
                if let Value::Table(inner) = &mut entry.node.value {
                    self.lay_over_table(inner, rest);
                }
            }
        }
    }

    fn set(&self, table: &mut Table, key: &str) {
        if let Some(Place::Variable(other)) = table.entries.get(key).map(|entry| &entry.node.place) {
            let help = format!("unset one of the two: {other} sets it too");
            return self.refuse("sets what another variable sets", help);
        }
        // Where the file has a table, the reader will say that one value is no table.
        let node = Node { value: Value::Raw(self.value.to_owned()), place: self.place() };
        table.entries.insert(key.to_owned(), Entry { key: self.place(), node });
    }

    fn empty_table(&self) -> Entry {
        Entry { key: self.place(), node: Node { value: Value::Table(Table::default()), place: self.place() } }
    }

    /// `KEYGATE__UPSTREAM__<name>__<key>`: the entry has to be in the file, with that name.
    fn lay_over_entry(&self, root: &mut Table, array: &str, rest: &[String]) {
        let (Some((name, keys)), true) = (rest.split_first(), rest.len() > 1) else {
            let help = format!(
                "`[[{array}]]` is a list; one key of one entry is set by KEYGATE__{}__<NAME>__<KEY>",
                array.to_uppercase()
            );
            return self.refuse("names no single value", help);
        };
        let items = match root.entries.get_mut(array).map(|entry| &mut entry.node.value) {
            Some(Value::Array(items)) => items.as_mut_slice(),
            _ => &mut [],
        };
        let names: Vec<_> = items.iter().filter_map(entry_name).collect();
        let matches = |item: &&mut Node| entry_name(item).is_some_and(|own| fold(&own) == *name);
        match items.iter_mut().find(matches).map(|item| &mut item.value) {
            Some(Value::Table(table)) => self.lay_over_table(table, keys),
            _ => {
                let names: Vec<_> = names.iter().map(String::as_str).collect();
                let help = if names.is_empty() {
                    format!("give the entry of `[[{array}]]` a `name` in the file, and use that name in the variable")
                } else {
                    suggest::help(name, &names, &format!("the entries of `[[{array}]]` in the file that have a `name`"))
                };
                self.refuse(&format!("names no entry: no `[[{array}]]` is named `{name}`"), help);
            }
        }
    }
}

/// As it can stand in a variable's name: in one case, and without what a shell does not take.
fn fold(name: &str) -> String {
    name.to_lowercase().replace(['-', '.'], "_")
}

fn entry_name(node: &Node) -> Option<String> {
    let Value::Table(table) = &node.value else { return None };
    table.entries.get("name")?.node.as_text().map(str::to_owned)
}
