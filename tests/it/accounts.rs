//! The tree of accounts: who reaches whom, on the management API and through the proxy.

use serde_json::{Value, json};

use crate::support::{Admin, Answer, Builder, Client, Gateway, Outcome, Upstream, request};

const ROUTES: &str = r#"
[[route]]
path = "/v1/devices/{*rest}"
resource = "devices"
account = { header = "X-Account" }
upstream = "api"

[[route]]
path = "/v1/of/{account}/devices"
resource = "devices"
account = { path = "account" }
upstream = "api"
"#;

/// An account with a token that may do everything in it.
struct Tenant {
    id: String,
    token_id: String,
    admin: Admin,
}

/// Makes an account below that of `parent`, and its token, with the rights of `parent`.
#[track_caller]
fn tenant(parent: &Admin, name: &str) -> Tenant {
    let created = parent.call("POST", "/v1/accounts", Some(json!({"name": name})));
    assert_eq!(created.status, 201, "{}", created.text());
    let id = created.json()["id"].as_str().expect("an id").to_owned();
    let grants = json!({"*": "full", "keygate.*": "full"});
    let token = parent.create(json!({"name": name, "account": id, "grants": grants, "expires": "never"}));
    Tenant { id, token_id: token.id, admin: Admin { address: parent.address, token: token.secret } }
}

/// root ─ parent ─ child ─ leaf, and root ─ other.
struct Family {
    gateway: Gateway,
    upstream: Upstream,
    parent: Tenant,
    child: Tenant,
    leaf: Tenant,
    other: Tenant,
}

impl Family {
    #[track_caller]
    fn new() -> Self {
        let upstream = Upstream::start();
        let gateway = Builder::new(&upstream.url()).routes(ROUTES).start();
        let parent = tenant(&gateway.admin, "parent");
        let child = tenant(&parent.admin, "child");
        let leaf = tenant(&child.admin, "leaf");
        let other = tenant(&gateway.admin, "other");
        Self { gateway, upstream, parent, child, leaf, other }
    }

    fn through(&self, tenant: &Tenant, account: Option<&str>) -> Answer {
        let credential = format!("Bearer {}", tenant.admin.token);
        let mut headers = vec![("Authorization", credential.as_str())];
        headers.extend(account.map(|account| ("X-Account", account)));
        Client::connect(self.gateway.proxy).request("GET", "/v1/devices/7", &headers, b"")
    }

    fn by_path(&self, tenant: &Tenant, account: &str) -> Answer {
        request(self.gateway.proxy, "GET", &format!("/v1/of/{account}/devices"), Some(&tenant.admin.token), b"")
    }

    #[track_caller]
    fn edit(&self, by: &Admin, account: &Tenant, edit: Value) {
        let answer = by.call("PATCH", &format!("/v1/accounts/{}", account.id), Some(edit));
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

fn not_found(answer: &Answer) {
    assert_eq!((answer.status, answer.problem().as_str()), (404, "not_found"), "{}", answer.text());
}

/// Every way to touch a token, each with whether it changes it.
fn touches(admin: &Admin, id: &str) -> Vec<Answer> {
    let path = format!("/v1/tokens/{id}");
    let verbs = ["disable", "enable", "revoke"].map(|verb| admin.call("POST", &format!("{path}/{verb}"), None));
    let edit = admin.call("PATCH", &path, Some(json!({"description": "touched"})));
    let rest = [admin.call("GET", &path, None), edit, admin.call("DELETE", &path, None)];
    verbs.into_iter().chain(rest).collect()
}

#[track_caller]
fn ids(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let items = answer.json();
    let items = items["items"].as_array().expect("a list");
    items.iter().map(|item| item["id"].as_str().expect("an id").to_owned()).collect()
}

#[test]
fn nobody_touches_tokens_above_or_beside_its_own_account() {
    let family = Family::new();
    let root: Value = family.gateway.admin.call("GET", "/v1/whoami", None).json();
    let root_token = root["token"]["id"].as_str().expect("an id");
    let out_of_reach = [
        (&family.child, root_token),
        (&family.child, &family.parent.token_id),
        (&family.child, &family.other.token_id),
        (&family.other, &family.leaf.token_id),
    ];
    for (caller, id) in out_of_reach {
        let before = family.gateway.admin.show(id);
        touches(&caller.admin, id).iter().for_each(not_found);
        assert_eq!(family.gateway.admin.show(id), before);
    }
    let root_account = root["account"]["id"].as_str().expect("an id");
    for id in [root_account, &family.parent.id, &family.other.id] {
        not_found(&family.child.admin.call("GET", &format!("/v1/accounts/{id}"), None));
        not_found(&family.child.admin.call("PATCH", &format!("/v1/accounts/{id}"), Some(json!({"name": "mine"}))));
        not_found(&family.child.admin.call("GET", &format!("/v1/tokens?account={id}"), None));
        for (path, body) in [
            ("/v1/tokens", json!({"name": "x", "grants": {"*": "read"}, "account": id})),
            ("/v1/accounts", json!({"name": "x", "parent": id})),
        ] {
            let refused = family.child.admin.call("POST", path, Some(body));
            assert_eq!((refused.status, refused.problem().as_str()), (422, "invalid_fields"));
        }
    }
}

#[test]
fn a_parent_reaches_what_is_visible_to_it_and_nothing_else() {
    let family = Family::new();
    let parent = &family.parent.admin;
    let mut reached = ids(&parent.call("GET", "/v1/accounts", None));
    reached.sort();
    let mut all = [&family.parent, &family.child, &family.leaf].map(|tenant| tenant.id.clone());
    all.sort();
    assert_eq!(reached, all);
    let of_leaf = ids(&parent.call("GET", &format!("/v1/tokens?account={}", family.leaf.id), None));
    assert_eq!(of_leaf, [family.leaf.token_id.as_str()]);
    assert_eq!(ids(&parent.call("GET", "/v1/tokens", None)), [family.parent.token_id.as_str()], "its own, unasked");
    parent.change(&family.leaf.token_id, "disable");
    assert_eq!(family.through(&family.leaf, None).status, 401);
    parent.change(&family.leaf.token_id, "enable");

    // Once the child hides, the leaf below it is out of reach too, though it does not hide itself.
    family.edit(&family.child.admin, &family.child, json!({"visible_to_parent": false}));
    assert_eq!(ids(&parent.call("GET", "/v1/accounts", None)), [family.parent.id.as_str()]);
    for hidden in [&family.child, &family.leaf] {
        touches(parent, &hidden.token_id).iter().for_each(not_found);
        not_found(&parent.call("GET", &format!("/v1/accounts/{}", hidden.id), None));
        assert_eq!(family.through(hidden, None).status, 200, "which harms none of its tokens");
    }
    assert_eq!(ids(&family.child.admin.call("GET", "/v1/accounts", None)).len(), 2, "the child still has its leaf");
}

#[test]
fn a_request_may_name_an_account_within_reach() {
    let family = Family::new();
    let out_of_reach = Outcome::challenged(403, "account_out_of_reach", None);
    let root = family.gateway.admin.call("GET", "/v1/whoami", None).json();
    let root = root["account"]["id"].as_str().expect("an id");
    for (caller, target) in
        [(&family.parent, &family.parent), (&family.parent, &family.leaf), (&family.child, &family.leaf)]
    {
        for answer in [family.through(caller, Some(&target.id)), family.by_path(caller, &target.id)] {
            assert_eq!(answer.status, 200, "{answer:?}");
            let arrived = family.upstream.last();
            assert_eq!(arrived.header("x-keygate-account"), Some(target.id.as_str()), "the account that it is about");
            assert_eq!(arrived.header("x-keygate-token"), Some(caller.token_id.as_str()), "by whom");
        }
    }
    assert_eq!(family.through(&family.child, None).status, 200);
    assert_eq!(family.upstream.last().header("x-keygate-account"), Some(family.child.id.as_str()), "else its own");

    let arrived = family.upstream.seen().len();
    let nobody = keygate::model::AccountId::fresh().to_string();
    let below_zero = family.child.id.replace("acc_", "tok_");
    let targets =
        [root, &family.parent.id, &family.other.id, &nobody, &below_zero, "acc_", "x", &family.child.id.to_uppercase()];
    for target in targets {
        assert_eq!(Outcome::of(&family.through(&family.child, Some(target))), out_of_reach, "{target}");
        assert_eq!(Outcome::of(&family.by_path(&family.child, target)), out_of_reach, "{target}");
    }
    assert_eq!(Outcome::of(&family.through(&family.child, Some(""))), out_of_reach, "empty is not left out");
    family.edit(&family.child.admin, &family.child, json!({"visible_to_parent": false}));
    assert_eq!(Outcome::of(&family.through(&family.parent, Some(&family.leaf.id))), out_of_reach, "hidden since");
    assert_eq!(family.upstream.seen().len(), arrived, "nothing of this arrived");
}

#[test]
fn an_account_that_is_named_ambiguously_is_out_of_reach() {
    let family = Family::new();
    let credential = format!("Bearer {}", family.parent.admin.token);
    let (own, child) = (family.parent.id.as_str(), family.child.id.as_str());
    let ambiguous: [&[(&str, &str)]; 6] = [
        &[("X-Account", own), ("X-Account", child)],
        &[("X-Account", child), ("X-Account", own)],
        &[("X-Account", child), ("X-Account", child)],
        &[("X-Account", own), ("X_Account", child)],
        &[("x.account", child), ("X-Account", own)],
        &[("X_Account", child)],
    ];
    for lines in ambiguous {
        let headers: Vec<_> =
            [("Authorization", credential.as_str())].into_iter().chain(lines.iter().copied()).collect();
        let answer = Client::connect(family.gateway.proxy).request("GET", "/v1/devices/7", &headers, b"");
        assert_eq!(Outcome::of(&answer), Outcome::challenged(403, "account_out_of_reach", None), "{lines:?}");
    }
    assert_eq!(family.upstream.seen().len(), 0, "an upstream could read it otherwise than the gateway");
}

#[test]
fn a_suspended_account_stops_its_tokens_and_those_below_at_once_and_resumes() {
    let family = Family::new();
    let suspended = Outcome::challenged(403, "account_suspended", None);
    let below = [&family.parent, &family.child, &family.leaf];
    for round in 0..3 {
        for tenant in below {
            assert_eq!(family.through(tenant, None).status, 200, "round {round}");
        }
        family.edit(&family.gateway.admin, &family.parent, json!({"state": "suspended"}));
        for tenant in below {
            assert_eq!(Outcome::of(&family.through(tenant, None)), suspended);
            assert_eq!(Outcome::of(&tenant.admin.call("GET", "/v1/whoami", None)), suspended, "nor may it manage");
        }
        assert_eq!(family.through(&family.other, None).status, 200, "others go on");
        let made =
            family.gateway.admin.create(json!({"name": "n", "account": family.leaf.id, "grants": {"*": "read"}}));
        assert_eq!(Outcome::of(&family.gateway.get("/v1/devices/7", &made.secret)), suspended, "a new one too");
        family.edit(&family.gateway.admin, &family.parent, json!({"state": "active"}));
        assert_eq!(family.gateway.get("/v1/devices/7", &made.secret).status, 200);
    }
    family.edit(&family.parent.admin, &family.child, json!({"state": "suspended"}));
    let into = Outcome::challenged(403, "account_out_of_reach", None);
    assert_eq!(Outcome::of(&family.through(&family.parent, Some(&family.leaf.id))), into, "nor from above");
    assert_eq!(family.through(&family.parent, None).status, 200, "which itself goes on");
    let own = family.parent.admin.call(
        "PATCH",
        &format!("/v1/accounts/{}", family.parent.id),
        Some(json!({"state": "suspended"})),
    );
    assert_eq!((own.status, own.problem().as_str()), (409, "own_account"));
}

#[test]
fn the_tree_is_the_same_after_a_restart() {
    let mut family = Family::new();
    family.edit(&family.parent.admin, &family.child, json!({"state": "suspended"}));
    family.edit(&family.gateway.admin, &family.other, json!({"name": "renamed"}));
    let list = |family: &Family| family.gateway.admin.call("GET", "/v1/accounts", None).json();
    let before = list(&family);
    family.gateway.restart();
    assert_eq!(list(&family), before);
    assert_eq!(family.through(&family.leaf, None).status, 403);
    assert_eq!(family.through(&family.parent, Some(&family.parent.id)).status, 200);
}

#[test]
fn accounts_that_are_made_at_the_same_time_are_all_there() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let makers: Vec<_> = (0..8)
        .map(|maker| {
            let admin = gateway.admin.clone();
            std::thread::spawn(move || (0..20).map(|n| tenant(&admin, &format!("{maker}-{n}"))).collect::<Vec<_>>())
        })
        .collect();
    for tenant in makers.into_iter().flat_map(|maker| maker.join().expect("made")) {
        let shown = gateway.admin.call("GET", &format!("/v1/accounts/{}", tenant.id), None);
        assert_eq!(shown.status, 200, "{}", shown.text());
        assert_eq!(gateway.get("/v1/devices/7", &tenant.admin.token).status, 200);
    }
}
