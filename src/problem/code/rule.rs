//! Codes about what the policy of an account allows.

use super::Told::Nothing;
use super::{By, Code, Section, codes};

codes! {
    "The account's policy",
    "What a field of a request may be is told with `invalid_fields` and `immutable_fields`; these are the rest.";

    UNKNOWN_POLICY 409 Management Nothing, "unknown_policy" "The account's policy is not configured"
        "The account's policy is not in the configuration any more, so nobody can tell what its tokens may be."
        "Put the policy back, or give the account another.";
    TOO_MANY_TOKENS 409 Management Nothing, "too_many_tokens" "The account has as many tokens as it may"
        "The account has as many active tokens as its policy allows."
        "Revoke or delete one that is not needed any more; an expired one makes room too.";
    NOT_CONFIRMED 409 Management Nothing, "not_confirmed" "The deletion is to be confirmed"
        "The account's policy wants a deletion to be confirmed."
        "Remove the token from code and from third parties, then call again with `?confirm=` and what the detail says.";
    TOKEN_IN_USE 409 Management Nothing, "token_in_use" "The token is in use"
        "The token was used within the `dependency_window` of its account's policy; the detail says by which routes, from where and when last."
        "Disable it first and see what breaks, or call again with `?acknowledge=use`.";
}
