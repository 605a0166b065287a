//! Schemas as tables: each field with its type and its meaning.

use std::fmt::Write;

use serde_json::Value;

use super::html::{escape, inline, prose, text};

/// All objects that bodies are made of.
pub(super) fn section(description: &Value) -> String {
    let mut section = String::from("<section id=\"objects\">\n<h2>objects</h2>\n<p>What bodies are made of.</p>\n");
    for (name, schema) in description["components"]["schemas"].as_object().into_iter().flatten() {
        let (name, words) = (escape(name), prose(&schema["description"]));
        let fields = match table(schema) {
            none if none.is_empty() => format!("<p>{}</p>\n", kind(schema)),
            fields => fields,
        };
        write!(section, "<article id=\"object-{name}\">\n<h3>{name}</h3>\n{words}{fields}</article>\n")
            .expect("a string takes any text");
    }
    section.push_str("</section>\n");
    section
}

/// The fields of an object.
pub(super) fn table(schema: &Value) -> String {
    let parts = schema["allOf"].as_array().into_iter().flatten();
    let nested: String = parts
        .map(
            |part| if part["$ref"].is_string() { format!("<p>All of {}, and:</p>\n", kind(part)) } else { table(part) },
        )
        .collect();
    let rows = schema["properties"].as_object().into_iter().flatten().map(|(name, field)| {
        let is_needed = schema["required"].as_array().is_some_and(|names| names.iter().any(|needed| needed == name));
        row(name, field, is_needed)
    });
    let rows: String = rows.collect();
    if rows.is_empty() {
        return nested;
    }
    format!(
        "{nested}<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Fields\"><table>\n<thead><tr><th scope=\"col\">field</th><th scope=\"col\">type</th><th scope=\"col\">meaning</th></tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"
    )
}

/// One field, or one parameter.
pub(super) fn row(name: &str, field: &Value, is_needed: bool) -> String {
    let needed = if is_needed { "" } else { " <span class=\"optional\">optional</span>" };
    let words = inline(&field["description"].as_str().unwrap_or_default().replace('\n', " "));
    let default = match &field["default"] {
        Value::Null => String::new(),
        value => format!(" Left out: <code>{}</code>.", escape(&value.to_string())),
    };
    format!(
        "<tr><th scope=\"row\"><code>{}</code>{needed}</th><td>{}</td><td>{words}{default}</td></tr>\n",
        escape(name),
        kind(field)
    )
}

/// What a value is, in words.
pub(super) fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        let name = escape(name);
        return format!("<a href=\"#object-{name}\">{name}</a>");
    }
    if let Some(ways) = schema["oneOf"].as_array() {
        let (null, rest): (Vec<_>, Vec<_>) = ways.iter().partition(|way| way["type"] == "null");
        return rest.into_iter().chain(null).map(kind).collect::<Vec<_>>().join(" or ");
    }
    if let Some(values) = schema["enum"].as_array() {
        let values: Vec<_> = values
            .iter()
            .map(|value| format!("<code>{}</code>", value.as_str().map_or_else(|| value.to_string(), escape)))
            .collect();
        return values.join(" ");
    }
    let names: Vec<_> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().map(|kind| one(kind, schema)).collect(),
        kind => vec![one(kind, schema)],
    };
    format!("{}{}", names.join(" or "), bounds(schema))
}

fn one(kind: &Value, schema: &Value) -> String {
    match kind.as_str().unwrap_or_default() {
        "string" if schema["format"] == "date-time" => "time".to_owned(),
        "string" => "text".to_owned(),
        "integer" => "whole number".to_owned(),
        "boolean" => "true or false".to_owned(),
        "array" => format!("list of {}", self::kind(&schema["items"])),
        "object" => match &schema["additionalProperties"] {
            values if values.is_object() => format!("object of {}", self::kind(values)),
            _ => "object".to_owned(),
        },
        other => escape(other),
    }
}

/// How long or how large it may be.
fn bounds(schema: &Value) -> String {
    let bound = |least: &str, most: &str| match (&schema[least], &schema[most]) {
        (Value::Null, Value::Null) => String::new(),
        (Value::Null, most) => format!(", at most {most}"),
        (least, Value::Null) => format!(", at least {least}"),
        (least, most) => format!(", {least} to {most}"),
    };
    let length = match bound("minLength", "maxLength") {
        length if length.is_empty() => length,
        length => format!("{length} characters"),
    };
    let range = format!("{length}{}{}", bound("minimum", "maximum"), bound("minItems", "maxItems"));
    match text(&schema["pattern"]) {
        pattern if pattern.is_empty() => range,
        pattern => format!("{range} <code class=\"pattern\">{pattern}</code>"),
    }
}
