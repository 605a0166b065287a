//! What policies ask for, call by call.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::world::{Answer, World, policies};
use crate::auth::PurgeLog;
use crate::model::{
    AccountId, AccountToken, DeleteConfirm, Field, Kind, NamePattern, NameRules, Policies, Policy, PolicyName, Reveal,
    TokenId,
};

const DAY: i64 = 86_400_000;

/// An installation whose default policy has these changes.
async fn world(change: impl FnOnce(&mut Policy)) -> World {
    World::with_policies(policies(change)).await
}

/// A creation by the administrator, with these fields besides name and grants.
async fn create(world: &World, fields: Value) -> Answer {
    let mut body = json!({"name": "ci", "grants": {"devices": "read"}});
    let (body, fields) = (body.as_object_mut().expect("an object"), fields.as_object().expect("an object").clone());
    body.extend(fields);
    world.post("/v1/tokens", &Value::Object(body.clone()).to_string()).await
}

async fn made(world: &World) -> String {
    create(world, json!({})).await.expect(201).text_at("id")
}

fn fields(answer: &Answer) -> Vec<String> {
    let errors = answer.json()["errors"].as_array().expect("errors").clone();
    errors.iter().map(|error| format!("{} {}", error["field"], error["message"]).replace('"', "")).collect()
}

#[tokio::test]
async fn a_plan_decides_what_kinds_there_are() {
    let world = world(|policy| {
        policy.kinds = vec![Kind::Shared, Kind::Session];
        policy.plans = [("gold".parse().expect("a name"), vec![Kind::Service])].into();
    })
    .await;
    let refused = create(&world, json!({"kind": "service"})).await.expect_problem(422, "invalid_fields");
    assert_eq!(
        fields(&refused),
        ["kind cannot be `service`: the policy `default` allows in an account without a plan: shared, session"]
    );
    let shared = create(&world, json!({})).await.expect(201);
    assert_eq!(shared.text_at("kind"), "shared", "the only kind that can be asked for");
    world.patch(&format!("/v1/accounts/{}", world.child.id), r#"{"plan": "gold"}"#).await.expect(200);
    create(&world, json!({"account": world.child.id.to_string()})).await.expect(201);
    let session = json!({"login": "a", "password": "x"});
    world.call(Method::POST, "/v1/sessions", "", &session.to_string()).await.expect_problem(401, "login_failed");
}

#[tokio::test]
async fn only_so_many_tokens_are_active_however_many_are_asked_for_at_once() {
    let world = world(|policy| policy.max_active = Some(3)).await;
    let child = world.child.id.to_string();
    let tries = (0..12).map(|_| create(&world, json!({"account": child, "expires": "1d"})));
    let answers = futures_of(tries).await;
    let made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).map(|a| a.text_at("id")).collect();
    assert_eq!(made.len(), 3);
    assert!(answers.iter().filter(|a| a.status != 201).all(|a| a.json()["code"] == "too_many_tokens"));
    world.post(&format!("/v1/tokens/{}/disable", made[0]), "").await.expect(200);
    let again = create(&world, json!({"account": child})).await;
    again.expect_problem(409, "too_many_tokens");
    world.post(&format!("/v1/tokens/{}/revoke", made[0]), "").await.expect(200);
    create(&world, json!({"account": child, "expires": "never"})).await.expect(201);
    world.clock.step_millis(2 * DAY);
    for _ in 0..2 {
        create(&world, json!({"account": child, "expires": "never"})).await.expect(201);
    }
    let revived = world.patch(&format!("/v1/tokens/{}", made[1]), r#"{"expires": "never"}"#).await;
    revived.expect_problem(409, "too_many_tokens");
}

/// All at once.
async fn futures_of<F>(tries: impl Iterator<Item = F>) -> Vec<F::Output>
where
    F: Future,
{
    let mut tries: Vec<_> = tries.map(Box::pin).collect();
    let mut done: Vec<_> = tries.iter().map(|_| None).collect();
    std::future::poll_fn(|context| {
        for (one, done) in tries.iter_mut().zip(&mut done).filter(|(_, done)| done.is_none()) {
            if let std::task::Poll::Ready(output) = one.as_mut().poll(context) {
                *done = Some(output);
            }
        }
        if done.iter().all(Option::is_some) { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}

#[tokio::test]
async fn names_and_descriptions_are_as_the_policy_wants_them() {
    let pattern = NamePattern::new("[a-z0-9_]+", Some("may have only a-z, 0-9 and _".into())).expect("a pattern");
    let world = world(|policy| {
        policy.naming = NameRules { required: true, pattern: Some(pattern) };
        policy.description_required = true;
    })
    .await;
    let refused = create(&world, json!({"name": "CI token"})).await.expect_problem(422, "invalid_fields");
    let none = "description is needed: tokens of this account have a description";
    assert_eq!(fields(&refused), ["name may have only a-z, 0-9 and _", none]);
    for name in ["", "cı", "ci\n"] {
        let refused = create(&world, json!({"name": name, "description": "x"})).await.expect(422);
        assert!(fields(&refused).iter().all(|error| error.starts_with("name ")), "{name:?}");
    }
    let id = create(&world, json!({"description": "for builds"})).await.expect(201).text_at("id");
    let edit = async |body: &str| world.patch(&format!("/v1/tokens/{id}"), body).await;
    assert_eq!(fields(&edit(r#"{"name": "X", "description": ""}"#).await.expect(422)).len(), 2);
    edit(r#"{"name": "build_2"}"#).await.expect(200);
}

#[tokio::test]
async fn what_is_not_mutable_stays() {
    let world = world(|policy| policy.mutable = vec![Field::Description, Field::Roles]).await;
    let id = made(&world).await;
    let edit = async |body: &str| world.patch(&format!("/v1/tokens/{id}"), body).await;
    let body = r#"{"name": "x", "expires": "1d", "grants": {"a": "read"}, "rate_limit": null, "filters": null, "description": "y"}"#;
    let refused = edit(body).await.expect_problem(422, "immutable_fields");
    let why = "cannot be changed by the policy `default`";
    let expected = ["name", "grants", "filters", "expires", "rate_limit"].map(|field| format!("{field} {why}"));
    assert_eq!(fields(&refused), expected);
    assert_eq!(world.get(&format!("/v1/tokens/{id}")).await.text_at("description"), "", "nothing is half done");
    let edited = edit(r#"{"description": "y", "roles": ["viewer"]}"#).await.expect(200).json();
    assert_eq!(
        (&edited["description"], &edited["roles"], &edited["grants"]),
        (&json!("y"), &json!(["viewer"]), &json!({}))
    );
}

#[tokio::test]
async fn a_deletion_is_confirmed_as_the_policy_wants_it() {
    for (wanted, right, wrong) in
        [(DeleteConfirm::Yes, "yes", "no"), (DeleteConfirm::Name, "ci", "yes"), (DeleteConfirm::Nothing, "", "")]
    {
        let world = world(|policy| policy.delete_confirm = wanted).await;
        let path = format!("/v1/tokens/{}", made(&world).await);
        if wanted != DeleteConfirm::Nothing {
            for query in [String::new(), format!("?confirm={wrong}"), "?confirm=".to_owned()] {
                let refused = world.delete(&format!("{path}{query}")).await.expect_problem(409, "not_confirmed");
                let detail = refused.text_at("detail");
                assert!(detail.contains("from code and from third parties"), "{detail}");
                assert!(detail.ends_with(&format!("`?confirm=` and {right}")), "{detail}");
            }
        }
        world.delete(&format!("{path}?confirm={right}")).await.expect(204);
        world.get(&path).await.expect(404);
    }
}

#[tokio::test]
async fn a_token_is_seen_again_by_who_may_make_such_a_one() {
    let world = world(|_| {}).await;
    let made = create(&world, json!({"grants": {"devices": "full"}})).await.expect(201);
    let path = format!("/v1/tokens/{}/reveal", made.text_at("id"));
    let seen = world.post(&path, "").await.expect(200);
    assert_eq!((seen.text_at("token"), seen.text_at("curl")), (made.text_at("token"), made.text_at("curl")));
    let weak = world.make(world.root.id, &[("devices", "read"), ("keygate.tokens", "full")]).await;
    world.call(Method::POST, &path, &weak.text, "").await.expect_problem(403, "grants_exceeded");
    let reader = world.make(world.root.id, &[("*", "full"), ("keygate.tokens", "read")]).await;
    world.call(Method::POST, &path, &reader.text, "").await.expect_problem(403, "insufficient_scope");
    world.post(&path.replace("reveal", "revoke"), "").await.expect(200);
    world.post(&path, "").await.expect_problem(409, "not_retrievable");

    let (_, ada) = world.member(world.root.id, "ada@example.org", &["admin"]).await;
    let body = json!({"kind": "personal", "name": "hers"}).to_string();
    let hers = world.call(Method::POST, "/v1/tokens", &ada.text, &body).await.expect(201);
    let path = format!("/v1/tokens/{}/reveal", hers.text_at("id"));
    world.post(&path, "").await.expect_problem(403, "not_yours");
    assert_eq!(
        world.call(Method::POST, &path, &ada.text, "").await.expect(200).text_at("token"),
        hers.text_at("token")
    );
}

#[tokio::test]
async fn where_tokens_are_shown_once_no_copy_is_kept() {
    let world = world(|policy| policy.reveal = Reveal::Once).await;
    let id = made(&world).await;
    world.post(&format!("/v1/tokens/{id}/reveal"), "").await.expect_problem(409, "not_retrievable");
    assert_eq!(world.lifecycle.get(id.parse().expect("an id")).await.expect("a token").sealed, None);
}

#[tokio::test]
async fn an_account_has_its_token_from_its_creation_on() {
    let grants = super::world::grants(&[("logs", "create")]);
    let world = world(|policy| {
        policy.kinds = vec![Kind::Shared];
        policy.account_token = Some(AccountToken { name: "shipping".into(), grants });
    })
    .await;
    let account = world.post("/v1/accounts", r#"{"name": "shop"}"#).await.expect(201).text_at("id");
    let tokens = world.get(&format!("/v1/tokens?account={account}")).await.expect(200).json();
    let [token] = tokens["items"].as_array().expect("a list").as_slice() else { panic!("{tokens}") };
    assert_eq!((&token["name"], &token["grants"]), (&json!("shipping"), &json!({"logs": "create"})));
    let id = token["id"].as_str().expect("an id");
    let text = world.post(&format!("/v1/tokens/{id}/reveal"), "").await.expect(200).text_at("token");
    assert_eq!(world.standing(&text).await, "admitted");
}

#[tokio::test]
async fn a_shared_token_without_a_filter_draws_a_warning_or_is_refused() {
    let warned = world(|_| {}).await;
    let shared = create(&warned, json!({"kind": "shared"})).await.expect(201).json();
    assert_eq!(shared["warnings"][0]["code"], "no_filter");
    let filtered = create(&warned, json!({"kind": "shared", "filters": {"team": "a"}})).await.expect(201).json();
    assert_eq!(filtered["warnings"], json!([]));
    let strict = world(|policy| policy.shared_requires_filter = true).await;
    let refused = create(&strict, json!({"kind": "shared"})).await.expect_problem(422, "invalid_fields");
    assert_eq!(fields(&refused), ["filters is needed: the policy `default` has no shared token without a filter"]);
    let id = create(&strict, json!({"kind": "shared", "filters": {"team": "a"}})).await.expect(201).text_at("id");
    strict.patch(&format!("/v1/tokens/{id}"), r#"{"filters": null}"#).await.expect_problem(422, "invalid_fields");
}

#[tokio::test]
async fn good_practice_is_told_where_it_matters() {
    let world = world(|policy| {
        policy.warn.never_expires = true;
        policy.warn.except_plans = vec!["gold".parse().expect("a name")];
        policy.warn.unused_after = Some(Duration::from_secs(30 * 86_400));
        policy.warn.rotate_after = Some(Duration::from_secs(90 * 86_400));
    })
    .await;
    let codes = |record: &Value| -> Vec<String> {
        let warnings = record["warnings"].as_array().expect("warnings");
        warnings.iter().map(|warning| warning["code"].as_str().expect("a code").to_owned()).collect()
    };
    let never = create(&world, json!({"expires": "never"})).await.expect(201).json();
    assert_eq!(codes(&never), ["never_expires"]);
    world.patch(&format!("/v1/accounts/{}", world.child.id), r#"{"plan": "gold"}"#).await.expect(200);
    let child = json!({"expires": "never", "account": world.child.id.to_string()});
    assert_eq!(codes(&create(&world, child).await.expect(201).json()), [""; 0]);
    world.clock.step_millis(91 * DAY);
    let path = format!("/v1/tokens/{}", never["id"].as_str().expect("an id"));
    assert_eq!(codes(&world.get(&path).await.json()), ["never_expires", "unused", "rotate"]);
}

#[tokio::test]
async fn a_policy_that_is_gone_allows_nothing_but_to_stop_tokens() {
    let world = world(|_| {}).await;
    let id = made(&world).await;
    let mut account = world.root.clone();
    account.policy = Some("gone".parse::<PolicyName>().expect("a name"));
    let edit = crate::auth::AccountEdit { policy: Some(account.policy), ..crate::auth::AccountEdit::default() };
    world.lifecycle.edit_account(world.root.id, edit).await.expect("edited");
    let refused = create(&world, json!({})).await.expect_problem(409, "unknown_policy");
    assert!(refused.text_at("detail").contains("`gone`"));
    world.patch(&format!("/v1/tokens/{id}"), r#"{"name": "x"}"#).await.expect_problem(409, "unknown_policy");
    world.post(&format!("/v1/tokens/{id}/disable"), "").await.expect(200);
    world.post(&format!("/v1/tokens/{id}/revoke"), "").await.expect(200);
    let named = world.post("/v1/accounts", r#"{"name": "x", "policy": "none", "plan": "tin"}"#).await;
    let expected = [
        "plan no policy in the configuration knows the plan `tin`",
        "policy there is no policy `none`. There are: default",
    ];
    assert_eq!(fields(&named.expect_problem(422, "invalid_fields")), expected);
}

#[tokio::test]
async fn what_has_expired_is_removed_when_its_time_is_over() {
    let world = world(|policy| policy.purge_expired_after = Some(Duration::from_secs(7 * 86_400))).await;
    let rules = policies(|policy| policy.purge_expired_after = Some(Duration::from_secs(7 * 86_400)));
    let day = create(&world, json!({"expires": "1d"})).await.expect(201).text_at("id");
    let kept = create(&world, json!({"expires": "never"})).await.expect(201).text_at("id");
    let (_, session) = world.member(world.child.id, "ada@example.org", &["viewer"]).await;
    let expires = Some(Some(world.clock.wall().plus(Duration::from_secs(86_400))));
    let edit = crate::auth::Edit { expires, ..crate::auth::Edit::default() };
    world.lifecycle.edit(session.token.id, edit).await.expect("edited");
    world.clock.step_millis(DAY);
    assert_eq!(purge(&world, &rules).await, 1, "the session alone");
    assert_eq!(world.get(&format!("/v1/tokens/{day}")).await.expect(200).text_at("state"), "expired");
    world.clock.step_millis(7 * DAY);
    assert_eq!(purge(&world, &rules).await, 1);
    world.get(&format!("/v1/tokens/{day}")).await.expect(404);
    world.get(&format!("/v1/tokens/{kept}")).await.expect(200);
    let lenient = Policies::default();
    assert_eq!(purge(&world, &lenient).await, 0);
}

#[tokio::test]
async fn all_that_have_expired_are_removed_however_many_there_are() {
    let world = world(|_| {}).await;
    let rules = policies(|policy| policy.purge_expired_after = Some(Duration::from_secs(7 * 86_400)));
    for expires in ["1d", "never", "1d", "1d", "never", "1d", "1d"] {
        create(&world, json!({"expires": expires})).await.expect(201);
    }
    world.clock.step_millis(9 * DAY);
    assert_eq!(purge(&world, &rules).await, 5);
}

/// How many tokens go.
async fn purge(world: &World, policies: &Policies) -> usize {
    let mut gone = Gone(0);
    world.lifecycle.purge(policies, &mut gone).await.expect("purged");
    gone.0
}

struct Gone(usize);

impl PurgeLog for Gone {
    async fn due(&mut self, _: AccountId) {}

    async fn gone(&mut self, _: AccountId, tokens: Vec<TokenId>) {
        self.0 += tokens.len();
    }
}
