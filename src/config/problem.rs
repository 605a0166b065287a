//! Problems: what is wrong, where, and what to do; collected while reading, rendered at the end.
//!
//! Owns the order and the look of the report. Knows nothing of keys or types. A value is shown only
//! through [`Source`], which has blotted out what may be secret.

use std::cell::RefCell;
use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};

use super::source::Source;

/// Where a value, or the lack of one, stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Bytes of the file.
    Span(Range<usize>),
    /// The file as a whole: something is not in it.
    File,
    /// An environment variable, by name.
    Variable(String),
}

#[derive(Debug)]
pub(super) struct Problem {
    pub place: Place,
    pub message: String,
    pub help: String,
}

/// Where readers leave problems, so that each can go on and find the next.
pub(super) struct Findings {
    problems: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<String>>,
    /// Lines that the parser could not read, in bytes.
    broken: Vec<Range<usize>>,
    /// Whether there is any such line.
    partial: bool,
    line_ends: Vec<usize>,
}

impl Findings {
    /// `syntax` is what the parser found in `text`. What it makes of a line with an error is a guess:
    /// nothing more is said of such a line, nor of what is not there because of it.
    pub fn new(text: &str, syntax: Vec<Problem>) -> Self {
        let line_ends: Vec<_> = text.match_indices('\n').map(|(at, _)| at).collect();
        let line = |at: usize| {
            let next = line_ends.partition_point(|&end| end < at);
            let start = next.checked_sub(1).map_or(0, |last| line_ends[last] + 1);
            start..line_ends.get(next).copied().unwrap_or(text.len())
        };
        let span = |problem: &Problem| match &problem.place {
            Place::Span(span) => Some(span.start),
            Place::File | Place::Variable(_) => None,
        };
        let broken = syntax.iter().filter_map(span).map(line).collect();
        let partial = !syntax.is_empty();
        Self { problems: RefCell::new(syntax), warnings: RefCell::default(), broken, partial, line_ends }
    }

    /// Where an earlier thing stands, for a message about a later one.
    pub fn where_is(&self, place: &Place) -> String {
        match place {
            Place::Span(span) => format!("line {}", self.line_ends.partition_point(|&end| end < span.start) + 1),
            Place::File => "in the file".to_owned(),
            Place::Variable(name) => format!("in {name}"),
        }
    }

    pub fn report(&self, place: &Place, message: impl Into<String>, help: impl Into<String>) {
        let on_broken_line = match place {
            Place::Span(span) => self.broken.iter().any(|line| span.start < line.end && line.start <= span.end),
            Place::File | Place::Variable(_) => false,
        };
        if !on_broken_line {
            let problem = Problem { place: place.clone(), message: message.into(), help: help.into() };
            self.problems.borrow_mut().push(problem);
        }
    }

    /// As [`Self::report`], for a problem that a line the parser could not read may have caused.
    pub fn report_absence(&self, place: &Place, message: impl Into<String>, help: impl Into<String>) {
        if !self.partial {
            self.report(place, message, help);
        }
    }

    pub fn warn(&self, text: impl Into<String>) {
        self.warnings.borrow_mut().push(text.into());
    }

    pub fn into_parts(self) -> (Vec<Problem>, Vec<String>) {
        (self.problems.into_inner(), self.warnings.into_inner())
    }
}

/// Everything that is wrong with a configuration. `Display` is the whole report.
#[derive(Debug, PartialEq, Eq)]
pub struct Problems {
    reports: Vec<String>,
    path: String,
}

impl Problems {
    pub(super) fn new(mut problems: Vec<Problem>, source: &Source) -> Self {
        // In the file's order; then what is missing from it; then the environment.
        problems.sort_by_key(|problem| match &problem.place {
            Place::Span(span) => (0, span.start, String::new()),
            Place::File => (1, 0, String::new()),
            Place::Variable(name) => (2, 0, name.clone()),
        });
        let reports = problems.iter().map(|problem| render(problem, source)).collect();
        Self { reports, path: source.path().to_owned() }
    }

    pub fn count(&self) -> usize {
        self.reports.len()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for report in &self.reports {
            writeln!(f, "{report}\n")?;
        }
        let noun = if self.reports.len() == 1 { "problem" } else { "problems" };
        write!(f, "{} {noun} in {}", self.reports.len(), self.path)
    }
}

impl std::error::Error for Problems {}

fn render(problem: &Problem, source: &Source) -> String {
    let title = Level::ERROR.primary_title(problem.message.as_str());
    let help = Level::HELP.message(problem.help.as_str());
    let group = match &problem.place {
        Place::Span(span) => {
            // One line is shown, so that no neighbour's value is.
            let line = source.line_at(span.start);
            let start = span.start - line.start;
            let end = (span.end - line.start).clamp(start, line.text.len());
            let snippet = Snippet::source(line.text).line_start(line.number).path(source.path());
            title.element(snippet.annotation(AnnotationKind::Primary.span(start..end))).element(help)
        }
        Place::File => title.element(Origin::path(source.path())).element(help),
        Place::Variable(name) => title.element(Origin::path(format!("environment variable {name}"))).element(help),
    };
    Renderer::plain().render(&[group])
}
