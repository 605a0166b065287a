//! Codes about the form of a request: target, headers, body, query.

use super::Told::Nothing;
use super::{By, Code, Section, codes};

codes! {
    "The request",
    "On the proxy, a request that is refused with one of the first seven codes, with `body_incomplete` or with `body_timeout` ends its HTTP/1.1 connection: what follows on it cannot be trusted.";

    BAD_PATH 400 Proxy Nothing, "bad_path" "The path can be read in two ways"
        "The path has dot or empty segments, an encoded slash, a backslash, `;`, a broken escape or a control character."
        "Send the path in its plain form, without the part that the detail names.";
    BAD_HOST 400 Proxy Nothing, "bad_host" "The host is not clear"
        "The request names no host, several, one that is no host, or another than its target's."
        "Send one `Host` that is the name in the URL.";
    BAD_TARGET 400 Proxy Nothing, "bad_target" "The target is not served"
        "The request's target has another scheme than http and https."
        "Send the path alone, or a URL with http or https.";
    BAD_HEADER 400 Proxy Nothing, "bad_header" "A header is not acceptable"
        "`Connection` names a header that may not be removed, or a header that matters is spelled with `_` or `.`."
        "Send the header in its own spelling, and name only hop-by-hop headers in `Connection`.";
    BAD_FRAMING 400 Proxy Nothing, "bad_framing" "The length of the body is not clear"
        "`Content-Length` or `Transfer-Encoding` leaves open where the body ends."
        "Send one plain `Content-Length`, or `Transfer-Encoding: chunked` once.";
    UNKNOWN_CODING 501 Proxy Nothing, "unknown_coding" "The transfer coding is not known"
        "The request has another transfer coding than `chunked`."
        "Send the body plain or `chunked`; compress with `Content-Encoding` if your API takes it.";
    EXPECTATION_FAILED 417 Proxy Nothing, "expectation_failed" "The expectation is not known"
        "The request has another `Expect` than `100-continue`."
        "Leave `Expect` out.";
    FILTER_CONFLICT 400 Proxy Nothing, "filter_conflict" "The request touches the token's filter"
        "Only for a token that is limited to a part of the data: the query, a cookie or a form could say to which part, or cannot be read in one way."
        "Leave out the parameter that the detail names: the gateway sets it.";
    NO_ROUTE 404 Proxy Nothing, "no_route" "No route leads there"
        "The gateway has no route for this host and path; told only to a token in force."
        "Compare host and path with the API's documentation, and the routes in the configuration.";
    NO_ENDPOINT 404 Management Nothing, "no_endpoint" "There is no such call"
        "Nothing is served at this path; told only to a token in force."
        "Look at `GET /docs` for the calls that there are.";
    METHOD_NOT_ALLOWED 405 Both Nothing, "method_not_allowed" "The method is not allowed"
        "The path is there for other methods, which `Allow` lists; told only to a token in force."
        "Use one of the methods in `Allow`.";
    RATE_LIMITED 429 Both Nothing, "rate_limited" "Too many requests"
        "Over the token's limit or the route's; on the management API, too many calls by a token or from an address, or too many tries of a login. `Retry-After` says for how long."
        "Wait as long as `Retry-After` says, and then ask less often.";
    BODY_TOO_LARGE 413 Both Nothing, "body_too_large" "The body is too large"
        "The body is over the route's `max_body`; on the management API, over 64 KiB."
        "Send less at once, or raise `max_body` of the route.";
    BODY_INCOMPLETE 400 Both Nothing, "body_incomplete" "The body did not arrive whole"
        "The body broke off, or its chunks are malformed."
        "Send the request again; if that does not help, look at what is between client and gateway.";
    BODY_TIMEOUT 408 Proxy Nothing, "body_timeout" "The body did not arrive in time"
        "The next piece of the body did not come within `server.idle_timeout`."
        "Send the request again without pauses in its body.";
    NOT_JSON 415 Management Nothing, "not_json" "The body is not declared as JSON"
        "The body is not declared as `application/json`."
        "Send `Content-Type: application/json`, once.";
    NOT_A_FORM 415 Management Nothing, "not_a_form" "The body is not declared as a form"
        "The call is about a token's text, and its body is not declared as `application/x-www-form-urlencoded`."
        "Send `token=…` with `Content-Type: application/x-www-form-urlencoded`, once.";
    INVALID_FORM 400 Management Nothing, "invalid_form" "The form is not as it should be"
        "The form has no `token`, or more than one."
        "Send exactly one, with the whole text of the token, percent-encoded where it has to be.";
    MALFORMED_JSON 400 Management Nothing, "malformed_json" "The body is not JSON"
        "The body is no JSON; the detail has line and column."
        "Mend what stands there.";
    INVALID_FIELDS 422 Management Nothing, "invalid_fields" "Some fields are wrong"
        "Fields of the body are missing, unknown or wrong: all of them are in `errors`."
        "Mend each field as its `message` says.";
    IMMUTABLE_FIELDS 422 Management Nothing, "immutable_fields" "Some fields cannot be changed"
        "The body has fields that cannot be changed: all of them are in `errors`."
        "Leave them out. What a policy keeps as it is needs a new token.";
    INVALID_QUERY 400 Management Nothing, "invalid_query" "Some query parameters are wrong"
        "Query parameters are unknown or wrong: all of them are in `errors`."
        "Mend each parameter as its `message` says.";
}
