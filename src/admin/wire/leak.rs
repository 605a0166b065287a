//! What those who report leaks are answered.

use serde::Serialize;
use utoipa::ToSchema;

use crate::leak::Label;

/// In the form of GitHub's feedback: the text stands there by its SHA-256 alone.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LeakFeedback)]
pub(in crate::admin) struct Feedback {
    /// Of the text, in hexadecimal.
    token_hash: String,
    /// As the alert had it.
    token_type: String,
    /// `true_positive`: a token of this installation; `false_positive`: nobody's.
    label: &'static str,
}

/// One find of a report, in the report's order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LeakVerdict)]
pub(in crate::admin) struct Judged {
    /// `true_positive`: a token of this installation; `false_positive`: nobody's.
    label: &'static str,
}

impl Feedback {
    /// Of a text, in hexadecimal.
    pub(in crate::admin) fn hash(text: &str) -> String {
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
        hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(in crate::admin) fn new(token_hash: String, token_type: String, label: Label) -> Self {
        Self { token_hash, token_type, label: label.name() }
    }
}

impl Judged {
    pub(in crate::admin) fn new(label: Label) -> Self {
        Self { label: label.name() }
    }
}
