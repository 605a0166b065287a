//! Which object a request names in its path.

use std::fmt::Display;
use std::str::FromStr;

use super::endpoint::Endpoint;
use crate::audit::{Object, ObjectKind};
use crate::model::{AccountId, TokenId, UserId};

/// The object, or the call itself where the path names none. Only what is an id is taken: somebody may
/// have put a secret in its place.
pub(super) fn named(endpoint: &Endpoint, path: &str) -> Object {
    let call = || Object::of_id(ObjectKind::Endpoint, format_args!("{} {}", endpoint.method, endpoint.path));
    let pairs = || endpoint.path.split('/').zip(path.split('/'));
    let value = |name: &str| pairs().find(|(pattern, _)| *pattern == name).map_or("", |(_, given)| given);
    let object = match endpoint.path.split('/').nth(2) {
        Some("tokens") => id::<TokenId>(ObjectKind::Token, value("{id}")),
        Some("sessions") => id::<TokenId>(ObjectKind::Session, value("{id}")),
        Some("users") => id::<UserId>(ObjectKind::User, value("{id}")),
        Some("accounts") => value("{id}").parse().ok().map(|account: AccountId| match value("{user}").parse() {
            Ok(user) => Object::member(account, user),
            Err(_) => Object { account: Some(account), ..Object::of_id(ObjectKind::Account, account) },
        }),
        _ => None,
    };
    object.unwrap_or_else(call)
}

fn id<I: FromStr + Display>(kind: ObjectKind, text: &str) -> Option<Object> {
    text.parse::<I>().ok().map(|id| Object::of_id(kind, id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::ENDPOINTS;

    fn of(method: &str, pattern: &str, path: &str) -> Object {
        let endpoint = ENDPOINTS.iter().find(|endpoint| endpoint.method == method && endpoint.path == pattern);
        named(endpoint.expect("an endpoint"), path)
    }

    #[test]
    fn ids_are_taken_and_nothing_else() {
        let (token, account, user) = (TokenId::fresh(), AccountId::fresh(), UserId::fresh());
        let object = of("DELETE", "/v1/tokens/{id}", &format!("/v1/tokens/{token}"));
        assert_eq!((object.kind, object.id), (ObjectKind::Token, token.to_string()));
        let members = "/v1/accounts/{id}/members/{user}";
        let object = of("DELETE", members, &format!("/v1/accounts/{account}/members/{user}"));
        assert_eq!(object, Object::member(account, user));
        let object = of("DELETE", "/v1/tokens/{id}", "/v1/tokens/kg_svc_a_secret");
        assert_eq!((object.kind, object.id.as_str()), (ObjectKind::Endpoint, "DELETE /v1/tokens/{id}"));
    }
}
