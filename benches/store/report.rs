//! The table at the end, and the same as JSON.

use std::fs;
use std::path::Path;

use keygate::model::Clock;
use serde_json::{Value, json};

use crate::Outcome;
use crate::machine;

/// What a figure has to be.
#[derive(Debug, Clone, Copy)]
pub enum Bar {
    /// Told, and not judged.
    None,
    AtLeast(f64),
    AtMost(f64),
}

#[derive(Debug)]
struct Row {
    name: String,
    value: f64,
    unit: &'static str,
    bar: Bar,
}

#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<Row>,
}

impl Report {
    pub fn add(&mut self, name: &str, value: f64, unit: &'static str, bar: Bar) {
        self.rows.push(Row { name: name.to_owned(), value, unit, bar });
    }

    /// With so many of what was measured, and with what has to be known of the bars.
    pub fn print(&self, (things, count): (&str, u64), bars: &str) {
        println!("\n{}, {}; {count} {things}", Clock::system().wall(), machine::describe());
        println!("{bars}\n");
        println!("{:58} {:>12} {:13} {:>14}", "", "", "", "bar");
        for Row { name, value, unit, bar } in &self.rows {
            let (bar, verdict) = match bar {
                Bar::None => (String::new(), ""),
                Bar::AtLeast(least) => (format!("≥ {}", number(*least)), verdict(bar.is_met(*value))),
                Bar::AtMost(most) => (format!("≤ {}", number(*most)), verdict(bar.is_met(*value))),
            };
            println!("{name:58} {:>12} {unit:13} {bar:>14}  {verdict}", number(*value));
        }
    }

    pub fn meets_all(&self) -> bool {
        self.rows.iter().all(|row| row.bar.is_met(row.value))
    }

    pub fn write(&self, (things, count): (&str, u64), path: &Path) -> Outcome<()> {
        let rows: Vec<Value> = self.rows.iter().map(Row::json).collect();
        let whole = json!({"machine": machine::describe(), things: count, "figures": rows});
        fs::write(path, serde_json::to_string_pretty(&whole)?)?;
        Ok(())
    }
}

impl Bar {
    fn is_met(self, value: f64) -> bool {
        match self {
            Bar::None => true,
            Bar::AtLeast(least) => value >= least,
            Bar::AtMost(most) => value <= most,
        }
    }
}

impl Row {
    fn json(&self) -> Value {
        let (least, most) = match self.bar {
            Bar::None => (None, None),
            Bar::AtLeast(least) => (Some(least), None),
            Bar::AtMost(most) => (None, Some(most)),
        };
        let met = self.bar.is_met(self.value);
        json!({"name": self.name, "value": self.value, "unit": self.unit, "least": least, "most": most, "met": met})
    }
}

fn verdict(met: bool) -> &'static str {
    if met { "met" } else { "NOT MET" }
}

/// With as many digits as say something.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        100.0.. => format!("{value:.0}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.4}"),
    }
}
