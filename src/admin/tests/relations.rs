//! Every endpoint × every role and kind of token × an object of the caller's own account, of the one above,
//! of one below, and of one beside it: complete over the table of endpoints by construction.

use http::{Method, StatusCode};
use serde_json::json;

use super::world::{Answer, Made, World};
use crate::admin::{ENDPOINTS, Endpoint, Right};
use crate::auth::{NewAccount, NewToken};
use crate::model::{AccountId, Kind, Roles, TokenId, UserId};

const ROLES: [&str; 5] = ["owner", "admin", "power_user", "deployment", "viewer"];

/// Where the object is, seen from the caller's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Own,
    Child,
    Parent,
    Foreign,
}

const PLACES: [Place; 4] = [Place::Own, Place::Child, Place::Parent, Place::Foreign];

/// How a call names the account that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    /// By the object in its path.
    Path,
    /// By a parameter of the query.
    Query(&'static str),
    /// By a field of its body.
    Body(&'static str),
    /// Not at all: it is about the caller, or about the installation.
    Nothing,
}

fn naming(endpoint: &Endpoint) -> Naming {
    match (&endpoint.method, endpoint.path) {
        (_, path) if path.contains("{id}") => Naming::Path,
        (&Method::GET, "/v1/tokens" | "/v1/accounts" | "/v1/users" | "/v1/audit") => Naming::Query("account"),
        (&Method::POST, "/v1/tokens" | "/v1/tokens/revoke" | "/v1/users") => Naming::Body("account"),
        (&Method::POST, "/v1/accounts") => Naming::Body("parent"),
        (_, "/livez" | "/readyz" | "/metrics" | "/openapi.json" | "/docs") => Naming::Nothing,
        (_, path) if path.starts_with("/v1/webhooks") || path.starts_with("/v1/leaks") => Naming::Nothing,
        (_, "/v1/whoami" | "/v1/explain" | "/v1/store/backup" | "/v1/audit/export") => Naming::Nothing,
        // For the root account alone.
        (_, "/v1/tokens/import") => Naming::Nothing,
        (&Method::GET, "/v1/policies" | "/v1/roles") => Naming::Nothing,
        // By the text of a token, or by the caller's own.
        (_, "/v1/introspect" | "/v1/revoke" | "/v1/tokens/current/revoke") => Naming::Nothing,
        (_, "/v1/sessions" | "/v1/sessions/current" | "/v1/invitations" | "/v1/users/me/password") => Naming::Nothing,
        (method, path) => panic!("{method} {path} is new: say here how it names the account that it is about"),
    }
}

/// The accounts around the caller's, which is below the root.
struct Family {
    world: World,
    own: AccountId,
    child: AccountId,
    made: std::cell::Cell<usize>,
}

/// What there is of an account to be called about.
struct Object {
    token: TokenId,
    user: UserId,
    /// Who is no member.
    other: UserId,
    session: TokenId,
}

impl Family {
    async fn new() -> Self {
        let world = World::new().await;
        let below = async |parent| {
            let account = world.lifecycle.create_account(NewAccount::plain(Some(parent), "an account")).await;
            account.expect("an account").id
        };
        let own = below(world.root.id).await;
        let child = below(own).await;
        Self { own, child, made: std::cell::Cell::new(0), world }
    }

    fn account(&self, place: Place) -> AccountId {
        match place {
            Place::Own => self.own,
            Place::Child => self.child,
            Place::Parent => self.world.root.id,
            Place::Foreign => self.world.foreign.id,
        }
    }

    fn login(&self) -> String {
        self.made.set(self.made.get() + 1);
        format!("user-{}", self.made.get())
    }

    async fn object(&self, account: AccountId) -> Object {
        let token = self.world.make(account, &[("devices", "read")]).await;
        self.world.rotate(&token).await;
        let (user, session) = self.world.member(account, &self.login(), &["viewer"]).await;
        let (other, _) = self.world.member(self.own, &self.login(), &["viewer"]).await;
        Object { token: token.token.id, user: user.id, other: other.id, session: session.token.id }
    }

    /// A token of this kind whose rights are those of the role.
    async fn caller(&self, kind: Kind, role: &str) -> Made {
        let of_role = |new: &mut NewToken| {
            new.kind = kind;
            new.roles = vec![role.parse().expect("a name")];
            new.grants = crate::model::Grants::default();
        };
        match kind {
            Kind::Service => self.world.make_with(self.own, &[], of_role).await,
            Kind::Shared => self.world.make_with(self.own, &[("*", "read")], |new| new.kind = kind).await,
            Kind::Session => self.world.member(self.own, &self.login(), &[role]).await.1,
            Kind::Personal => {
                let (user, _) = self.world.member(self.own, &self.login(), &[role]).await;
                let all = [("*", "full"), ("keygate.*", "full")];
                let of_user = |new: &mut NewToken| (new.kind, new.user) = (kind, Some(user.id));
                self.world.make_with(self.own, &all, of_user).await
            }
        }
    }

    /// One call of the endpoint about something of this account.
    async fn call(&self, endpoint: &Endpoint, caller: &Made, account: AccountId) -> Answer {
        let object = self.object(account).await;
        let id = match endpoint.path {
            path if path.starts_with("/v1/accounts") => account.to_string(),
            path if path.starts_with("/v1/users") => object.user.to_string(),
            path if path.starts_with("/v1/sessions") => object.session.to_string(),
            _ => object.token.to_string(),
        };
        let mut path = endpoint.path.replace("{id}", &id).replace("{user}", &object.user.to_string());
        let mut body = match (&endpoint.method, endpoint.path) {
            (&Method::POST, "/v1/tokens") => json!({"grants": {"devices": "read"}}),
            (&Method::POST, "/v1/tokens/revoke") => json!({"all": true, "dry_run": true}),
            (&Method::POST, "/v1/accounts") => json!({"name": "new"}),
            (&Method::POST, "/v1/users") => json!({"login": self.login(), "roles": ["viewer"]}),
            (&Method::POST, "/v1/accounts/{id}/members") => {
                let user = if account == self.own { self.object(self.child).await.user } else { object.other };
                json!({"user": user.to_string(), "roles": ["viewer"]})
            }
            (_, "/v1/tokens/{id}/rotate") => json!({"end_overlap": true}),
            (_, "/v1/tokens/{id}/rotation/extend") => json!({"by": "1h"}),
            (&Method::PATCH, "/v1/accounts/{id}/members/{user}") => json!({"roles": ["viewer"]}),
            (&Method::PATCH, _) => json!({"name": "changed"}),
            _ => serde_json::Value::Null,
        };
        match naming(endpoint) {
            Naming::Query(name) => path = format!("{path}?{name}={account}"),
            Naming::Body(name) => body[name] = account.to_string().into(),
            Naming::Path | Naming::Nothing => {}
        }
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.world.call(endpoint.method.clone(), &path, &caller.text, &body).await
    }
}

/// The expected status and code; `None`: it is done.
fn expected(endpoint: &Endpoint, kind: Kind, role: &str, place: Place) -> Option<(u16, &'static str)> {
    let grants = Roles::default().grants(&[role.parse().expect("a name")]);
    let may = |resource: &str, action| kind != Kind::Shared && grants.allow(resource, action);
    let is_out = matches!(place, Place::Parent | Place::Foreign);
    match endpoint.right {
        Right::Needs { resource, action } if !may(resource, action) => Some((403, "insufficient_scope")),
        Right::Any if endpoint.path == "/v1/sessions/{id}" => {
            let ends = may("keygate.sessions", crate::model::Action::Delete);
            (is_out || !ends).then_some((404, "not_found"))
        }
        _ if is_out && matches!(naming(endpoint), Naming::Body(_)) => Some((422, "invalid_fields")),
        _ if is_out => Some((404, "not_found")),
        _ if endpoint.method == Method::DELETE && endpoint.path == "/v1/accounts/{id}" => match place {
            Place::Own => Some((409, "own_account")),
            _ => Some((409, "account_not_empty")),
        },
        _ => None,
    }
}

#[tokio::test]
async fn each_role_and_kind_reaches_what_is_its_own_and_below_and_nothing_else() {
    let callers = ROLES.into_iter().flat_map(|role| Kind::ALL.map(|kind| (role, kind)));
    let mut calls = 0;
    for (role, kind) in callers {
        let family = Family::new().await;
        let caller = family.caller(kind, role).await;
        for endpoint in ENDPOINTS.iter().filter(|endpoint| naming(endpoint) != Naming::Nothing) {
            for place in PLACES {
                let answer = family.call(endpoint, &caller, family.account(place)).await;
                let what = format!(
                    "{} {} with the {kind:?} token of {role}, {place:?}: {} {}",
                    endpoint.method, endpoint.path, answer.status, answer.text
                );
                match expected(endpoint, kind, role, place) {
                    None => assert!(answer.status.is_success(), "{what}"),
                    Some((status, code)) => {
                        assert_eq!((answer.status.as_u16(), answer.text_at("code").as_str()), (status, code), "{what}");
                    }
                }
                calls += 1;
            }
        }
    }
    assert!(calls > 1_500, "{calls}");
}

#[tokio::test]
async fn what_is_out_of_reach_is_answered_as_what_is_not_there() {
    let family = Family::new().await;
    let caller = family.caller(Kind::Service, "owner").await;
    for endpoint in ENDPOINTS.iter().filter(|endpoint| naming(endpoint) == Naming::Path) {
        let out = family.call(endpoint, &caller, family.world.foreign.id).await;
        let fresh = match endpoint.path {
            path if path.starts_with("/v1/accounts") => AccountId::fresh().to_string(),
            path if path.starts_with("/v1/users") => UserId::fresh().to_string(),
            _ => TokenId::fresh().to_string(),
        };
        let path = endpoint.path.replace("{id}", &fresh).replace("{user}", &UserId::fresh().to_string());
        let takes_body = endpoint.method == Method::PATCH || endpoint.path.ends_with("/members");
        let body = if takes_body && endpoint.method != Method::GET { "{}" } else { "" };
        let gone = family.world.call(endpoint.method.clone(), &path, &caller.text, body).await;
        let what = format!("{} {}", endpoint.method, endpoint.path);
        assert_eq!((out.status, gone.status), (StatusCode::NOT_FOUND, StatusCode::NOT_FOUND), "{what}");
        assert_eq!(out.text_at("detail"), gone.text_at("detail"), "{what}");
    }
}
