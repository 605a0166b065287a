//! A line for a shell that makes a call.

use serde_json::Value;

use super::Call;
use crate::admin::wire::terms::example_id;

/// With `$KEYGATE` for the listener's address, `$TOKEN` for the token, and ids as examples have them.
pub(super) fn line(call: &Call<'_>) -> String {
    let mut line = String::from("curl");
    if call.method != "GET" {
        line.push_str(&format!(" -X {}", call.method));
    }
    line.push_str(&format!(" \"$KEYGATE{}\"", path(call)));
    let is_open = call.about["security"].as_array().is_some_and(|ways| ways.iter().all(|way| way["token"].is_null()));
    let may_be_open =
        call.about["security"].as_array().is_some_and(|ways| ways.iter().any(|way| way["token"].is_null()));
    if !is_open && !may_be_open {
        line.push_str(" \\\n  -H \"Authorization: Bearer $TOKEN\"");
    }
    let contents = call.about["requestBody"]["content"].as_object().into_iter().flatten();
    for (media, content) in contents.take(1) {
        line.push_str(&format!(" \\\n  -H 'Content-Type: {media}' \\\n  -d '{}'", body(&content["example"])));
    }
    line
}

fn body(example: &Value) -> String {
    let text = example.as_str().map_or_else(|| example.to_string(), str::to_owned);
    text.replace('\'', "'\\''")
}

fn path(call: &Call<'_>) -> String {
    let parameters = call.about["parameters"].as_array().into_iter().flatten();
    parameters.filter(|parameter| parameter["in"] == "path").fold(call.path.to_owned(), |path, parameter| {
        let name = parameter["name"].as_str().unwrap_or_default();
        let example = parameter["schema"]["examples"][0].as_str().map_or_else(|| example_id("tok"), str::to_owned);
        path.replace(&format!("{{{name}}}"), &example)
    })
}
