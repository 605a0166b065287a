//! The body of a refusal (RFC 9457).

use serde::Serialize;

/// One problem. Members that do not apply are left out.
#[derive(Debug, Clone, Serialize)]
pub struct ProblemBody {
    #[serde(rename = "type")]
    pub kind: String,
    pub title: &'static str,
    pub status: u16,
    pub detail: String,
    pub instance: String,
    pub code: &'static str,
    pub request_id: String,
    /// Every field that is wrong, for a body or a query that was read and refused.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldProblem>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_scope: Option<String>,
    /// Seconds after which another try may be worth it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u32>,
}

/// One wrong field: where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldProblem {
    pub field: String,
    pub message: String,
}

impl ProblemBody {
    pub fn to_json(&self) -> Vec<u8> {
        super::to_bytes(self)
    }
}
