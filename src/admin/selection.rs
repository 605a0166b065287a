//! Which tokens a list is of.

use std::time::Duration;

use super::caller::Caller;
use super::fields::Fields;
use super::refusal::Refusal;
use super::token_input::reached;
use super::{AdminState, expiry};
use crate::model::{AccountId, Kind, Selector, SelectorError, Standing, Timestamp, TokenFilter};
use crate::store::{Order, SortBy};

const LONGEST_TEXT: usize = 100;

/// Accounts, and what their tokens must be like.
pub(super) struct Selection {
    pub(super) filter: TokenFilter,
    account: Option<String>,
    below: bool,
}

impl Selection {
    /// Takes every parameter; what is wrong is noted.
    pub(super) fn take(fields: &mut Fields, caller: &Caller, now: Timestamp) -> Self {
        let account = fields.take_text("account");
        let below = fields.take_switch("below").unwrap_or(false);
        let filter = TokenFilter {
            states: standings(fields),
            kinds: one_or_more(fields, "kind", &Kind::ALL.map(Kind::name), Kind::from_name),
            user: owner(fields, caller),
            created_by: fields.take_text("created_by").and_then(|text| {
                text.parse().map_err(|error| fields.refuse("created_by", format!("is no token's id: {error}"))).ok()
            }),
            unused_since: length(fields, "unused_for").map(|length| minus(now, length)),
            expires_by: length(fields, "expires_within").map(|length| now.plus(length)),
            text: take_search(fields),
            labels: take_labels(fields),
        };
        Self { filter, account, below }
    }

    /// Whether something is said of the tokens themselves, and not only where they are.
    pub(super) fn is_narrow(&self) -> bool {
        self.filter != TokenFilter::default()
    }

    /// The account that it begins at.
    pub(super) fn account(&self, caller: &Caller, state: &AdminState) -> Result<AccountId, Refusal> {
        match &self.account {
            None => Ok(caller.account()),
            Some(text) => reached(text, caller, state).ok_or(Refusal::NoSuch("account")),
        }
    }

    /// The accounts that it is of: the caller's own where none is named.
    pub(super) fn accounts(&self, caller: &Caller, state: &AdminState) -> Result<Vec<AccountId>, Refusal> {
        let account = self.account(caller, state)?;
        if !self.below {
            return Ok(vec![account]);
        }
        Ok(state.accounts.within_reach(account).iter().map(|account| account.id).collect())
    }
}

/// Which sessions of a user a list is of.
pub(super) fn take_sessions(fields: &mut Fields, now: Timestamp) -> TokenFilter {
    TokenFilter {
        states: standings(fields),
        kinds: vec![Kind::Session],
        unused_since: length(fields, "unused_for").map(|length| minus(now, length)),
        expires_by: length(fields, "expires_within").map(|length| now.plus(length)),
        ..TokenFilter::default()
    }
}

/// Takes `q`, in lower case.
pub(super) fn take_search(fields: &mut Fields) -> Option<String> {
    let text = fields.take_text("q")?;
    if !(1..=LONGEST_TEXT).contains(&text.chars().count()) {
        fields.refuse("q", format!("must have 1 to {LONGEST_TEXT} characters"));
    }
    Some(text.to_lowercase())
}

/// Takes `label`.
pub(super) fn take_labels(fields: &mut Fields) -> Selector {
    let Some(text) = fields.take_text("label") else { return Selector::default() };
    text.parse().unwrap_or_else(|error: SelectorError| {
        fields.refuse("label", format!("cannot be read: {error}"));
        Selector::default()
    })
}

fn standings(fields: &mut Fields) -> Vec<&'static str> {
    one_or_more(fields, "state", &Standing::NAMES, |name| Standing::NAMES.into_iter().find(|known| *known == name))
}

/// Takes `sort`: one of the names, with `-` before it for the other direction.
pub(super) fn take_order(query: &mut Fields, known: &[(&str, SortBy)]) -> Order {
    let Some(text) = query.take_text("sort") else { return Order::default() };
    let (name, descending) = match text.strip_prefix('-') {
        Some(name) => (name, true),
        None => (&text[..], false),
    };
    match known.iter().find(|(known, _)| *known == name) {
        Some((_, by)) => Order { by: *by, descending },
        None => {
            let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
            query.refuse("sort", format!("must be one of {}, or one of them with `-` before it", names.join(", ")));
            Order::default()
        }
    }
}

/// `active,disabled`.
pub(super) fn one_or_more<T>(
    fields: &mut Fields,
    name: &'static str,
    known: &[&str],
    read: impl Fn(&str) -> Option<T>,
) -> Vec<T> {
    let Some(text) = fields.take_text(name) else { return Vec::new() };
    let read: Option<Vec<T>> = text.split(',').map(|item| read(item.trim())).collect();
    read.unwrap_or_else(|| {
        fields.refuse(name, format!("must be one of {}, or several with commas between", known.join(", ")));
        Vec::new()
    })
}

/// A user's id, or `me`.
fn owner(fields: &mut Fields, caller: &Caller) -> Option<crate::model::UserId> {
    let text = fields.take_text("owner")?;
    match (&text[..], caller.user()) {
        ("me", Some(user)) => Some(user),
        ("me", None) => {
            fields.refuse("owner", "cannot be `me`: the token that calls is nobody's");
            None
        }
        (text, _) => text
            .parse()
            .map_err(|error| fields.refuse("owner", format!("is neither `me` nor a user's id: {error}")))
            .ok(),
    }
}

fn length(fields: &mut Fields, name: &'static str) -> Option<Duration> {
    let text = fields.take_text(name)?;
    let length = expiry::length(&text);
    if length.is_none() {
        fields.refuse(name, "must be a length of time such as `90d`");
    }
    length
}

fn minus(now: Timestamp, length: Duration) -> Timestamp {
    let millis = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(now.millis().saturating_sub(millis))
}
