//! What is said of the calls about accounts and their policies.

use serde_json::json;

use super::samples::{account, page, policy};
use super::{Answer, Content, ETAG, LOCATION, Link, Operation, REPLAYED, Tag, parameters};
use crate::admin::wire::asked::{
    AccountEdit, AccountFieldsOf, DeleteAccount, IdempotencyKey, IfMatch, IfNoneMatch, ListAccounts, NewAccount, PageOf,
};
use crate::admin::wire::{AccountRecord, PolicyRecord};
use crate::problem::code;

/// The id in an answer that is an account.
const THIS: &[(&str, &str)] = &[("id", "$response.body#/id")];

pub(in crate::admin) static LIST: Operation = Operation::read(
    "listAccounts",
    Tag::Accounts,
    "List accounts",
    Answer::page_of_parts::<AccountRecord>("The caller's account and those below it that it reaches.", || {
        page(account())
    }),
)
.text("The oldest first, unless `sort` says otherwise.")
.takes(&[parameters::<ListAccounts>, parameters::<PageOf>])
.problems(&[&code::NOT_FOUND]);

pub(in crate::admin) static CREATE: Operation = Operation::change(
    "createAccount",
    Tag::Accounts,
    "Create an account",
    Answer::json::<AccountRecord>(201, "The account.", account).headers(&[REPLAYED, LOCATION, ETAG]).links(&[
        Link { operation: "getAccount", parameters: THIS },
        Link { operation: "editAccount", parameters: THIS },
        Link { operation: "getAccountPolicy", parameters: THIS },
        Link { operation: "listMembers", parameters: THIS },
        Link { operation: "addMember", parameters: THIS },
        Link { operation: "deleteAccount", parameters: THIS },
    ]),
)
.text("Where its policy has an `account_token`, the account comes with a first token.")
.takes(&[parameters::<IdempotencyKey>])
.body(Content::json::<NewAccount>(
    || json!({"name": "Plant Bremen", "ceiling": {"devices": "full"}, "policy": "production", "labels": {"env": "prod"}}),
))
.problems(&[&code::UNKNOWN_POLICY, &code::NO_RANDOMNESS]);

pub(in crate::admin) static SHOW: Operation = Operation::read(
    "getAccount",
    Tag::Accounts,
    "Show an account",
    Answer::parts::<AccountRecord>("The account.", account).headers(&[ETAG]),
)
.takes(&[parameters::<AccountFieldsOf>, parameters::<IfNoneMatch>]);

pub(in crate::admin) static EDIT: Operation = Operation::change(
    "editAccount",
    Tag::Accounts,
    "Change an account",
    Answer::json::<AccountRecord>(200, "The account as it is now.", account).headers(&[ETAG]),
)
.text(
    "What is left out stays. What limits an account is set from above: a token cannot suspend its own account, and \
     cannot move it or change its ceiling, plan or policy. All tokens follow with the next request.",
)
.body(Content::json::<AccountEdit>(|| json!({"state": "suspended", "ceiling": {"devices": "read"}})))
.problems(&[&code::IMMUTABLE_FIELDS, &code::OWN_ACCOUNT, &code::ACCOUNT_CIRCLE, &code::ROOT_ACCOUNT])
.takes(&[parameters::<IfMatch>]);

pub(in crate::admin) static DELETE: Operation = Operation::change(
    "deleteAccount",
    Tag::Accounts,
    "Delete an account",
    Answer::nothing("The account is gone, and with it what was in it and below it."),
)
.text("One that is not empty is deleted, with everything in it and below it, only where its name is given.")
.takes(&[parameters::<IfMatch>, parameters::<DeleteAccount>])
.problems(&[&code::OWN_ACCOUNT, &code::ACCOUNT_NOT_EMPTY, &code::ROOT_ACCOUNT]);

pub(in crate::admin) static POLICY: Operation = Operation::read(
    "getAccountPolicy",
    Tag::Accounts,
    "Show which policy an account has",
    Answer::json::<PolicyRecord>(
        200,
        "The account's own policy, or that of the nearest account above that has one.",
        policy,
    ),
)
.text("It says which tokens there can be in the account. Who has tokens there may know.")
.problems(&[&code::UNKNOWN_POLICY]);

pub(in crate::admin) static POLICIES: Operation = Operation::read(
    "listPolicies",
    Tag::Accounts,
    "List policies",
    Answer::page::<PolicyRecord>("All policies of the configuration.", || page(policy())),
)
.problems(&[&code::INVALID_QUERY]);
