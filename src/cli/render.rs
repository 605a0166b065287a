//! Records as tables: columns for many, one line a field for one.
//!
//! Reads the admin API's documents as they come, so that a field that a later server adds is shown and
//! one that an older server lacks is a dash.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use serde_json::{Map, Value};

use super::terminal::plain;

/// A column of a list: its heading, and how a record fills it.
pub(super) type Column = (&'static str, fn(&Value) -> String);

/// Headings and one line a record; cells are wrapped only to fit a terminal.
pub(super) fn list(columns: &[Column], records: &[Value], width: Option<u16>) -> String {
    let mut table = bare(width);
    table.set_header(columns.iter().map(|(heading, _)| *heading));
    table.add_rows(records.iter().map(|record| columns.iter().map(|(_, cell)| cell(record)).collect::<Vec<_>>()));
    lines(table)
}

/// One line a field: the fields that `first` names, then whatever else the record has.
pub(super) fn record(record: &Value, first: &[&str], width: Option<u16>) -> String {
    let empty = Map::new();
    let fields = record.as_object().unwrap_or(&empty);
    let named = first.iter().filter_map(|name| fields.get_key_value(*name));
    let others = fields.iter().filter(|(name, _)| !first.contains(&name.as_str()));
    let mut table = bare(width);
    table.add_rows(named.chain(others).map(|(name, value)| [plain(name), cell(value)]));
    lines(table)
}

fn bare(width: Option<u16>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).force_no_tty();
    match width {
        Some(width) => table.set_width(width).set_content_arrangement(ContentArrangement::Dynamic),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    table
}

fn lines(mut table: Table) -> String {
    // The first column has what one copies or looks for: an id, the name of a field.
    if let Some(first) = table.column_mut(0) {
        first.set_constraint(ColumnConstraint::ContentWidth);
    }
    let mut text = String::new();
    for line in table.lines() {
        // The first column starts at the left edge, and no line ends in spaces.
        text.push_str(line.strip_prefix(' ').unwrap_or(&line).trim_end());
        text.push('\n');
    }
    text
}

/// A value in one cell.
pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => plain(&without_fraction(text)),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(", "),
        Value::Object(fields) if fields.is_empty() => "-".to_owned(),
        Value::Object(fields) => fields
            .iter()
            .map(|(name, value)| format!("{}: {}", plain(name), cell(value)))
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// A limit as it is written on the command line.
pub(super) fn rate(value: &Value) -> String {
    match (&value["requests"], &value["window"]) {
        (Value::Number(requests), Value::String(window)) => format!("{requests}/{}", plain(window)),
        _ => cell(value),
    }
}

/// An RFC 3339 time to the second; any other text as it is.
fn without_fraction(text: &str) -> String {
    let is_time = text.parse::<jiff::Timestamp>().is_ok();
    match text.split_once('.') {
        Some((seconds, _)) if is_time && text.ends_with('Z') => format!("{seconds}Z"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const COLUMNS: &[Column] = &[("NAME", |record| cell(&record["name"])), ("STATE", |record| cell(&record["state"]))];

    #[test]
    fn lists_line_up() {
        let records = [json!({"name": "a", "state": "active"}), json!({"name": "longer", "state": "revoked"})];
        assert_eq!(list(COLUMNS, &records, None), "NAME    STATE\na       active\nlonger  revoked\n");
    }

    #[test]
    fn lists_fit_the_terminal_and_stay_whole_without_one() {
        let id = "tok_0352KdwYdVa6Y6CjCWcGEa";
        let records = [json!({"name": id, "state": "word ".repeat(30)})];
        let narrow = list(COLUMNS, &records, Some(50));
        assert!(narrow.lines().all(|line| line.chars().count() <= 50), "{narrow}");
        assert!(narrow.contains(id), "the first column can be copied: {narrow}");
        assert_eq!(list(COLUMNS, &records, None).lines().count(), 2);
    }

    #[test]
    fn a_record_shows_every_field_in_order() {
        let token = json!({"state": "active", "new": 1, "id": "tok_1", "grants": {"*": "read"}, "expires": null});
        assert_eq!(
            record(&token, &["id", "state", "absent"], None),
            "id       tok_1\nstate    active\nexpires  -\ngrants   *: read\nnew      1\n"
        );
    }

    #[test]
    fn cells_are_for_people() {
        for (value, text) in [
            (json!("2026-11-23T00:00:00.123Z"), "2026-11-23T00:00:00Z"),
            (json!("v1.2 is out"), "v1.2 is out"),
            (json!("a\nb\u{1b}[0m"), "a\\u{a}b\\u{1b}[0m"),
            (json!(""), "-"),
            (json!([]), "-"),
            (json!(["a", "b"]), "a, b"),
            (json!(true), "yes"),
        ] {
            assert_eq!(cell(&value), text);
        }
        assert_eq!(rate(&json!({"requests": 100, "window": "60s"})), "100/60s");
        assert_eq!(rate(&Value::Null), "-");
    }
}
