//! Why a request was allowed or refused: the bounded set of labels in metrics and logs.

/// One word for what became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    Ok,
    /// Allowed, by a text of the token that another one has replaced.
    OldSecret,
    Public,
    /// A browser's question before a cross-origin request, which takes no token.
    Preflight,
    /// `OPTIONS *`, which asks about the gateway and takes no right.
    Server,
    BadRequest,
    Missing,
    Malformed,
    Several,
    Prefix,
    Checksum,
    Unknown,
    Disabled,
    Revoked,
    Expired,
    NotYetValid,
    Rotated,
    Suspended,
    Owner,
    Account,
    Scope,
    Filter,
    NoRoute,
    Method,
    RateLimited,
    /// Its token is none, as were those of too many requests from the same address.
    Failures,
    StoreError,
    BodyLimit,
    Expectation,
    /// The client was gone before it was decided.
    Abandoned,
}

impl Reason {
    pub const ALL: [Reason; 30] = [
        Reason::Ok,
        Reason::OldSecret,
        Reason::Public,
        Reason::Preflight,
        Reason::Server,
        Reason::BadRequest,
        Reason::Missing,
        Reason::Malformed,
        Reason::Several,
        Reason::Prefix,
        Reason::Checksum,
        Reason::Unknown,
        Reason::Disabled,
        Reason::Revoked,
        Reason::Expired,
        Reason::NotYetValid,
        Reason::Rotated,
        Reason::Suspended,
        Reason::Owner,
        Reason::Account,
        Reason::Scope,
        Reason::Filter,
        Reason::NoRoute,
        Reason::Method,
        Reason::RateLimited,
        Reason::Failures,
        Reason::StoreError,
        Reason::BodyLimit,
        Reason::Expectation,
        Reason::Abandoned,
    ];

    pub const fn label(self) -> &'static str {
        match self {
            Reason::Ok => "ok",
            Reason::OldSecret => "old_secret",
            Reason::Public => "public",
            Reason::Preflight => "preflight",
            Reason::Server => "server",
            Reason::BadRequest => "bad_request",
            Reason::Missing => "missing",
            Reason::Malformed => "malformed",
            Reason::Several => "several",
            Reason::Prefix => "prefix",
            Reason::Checksum => "checksum",
            Reason::Unknown => "unknown",
            Reason::Disabled => "disabled",
            Reason::Revoked => "revoked",
            Reason::Expired => "expired",
            Reason::NotYetValid => "not_yet_valid",
            Reason::Rotated => "rotated",
            Reason::Suspended => "suspended",
            Reason::Owner => "owner",
            Reason::Account => "account",
            Reason::Scope => "scope",
            Reason::Filter => "filter",
            Reason::NoRoute => "no_route",
            Reason::Method => "method",
            Reason::RateLimited => "rate_limited",
            Reason::Failures => "failures",
            Reason::StoreError => "store_error",
            Reason::BodyLimit => "body_limit",
            Reason::Expectation => "expectation",
            Reason::Abandoned => "abandoned",
        }
    }

    pub const fn allowed(self) -> bool {
        matches!(self, Reason::Ok | Reason::OldSecret | Reason::Public | Reason::Preflight | Reason::Server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_in_the_order_of_the_numbers() {
        for (at, reason) in Reason::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, at, "{}", reason.label());
        }
    }
}
