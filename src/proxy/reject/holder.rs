//! What who holds a token is told: why it may not do this, or why its filter stands in the way.

use http::StatusCode;

use super::{Answer, INSUFFICIENT, invalid_token};
use crate::auth::Denial;
use crate::problem::Challenge;
use crate::proxy::filter::FilterFault;
use crate::proxy::parameters::ParameterFault;
use crate::telemetry::Reason;

/// Only who proved to hold the token gets here, so it may be told what became of it.
pub(super) fn denied(denial: Denial, scope: &str) -> Answer {
    let (status, code, detail, challenge, reason) = match denial {
        Denial::Disabled => (
            401,
            "token_disabled",
            "the token is disabled".to_owned(),
            invalid_token("the token is disabled"),
            Reason::Disabled,
        ),
        Denial::Revoked { at } => (
            401,
            "token_revoked",
            format!("the token was revoked at {at}"),
            invalid_token("the token was revoked"),
            Reason::Revoked,
        ),
        Denial::Expired { at } => (
            401,
            "token_expired",
            format!("the token expired at {at}"),
            invalid_token("the token has expired"),
            Reason::Expired,
        ),
        Denial::NotYetValid { from } => (
            401,
            "token_not_yet_valid",
            format!("the token is valid from {from} on"),
            invalid_token("the token is not valid yet"),
            Reason::NotYetValid,
        ),
        Denial::Rotated { at } => (
            401,
            "token_rotated",
            format!("the token was rotated: another text is in the place of this one, which is not valid since {at}"),
            invalid_token("the token was rotated"),
            Reason::Rotated,
        ),
        Denial::AccountSuspended => (
            403,
            "account_suspended",
            "the account is suspended".to_owned(),
            Some(Challenge::default()),
            Reason::Suspended,
        ),
        Denial::OwnerInactive => (
            403,
            "owner_inactive",
            "the token's user is disabled, or no member of the account any more".to_owned(),
            Some(Challenge::default()),
            Reason::Owner,
        ),
        Denial::OutOfReach => (
            403,
            "account_out_of_reach",
            "the token does not reach that account".to_owned(),
            Some(Challenge::default()),
            Reason::Account,
        ),
        Denial::Insufficient { has } => {
            let detail = format!("this needs `{scope}`; the token has `{has}` on that resource");
            (403, "insufficient_scope", detail, Some(INSUFFICIENT), Reason::Scope)
        }
    };
    let status = if status == 401 { StatusCode::UNAUTHORIZED } else { StatusCode::FORBIDDEN };
    Answer { status, code, detail, challenge, reason: Some(reason) }
}

/// Told to who holds the token: it may know that it is limited, and by which parameter.
pub(super) fn filter(fault: &FilterFault) -> Answer {
    use StatusCode as S;
    let (forbidden, conflict) = ((S::FORBIDDEN, "filter_not_enforced"), (S::BAD_REQUEST, "filter_conflict"));
    let told = |what: &str, fault: &ParameterFault| match fault {
        ParameterFault::Taken(name) => {
            format!("the token is limited to a part of the data, and {what} could set `{name}`, which says to which")
        }
        ParameterFault::Unclear(why) => {
            format!("the token is limited to a part of the data, and {what} is not clear enough for that: {why}")
        }
    };
    let ((status, code), detail) = match fault {
        FilterFault::NotEnforced => {
            (forbidden, "the token is limited to a part of the data, and this route does not limit".to_owned())
        }
        FilterFault::TooLarge => (forbidden, "the token's filter is longer than this route can pass on".to_owned()),
        FilterFault::TooLong => (conflict, "together with the token's filter, the target is too long".to_owned()),
        FilterFault::Query(fault) => (conflict, told("the query", fault)),
        FilterFault::Cookie(fault) => (conflict, told("a cookie", fault)),
        FilterFault::Body => {
            let detail = "the token is limited to a part of the data, and a form could say to which: send another kind \
                          of body, and its `Content-Type`";
            (conflict, detail.to_owned())
        }
    };
    let challenge = (status == S::FORBIDDEN).then(Challenge::default);
    Answer { status, code, detail, challenge, reason: Some(Reason::Filter) }
}
