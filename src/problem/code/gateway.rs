//! Codes about what is behind a request: upstreams, the store, the gateway itself.

use super::Told::Nothing;
use super::{By, Code, Section, codes};

codes! {
    "The upstream and the gateway",
    "Nothing that the client could have done better, as far as the gateway can tell.";

    UPSTREAM_UNREACHABLE 502 Proxy Nothing, "upstream_unreachable" "The service cannot be reached"
        "There is no connection to the upstream: refused, no such host, TLS not verified, or no HTTP/2 where it is demanded."
        "Look whether the upstream runs, and at its `url` and `tls` in the configuration.";
    UPSTREAM_FAILED 502 Proxy Nothing, "upstream_failed" "The service failed"
        "The upstream broke off before its answer, or what it sent is no valid one."
        "Look at the upstream's own log for this time.";
    UPSTREAM_CONNECT_TIMEOUT 504 Proxy Nothing, "upstream_connect_timeout" "The service does not accept connections in time"
        "There was no connection within the upstream's `connect_timeout`."
        "Look whether the upstream is overloaded, or a firewall swallows packets.";
    UPSTREAM_TIMEOUT 504 Proxy Nothing, "upstream_timeout" "The service did not answer in time"
        "There was no answer within `response_timeout`, or the route's `timeout`."
        "Look why the upstream is slow, or allow it more time.";
    STORE_UNAVAILABLE 503 Both Nothing, "store_unavailable" "The store does not answer"
        "The store cannot be asked; on the proxy only for a token that is not remembered. A change that was asked for may have happened or not. `Retry-After` is 1 on the proxy and 5 on the management API."
        "Try again after `Retry-After`; look at what is there before a change is repeated.";
    STORE_FULL 507 Management Nothing, "store_full" "The store has no room"
        "The disk of the store is full: nothing was changed, and requests with tokens go on. `Retry-After` is 60."
        "Make room; changes are taken again by themselves then.";
    AUDIT_FULL 507 Management Nothing, "audit_full" "The audit log has no room"
        "The disk of the audit log is full, so what is done could not be noted: nothing was changed, unless the detail says that it was. What takes rights away goes on. `Retry-After` is 60."
        "Make room; changes are taken again by themselves then.";
    AUDIT_UNAVAILABLE 503 Management Nothing, "audit_unavailable" "The audit log cannot be written"
        "The audit log cannot be written, or is not what was written to it; `/readyz` says why. `Retry-After` is 5."
        "Look at `/readyz` and at the gateway's log, and verify the audit log.";
    NOT_READY 503 Management Nothing, "not_ready" "The gateway is not ready"
        "The gateway is stopping, or cannot serve; the detail says why."
        "Send traffic to another instance; if it does not end, look at the gateway's log.";
    NO_RANDOMNESS 503 Management Nothing, "no_randomness" "There is no randomness"
        "The operating system gave no randomness, so nothing was made."
        "Try again; if it does not end, look at the machine.";
    INTERNAL 500 Management Nothing, "internal" "A mistake of the gateway"
        "The gateway failed at this request; its log has the cause under the request's id."
        "Report it with the `request_id` and what the log says.";
}
