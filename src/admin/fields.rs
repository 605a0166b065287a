//! The fields of a body or of a query, taken out one by one: every one that is wrong is noted, and
//! [`Fields::finish`] refuses the request with all of them at once.

use std::collections::HashSet;
use std::fmt::Display;
use std::str::FromStr;

use super::refusal::Refusal;
use super::wire::Json;
use crate::model::without_tokens;
use crate::problem::FieldError;

/// What was given and not taken yet, and what was wrong so far.
#[derive(Debug, Default)]
pub(super) struct Fields {
    given: Vec<(String, Json)>,
    known: Vec<&'static str>,
    errors: Vec<FieldError>,
    immutable: bool,
}

/// How long a text may be, in characters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Length {
    pub(super) min: usize,
    pub(super) max: usize,
}

pub(super) const NAME: Length = Length { min: 0, max: 100 };
pub(super) const DESCRIPTION: Length = Length { min: 0, max: 1_000 };

/// A body of wrong fields only must not make an answer many times its size.
const MOST_ERRORS: usize = 50;
const MOST_SHOWN: usize = 96;
/// The parameter that may stand in a query more than once: all of it must be met.
const REPEATABLE: &str = "label";

impl Fields {
    pub(super) fn of_body(body: Json) -> Result<Self, Refusal> {
        match body {
            Json::Object(given) => Ok(Self::new(given)),
            other => {
                let message = format!("must be an object, not {}", other.kind());
                Err(Refusal::InvalidFields(vec![FieldError { field: "body".into(), message }]))
            }
        }
    }

    pub(super) fn of_query(pairs: Vec<(String, String)>) -> Self {
        let mut given: Vec<(String, Json)> = Vec::with_capacity(pairs.len());
        for (name, value) in pairs {
            match given.iter_mut().find(|(known, _)| *known == name && name == REPEATABLE) {
                Some((_, Json::Text(text))) => *text = format!("{text},{value}"),
                _ => given.push((name, Json::Text(value))),
            }
        }
        Self::new(given)
    }

    fn new(given: Vec<(String, Json)>) -> Self {
        let mut fields = Self { given: vec![], known: vec![], errors: vec![], immutable: false };
        let mut seen = HashSet::new();
        let (first, repeated): (Vec<_>, Vec<_>) = given.into_iter().partition(|(name, _)| seen.insert(name.clone()));
        fields.given = first;
        for (name, _) in repeated {
            fields.refuse(&name, "is given more than once");
        }
        fields
    }

    /// Notes that something is wrong with a field.
    pub(super) fn refuse(&mut self, field: &str, message: impl Into<String>) {
        if self.errors.len() < MOST_ERRORS {
            let message = without_tokens(&message.into()).into_owned();
            self.errors.push(FieldError { field: shown(field), message });
        }
    }

    /// Whether the field is given and not taken yet.
    pub(super) fn has(&mut self, name: &'static str) -> bool {
        self.known.push(name);
        self.given.iter().any(|(given, _)| given == name)
    }

    /// Whether the field is given as null, which is taken then.
    pub(super) fn has_null(&mut self, name: &'static str) -> bool {
        let null = self.given.iter().any(|(given, value)| given == name && *value == Json::Null);
        null && self.take(name).is_some()
    }

    /// The field's value, whatever it is; `None` where it is not given.
    pub(super) fn take(&mut self, name: &'static str) -> Option<Json> {
        self.known.push(name);
        let at = self.given.iter().position(|(given, _)| given == name)?;
        Some(self.given.remove(at).1)
    }

    pub(super) fn take_text(&mut self, name: &'static str) -> Option<String> {
        match self.take(name)? {
            Json::Text(text) => Some(text),
            other => self.wrong_kind(name, "text", &other),
        }
    }

    /// A text that is written as these are.
    pub(super) fn take_parsed<T: FromStr<Err: Display>>(&mut self, name: &'static str) -> Option<T> {
        let read = self.take_text(name)?.parse();
        read.map_err(|error: T::Err| self.refuse(name, format!("cannot be read: {error}"))).ok()
    }

    pub(super) fn take_flag(&mut self, name: &'static str) -> Option<bool> {
        match self.take(name)? {
            Json::Flag(flag) => Some(flag),
            other => self.wrong_kind(name, "true or false", &other),
        }
    }

    /// A flag, which in a query is a text.
    pub(super) fn take_switch(&mut self, name: &'static str) -> Option<bool> {
        match self.take(name)? {
            Json::Flag(flag) => Some(flag),
            Json::Text(text) if text == "true" || text == "false" => Some(text == "true"),
            other => self.wrong_kind(name, "true or false", &other),
        }
    }

    pub(super) fn take_object(&mut self, name: &'static str) -> Option<Vec<(String, Json)>> {
        match self.take(name)? {
            Json::Object(entries) => Some(entries),
            other => self.wrong_kind(name, "an object", &other),
        }
    }

    /// A text for people: of lawful length, and without characters that could forge what a list or
    /// a log shows.
    pub(super) fn take_label(&mut self, name: &'static str, length: Length) -> Option<String> {
        let text = self.take_text(name)?;
        let count = text.chars().count();
        if count > length.max {
            self.refuse(name, format!("has {count} characters; at most {} are allowed", length.max));
        } else if count < length.min {
            self.refuse(name, "must not be empty");
        }
        if let Some((at, c)) = text.chars().enumerate().find(|(_, c)| is_unprintable(*c)) {
            let code = u32::from(c);
            self.refuse(name, format!("has the control character U+{code:04X} at place {}; remove it", at + 1));
        }
        Some(text)
    }

    /// A field of the record that no edit can change.
    pub(super) fn immutable(&mut self, name: &'static str) {
        let at = self.given.iter().position(|(given, _)| given == name);
        if let Some(at) = at {
            self.given.remove(at);
            self.immutable = true;
            self.refuse(name, "cannot be changed");
        }
    }

    /// A field of the record that a rule keeps as it is.
    pub(super) fn immutable_by(&mut self, name: &'static str, whose: &str) {
        let at = self.given.iter().position(|(given, _)| given == name);
        if let Some(at) = at {
            self.given.remove(at);
            self.immutable = true;
            self.refuse(name, format!("cannot be changed by {whose}"));
        }
    }

    /// How much was wrong so far.
    pub(super) fn errors(&self) -> usize {
        self.errors.len()
    }

    /// Whether something was wrong with this field.
    pub(super) fn is_refused(&self, field: &str) -> bool {
        self.errors.iter().any(|error| error.field == field)
    }

    pub(super) fn wrong_kind<T>(&mut self, name: &str, wanted: &str, given: &Json) -> Option<T> {
        self.refuse(name, format!("must be {wanted}, not {}", given.kind()));
        None
    }

    /// Refuses a body if anything was wrong, or is left over.
    pub(super) fn finish(mut self) -> Result<(), Refusal> {
        self.refuse_leftovers("field");
        match (self.errors.is_empty(), self.immutable) {
            (true, _) => Ok(()),
            (false, true) => Err(Refusal::ImmutableFields(self.errors)),
            (false, false) => Err(Refusal::InvalidFields(self.errors)),
        }
    }

    /// Refuses a query if anything was wrong, or is left over.
    pub(super) fn finish_query(mut self) -> Result<(), Refusal> {
        self.refuse_leftovers("parameter");
        if self.errors.is_empty() { Ok(()) } else { Err(Refusal::InvalidQuery(self.errors)) }
    }

    fn refuse_leftovers(&mut self, noun: &str) {
        let mut seen = HashSet::new();
        self.known.retain(|name| seen.insert(*name));
        for (name, _) in std::mem::take(&mut self.given).into_iter().take(MOST_ERRORS) {
            let known = self.known.join(", ");
            let distance = |known: &&&str| strsim::osa_distance(known, &name);
            let near = self.known.iter().min_by_key(distance).filter(|near| distance(near) <= 2);
            let near = near.map_or(".".into(), |near| format!("; did you mean `{near}`?"));
            self.refuse(&name, format!("is no {noun} of this call{near} It has: {known}"));
        }
    }
}

/// What of a client's text may stand in a message: its first printable characters, and no token, which
/// somebody may have put where a name or a value belongs.
pub(super) fn shown(text: &str) -> String {
    without_tokens(text).chars().filter(|&c| !is_unprintable(c)).take(MOST_SHOWN).collect()
}

/// Control characters, and those that turn the direction of text or break lines.
fn is_unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
