//! Codes about the form of a request: target, headers, body, query.

use super::Told::Nothing;
use super::{By, Code, Section, codes};

codes! {
    "The request",
    "On the proxy, a request that is refused with one of the codes up to `expectation_failed`, with `body_incomplete` or with `body_timeout` ends its HTTP/1.1 connection: what follows on it cannot be trusted. The access log has a `reject_reason` for each of the former, `keygate_rejected_requests_total` counts by it, and [rejected inputs](rejected-inputs.md) says what to do about each.";

    BAD_LINE 400 Proxy Nothing, "bad_line" "A line of the head is malformed"
        "A line ends with LF or CR alone, has a CR within or begins with a blank, or more than two empty lines stand before the first."
        "End each line with CR LF, and put each header on one line.";
    BAD_REQUEST_LINE 400 Proxy Nothing, "bad_request_line" "The request line is malformed"
        "It is not method, target and version with one space between them, or the version is neither HTTP/1.1 nor HTTP/1.0."
        "Encode blanks in the target as `%20`; for HTTPS, see that the listener has `tls`.";
    BAD_PATH 400 Proxy Nothing, "bad_path" "The path can be read in two ways"
        "The path has dot or empty segments, an encoded slash, a backslash, `;`, a broken escape or a control character."
        "Send the path in its plain form, without the part that the detail names.";
    BAD_HOST 400 Proxy Nothing, "bad_host" "The host is not clear"
        "The request names no host, several, one that is no host, or another than its target's."
        "Send one `Host` that is the name in the URL.";
    BAD_TARGET 400 Proxy Nothing, "bad_target" "The target is not served"
        "The request's target has another scheme than http and https, neither a scheme nor a `/` in front, a fragment (`#`), or a character that must be percent-encoded."
        "Send the path alone, percent-encoded and without a fragment, or a URL with http or https.";
    TARGET_TOO_LONG 414 Proxy Nothing, "target_too_long" "The target is too long"
        "The request line has more than 64 KiB."
        "Send what is that long in the body.";
    HEAD_TOO_LARGE 431 Proxy Nothing, "head_too_large" "The head is too large"
        "The head has more than 64 KiB, or more than 100 header lines."
        "Send fewer or smaller headers; often it is cookies that have piled up.";
    BAD_HEADER 400 Proxy Nothing, "bad_header" "A header is not acceptable"
        "A header line has no name or no colon, a blank in its name or a control character in its value; or `Connection` names a header that may not be removed, or a header that matters is spelled with `_` or `.`."
        "Send the header in its own spelling, and name only hop-by-hop headers in `Connection`.";
    BAD_FRAMING 400 Proxy Nothing, "bad_framing" "The length of the body is not clear"
        "`Content-Length` or `Transfer-Encoding` leaves open where the body ends: twice, both of them, a list, or anything but a plain number or `chunked`."
        "Send one plain `Content-Length`, or `Transfer-Encoding: chunked` once.";
    BAD_CHUNK 400 Proxy Nothing, "bad_chunk" "The chunks of the body are malformed"
        "A chunk's size, extension or end is malformed."
        "Send the size in hexadecimal digits and CR LF, so many bytes, and CR LF; without extensions.";
    BAD_TRAILER 400 Proxy Nothing, "bad_trailer" "A trailer is not acceptable"
        "A trailer is malformed, frames the request, names a host, or says who sends it."
        "Send it as a header.";
    CONNECT_REFUSED 501 Proxy Nothing, "connect_refused" "There are no tunnels"
        "The method is CONNECT, and the gateway opens no tunnels."
        "Send the request itself.";
    LOOP_DETECTED 508 Proxy Nothing, "loop_detected" "The request goes in a circle"
        "`Via` names this gateway: it sent this request before, and it came back."
        "Look where the gateway's upstream leads. Where one gateway is meant to stand behind another, give each a name of its own by `forwarding.via`.";
    BAD_UPGRADE 400 Proxy Nothing, "bad_upgrade" "The request for a WebSocket is not right"
        "A WebSocket is asked for with another method than GET, with a body, without a key of 16 bytes, or in another version than 13."
        "Use a WebSocket client of today; if it is one, look at what is between client and gateway.";
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
    OTHER_HOST 421 Management Nothing, "other_host" "The management API is not called so"
        "The request names a host that is neither an address nor `localhost` nor one of `listen.admin.hosts`, over plain HTTP: a web page could have a name of its own lead here, and read what is answered."
        "Call it by its address or as `localhost`, add its name to `listen.admin.hosts`, or give the listener a certificate.";
    MISDIRECTED 421 Both Nothing, "misdirected" "The connection is not for this request"
        "On a listener that asks clients for certificates: the request is for another host than the TLS handshake of its connection named, or the certificate that the client has shown would not be accepted any more."
        "Open a connection for this host, with a certificate that is in force.";
    NO_ENDPOINT 404 Management Nothing, "no_endpoint" "There is no such call"
        "Nothing is served at this path; told only to a token in force."
        "Look at `GET /docs` for the calls that there are.";
    METHOD_NOT_ALLOWED 405 Both Nothing, "method_not_allowed" "The method is not allowed"
        "The path is there for other methods, which `Allow` lists; told only to a token in force."
        "Use one of the methods in `Allow`.";
    RATE_LIMITED 429 Both Nothing, "rate_limited" "Too many requests"
        "Over the token's limit or the route's; on the management API, too many calls by a token or from an address, or too many tries of a login. `Retry-After` says for how long."
        "Wait as long as `Retry-After` says, and then ask less often.";
    TOO_MANY_FAILURES 429 Proxy Nothing, "too_many_failures" "Too many requests with wrong tokens"
        "The token is not known, as were those of too many requests from this address lately (`server.failure_limit`). Requests with good tokens go on."
        "Look at where the token comes from: it is garbled, of another service, or deleted. `Retry-After` says when it is looked at again.";
    BODY_TOO_LARGE 413 Both Nothing, "body_too_large" "The body is too large"
        "The body is over the route's `max_body`; on the management API, over 64 KiB."
        "Send less at once, or raise `max_body` of the route.";
    BODY_INCOMPLETE 400 Both Nothing, "body_incomplete" "The body did not arrive whole"
        "The body broke off."
        "Send the request again; if that does not help, look at what is between client and gateway.";
    BODY_TIMEOUT 408 Proxy Nothing, "body_timeout" "The body did not arrive in time"
        "The next piece of the body did not come within `server.stall_timeout`, or the body came more slowly than `server.min_rate`."
        "Send the request again without pauses in its body; where it has to have them, raise `server.stall_timeout` or set `server.min_rate` to `\"off\"`.";
    IDEMPOTENCY_KEY_INVALID 400 Management Nothing, "idempotency_key_invalid" "The key of the request is not right"
        "`Idempotency-Key` is empty, stands twice, has more than 255 characters, or others than visible ASCII."
        "Send one random text, such as a UUID, for each thing that is to be made.";
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
