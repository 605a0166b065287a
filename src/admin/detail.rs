//! What the client may read of a refusal. Never formats an inner error of ours.

use super::refusal::Refusal;
use super::wire::SyntaxError;
use crate::auth::CredentialError;

impl Refusal {
    /// What the client may read.
    pub(super) fn detail(&self) -> String {
        match self {
            Refusal::Credential(CredentialError::Absent) => "send the token as `Authorization: Bearer <token>`".into(),
            Refusal::Credential(CredentialError::Malformed) => {
                "behind `Bearer` stands nothing, or a character that no token has".into()
            }
            Refusal::Credential(CredentialError::Several) => {
                "the request has more than one `Authorization` field; send exactly one".into()
            }
            Refusal::NotAToken(error) => format!("the token {error}; was it copied whole?"),
            Refusal::UnknownToken => "the token is not known here".into(),
            Refusal::TokenDisabled => "the token is disabled until somebody enables it".into(),
            Refusal::TokenRevoked { at } => format!("the token was revoked at {at}"),
            Refusal::TokenExpired { at } => format!("the token expired at {at}"),
            Refusal::TokenNotYetValid { from } => format!("the token is valid from {from} on"),
            Refusal::TokenRotated { at } => {
                format!("another text of the token is in the place of this one, which is not valid since {at}")
            }
            Refusal::AccountSuspended => "the token's account, or one above it, is suspended".into(),
            Refusal::OwnerInactive => "the token's user is disabled, or no member of the account any more".into(),
            Refusal::Insufficient { resource, action, has } => {
                format!("the call needs `{}` on `{resource}`, and the token has `{has}`", action.name())
            }
            Refusal::FilterNotEnforced => {
                "the token is limited to a part of the data by a filter, and the management API knows no parts: use \
                 another token"
                    .into()
            }
            Refusal::GrantsExceeded { what, .. } => what.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "),
            Refusal::NotRoot => "the call is about all accounts: it takes a token of the root account".into(),
            Refusal::OtherHost => {
                "the management API does not answer under this name: call it by its address or as localhost, or add \
                 the name to `listen.admin.hosts`"
                    .into()
            }
            Refusal::Misdirected => {
                "the connection is for another host, or its client's certificate is not accepted any more: connect anew"
                    .into()
            }
            Refusal::NoEndpoint => "nothing is served at this path".into(),
            Refusal::WrongMethod { allow } => format!("this path is served for {allow}"),
            Refusal::NoSuch(noun) => format!("there is no such {noun}, or it is out of the token's reach"),
            Refusal::NotJson => "send the body with `Content-Type: application/json`".into(),
            Refusal::NotForm => {
                "send the token's text as `token` of a form, with `Content-Type: application/x-www-form-urlencoded`"
                    .into()
            }
            Refusal::BadForm(what) => (*what).into(),
            Refusal::BodyTooLarge => format!("a body has at most {} bytes", super::body::MAX_BODY),
            Refusal::BodyBroken => "the body ended before it was complete".into(),
            Refusal::Malformed(SyntaxError { line, column, what }) => format!("line {line}, column {column}: {what}"),
            Refusal::InvalidFields(errors) | Refusal::ImmutableFields(errors) | Refusal::InvalidQuery(errors) => {
                errors.iter().map(|e| format!("`{}`: {}", e.field, e.message)).collect::<Vec<_>>().join("; ")
            }
            Refusal::AlreadyRevoked => "a revoked token stays revoked; create another one".into(),
            Refusal::OwnAccount => {
                "a token cannot suspend, move, delete or limit its own account: ask the account above".into()
            }
            Refusal::LoginTaken => {
                "there is a user with this login already; logins are one for the installation".into()
            }
            Refusal::AccountCircle(error) => format!("`{}`: {}", error.field, error.message),
            Refusal::AccountNotEmpty { below, name } => format!(
                "there is something in the account or below it ({below}); to delete it with everything below, \
                 call again with `?everything=` and the account's name, {name}"
            ),
            Refusal::RootAccount => "the root account can be neither moved nor deleted".into(),
            Refusal::BadRepeatKey(what) => format!("`Idempotency-Key` {what}; send 1 to 255 visible characters, once"),
            Refusal::UnderWay => "a request with this `Idempotency-Key` is being done; ask again for what it made".into(),
            Refusal::OtherRequest => {
                "this `Idempotency-Key` came with another body before: a request that is not the same needs another key"
                    .into()
            }
            Refusal::MadeAndGone => {
                "what the first request with this `Idempotency-Key` made was deleted, or is out of the token's reach; to \
                 make another, use another key"
                    .into()
            }
            Refusal::LastOwner => {
                "it is the account's last owner: make another member owner first, or delete the account".into()
            }
            Refusal::LoginFailed { .. } => "the login or the password is wrong".into(),
            Refusal::TooOften { .. } => {
                "there were too many tries of this login or from this address; wait as long as `Retry-After` says"
                    .into()
            }
            Refusal::RateLimited { policy, .. } => {
                format!("there were too many calls by this {policy}; wait as long as `Retry-After` says")
            }
            Refusal::LoginsBusy => "too many passwords wait to be checked; try again".into(),
            Refusal::WrongPassword => "`current` is not the user's password".into(),
            Refusal::UserDisabled => "the user is disabled until somebody enables it".into(),
            Refusal::NoUser => "the call is for users: it takes a session or a personal token".into(),
            Refusal::NotASession => "the call ends the session that makes it, and the token is none".into(),
            Refusal::NoInvitation => {
                "the invitation is unknown, used, replaced by a newer one, or too old; ask for another".into()
            }
            Refusal::ManagedElsewhere => {
                "the user is managed in an account out of the token's reach; only its memberships can be changed".into()
            }
            Refusal::MemberElsewhere => "the user is a member of accounts out of the token's reach, and who sets its \
                                         password could act there"
                .into(),
            Refusal::LeaksOff => "`[leaks] github_keys` is not in the configuration".into(),
            Refusal::BadSignature(why) => format!("the alert is not believed: {why}"),
            Refusal::KeysUnavailable(_) => {
                "the keys to check the signature with cannot be had; send it again later".into()
            }
            Refusal::LeaksBusy => "too many reports wait; nothing of this one was taken: send it again".into(),
            Refusal::AlreadyMember => "the user is a member of the account; change its roles with PATCH".into(),
            Refusal::UnknownPolicy(name) => format!(
                "the policy `{name}` is not in the configuration (any more): put it back, or give the account another"
            ),
            Refusal::NoSessions(name) => format!("the policy `{name}` has no sessions in the account"),
            Refusal::TooManyTokens(max) => format!(
                "the account may have {max} active tokens at once; delete or revoke one that is not needed any more"
            ),
            Refusal::NotConfirmed { wanted, given } => format!(
                "{}a deletion is final: remove the token from code and from third parties first, then call again with \
                 `?confirm=` and {wanted}",
                if *given { "`confirm` is something else; " } else { "" }
            ),
            Refusal::TokenInUse(how) => format!(
                "{how}; to delete it all the same, call again with `acknowledge=use`, or disable it first and see what \
                 breaks"
            ),
            Refusal::OverlapRunning { until } => format!(
                "the text from before the last rotation is valid until {until}, and a token has two texts at most; end \
                 it first, or send `\"end_overlap\": true`"
            ),
            Refusal::NoOverlap => {
                "the token was not rotated, or its old text is not valid any more, which is final; rotate it again"
                    .into()
            }
            Refusal::NotRotatable(why) => why.clone(),
            Refusal::NotRetrievable => {
                "no copy of the token is kept; make a new one, put it in its place, and revoke this one".into()
            }
            Refusal::NoCopy(why) => format!("{why}; make a new token in its place"),
            Refusal::NotYours => "it is for the person alone whose token it is".into(),
            Refusal::Conflict(_) => "the object was changed at the same time; read it and try again".into(),
            Refusal::Stale => {
                "somebody changed the object since: its `ETag` is none of those in `If-Match`; read it again and decide anew"
                    .into()
            }
            Refusal::CountDiffers { expected, count } => format!(
                "the number of tokens that are meant is {count} now, and not {expected}: nothing was revoked; look at \
                 them with `dry_run`"
            ),
            Refusal::BackupRunning => "one backup is made at a time; try again once it is complete".into(),
            Refusal::NotReady(reason) => reason.clone(),
            Refusal::Store(_) => {
                "the store does not answer; a change that was asked for may have happened or not".into()
            }
            Refusal::StoreFull(_) => {
                "the disk of the store is full: nothing was changed, and changes are taken again once there is room"
                    .into()
            }
            Refusal::Unrecorded { done: false, .. } => {
                "what is done is noted in the audit log, which cannot be written at present: nothing was changed".into()
            }
            Refusal::Unrecorded { done: true, .. } => {
                "it was done, and the audit log cannot be written to note it: look what there is before you try again"
                    .into()
            }
            Refusal::NoRandomness(_) => "the operating system gave no randomness; nothing was made".into(),
            Refusal::Failed(_) | Refusal::Broken(_) => {
                "the gateway failed at this request; its log has the cause under the request id".into()
            }
        }
    }
}
