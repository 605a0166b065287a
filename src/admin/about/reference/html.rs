//! Text as HTML: escaped, and with as much of Markdown as the description uses.

use serde_json::Value;

/// Text between tags or within an attribute.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A member of the description that is a text; nothing where there is none.
pub(super) fn text(value: &Value) -> String {
    escape(value.as_str().unwrap_or_default())
}

/// A line of Markdown: code between back quotes, and what is strong between two stars.
pub(super) fn inline(line: &str) -> String {
    let pieces = line.split('`').enumerate().map(|(at, piece)| match at % 2 {
        0 => strong(piece),
        _ => format!("<code>{}</code>", escape(piece)),
    });
    pieces.collect()
}

fn strong(text: &str) -> String {
    let pieces = text.split("**").enumerate().map(|(at, piece)| match at % 2 {
        0 => escape(piece),
        _ => format!("<strong>{}</strong>", escape(piece)),
    });
    pieces.collect()
}

/// Paragraphs.
pub(super) fn prose(value: &Value) -> String {
    let text = value.as_str().unwrap_or_default();
    let paragraphs = text.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty());
    paragraphs.map(|paragraph| format!("<p>{}</p>\n", inline(paragraph))).collect()
}

/// JSON in lines, or a text as it is.
pub(super) fn example(value: &Value) -> String {
    let plain = value.as_str().map(str::to_owned);
    let text = plain.unwrap_or_else(|| serde_json::to_string_pretty(value).expect("a value has text keys"));
    escape(text.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_text_becomes_markup() {
        assert_eq!(inline("a `<b>` **c<d** \"e\""), "a <code>&lt;b&gt;</code> <strong>c&lt;d</strong> &quot;e&quot;");
    }
}
