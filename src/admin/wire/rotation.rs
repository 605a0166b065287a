//! A token's rotation as the API shows it.

use serde::Serialize;
use utoipa::ToSchema;

use super::terms;
use crate::model::{Rotation, Timestamp, Turn, Usage};

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Rotation)]
pub(in crate::admin) struct RotationRecord {
    present: PresentRecord,
    old: OldRecord,
    /// The last 16 changes of the text, the latest last.
    history: Vec<TurnRecord>,
}

/// The text that the token has.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PresentText)]
struct PresentRecord {
    #[schema(value_type = terms::Moment)]
    since: String,
    #[serde(flatten)]
    used: UsedRecord,
}

/// The text that it had before, or that was taken back.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OldText)]
struct OldRecord {
    hint: String,
    /// Whether it is accepted at the time of the answer.
    valid: bool,
    /// When it stops being valid, or did.
    #[schema(value_type = terms::Moment)]
    until: String,
    #[schema(value_type = terms::Moment)]
    replaced: String,
    #[serde(flatten)]
    used: UsedRecord,
}

/// Use since the token was first rotated; uses of the last seconds may be missing.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TextUse)]
struct UsedRecord {
    requests: u64,
    #[schema(required, value_type = Option<terms::Moment>)]
    last_used: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Turn)]
struct TurnRecord {
    #[schema(value_type = terms::Moment)]
    at: String,
    /// The token that asked for it.
    #[schema(required, value_type = Option<terms::TokenId>)]
    by: Option<String>,
    /// `rotated`, or `undone`.
    what: &'static str,
    /// Of the text that was the present one until then.
    hint: String,
}

impl RotationRecord {
    pub(in crate::admin) fn new(rotation: &Rotation, usage: &Usage, created: Timestamp, now: Timestamp) -> Self {
        let Rotation { number, since, old, history } = rotation;
        let (over, until) = (old.over(now), old.good_until(now));
        Self {
            present: PresentRecord {
                since: since.unwrap_or(created).to_string(),
                used: UsedRecord::of(*number, usage),
            },
            old: OldRecord {
                hint: old.hint.clone(),
                valid: over.is_none(),
                until: over.or(until).unwrap_or(now).to_string(),
                replaced: old.replaced.to_string(),
                used: UsedRecord::of(old.number, usage),
            },
            history: history.iter().map(TurnRecord::of).collect(),
        }
    }
}

impl UsedRecord {
    fn of(number: u32, usage: &Usage) -> Self {
        let used = usage.of_secret(number);
        Self { requests: used.map_or(0, |used| used.requests), last_used: used.map(|used| used.last.to_string()) }
    }
}

impl TurnRecord {
    fn of(turn: &Turn) -> Self {
        let Turn { at, by, what, hint } = turn;
        Self { at: at.to_string(), by: by.map(|id| id.to_string()), what: what.name(), hint: hint.clone() }
    }
}
