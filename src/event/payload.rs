//! The JSON that receivers get. Holds no secret: neither a token's text nor its digest, nor its last
//! characters.

use bytes::Bytes;
use serde::Serialize;

use super::events::Leak;
use crate::model::{EventKind, Timestamp, Token, Warning};

/// What an event says besides which token it is about.
#[derive(Debug, Clone, Default)]
pub(super) enum Detail {
    #[default]
    Nothing,
    /// Whole seconds until it expires, as configured.
    Expiring {
        within: u64,
    },
    Leaked(Leak),
    Limit {
        refused: u64,
    },
    Warning(Warning),
}

#[derive(Serialize)]
struct Payload<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Default, Serialize)]
struct Data<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<TokenData<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_within_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leak: Option<LeakData<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<WarningData<'a>>,
}

#[derive(Serialize)]
struct TokenData<'a> {
    id: String,
    account: String,
    kind: &'static str,
    name: &'a str,
    user: Option<String>,
    state: &'static str,
    created: String,
    created_by: Option<String>,
    expires: Option<String>,
    /// Only of a token that was rotated.
    #[serde(skip_serializing_if = "Option::is_none")]
    rotation: Option<RotationData>,
}

#[derive(Serialize)]
struct RotationData {
    /// Which of the token's texts the present one is, counted from the first.
    number: u32,
    /// Null: the text before it is good no more.
    old_good_until: Option<String>,
}

#[derive(Serialize)]
struct LeakData<'a> {
    source: &'a str,
    url: &'a str,
    /// What the policy says.
    action: &'static str,
    /// `present` or `old`: which of the token's texts it is.
    text: &'static str,
}

#[derive(Serialize)]
struct WarningData<'a> {
    code: &'static str,
    message: &'a str,
}

/// The body of a message.
pub(super) fn body(kind: EventKind, at: Timestamp, token: Option<&Token>, detail: &Detail) -> Bytes {
    let data = match detail {
        Detail::Nothing => Data::default(),
        Detail::Expiring { within } => Data { expires_within_seconds: Some(*within), ..Data::default() },
        Detail::Leaked(Leak { source, url, action, secret }) => {
            let (action, text) = (action.name(), secret.name());
            Data { leak: Some(LeakData { source, url, action, text }), ..Data::default() }
        }
        Detail::Limit { refused } => Data { refused: Some(*refused), ..Data::default() },
        Detail::Warning(Warning { code, message }) => {
            Data { warning: Some(WarningData { code, message }), ..Data::default() }
        }
    };
    let data = Data { token: token.map(|token| token_data(token, at)), ..data };
    let payload = Payload { kind: kind.name(), timestamp: at.to_string(), data };
    serde_json::to_vec(&payload).expect("the payload has text keys and no failing parts").into()
}

fn token_data(token: &Token, at: Timestamp) -> TokenData<'_> {
    TokenData {
        id: token.id.to_string(),
        account: token.account.to_string(),
        kind: token.kind.name(),
        name: &token.name,
        user: token.user.map(|user| user.to_string()),
        state: token.standing(at).name(),
        created: token.created.to_string(),
        created_by: token.created_by.map(|id| id.to_string()),
        expires: token.expires.map(|at| at.to_string()),
        rotation: token.rotation.as_ref().map(|rotation| RotationData {
            number: rotation.number,
            old_good_until: rotation.old.good_until(at).map(|at| at.to_string()),
        }),
    }
}
