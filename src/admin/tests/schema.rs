//! As much of JSON Schema as the description of the API uses, to compare answers and examples with it.

use serde_json::Value;

/// What of `value` is not as the schema says, as `place: what`.
pub(super) fn faults(description: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    Check { description, found: &mut found }.check(schema, value, "$");
    found
}

/// What a reference leads to.
pub(super) fn resolve<'a>(description: &'a Value, mut value: &'a Value) -> &'a Value {
    while let Some(reference) = value.get("$ref").and_then(Value::as_str) {
        let pointer = reference.strip_prefix('#').expect("a reference within the document");
        value = description.pointer(pointer).unwrap_or_else(|| panic!("nothing is at {reference}"));
    }
    value
}

struct Check<'a> {
    description: &'a Value,
    found: &'a mut Vec<String>,
}

impl Check<'_> {
    fn check(&mut self, schema: &Value, value: &Value, place: &str) {
        let schema = resolve(self.description, schema);
        for (keyword, wanted) in schema.as_object().expect("a schema is an object") {
            match self.keyword(keyword, wanted, schema, value, place) {
                Some(true) => {}
                Some(false) => self.found.push(format!("{place}: {value} is not of {keyword} {wanted}")),
                None => panic!("{place}: the keyword {keyword} is not known here"),
            }
        }
    }

    fn keyword(&mut self, keyword: &str, wanted: &Value, schema: &Value, value: &Value, place: &str) -> Option<bool> {
        Some(match keyword {
            "description" | "examples" | "default" | "title" | "format" | "writeOnly" => true,
            "type" => match wanted {
                Value::Array(kinds) => kinds.iter().any(|kind| is_of(kind, value)),
                kind => is_of(kind, value),
            },
            "enum" => wanted.as_array()?.contains(value),
            "pattern" => {
                value.as_str().is_none_or(|text| regex::Regex::new(pattern(wanted)).expect("a pattern").is_match(text))
            }
            "minLength" => {
                value.as_str().is_none_or(|text| text.chars().count() as u64 >= wanted.as_u64().unwrap_or(0))
            }
            "maxLength" => {
                value.as_str().is_none_or(|text| text.chars().count() as u64 <= wanted.as_u64().unwrap_or(0))
            }
            "minimum" => value.as_f64().is_none_or(|number| number >= wanted.as_f64().unwrap_or(0.0)),
            "maximum" => value.as_f64().is_none_or(|number| number <= wanted.as_f64().unwrap_or(0.0)),
            "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= wanted.as_u64().unwrap_or(0)),
            "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= wanted.as_u64().unwrap_or(0)),
            "required" => value.as_object().is_none_or(|object| {
                wanted
                    .as_array()
                    .into_iter()
                    .flatten()
                    .all(|name| object.contains_key(name.as_str().unwrap_or_default()))
            }),
            "items" => {
                for (at, item) in value.as_array().into_iter().flatten().enumerate() {
                    self.check(wanted, item, &format!("{place}[{at}]"));
                }
                true
            }
            "allOf" => {
                wanted.as_array()?.iter().for_each(|schema| self.check(schema, value, place));
                true
            }
            "oneOf" | "anyOf" => {
                let fits = |schema: &&Value| faults(self.description, schema, value).is_empty();
                wanted.as_array()?.iter().filter(fits).count() >= 1
            }
            "properties" | "additionalProperties" | "propertyNames" => {
                self.members(keyword, wanted, schema, value, place);
                true
            }
            _ => return None,
        })
    }

    fn members(&mut self, keyword: &str, wanted: &Value, schema: &Value, value: &Value, place: &str) {
        for (name, member) in value.as_object().into_iter().flatten() {
            let own = schema.pointer("/properties").and_then(|properties| properties.get(name));
            let place = format!("{place}.{name}");
            match (keyword, own) {
                ("properties", Some(own)) => self.check(own, member, &place),
                ("propertyNames", _) => self.check(wanted, &Value::from(name.as_str()), &place),
                ("additionalProperties", None) if *wanted == Value::Bool(false) => {
                    self.found.push(format!("{place} is not described"));
                }
                ("additionalProperties", None) if wanted.is_object() => self.check(wanted, member, &place),
                _ => {}
            }
        }
    }
}

fn pattern(wanted: &Value) -> &str {
    wanted.as_str().expect("a pattern is a text")
}

fn is_of(kind: &Value, value: &Value) -> bool {
    match kind.as_str().expect("a type's name") {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other} is no type"),
    }
}
