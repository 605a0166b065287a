//! The demo's own records: devices in memory, with the rules of a small API.
//!
//! Knows no HTTP but the statuses of its refusals.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Map, Value, json};

/// A demo that somebody leaves running must not grow without end.
const MOST: usize = 1_000;

/// Why a request to the devices API is refused: the status and the reason.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused(pub StatusCode, pub String);

pub(super) struct Devices {
    records: BTreeMap<u64, Map<String, Value>>,
    next: u64,
}

impl Devices {
    /// With a few records to start with.
    pub(super) fn with_samples() -> Self {
        let mut devices = Self { records: BTreeMap::new(), next: 1 };
        for (name, kind, online) in [
            ("Hall thermostat", "thermostat", true),
            ("Garden camera", "camera", true),
            ("Front door lock", "lock", true),
            ("Cellar sensor", "sensor", false),
        ] {
            let record = json!({"name": name, "kind": kind, "online": online});
            devices.create(&record.to_string().into_bytes()).expect("the samples are lawful");
        }
        devices
    }

    pub(super) fn list(&self, limit: Option<usize>) -> Value {
        let items: Vec<_> = self.records.iter().take(limit.unwrap_or(MOST)).map(shown).collect();
        json!({"items": items, "total": self.records.len()})
    }

    /// Those with the text in any of their fields, in whatever case.
    pub(super) fn search(&self, body: &[u8]) -> Result<Value, Refused> {
        let query = match object(body)?.get("query").and_then(Value::as_str) {
            Some(query) => query.to_lowercase(),
            None => return Err(bad("the body needs a text under `query`")),
        };
        let found =
            |fields: &Map<String, Value>| fields.values().any(|v| v.to_string().to_lowercase().contains(&query));
        let items: Vec<_> = self.records.iter().filter(|(_, fields)| found(fields)).map(shown).collect();
        Ok(json!({"total": items.len(), "items": items}))
    }

    pub(super) fn get(&self, id: u64) -> Result<Value, Refused> {
        self.records.get_key_value(&id).map(shown).ok_or_else(missing)
    }

    /// The new record and its id.
    pub(super) fn create(&mut self, body: &[u8]) -> Result<(u64, Value), Refused> {
        let fields = named(object(body)?)?;
        if self.records.len() >= MOST {
            return Err(Refused(StatusCode::CONFLICT, format!("the demo keeps {MOST} devices: delete one first")));
        }
        let id = self.next;
        self.next += 1;
        self.records.insert(id, fields);
        Ok((id, self.get(id)?))
    }

    pub(super) fn replace(&mut self, id: u64, body: &[u8]) -> Result<Value, Refused> {
        let fields = named(object(body)?)?;
        *self.records.get_mut(&id).ok_or_else(missing)? = fields;
        self.get(id)
    }

    /// Sets the given fields, and removes those that are given as null (RFC 7396).
    pub(super) fn merge(&mut self, id: u64, body: &[u8]) -> Result<Value, Refused> {
        let changes = object(body)?;
        let present = self.records.get_mut(&id).ok_or_else(missing)?;
        let mut fields = present.clone();
        for (key, value) in changes {
            if value.is_null() {
                fields.remove(&key);
            } else {
                fields.insert(key, value);
            }
        }
        *present = named(fields)?;
        self.get(id)
    }

    pub(super) fn delete(&mut self, id: u64) -> Result<(), Refused> {
        self.records.remove(&id).map(drop).ok_or_else(missing)
    }
}

fn shown((id, fields): (&u64, &Map<String, Value>)) -> Value {
    let mut record = fields.clone();
    record.insert("id".to_owned(), id.to_string().into());
    Value::Object(record)
}

fn object(body: &[u8]) -> Result<Map<String, Value>, Refused> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(bad("the body must be a JSON object")),
        Err(error) => Err(bad(&format!("the body is not JSON: {error}"))),
    }
}

/// The fields without an id, which is ours to give.
fn named(mut fields: Map<String, Value>) -> Result<Map<String, Value>, Refused> {
    fields.remove("id");
    match fields.get("name").and_then(Value::as_str) {
        Some(name) if !name.is_empty() => Ok(fields),
        _ => Err(bad("a device needs a text under `name`")),
    }
}

fn bad(why: &str) -> Refused {
    Refused(StatusCode::BAD_REQUEST, why.to_owned())
}

pub(super) fn missing() -> Refused {
    Refused(StatusCode::NOT_FOUND, "there is no such device".to_owned())
}
