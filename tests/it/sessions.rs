//! People and their sessions: from a login to the upstream, and to the request that is refused.

use serde_json::{Value, json};

use crate::support::{Admin, Answer, Gateway, Upstream, request, timed};

const PASSWORD: &str = "correct horse battery staple";
const DAY: i64 = 86_400_000;

/// A gateway with an upstream that nobody reaches but through it.
struct Stage {
    gateway: Gateway,
    upstream: Upstream,
}

impl Stage {
    #[track_caller]
    fn new() -> Self {
        let upstream = Upstream::start();
        Self { gateway: Gateway::start(&upstream.url()), upstream }
    }

    /// The administrator's call, which has to be answered like this.
    #[track_caller]
    fn manage(&self, method: &str, path: &str, body: Value, status: u16) -> Value {
        let answer = self.gateway.admin.call(method, path, Some(body));
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    }

    /// An account below the administrator's.
    #[track_caller]
    fn account(&self, name: &str) -> String {
        text(&self.manage("POST", "/v1/accounts", json!({"name": name}), 201), "id")
    }

    /// A user with a password; its id.
    #[track_caller]
    fn user(&self, account: &str, login: &str, roles: &[&str]) -> String {
        let body = json!({"login": login, "account": account, "roles": roles, "password": PASSWORD});
        text(&self.manage("POST", "/v1/users", body, 201), "id")
    }

    fn log_in(&self, login: &str, password: &str) -> Answer {
        self.begin(None, json!({"login": login, "password": password}))
    }

    fn begin(&self, token: Option<&str>, body: Value) -> Answer {
        request(self.gateway.admin.address, "POST", "/v1/sessions", token, body.to_string().as_bytes())
    }

    /// The token of a new session.
    #[track_caller]
    fn session(&self, login: &str) -> String {
        let answer = self.log_in(login, PASSWORD);
        assert_eq!(answer.status, 201, "{}", answer.text());
        text(&answer.json(), "token")
    }

    /// What the proxy answers: the status, and the problem's code.
    fn ask(&self, method: &str, token: &str) -> (u16, String) {
        let answer = self.gateway.request(method, "/v1/devices/7", Some(token));
        (answer.status, if answer.status < 400 { String::new() } else { answer.problem() })
    }

    fn end(&self, path: &str, token: &str) -> u16 {
        Admin { address: self.gateway.admin.address, token: token.to_owned() }.call("DELETE", path, None).status
    }
}

#[track_caller]
fn text(record: &Value, field: &str) -> String {
    record[field].as_str().unwrap_or_else(|| panic!("no {field} in {record}")).to_owned()
}

fn ok() -> (u16, String) {
    (200, String::new())
}

fn refused(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[test]
fn a_session_does_what_its_user_may_and_follows_it_from_request_to_request() {
    let stage = Stage::new();
    let account = stage.account("shop");
    let ada = stage.user(&account, "ada@example.org", &["deployment"]);
    let token = stage.session("ada@example.org");
    assert_eq!((stage.ask("GET", &token), stage.ask("PUT", &token)), (ok(), ok()));
    assert_eq!(stage.ask("DELETE", &token), refused(403, "insufficient_scope"));
    let seen = stage.upstream.seen();
    let header = |name: &str| seen[0].header(name).map(str::to_owned);
    assert_eq!(header("x-keygate-kind").as_deref(), Some("session"));
    assert_eq!(header("x-keygate-account").as_deref(), Some(&*account));

    let member = format!("/v1/accounts/{account}/members/{ada}");
    stage.manage("PATCH", &member, json!({"roles": ["viewer"]}), 200);
    assert_eq!((stage.ask("GET", &token), stage.ask("PUT", &token)), (ok(), refused(403, "insufficient_scope")));
    stage.manage("PATCH", &member, json!({"roles": ["power_user"]}), 200);
    assert_eq!(stage.ask("DELETE", &token), ok());
    let user = format!("/v1/users/{ada}");
    stage.manage("PATCH", &user, json!({"state": "disabled"}), 200);
    assert_eq!(stage.ask("GET", &token), refused(403, "owner_inactive"));
    stage.manage("PATCH", &user, json!({"state": "active"}), 200);
    assert_eq!(stage.ask("GET", &token), ok());
    stage.manage("DELETE", &member, Value::Null, 204);
    assert_eq!(stage.ask("GET", &token), refused(403, "owner_inactive"));
    stage.manage("DELETE", &user, Value::Null, 204);
    assert_eq!(stage.ask("GET", &token), refused(403, "owner_inactive"));
}

#[test]
fn a_session_lives_ninety_days_or_until_logout() {
    let stage = Stage::new();
    let account = stage.account("shop");
    stage.user(&account, "ada", &["viewer"]);
    let (token, left) = (stage.session("ada"), stage.session("ada"));
    assert_eq!((stage.ask("GET", &left), stage.end("/v1/sessions/current", &left)), (ok(), 204));
    assert_eq!(stage.ask("GET", &left), refused(401, "invalid_token"), "as if it had never been");
    stage.gateway.clock.step_millis(90 * DAY - 60_000);
    assert_eq!(stage.ask("GET", &token), ok());
    stage.gateway.clock.step_millis(60_000);
    assert_eq!(stage.ask("GET", &token), refused(401, "token_expired"));
}

#[test]
fn a_profile_is_shared_with_somebody_of_elsewhere() {
    let stage = Stage::new();
    let (ours, theirs) = (stage.account("ours"), stage.account("theirs"));
    let bob = stage.user(&theirs, "bob@example.org", &["owner"]);
    let at_ours = json!({"login": "bob@example.org", "password": PASSWORD, "account": ours});
    let answer = stage.begin(None, at_ours.clone());
    assert_eq!((answer.status, answer.problem()), (422, "invalid_fields".into()));
    let body = json!({"user": "bob@example.org", "roles": ["viewer"]});
    stage.manage("POST", &format!("/v1/accounts/{ours}/members"), body, 201);
    let answer = stage.begin(None, at_ours.clone());
    let shared = text(&answer.json(), "token");
    assert_eq!((stage.ask("GET", &shared), stage.ask("PUT", &shared)), (ok(), refused(403, "insufficient_scope")));
    let seen = stage.upstream.seen();
    assert_eq!(seen.last().and_then(|seen| seen.header("x-keygate-account")), Some(&*ours));
    stage.manage("DELETE", &format!("/v1/accounts/{ours}/members/{bob}"), Value::Null, 204);
    assert_eq!(stage.ask("GET", &shared), refused(403, "owner_inactive"));
    assert_eq!(stage.ask("PUT", &stage.session("bob@example.org")), ok(), "at home nothing has changed");
}

#[test]
fn a_password_that_is_changed_ends_what_began_with_the_old_one() {
    let stage = Stage::new();
    let account = stage.account("shop");
    let ada = stage.user(&account, "ada", &["viewer"]);
    let (own, other) = (stage.session("ada"), stage.session("ada"));
    let change = |current: &str, new: &str| {
        let me = Admin { address: stage.gateway.admin.address, token: own.clone() };
        me.call("PUT", "/v1/users/me/password", Some(json!({"current": current, "new": new}))).status
    };
    assert_eq!((change("a wrong password", "another password"), stage.ask("GET", &other)), (403, ok()));
    assert_eq!(change(PASSWORD, "another password"), 204);
    assert_eq!((stage.ask("GET", &own), stage.ask("GET", &other)), (ok(), refused(401, "token_revoked")));
    assert_eq!(stage.log_in("ada", PASSWORD).problem(), "login_failed");
    assert_eq!(stage.log_in("ada", "another password").status, 201);
    stage.manage("PATCH", &format!("/v1/users/{ada}"), json!({"password": PASSWORD}), 200);
    assert_eq!(stage.ask("GET", &own), refused(401, "token_revoked"), "whoever set it");
}

#[test]
fn an_invitation_is_the_way_to_a_first_password() {
    let stage = Stage::new();
    let account = stage.account("shop");
    let body = json!({"login": "ada", "account": account, "roles": ["viewer"]});
    let ada = text(&stage.manage("POST", "/v1/users", body, 201), "id");
    assert_eq!(stage.log_in("ada", PASSWORD).problem(), "login_failed");
    let invited = stage.manage("POST", &format!("/v1/users/{ada}/invitation"), Value::Null, 201);
    let accept = || {
        let body = json!({"invitation": invited["invitation"], "password": PASSWORD}).to_string();
        request(stage.gateway.admin.address, "POST", "/v1/invitations", None, body.as_bytes()).status
    };
    assert_eq!(accept(), 204);
    assert_eq!(stage.ask("GET", &stage.session("ada")), ok());
    assert_eq!(accept(), 403, "once");
}

#[test]
fn guessing_is_slowed_and_tells_nothing() {
    let stage = Stage::new();
    let account = stage.account("shop");
    stage.user(&account, "ada", &["viewer"]);
    stage.user(&account, "bob", &["viewer"]);
    let told = |answer: &Answer| {
        let mut body = answer.json();
        let fields = body.as_object_mut().expect("an object");
        ["request_id", "instance", "retry_after"].into_iter().for_each(|field| drop(fields.remove(field)));
        let varies = ["x-request-id", "date", "retry-after", "ratelimit"];
        let headers: Vec<_> = answer.headers.iter().filter(|(name, _)| !varies.contains(&&**name)).cloned().collect();
        (answer.status, body, headers)
    };
    let [ada, nobody] = ["ada", "nobody"].map(|login| {
        let tries = (0..11).map(|_| told(&stage.log_in(login, "a wrong password")));
        tries.collect::<Vec<_>>()
    });
    assert_eq!(ada, nobody);
    let codes: Vec<_> = ada.iter().map(|(status, body, _)| (*status, text(body, "code"))).collect();
    assert_eq!(codes[..10], vec![refused(401, "login_failed"); 10]);
    assert_eq!(codes[10], refused(429, "rate_limited"));
    let right = stage.log_in("ada", PASSWORD);
    assert_eq!((right.status, right.header("retry-after").is_some()), (429, true), "the right one tells nothing too");
    assert_eq!(stage.log_in("bob", PASSWORD).status, 201, "others go on");
    let last = (0..60).map(|at| stage.log_in(&format!("user-{at}"), PASSWORD)).last().expect("an answer");
    assert_eq!((last.status, last.problem()), (429, "rate_limited".into()), "the address is counted too");
    assert_eq!(stage.log_in("bob", PASSWORD).status, 429);
}

#[test]
fn a_login_that_is_not_there_takes_as_long_as_one_that_is() {
    let stage = Stage::new();
    let account = stage.account("shop");
    stage.user(&account, "ada", &["viewer"]);
    let body = json!({"login": "invited", "account": account, "roles": ["viewer"]});
    stage.manage("POST", "/v1/users", body, 201);
    let took = |login: &str| {
        let (answer, took) = timed(|| stage.log_in(login, "a wrong password"));
        assert_eq!(answer.problem(), "login_failed");
        took
    };
    let quickest = |login: &str| (0..5).map(|_| took(login)).min().expect("five");
    let known = quickest("ada");
    for login in ["nobody", "invited", "not a login"] {
        let mut quickest = quickest(login);
        // Others may have the machine to themselves for a while; the guard of logins leaves five more tries.
        for _ in 0..5 {
            if quickest >= known * 4 {
                quickest = quickest.min(took(login));
            }
        }
        let is_alike = quickest > known / 4 && quickest < known * 4;
        assert!(is_alike, "{login} took {quickest:?}, and a known one {known:?}");
    }
}

#[test]
fn an_application_logs_its_users_in() {
    let stage = Stage::new();
    let account = stage.account("shop");
    let ada = stage.user(&account, "ada", &["viewer"]);
    stage.user(&account, "eve", &["power_user"]);
    let grants = json!({"*": "read", "keygate.sessions": "create"});
    let app = stage.gateway.admin.create(json!({"name": "app", "account": account, "grants": grants})).secret;
    let answer = stage.begin(Some(&app), json!({"user": ada}));
    assert_eq!(answer.status, 201, "{}", answer.text());
    let token = text(&answer.json(), "token");
    assert_eq!((stage.ask("GET", &token), stage.ask("PUT", &token)), (ok(), refused(403, "insufficient_scope")));
    let answer = stage.begin(Some(&app), json!({"login": "eve"}));
    assert_eq!((answer.status, answer.problem()), (403, "grants_exceeded".into()));
    let other = stage.gateway.token("full");
    let answer = stage.begin(Some(&other), json!({"login": "ada"}));
    assert_eq!((answer.status, answer.problem()), (403, "insufficient_scope".into()));
    let member = format!("/v1/accounts/{account}/members/{ada}");
    stage.manage("DELETE", &member, Value::Null, 204);
    assert_eq!(stage.ask("GET", &token), refused(403, "owner_inactive"));
}

#[test]
fn people_are_there_after_a_restart() {
    let mut stage = Stage::new();
    let account = stage.account("shop");
    stage.user(&account, "ada", &["viewer"]);
    let token = stage.session("ada");
    assert_eq!(stage.ask("PUT", &token), refused(403, "insufficient_scope"));
    stage.gateway.restart();
    assert_eq!((stage.ask("GET", &token), stage.ask("PUT", &token)), (ok(), refused(403, "insufficient_scope")));
    assert_eq!(stage.ask("GET", &stage.session("ada")), ok());
}
