//! Codes about the object that a call is about, and about those beside it.

use super::Told::Nothing;
use super::{By, Code, Section, codes};

codes! {
    "The object",
    "What a call is about, and what stands in its way.";

    IDEMPOTENCY_IN_PROGRESS 409 Management Nothing, "idempotency_in_progress" "The same request is under way"
        "A request of the same token with the same `Idempotency-Key` is being done at this moment."
        "Try again after `Retry-After`: the answer is what that request made.";
    IDEMPOTENCY_KEY_REUSED 422 Management Nothing, "idempotency_key_reused" "The key came with another request"
        "The same token sent this `Idempotency-Key` within the last 24 hours, to the same call and with another body."
        "Send the body of the first request, or another key.";
    IDEMPOTENCY_OBJECT_GONE 410 Management Nothing, "idempotency_object_gone" "What the request made is gone"
        "The first request with this `Idempotency-Key` made something that was deleted since, or that the caller reaches no more."
        "Use another key to make another.";
    NOT_FOUND 404 Management Nothing, "not_found" "There is no such object"
        "There is no such token, account, user, member or session, or the caller does not reach it: the two are not told apart."
        "Compare the id, and look whether the token's account is above the object's.";
    ALREADY_REVOKED 409 Management Nothing, "already_revoked" "The token is revoked for good"
        "A revoked token stays revoked, and nothing of it can be changed."
        "Create another token.";
    OWN_ACCOUNT 409 Management Nothing, "own_account" "The account is the caller's own"
        "A token cannot suspend, move, delete or limit its own account: that is for those above it."
        "Ask who manages the account above.";
    ACCOUNT_CIRCLE 409 Management Nothing, "account_circle" "An account would be above itself"
        "The new parent is the account itself, or lies below it."
        "Choose another parent, or move the one below away first.";
    ACCOUNT_NOT_EMPTY 409 Management Nothing, "account_not_empty" "The account is not empty"
        "The account has accounts, users or tokens in it or below it; the detail counts them."
        "Delete them first, or call again with `?everything=` and the account's name.";
    ROOT_ACCOUNT 409 Management Nothing, "root_account" "It is the root account"
        "The account above all others can be neither moved nor deleted."
        "Leave it where it is.";
    CONFLICT 409 Management Nothing, "conflict" "Others changed the object meanwhile"
        "The object was changed at the same time."
        "Read it and try again.";
    PRECONDITION_FAILED 412 Management Nothing, "precondition_failed" "The object is not as it was read"
        "Somebody changed the object since it was read: its `ETag` is none of those in `If-Match`."
        "Read it again and decide anew.";
    COUNT_DIFFERS 409 Management Nothing, "count_differs" "Other than so many are meant"
        "The filter of a call that revokes many tokens is true for another number of them than `expect` says. `count` has the real one, and nothing was revoked."
        "Look with `dry_run` at what is meant now, and send that number.";
    OVERLAP_RUNNING 409 Management Nothing, "overlap_running" "The old text is valid yet"
        "The token was rotated before, and its old text is still valid beside the present one."
        "End that overlap first, or say in the call that it ends.";
    NO_OVERLAP 409 Management Nothing, "no_overlap" "No old text is valid"
        "The token has no old text, or one that is not valid any more, so it can be neither ended, extended nor put back."
        "Read the token to see where its rotation stands; rotate it anew if that is what is wanted.";
    NOT_ROTATABLE 409 Management Nothing, "not_rotatable" "The token keeps its text"
        "The policy of the token's account has no rotation, the token is a session, or it is not in force any more."
        "Make a new token, put it in its place, and revoke this one.";
    NOT_RETRIEVABLE 409 Management Nothing, "not_retrievable" "The token was shown once"
        "No copy of the token's text is kept."
        "Make a new token, put it in its place, and revoke this one.";
    COPY_UNREADABLE 409 Management Nothing, "copy_unreadable" "The copy of the token cannot be read"
        "There is a copy of the token's text, and `reveal_key` is missing or another than the copy was made under."
        "Put the key back into the configuration, or make a new token in its place.";
    BACKUP_RUNNING 409 Management Nothing, "backup_running" "A backup is being made"
        "One backup is made at a time."
        "Try again once the other is complete.";
    LEAKS_OFF 404 Management Nothing, "leaks_off" "Alerts are not taken"
        "`POST /v1/leaks/github` was called, and `[leaks] github_keys` is not in the configuration."
        "Say in the configuration where the keys are.";
    BAD_SIGNATURE 403 Management Nothing, "bad_signature" "The signature does not hold"
        "The alert has no signature, one by a key that is not known, or one that is not of this body."
        "Send the body byte for byte as it was signed, with both headers.";
    KEYS_UNAVAILABLE 503 Management Nothing, "keys_unavailable" "The keys cannot be had"
        "The keys to check the alert's signature with cannot be had; the log says why."
        "Send it again after `Retry-After`.";
    LEAKS_BUSY 503 Management Nothing, "leaks_busy" "Too many reports wait"
        "So many reports of leaked tokens wait that nothing of this one was taken."
        "Send it again after `Retry-After`.";
}
