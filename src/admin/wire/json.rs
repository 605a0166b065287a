//! A JSON document as it was sent: objects keep their order and their repeated keys, so that a
//! repetition can be refused instead of one of the two being picked.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// A value of a request's body.
#[derive(Clone, PartialEq)]
pub(in crate::admin) enum Json {
    Null,
    Flag(bool),
    /// A whole number from 0 up.
    Whole(u64),
    /// Any other number.
    Number,
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// Where a document stops being JSON, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::admin) struct SyntaxError {
    pub(in crate::admin) line: usize,
    pub(in crate::admin) column: usize,
    pub(in crate::admin) what: String,
}

impl Json {
    pub(in crate::admin) fn parse(text: &[u8]) -> Result<Json, SyntaxError> {
        serde_json::from_slice(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            let what = error.to_string();
            let what = what.split(" at line ").next().unwrap_or_default().to_owned();
            SyntaxError { line, column, what }
        })
    }

    /// What kind of value this is, for a message.
    pub(in crate::admin) fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Flag(_) => "true or false",
            Json::Whole(_) | Json::Number => "a number",
            Json::Text(_) => "text",
            Json::List(_) => "a list",
            Json::Object(_) => "an object",
        }
    }
}

impl fmt::Debug for Json {
    /// What it is and not what it says: it may be a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Document)
    }
}

struct Document;

impl<'de> Visitor<'de> for Document {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Flag(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Whole(value))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Json::Object(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_keys_are_kept() {
        let entry = |value| ("a".to_owned(), Json::Whole(value));
        assert_eq!(Json::parse(br#"{"a": 1, "a": 2}"#), Ok(Json::Object(vec![entry(1), entry(2)])));
    }

    #[test]
    fn broken_documents_are_located() {
        let error = Json::parse(b"{\n  \"a\": ,\n}").expect_err("broken");
        assert_eq!((error.line, error.column, error.what.as_str()), (2, 8, "expected value"));
        assert!(Json::parse(b"{} {}").is_err() && Json::parse(b"").is_err() && Json::parse(b"{\"a\xff\": 1}").is_err());
    }

    #[test]
    fn depth_is_bounded() {
        let deep = [vec![b'['; 60_000], vec![b']'; 60_000]].concat();
        assert_eq!(Json::parse(&deep).expect_err("too deep").what, "recursion limit exceeded");
    }
}
