//! The options that say how a result is printed, the same in every command, and the printing itself.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::exit::Exit;
use super::failure::Failure;
use super::render::{self, Column, Frame};
use super::terminal::{Terminal, plain};

/// For one record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Shape {
    #[default]
    Table,
    Json,
    /// JSON on one line
    Jsonl,
}

/// For many records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ListShape {
    #[default]
    Table,
    /// A table with every column, however long the lines get
    Wide,
    Json,
    /// One record a line
    Jsonl,
}

/// How one record is printed.
#[derive(Debug, Default, Args)]
pub(super) struct RecordOutput {
    #[arg(short = 'o', long = "output", value_name = "SHAPE", value_enum, default_value_t = Shape::Table)]
    shape: Shape,
    /// Only this field's value; `a.b` for b within a
    #[arg(long, value_name = "NAME", conflicts_with = "shape")]
    field: Option<String>,
}

/// How a list is printed.
#[derive(Debug, Default, Args)]
pub(super) struct ListOutput {
    #[arg(short = 'o', long = "output", value_name = "SHAPE", value_enum, default_value_t = ListShape::Table)]
    shape: ListShape,
    /// Only this field's value of each record, one a line; `a.b` for b within a
    #[arg(long, value_name = "NAME", conflicts_with = "shape")]
    field: Option<String>,
    /// A table without the line of headings
    #[arg(long)]
    no_headers: bool,
}

impl RecordOutput {
    pub(super) fn wants_json(&self) -> bool {
        self.shape != Shape::Table
    }

    /// Whether a person reads it, and remarks beside it help.
    pub(super) fn is_for_people(&self) -> bool {
        self.shape == Shape::Table && self.field.is_none()
    }

    /// Prints the record; `table` makes it readable.
    pub(super) fn print(
        &self,
        record: &Value,
        table: impl FnOnce(Frame) -> String,
        terminal: &mut Terminal<'_>,
    ) -> Result<Exit, Failure> {
        let text = match (&self.field, self.shape) {
            (Some(name), _) => format!("{}\n", field(record, name)?),
            (None, Shape::Table) => table(terminal.frame()),
            (None, Shape::Json) => format!("{record:#}\n"),
            (None, Shape::Jsonl) => format!("{record}\n"),
        };
        terminal.print(&text).map(|()| Exit::Ok)
    }

    /// The same with these fields first, and those behind them that the record has besides.
    pub(super) fn print_fields(
        &self,
        record: &Value,
        first: &[&str],
        terminal: &mut Terminal<'_>,
    ) -> Result<Exit, Failure> {
        self.print(record, |frame| render::record(record, first, frame), terminal)
    }
}

impl ListOutput {
    pub(super) fn wants_json(&self) -> bool {
        matches!(self.shape, ListShape::Json | ListShape::Jsonl)
    }

    /// Whether each page may be printed as it comes: nothing is lined up over all of them.
    pub(super) fn is_by_line(&self) -> bool {
        self.field.is_some() || self.shape == ListShape::Jsonl
    }

    /// Whether the result itself says where the list goes on.
    pub(super) fn holds_the_cursor(&self) -> bool {
        self.field.is_none() && self.shape == ListShape::Json
    }

    /// Prints the records; `next` is where the list goes on.
    pub(super) fn print(
        &self,
        items: &[Value],
        next: Option<&str>,
        columns: &[Column],
        terminal: &mut Terminal<'_>,
    ) -> Result<Exit, Failure> {
        let frame = Frame { wide: self.shape == ListShape::Wide, no_headers: self.no_headers, ..terminal.frame() };
        let text = match (&self.field, self.shape) {
            (Some(name), _) => {
                let values = items.iter().map(|item| field(item, name).map(|value| value + "\n"));
                values.collect::<Result<String, _>>()?
            }
            (None, ListShape::Table | ListShape::Wide) => render::list(columns, items, frame),
            (None, ListShape::Json) => format!("{:#}\n", json!({"items": items, "next": next})),
            (None, ListShape::Jsonl) => items.iter().map(|item| format!("{item}\n")).collect(),
        };
        terminal.print(&text).map(|()| Exit::Ok)
    }
}

/// A field's value as a script wants it: a text as it is, nothing for null, anything else as JSON.
pub(super) fn field(record: &Value, name: &str) -> Result<String, Failure> {
    let mut value = record;
    for step in name.split('.') {
        value = value.get(step).ok_or_else(|| {
            let names = value.as_object().map(|fields| fields.keys().map(|key| plain(key)).collect::<Vec<_>>());
            let failure = Failure::usage(format!("--field: there is no field `{}`", plain(name)));
            match names {
                Some(names) if !names.is_empty() => failure.hint(format!("there are: {}", names.join(", "))),
                _ => failure,
            }
        })?;
    }
    Ok(match value {
        Value::Null => String::new(),
        // One value a line: what would break lines or steer a terminal is written out.
        Value::String(text) => plain(text),
        other => other.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::render::{cell, column};
    use super::super::terminal::tests::Fake;
    use super::*;

    const COLUMNS: &[Column] = &[column("ID", |record| cell(&record["id"]))];

    fn listed(output: &ListOutput) -> (Result<Exit, Failure>, String) {
        let items = [json!({"id": "a", "owner": {"name": "x\ny"}}), json!({"id": "b", "owner": {"name": null}})];
        let mut fake = Fake::script();
        let outcome = output.print(&items, Some("c"), COLUMNS, &mut fake.terminal());
        (outcome, fake.out())
    }

    #[test]
    fn lists_have_each_shape() {
        let shaped = |shape| listed(&ListOutput { shape, ..ListOutput::default() }).1;
        assert_eq!(shaped(ListShape::Table), "ID\na\nb\n");
        assert_eq!(shaped(ListShape::Jsonl).lines().count(), 2);
        let json: Value = serde_json::from_str(&shaped(ListShape::Json)).unwrap();
        assert_eq!((json["items"].as_array().map(Vec::len), json["next"].as_str()), (Some(2), Some("c")));
        let bare = ListOutput { no_headers: true, ..ListOutput::default() };
        assert_eq!(listed(&bare).1, "a\nb\n");
    }

    #[test]
    fn a_field_is_printed_alone_and_a_wrong_one_is_told_with_the_right_ones() {
        let of = |name: &str| listed(&ListOutput { field: Some(name.into()), ..ListOutput::default() });
        assert_eq!(of("id").1, "a\nb\n");
        assert_eq!(of("owner.name").1, "x\\u{a}y\n\n");
        let (refused, out) = of("nam");
        let refused = refused.unwrap_err();
        assert_eq!((refused.exit, out.as_str()), (Exit::Usage, ""));
        assert!(refused.text().contains("hint: there are: id, owner\n"), "{}", refused.text());
    }

    #[test]
    fn a_record_has_each_shape() {
        let record = json!({"id": "a", "grants": {"*": "read"}});
        let printed = |output: RecordOutput| {
            let mut fake = Fake::script();
            output.print_fields(&record, &["id"], &mut fake.terminal()).unwrap();
            fake.out()
        };
        assert_eq!(printed(RecordOutput::default()), "id      a\ngrants  *: read\n");
        assert_eq!(printed(RecordOutput { shape: Shape::Jsonl, field: None }), format!("{record}\n"));
        assert_eq!(printed(RecordOutput { shape: Shape::Table, field: Some("grants".into()) }), "{\"*\":\"read\"}\n");
    }
}
