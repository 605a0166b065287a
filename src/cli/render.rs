//! Records as tables: columns for many, one line a field for one.
//!
//! Reads the admin API's documents as they come, so that a field that a later server adds is shown and
//! one that an older server lacks is a dash. A list on a terminal has one line a record: columns that
//! matter less are left out where the terminal is narrow, and what is still too long ends in `…`.

use comfy_table::{Cell, ColumnConstraint, ContentArrangement, Row, Table, presets};
use serde_json::{Map, Value};

use super::color;
use super::terminal::plain;

/// A column of a list: its heading, and how a record fills it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub heading: &'static str,
    pub cell: fn(&Value) -> String,
    keep: Keep,
}

/// When a column is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    Always,
    /// Left out where there is no room for all; the highest number goes first.
    Room(u8),
    /// With `-o wide` alone.
    Wide,
}

/// How there is to be printed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Frame {
    /// Columns of the terminal; `None`: lines may be as long as they are.
    pub width: Option<u16>,
    pub color: bool,
    /// Every column whole, however long the lines get.
    pub wide: bool,
    pub no_headers: bool,
}

/// What a column that may be cut keeps at least.
const LEAST: u16 = 12;

pub(super) const fn column(heading: &'static str, cell: fn(&Value) -> String) -> Column {
    Column { heading, cell, keep: Keep::Always }
}

impl Column {
    /// Left out on a narrow terminal: the highest `rank` first.
    pub(super) const fn if_room(self, rank: u8) -> Column {
        Column { keep: Keep::Room(rank), ..self }
    }

    /// Shown with `-o wide` alone.
    pub(super) const fn wide(self) -> Column {
        Column { keep: Keep::Wide, ..self }
    }
}

/// Headings and one line a record.
pub(super) fn list(columns: &[Column], records: &[Value], frame: Frame) -> String {
    let mut shown: Vec<&Column> = columns.iter().filter(|column| frame.wide || column.keep != Keep::Wide).collect();
    let width = frame.width.filter(|_| !frame.wide);
    if let Some(width) = width {
        leave_out(&mut shown, records, width, frame);
    }
    let mut table = bare(width, frame.color);
    if !frame.no_headers {
        table.set_header(shown.iter().map(|column| column.heading));
    }
    for record in records {
        let cells = shown.iter().map(|column| painted(column.heading, (column.cell)(record), frame.color));
        let mut row = Row::from(cells.collect::<Vec<_>>());
        row.max_height(1);
        table.add_row(row);
    }
    lines(table)
}

/// Takes out the columns that matter least until the others fit.
fn leave_out(shown: &mut Vec<&Column>, records: &[Value], width: u16, frame: Frame) {
    let rank = |column: &Column| if let Keep::Room(rank) = column.keep { rank } else { 0 };
    loop {
        let mut table = bare(None, false);
        if !frame.no_headers {
            table.set_header(shown.iter().map(|column| column.heading));
        }
        table.add_rows(records.iter().map(|record| shown.iter().map(|column| (column.cell)(record))));
        let widths = table.column_max_content_widths();
        // The first column is never cut; what may be cut has to keep a part that says something.
        let needed = widths.iter().enumerate().map(|(at, &wanted)| if at == 0 { wanted } else { wanted.min(LEAST) });
        let needed = needed.map(|column| u32::from(column) + 2).sum::<u32>().saturating_sub(2);
        let least = shown.iter().enumerate().max_by_key(|(_, column)| rank(column)).filter(|(_, c)| rank(c) > 0);
        match least {
            Some((at, _)) if needed > u32::from(width) => drop(shown.remove(at)),
            _ => return,
        }
    }
}

/// One line a field: the fields that `first` names, then whatever else the record has.
pub(super) fn record(record: &Value, first: &[&str], frame: Frame) -> String {
    let empty = Map::new();
    let fields = record.as_object().unwrap_or(&empty);
    let named = first.iter().filter_map(|name| fields.get_key_value(*name));
    let others = fields.iter().filter(|(name, _)| !first.contains(&name.as_str()));
    let mut table = bare(frame.width, frame.color);
    for (name, value) in named.chain(others) {
        table.add_row([Cell::new(plain(name)), painted(name, cell(value), frame.color)]);
    }
    lines(table)
}

fn bare(width: Option<u16>, color: bool) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).force_no_tty().set_truncation_indicator("…").style_text_only();
    if color {
        table.enforce_styling();
    }
    match width {
        Some(width) => table.set_width(width).set_content_arrangement(ContentArrangement::Dynamic),
        None => table.set_content_arrangement(ContentArrangement::Disabled),
    };
    table
}

/// States have a colour; the word says the same.
fn painted(heading: &str, text: String, color: bool) -> Cell {
    let hue = color::of_state(&text).filter(|_| color && heading.eq_ignore_ascii_case("state"));
    let cell = Cell::new_owned(text);
    hue.map_or(cell.clone(), |hue| cell.fg(hue))
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

/// A time to the minute, for lists: `2026-11-23 10:05`. `-o wide` and the record have all of it.
pub(super) fn minute(time: &Value) -> String {
    let text = cell(time);
    match text.parse::<jiff::Timestamp>() {
        Ok(_) if text.len() > 16 => text[..16].replacen('T', " ", 1),
        _ => text,
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

    const COLUMNS: &[Column] = &[
        column("NAME", |record| cell(&record["name"])),
        column("STATE", |record| cell(&record["state"])),
        column("NOTE", |record| cell(&record["note"])).wide(),
    ];

    #[test]
    fn lists_line_up() {
        let records = [json!({"name": "a", "state": "active"}), json!({"name": "longer", "state": "revoked"})];
        let whole = Frame::default();
        assert_eq!(list(COLUMNS, &records, whole), "NAME    STATE\na       active\nlonger  revoked\n");
        let bare = Frame { no_headers: true, ..whole };
        assert_eq!(list(COLUMNS, &records, bare), "a       active\nlonger  revoked\n");
        assert!(list(COLUMNS, &records, Frame { wide: true, ..whole }).starts_with("NAME    STATE    NOTE\n"));
    }

    #[test]
    fn lists_have_one_line_a_record_on_a_terminal_and_stay_whole_without_one() {
        let id = "tok_0352KdwYdVa6Y6CjCWcGEa";
        let records = [json!({"name": id, "state": "word ".repeat(30)})];
        let narrow = list(COLUMNS, &records, Frame { width: Some(50), ..Frame::default() });
        assert!(narrow.lines().all(|line| line.chars().count() <= 50), "{narrow}");
        assert!(narrow.contains(id), "the first column can be copied: {narrow}");
        assert!(narrow.contains('…') && narrow.lines().count() == 2, "{narrow}");
        let wide = list(COLUMNS, &records, Frame { width: Some(50), wide: true, ..Frame::default() });
        assert!(!wide.contains('…'), "{wide}");
        assert_eq!(list(COLUMNS, &records, Frame::default()).lines().count(), 2);
    }

    #[test]
    fn what_matters_least_is_left_out_first() {
        const MANY: &[Column] = &[
            column("ID", |record| cell(&record["id"])),
            column("SECOND", |_| "x".repeat(20)).if_room(2),
            column("FIRST", |_| "x".repeat(20)).if_room(3),
            column("STATE", |_| "active".into()),
        ];
        let shown = |width| {
            let table = list(MANY, &[json!({"id": "tok_1"})], Frame { width: Some(width), ..Frame::default() });
            table.lines().next().map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        };
        assert_eq!(shown(80).unwrap(), ["ID", "SECOND", "FIRST", "STATE"]);
        assert_eq!(shown(30).unwrap(), ["ID", "SECOND", "STATE"]);
        assert_eq!(shown(20).unwrap(), ["ID", "STATE"]);
    }

    #[test]
    fn a_record_shows_every_field_in_order() {
        let token = json!({"state": "active", "new": 1, "id": "tok_1", "grants": {"*": "read"}, "expires": null});
        assert_eq!(
            record(&token, &["id", "state", "absent"], Frame::default()),
            "id       tok_1\nstate    active\nexpires  -\ngrants   *: read\nnew      1\n"
        );
    }

    #[test]
    fn only_a_state_has_a_colour_and_only_where_colours_are_wanted() {
        let records = [json!({"name": "active", "state": "active"})];
        let painted = list(COLUMNS, &records, Frame { color: true, ..Frame::default() });
        assert_eq!(painted.matches("\u{1b}[").count(), 2, "{painted:?}");
        assert!(!list(COLUMNS, &records, Frame::default()).contains('\u{1b}'));
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
        assert_eq!(minute(&json!("2026-11-23T10:05:00.123Z")), "2026-11-23 10:05");
        assert_eq!(minute(&Value::Null), "-");
        assert_eq!(rate(&json!({"requests": 100, "window": "60s"})), "100/60s");
        assert_eq!(rate(&Value::Null), "-");
    }
}
