//! What is measured of targets besides the processor time of what they do: a table with columns of its own.

use std::fmt::Write;

use crate::machine;

#[derive(Debug)]
pub struct Figures {
    pub versions: Vec<(&'static str, String)>,
    /// The first one is over the names of the rows.
    pub columns: Vec<&'static str>,
    pub rows: Vec<Vec<String>>,
    pub notes: Vec<String>,
}

/// A figure, and what it is held to; bold in Markdown where it is above that.
pub fn judged(figure: f64, bar: f64) -> String {
    if figure <= bar { format!("{figure:.2}") } else { format!("**{figure:.2}**") }
}

impl Figures {
    pub fn print(&self, title: &str) {
        println!("\n{}; {title}", machine::describe());
        for (name, version) in &self.versions {
            println!("  {name:8} {version}");
        }
        println!();
        for line in std::iter::once(self.columns.iter().map(ToString::to_string).collect()).chain(self.rows.clone()) {
            let cells = line
                .iter()
                .enumerate()
                .map(|(at, cell)| if at == 0 { format!("{cell:18}") } else { format!(" {cell:>18}") });
            println!("{}", cells.collect::<String>());
        }
        for note in &self.notes {
            println!("{note}");
        }
    }

    pub fn markdown(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        writeln!(text, "| {} |", self.columns.join(" | "))?;
        writeln!(text, "|---|{}", "--:|".repeat(self.columns.len() - 1))?;
        for row in &self.rows {
            writeln!(text, "| {} |", row.join(" | "))?;
        }
        for note in &self.notes {
            writeln!(text, "\n{note}")?;
        }
        Ok(text)
    }
}
