//! Codes about the credential of a request, and about what it may do.

use super::Told::{Challenge, Error};
use super::{By, Code, Section, codes};

const REQUEST: super::Told = Error("invalid_request");
const TOKEN: super::Told = Error("invalid_token");

codes! {
    "The credential",
    "What was presented, whether it is in force, and whether it may do what is asked.";

    MISSING_CREDENTIAL 401 Both Challenge, "missing_credential" "A token is needed"
        "The request has no `Authorization`, or one of another scheme than Bearer; or, where the route has `carriers`, nothing in any of them. `WWW-Authenticate` has a line for each that it takes."
        "Send the token as `Authorization: Bearer <token>`, or as the detail says.";
    MALFORMED_CREDENTIAL 400 Both REQUEST, "malformed_credential" "The credential is malformed"
        "Behind `Bearer` stands nothing, or a character that no token has. On a route with `carriers`, also: one of them holds no token, or the query could hold one in a spelling of its own."
        "Look at how the header is put together: a blank or a line end too many is the usual cause.";
    SEVERAL_CREDENTIALS 400 Both REQUEST, "several_credentials" "There is more than one credential"
        "The request has more than one `Authorization` field; or, where the route has `carriers`, a credential in two of them, or twice in one."
        "Send exactly one; look for a client or a proxy on the way that adds another.";
    INVALID_TOKEN 401 Both TOKEN, "invalid_token" "The token is not known"
        "It is no token of this service, its checksum is wrong, or nobody was given it."
        "Compare it with what was copied at its creation. If it was deleted, create another one.";
    TOKEN_DISABLED 401 Both TOKEN, "token_disabled" "The token is disabled"
        "Somebody disabled the token; it may be enabled again."
        "Ask who manages the account's tokens, or enable it with `POST /v1/tokens/{id}/enable`.";
    TOKEN_REVOKED 401 Both TOKEN, "token_revoked" "The token is revoked"
        "The token was revoked for good; the detail says when."
        "Create another token and put it in its place.";
    TOKEN_EXPIRED 401 Both TOKEN, "token_expired" "The token has expired"
        "The token is past its expiry; the detail says since when."
        "Create another token, or give this one a later expiry if its policy lets you.";
    TOKEN_NOT_YET_VALID 401 Both TOKEN, "token_not_yet_valid" "The token is not valid yet"
        "The token was made for later; the detail says from when on it is valid."
        "Wait until then, or use another token. If it should be valid by now, compare the clocks.";
    TOKEN_ROTATED 401 Both TOKEN, "token_rotated" "The token was rotated"
        "The token was rotated, and this is a text that it had before, or one that was taken back."
        "Use the token's present text; whoever rotated it was shown it.";
    ACCOUNT_SUSPENDED 403 Both Challenge, "account_suspended" "The account is suspended"
        "The token's account, or one above it, is suspended."
        "Ask who manages the account above; all its tokens work again once it is active.";
    OWNER_INACTIVE 403 Both Challenge, "owner_inactive" "The token's user is not active"
        "The user behind the token is disabled, deleted, or no member of the account any more."
        "Make the user active or a member again, or use a token that belongs to the account.";
    INSUFFICIENT_SCOPE 403 Both Error("insufficient_scope"), "insufficient_scope" "The token lacks a right"
        "The token does not have the right that the request takes; `scope` of `WWW-Authenticate` names it."
        "Use a token that has it, or ask for it to be added to this one. `POST /v1/explain` shows what takes it away.";
    ROOT_ONLY 403 Management Challenge, "root_only" "Only for the root account"
        "The call is about all accounts, as a backup is, and takes a token of the root account."
        "Use a token of the account that is above all others.";
    ACCOUNT_OUT_OF_REACH 403 Proxy Challenge, "account_out_of_reach" "The account is out of reach"
        "The request names an account that the token does not reach, or that is suspended."
        "Use a token of that account or of one above it that sees it.";
    FILTER_NOT_ENFORCED 403 Both Challenge, "filter_not_enforced" "The token's filter cannot be enforced here"
        "The token is limited to a part of the data, and the route does not say how its upstream is told; or the filter is too long to be told; or the call is one of the management API, which knows no parts."
        "Use another token, or give the route a `filter` in the configuration.";
    GRANTS_EXCEEDED 403 Management Challenge, "grants_exceeded" "More rights than the giver has"
        "A token, a member or a session would get more rights than its giver has, or the password of a user who has more would be set."
        "Leave out what the detail names, or let somebody do it who has those rights.";
}
