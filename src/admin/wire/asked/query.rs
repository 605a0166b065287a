//! What queries can say.

use utoipa::IntoParams;

use crate::admin::wire::terms;

/// Which part of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct PageOf {
    /// How many objects at most.
    #[param(required = false, minimum = 1, maximum = 200, default = 50)]
    limit: u32,
    /// The `next` of the answer before; left out, from the beginning.
    #[param(required = false)]
    cursor: String,
}

/// Of which account.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct InAccount {
    /// The account; left out, the caller's.
    #[param(required = false, value_type = terms::AccountId)]
    account: String,
}

/// Which tokens, and in which order.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct ListTokens {
    /// Whether those of the accounts below it are listed too.
    #[param(required = false, default = false)]
    below: bool,
    /// Those that are in one of these states now.
    #[param(required = false, style = Form, explode = false, value_type = Vec<terms::Standing>, min_items = 1)]
    state: String,
    /// Those of one of these kinds.
    #[param(required = false, style = Form, explode = false, value_type = Vec<terms::Kind>, min_items = 1)]
    kind: String,
    /// Those that are this user's.
    #[param(required = false, value_type = terms::Owner)]
    owner: String,
    /// Those that this token asked for.
    #[param(required = false, value_type = terms::TokenId)]
    created_by: String,
    /// Those that were not used for so long, or never.
    #[param(required = false, value_type = terms::Length)]
    unused_for: String,
    /// Those that expire within so long from now.
    #[param(required = false, value_type = terms::Length)]
    expires_within: String,
    /// Those with this text in their name or description, in small or capital letters.
    #[param(required = false, min_length = 1, max_length = 100)]
    q: String,
    /// Those with such labels: `env=prod`, `env!=prod`, `env in (a,b)`, `env notin (a,b)`, `env`, `!env`; several
    /// with commas between, or given several times, have all to be met.
    #[param(required = false, style = Form, explode = true, value_type = Vec<String>)]
    label: String,
    #[param(required = false, value_type = terms::TokenOrder)]
    sort: String,
    /// Whether `count` is to be answered: how many there are on all pages.
    #[param(required = false, default = false)]
    count: bool,
}

/// Which accounts, and in which order.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct ListAccounts {
    /// This account and those below it; left out, the caller's.
    #[param(required = false, value_type = terms::AccountId)]
    account: String,
    /// Those directly below this account.
    #[param(required = false, value_type = terms::AccountId)]
    parent: String,
    /// Those that are in one of these states themselves, whatever those above them are.
    #[param(required = false, style = Form, explode = false, value_type = Vec<terms::AccountState>, min_items = 1)]
    state: String,
    /// Those with this plan.
    #[param(required = false)]
    plan: String,
    /// Those with this policy of their own.
    #[param(required = false)]
    policy: String,
    /// Those with this text in their name, in small or capital letters.
    #[param(required = false, min_length = 1, max_length = 100)]
    q: String,
    /// Those with such labels: `env=prod`, `env!=prod`, `env in (a,b)`, `env notin (a,b)`, `env`, `!env`; several
    /// with commas between, or given several times, have all to be met.
    #[param(required = false, style = Form, explode = true, value_type = Vec<String>)]
    label: String,
    #[param(required = false, value_type = terms::AccountOrder)]
    sort: String,
    /// Whether `count` is to be answered: how many there are on all pages.
    #[param(required = false, default = false)]
    count: bool,
    /// Of each account only these; left out, all.
    #[param(required = false, style = Form, explode = false, value_type = Vec<terms::AccountField>, min_items = 1)]
    fields: String,
}

/// Whether users of accounts below are listed too.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct WithBelow {
    /// Whether those of the accounts below it are listed too, each once.
    #[param(required = false, default = false)]
    below: bool,
}

/// Which users, and in which order.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct ListUsers {
    /// Those that are in one of these states.
    #[param(required = false, style = Form, explode = false, value_type = Vec<terms::UserState>, min_items = 1)]
    state: String,
    /// Members with this role, in an account that the list is of.
    #[param(required = false)]
    role: String,
    /// Those with this text in their name or login, in small or capital letters.
    #[param(required = false, min_length = 1, max_length = 100)]
    q: String,
    #[param(required = false, value_type = terms::UserOrder)]
    sort: String,
    /// Whether `count` is to be answered: how many there are on all pages.
    #[param(required = false, default = false)]
    count: bool,
}

/// Which sessions, and in which order.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct ListSessions {
    /// Those that are in one of these states now.
    #[param(required = false, style = Form, explode = false, value_type = Vec<terms::Standing>, min_items = 1)]
    state: String,
    /// Those that were not used for so long, or never.
    #[param(required = false, value_type = terms::Length)]
    unused_for: String,
    /// Those that expire within so long from now.
    #[param(required = false, value_type = terms::Length)]
    expires_within: String,
    #[param(required = false, value_type = terms::SessionOrder)]
    sort: String,
    /// Whether `count` is to be answered: how many there are on all pages.
    #[param(required = false, default = false)]
    count: bool,
}

/// Which fields of an account.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct AccountFieldsOf {
    /// Of the account only these; left out, all.
    #[param(required = false, style = Form, explode = false, value_type = Vec<terms::AccountField>, min_items = 1)]
    fields: String,
}

/// Which fields of a user.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct UserFieldsOf {
    /// Of each user only these; left out, all.
    #[param(required = false, style = Form, explode = false, value_type = Vec<terms::UserField>, min_items = 1)]
    fields: String,
}

/// Which fields of a member.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct MemberFieldsOf {
    /// Of each member only these; left out, all.
    #[param(required = false, style = Form, explode = false, value_type = Vec<terms::MemberField>, min_items = 1)]
    fields: String,
}

/// Which fields.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct FieldsOf {
    /// Of each token only these; left out, all.
    #[param(required = false, style = Form, explode = false, value_type = Vec<terms::TokenField>, min_items = 1)]
    fields: String,
}

/// Whether it is to be done to the object as it was read.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(in crate::admin) struct IfMatch {
    /// The `ETag` of the object as it was read: it is done to that one, and otherwise refused with
    /// `precondition_failed`.
    #[param(required = false, rename = "If-Match", example = "\"17\"")]
    tag: String,
}

/// Whether it is known.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(in crate::admin) struct IfNoneMatch {
    /// The `ETag` of the object as it is known: if it is still that, 304 is answered.
    #[param(required = false, rename = "If-None-Match", example = "\"17\"")]
    tag: String,
}

/// That a request can come again.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(in crate::admin) struct IdempotencyKey {
    /// A random text, such as a UUID, for each thing that is to be made. A request that comes again with the same key
    /// within 24 hours makes nothing, and is answered with what the first one made, as that is now.
    #[param(
        required = false,
        rename = "Idempotency-Key",
        max_length = 257,
        example = "8e03978e-40d5-43dd-bc93-6894a57f9324"
    )]
    key: String,
}

/// Which entries of the audit log.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct SearchAudit {
    /// Entries of this action, such as `token.create`, or of all that begin so: `token.*`.
    #[param(required = false)]
    action: String,
    /// Entries of this outcome.
    #[param(required = false, value_type = terms::Outcomes)]
    outcome: String,
    /// Entries that concern this account.
    #[param(required = false)]
    account: String,
    /// What this token or user did, by its id.
    #[param(required = false)]
    actor: String,
    /// What was done to this object, by its id.
    #[param(required = false)]
    object: String,
    /// Entries from then on: a date, a time, or how long ago (`24h`).
    #[param(required = false)]
    since: String,
    /// Entries before then.
    #[param(required = false)]
    until: String,
    /// Entries with this text in them, in small or capital letters.
    #[param(required = false)]
    text: String,
}

/// What a policy wants to be sure of before a token is deleted.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct DeleteToken {
    /// Where the policy wants a deletion confirmed: `yes` or the token's name, as it says.
    #[param(required = false)]
    confirm: String,
    /// `use`: delete it although it was used of late.
    #[param(required = false, value_type = terms::Use)]
    acknowledge: String,
}

/// What makes sure that an account is meant.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::admin) struct DeleteAccount {
    /// The account's name: deletes it with all accounts, users and tokens in it and below it.
    #[param(required = false)]
    everything: String,
}
