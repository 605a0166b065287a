//! What who holds a token is told: why it may not do this, or why its filter stands in the way.

use super::Answer;
use crate::auth::Denial;
use crate::problem::code;
use crate::proxy::filter::FilterFault;
use crate::proxy::parameters::ParameterFault;
use crate::telemetry::Reason;

/// Only who proved to hold the token gets here, so it may be told what became of it.
pub(super) fn denied(denial: Denial, scope: &str) -> Answer {
    let (code, detail, description, reason) = match denial {
        Denial::Disabled => {
            (&code::TOKEN_DISABLED, "the token is disabled".to_owned(), Some("the token is disabled"), Reason::Disabled)
        }
        Denial::Revoked { at } => (
            &code::TOKEN_REVOKED,
            format!("the token was revoked at {at}"),
            Some("the token was revoked"),
            Reason::Revoked,
        ),
        Denial::Expired { at } => {
            (&code::TOKEN_EXPIRED, format!("the token expired at {at}"), Some("the token has expired"), Reason::Expired)
        }
        Denial::NotYetValid { from } => (
            &code::TOKEN_NOT_YET_VALID,
            format!("the token is valid from {from} on"),
            Some("the token is not valid yet"),
            Reason::NotYetValid,
        ),
        Denial::Rotated { at } => (
            &code::TOKEN_ROTATED,
            format!("the token was rotated: another text is in the place of this one, which is not valid since {at}"),
            Some("the token was rotated"),
            Reason::Rotated,
        ),
        Denial::AccountSuspended => {
            (&code::ACCOUNT_SUSPENDED, "the account is suspended".to_owned(), None, Reason::Suspended)
        }
        Denial::OwnerInactive => (
            &code::OWNER_INACTIVE,
            "the token's user is disabled, or no member of the account any more".to_owned(),
            None,
            Reason::Owner,
        ),
        Denial::OutOfReach => {
            (&code::ACCOUNT_OUT_OF_REACH, "the token does not reach that account".to_owned(), None, Reason::Account)
        }
        Denial::Insufficient { has } => {
            let detail = format!("this needs `{scope}`; the token has `{has}` on that resource");
            (&code::INSUFFICIENT_SCOPE, detail, None, Reason::Scope)
        }
    };
    Answer { code, detail: detail.into(), description, reason: Some(reason) }
}

/// Told to who holds the token: it may know that it is limited, and by which parameter.
pub(super) fn filter(fault: &FilterFault) -> Answer {
    let (forbidden, conflict) = (&code::FILTER_NOT_ENFORCED, &code::FILTER_CONFLICT);
    let told = |what: &str, fault: &ParameterFault| match fault {
        ParameterFault::Taken(name) => {
            format!("the token is limited to a part of the data, and {what} could set `{name}`, which says to which")
        }
        ParameterFault::Unclear(why) => {
            format!("the token is limited to a part of the data, and {what} is not clear enough for that: {why}")
        }
    };
    let (code, detail) = match fault {
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
    Answer { code, detail: detail.into(), description: None, reason: Some(Reason::Filter) }
}
