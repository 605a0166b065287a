//! One call: what it is for, what it takes, what it answers, and a line that makes it.

use serde_json::Value;

use super::html::{escape, example, inline, prose, text};
use super::{Call, curl, schema};

pub(super) fn article(description: &Value, call: &Call<'_>) -> String {
    let (id, summary) = (text(&call.about["operationId"]), text(&call.about["summary"]));
    let (method, path) = (&call.method, escape(call.path));
    let name = method.to_lowercase();
    [
        format!("<article id=\"{id}\">\n<h3><a href=\"#{id}\">{summary}</a></h3>\n"),
        format!("<p class=\"call\"><span class=\"method {name}\">{method}</span> <code>{path}</code></p>\n"),
        prose(&call.about["description"]),
        parameters(call),
        request(description, call),
        answers(description, call),
        problems(description, call),
        format!("<h4>Try it</h4>\n{}", code(&escape(&curl::line(call)))),
        "</article>\n".to_owned(),
    ]
    .concat()
}

fn code(text: &str) -> String {
    format!("<pre tabindex=\"0\"><code>{text}</code></pre>\n")
}

fn parameters(call: &Call<'_>) -> String {
    let rows = call.about["parameters"].as_array().into_iter().flatten().map(|parameter| {
        let mut field = parameter["schema"].clone();
        field["description"] = parameter["description"].clone();
        schema::row(parameter["name"].as_str().unwrap_or_default(), &field, parameter["required"] == true)
    });
    let rows: String = rows.collect();
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "<h4>Parameters</h4>\n<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Parameters\"><table>\n<thead><tr><th \
         scope=\"col\">name</th><th scope=\"col\">type</th><th scope=\"col\">meaning</th></tr></thead>\n<tbody>\n\
         {rows}</tbody>\n</table></div>\n"
    )
}

fn request(description: &Value, call: &Call<'_>) -> String {
    let body = &call.about["requestBody"];
    let contents = body["content"].as_object().into_iter().flatten().map(|(media, content)| {
        let optional = if body["required"] == true { "" } else { ", may be left out" };
        let table = schema::table(resolve(description, &content["schema"]));
        format!(
            "<h4>Body <span class=\"media\">{}{optional}</span></h4>\n{table}{}",
            escape(media),
            code(&example(&content["example"]))
        )
    });
    contents.collect()
}

fn answers(description: &Value, call: &Call<'_>) -> String {
    let responses = call.about["responses"].as_object().into_iter().flatten();
    let good = responses.filter(|(status, _)| !is_refusal(status)).map(|(status, response)| {
        let response = resolve(description, response);
        let contents = response["content"].as_object().into_iter().flatten().map(|(media, content)| {
            let kind = if content["schema"]["$ref"].is_string() { schema::kind(&content["schema"]) } else { "text".into() };
            let shown = code(&example(&content["example"]));
            format!("<p>{kind} <span class=\"media\">{}</span></p>\n<details>\n<summary>Example</summary>\n{shown}</details>\n", escape(media))
        });
        let contents: String = contents.collect();
        let words = inline(response["description"].as_str().unwrap_or_default());
        format!("<h4>Answer <span class=\"status\">{status}</span></h4>\n<p>{words}</p>\n{contents}")
    });
    good.collect()
}

/// The codes of each status, each a link to its meaning.
fn problems(description: &Value, call: &Call<'_>) -> String {
    let responses = call.about["responses"].as_object().into_iter().flatten();
    let rows = responses.filter(|(status, _)| is_refusal(status)).map(|(status, response)| {
        let content = &resolve(description, response)["content"][crate::problem::CONTENT_TYPE];
        let codes = content["examples"].as_object().into_iter().flatten().map(|(code, _)| {
            let code = escape(code);
            format!("<a href=\"#problem-{code}\"><code>{code}</code></a> ")
        });
        format!("<dt>{status}</dt><dd>{}</dd>\n", codes.collect::<String>())
    });
    format!(
        "<details>\n<summary>Problems</summary>\n<dl class=\"codes\">\n{}</dl>\n</details>\n",
        rows.collect::<String>()
    )
}

fn is_refusal(status: &str) -> bool {
    status.starts_with(['4', '5'])
}

/// What a reference leads to.
fn resolve<'a>(description: &'a Value, value: &'a Value) -> &'a Value {
    let reference = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    reference.and_then(|pointer| description.pointer(pointer)).unwrap_or(value)
}
