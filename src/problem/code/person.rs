//! Codes about people: logins, passwords, invitations, sessions.

use super::Told::{Challenge, Nothing};
use super::{By, Code, Section, codes};

codes! {
    "People and their sessions",
    "Logins, passwords, invitations and members.";

    LOGIN_FAILED 401 Management Challenge, "login_failed" "The login failed"
        "There is no such login, it has no password, or the password is another: the three are not told apart."
        "Try again with care: tries are counted. Who forgot the password asks for an invitation to set another.";
    WRONG_PASSWORD 403 Management Nothing, "wrong_password" "The password is wrong"
        "Who changes its own password gave a wrong present one."
        "Give the present password in `current`, or ask for an invitation to set another.";
    INVITATION_INVALID 403 Management Nothing, "invitation_invalid" "The invitation is not valid"
        "The invitation is unknown, used, replaced by a newer one, or older than seven days."
        "Ask for another: `POST /v1/users/{id}/invitation`.";
    USER_DISABLED 403 Management Nothing, "user_disabled" "The user is disabled"
        "The user who logs in is disabled; this is told only with the right password."
        "Ask who manages the user to enable it.";
    NO_USER 403 Management Nothing, "no_user" "The token stands for no user"
        "The call is for users, and the token belongs to an account."
        "Call with a session or a personal token.";
    MANAGED_ELSEWHERE 403 Management Nothing, "managed_elsewhere" "The user is managed elsewhere"
        "The user is managed in an account that the token does not reach."
        "Change its membership in your account, which you can, or ask who manages the user.";
    MEMBER_ELSEWHERE 403 Management Nothing, "member_elsewhere" "The user is a member elsewhere"
        "The user is a member of accounts that the token does not reach, and who set its password could act there."
        "Let the user change its own password, or let somebody set it who reaches all its accounts.";
    NO_SESSIONS 403 Management Nothing, "no_sessions" "Nobody logs in to the account"
        "The policy of the account has no sessions."
        "Log in to another account, or allow the kind `session` in the account's policy.";
    NOT_YOURS 403 Management Nothing, "not_yours" "The token is somebody else's"
        "The text of a person's token is shown to that person alone."
        "Let the person reveal it, or create another token.";
    LOGIN_TAKEN 409 Management Nothing, "login_taken" "The login is taken"
        "Another user has this login; logins are one for the installation."
        "Choose another login, or add the user that has it as a member.";
    LAST_OWNER 409 Management Nothing, "last_owner" "Nobody would be left in charge"
        "The account would be left without a member who is its `owner`."
        "Make another member owner first, or delete the account.";
    ALREADY_MEMBER 409 Management Nothing, "already_member" "The user is a member already"
        "The user is a member of the account."
        "Change its roles with `PATCH /v1/accounts/{id}/members/{user}`.";
    NOT_A_SESSION 409 Management Nothing, "not_a_session" "The token is no session"
        "The call ends the session that makes it, and the token is no session."
        "Revoke or delete the token in place of logging out.";
    LOGINS_BUSY 503 Management Nothing, "logins_busy" "Too many log in at once"
        "Too many passwords wait to be checked. `Retry-After` is 1."
        "Try again after `Retry-After`.";
}
