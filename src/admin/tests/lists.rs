//! Lists: pages, filters, and what a cursor is good for.

use std::collections::BTreeSet;
use std::time::Duration;

use http::Method;
use serde_json::json;

use crate::model::{Labels, Timestamp, Usage};
use crate::store::Store;

use super::world::World;

/// Every id of the list, page by page; and how many pages there were.
async fn walk(world: &World, query: &str) -> (Vec<String>, usize) {
    let (mut ids, mut pages, mut cursor) = (vec![], 0, String::new());
    loop {
        let page = world.get(&format!("{query}{cursor}")).await.expect(200).json();
        pages += 1;
        ids.extend(
            page["items"].as_array().expect("items").iter().map(|i| i["id"].as_str().expect("an id").to_owned()),
        );
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return (ids, pages),
        }
    }
}

#[tokio::test]
async fn pages_join_without_gaps_or_repetitions() {
    let world = World::new().await;
    let mut made = BTreeSet::from([world.admin.token.id.to_string()]);
    for _ in 0..9 {
        made.insert(world.make(world.root.id, &[("devices", "read")]).await.token.id.to_string());
    }
    for (limit, pages) in [(1, 10), (3, 4), (5, 2), (10, 1), (200, 1)] {
        let (ids, walked) = walk(&world, &format!("/v1/tokens?limit={limit}")).await;
        assert_eq!((ids.len(), walked), (10, pages), "limit {limit}");
        assert_eq!(BTreeSet::from_iter(ids), made);
    }
}

#[tokio::test]
async fn filters_go_on_through_pages() {
    let world = World::new().await;
    let mut disabled = BTreeSet::new();
    for number in 0..30 {
        let made = world.make(world.root.id, &[("devices", "read")]).await;
        if number % 10 == 9 {
            world.lifecycle.disable(made.token.id).await.expect("disabled");
            disabled.insert(made.token.id.to_string());
        }
    }
    for limit in [1, 2, 50] {
        let (ids, _) = walk(&world, &format!("/v1/tokens?state=disabled&limit={limit}")).await;
        assert_eq!(BTreeSet::from_iter(ids), disabled, "limit {limit}");
    }
    assert_eq!(walk(&world, "/v1/tokens?state=revoked&kind=service").await, (vec![], 1));
    assert_eq!(walk(&world, "/v1/tokens?kind=session").await, (vec![], 1));
    assert_eq!(walk(&world, "/v1/tokens?kind=service&state=active").await.0.len(), 28);
}

/// The list's ids in its order.
async fn ids(world: &World, query: &str) -> Vec<String> {
    walk(world, &format!("/v1/tokens?{query}")).await.0
}

#[tokio::test]
async fn lists_are_sorted_filtered_and_counted_as_the_query_says() {
    let world = World::new().await;
    let make = async |name: &str, label: &str, days: Option<u64>| {
        let now = world.clock.wall();
        let made = world.make_with(world.child.id, &[("devices", "read")], |new| {
            new.name = name.to_owned();
            new.labels = Labels::new([("env".to_owned(), label.to_owned())]).expect("lawful");
            new.expires = days.map(|days| now.plus(Duration::from_secs(days * 86_400)));
        });
        made.await.token.id.to_string()
    };
    let a = make("beta", "prod", Some(10)).await;
    let b = make("Alpha", "test", None).await;
    let c = make("gamma", "prod", Some(5)).await;
    let account = format!("account={}&limit=1", world.child.id);
    let list = async |query: &str| ids(&world, &format!("{account}&{query}")).await;
    assert_eq!(list("").await, [&a[..], &b, &c]);
    assert_eq!(list("sort=-created").await, [&c[..], &b, &a]);
    assert_eq!(list("sort=name").await, [&b[..], &a, &c]);
    assert_eq!(list("sort=expires").await, [&c[..], &a, &b]);
    assert_eq!(list("sort=-expires&label=env=prod").await, [&a[..], &c]);
    assert_eq!(list("label=env&label=env!%3Dprod").await, [&b[..]]);
    assert_eq!(list("q=ALPH").await, [&b[..]]);
    assert_eq!(list("expires_within=7d&state=active,disabled").await, [&c[..]]);
    assert_eq!(list("unused_for=1d").await, Vec::<String>::new());
    assert_eq!(list("kind=shared,session").await, Vec::<String>::new());
    let at = Timestamp::from_millis(world.clock.wall().millis() + 1_000);
    world.store.record_usage(vec![(b.parse().expect("an id"), Usage::new(1, Some(at)))]).await.expect("recorded");
    assert_eq!(list("sort=-last_used").await[0], b);

    let root = ids(&world, "below=true&label=env").await;
    assert_eq!(root, [&a[..], &b, &c], "from the account above");
    assert_eq!(ids(&world, "label=env").await, Vec::<String>::new());
    let page = world.get(&format!("/v1/tokens?{account}&label=env%3Dprod&count=true&fields=id,name")).await.expect(200);
    assert_eq!(page.json()["count"], 2);
    assert_eq!(page.json()["items"], json!([{"id": a, "name": "beta"}]));
    assert!(world.get("/v1/tokens").await.expect(200).json().get("count").is_none(), "only where it is asked for");
    let one = world.get(&format!("/v1/tokens/{a}?fields=labels")).await.expect(200).json();
    assert_eq!(one, json!({"labels": {"env": "prod"}}));
}

#[tokio::test]
async fn an_owner_and_a_maker_are_found() {
    let world = World::new().await;
    let (user, session) = world.member(world.root.id, "ada", &["admin"]).await;
    let created = world.call(Method::POST, "/v1/tokens", &session.text, r#"{"kind": "personal", "name": "p"}"#).await;
    let own = created.expect(201).text_at("id");
    assert_eq!(ids(&world, &format!("owner={}", user.id)).await, [session.token.id.to_string(), own.clone()]);
    assert_eq!(ids(&world, &format!("created_by={}", session.token.id)).await, [&own[..]]);
    let mine = world.call(Method::GET, "/v1/tokens?owner=me&kind=personal", &session.text, "").await.expect(200).json();
    assert_eq!(mine["items"][0]["id"], own);
    world.get("/v1/tokens?owner=me").await.expect_problem(400, "invalid_query");
}

#[tokio::test]
async fn what_a_record_shows_can_be_asked_for_alone() {
    let world = World::new().await;
    let shown = world.get(&format!("/v1/tokens/{}", world.admin.token.id)).await.expect(200).json();
    let shown: Vec<_> = shown.as_object().expect("a record").keys().cloned().collect();
    let mut known = crate::admin::wire::TokenRecord::FIELDS.to_vec();
    known.sort_unstable();
    assert_eq!(known, shown);
}

#[tokio::test]
async fn a_cursor_is_of_its_order_and_outlives_its_token() {
    let world = World::new().await;
    let mut made = Vec::new();
    for _ in 0..4 {
        made.push(world.make(world.child.id, &[("devices", "read")]).await.token.id);
    }
    let list = format!("/v1/tokens?account={}&limit=2", world.child.id);
    let next = world.get(&list).await.expect(200).text_at("next");
    world.lifecycle.delete(made[1]).await.expect("deleted");
    let page = world.get(&format!("{list}&cursor={next}")).await.expect(200).json();
    assert_eq!(page["items"][0]["id"], made[2].to_string());
    let wrong = world.get(&format!("{list}&cursor={next}&sort=name")).await.expect_problem(400, "invalid_query");
    assert!(wrong.text.contains("another order"), "{}", wrong.text);
}

#[tokio::test]
async fn a_list_is_of_one_account_within_reach() {
    let world = World::new().await;
    let child = world.make(world.child.id, &[("devices", "read")]).await;
    assert_eq!(walk(&world, "/v1/tokens?").await.0, [world.admin.token.id.to_string()]);
    let query = format!("/v1/tokens?account={}", world.child.id);
    assert_eq!(walk(&world, &query).await.0, [child.token.id.to_string()]);
    for account in [world.foreign.id.to_string(), crate::model::AccountId::fresh().to_string(), "garbage".into()] {
        let answer = world.get(&format!("/v1/tokens?account={account}")).await.expect_problem(404, "not_found");
        assert_eq!(answer.text_at("detail"), "there is no such account, or it is out of the token's reach");
    }
}

#[tokio::test]
async fn usage_is_shown() {
    let world = World::new().await;
    let at = crate::model::Timestamp::from_millis(1_795_392_000_123);
    let usage = Usage::new(7, Some(at));
    world.store.record_usage(vec![(world.admin.token.id, usage)]).await.expect("recorded");
    let page = world.get("/v1/tokens").await.expect(200).json();
    let item = &page["items"][0];
    assert_eq!((item["requests"].as_u64(), item["last_used"].as_str()), (Some(7), Some("2026-11-23T00:00:00.123Z")));
}

#[tokio::test]
async fn wrong_parameters_are_all_named() {
    let world = World::new().await;
    let query = "limit=0&cursor=x&state=gone&kind=user&acount=a&limit=3&owner=x&unused_for=1&q=&label=a%20b&sort=size\
                 &created_by=x&expires_within=never&below=yes&count=1&fields=id,nmae";
    let answer = world.get(&format!("/v1/tokens?{query}")).await.expect_problem(400, "invalid_query");
    let errors = answer.json()["errors"].clone();
    let told = |field: &str, text: &str| {
        let errors = errors.as_array().expect("errors").iter();
        let found =
            errors.filter(|e| e["field"] == field).any(|e| e["message"].as_str().is_some_and(|m| m.contains(text)));
        assert!(found, "{field}: {text} is not among {errors:?}", errors = answer.text);
    };
    told("limit", "is given more than once");
    told("limit", "must be a whole number from 1 to 200");
    told("cursor", "is not the `next` of an earlier answer");
    told("state", "must be one of active, disabled, revoked, expired, not_yet_valid, or several");
    told("kind", "must be one of personal, service, shared, session, or several");
    told("owner", "is neither `me` nor a user's id");
    told("created_by", "is no token's id");
    told("unused_for", "must be a length of time such as `90d`");
    told("expires_within", "must be a length of time such as `90d`");
    told("q", "must have 1 to 100 characters");
    told("label", "`a b` is no requirement");
    told("sort", "must be one of created, name, expires, last_used");
    told("below", "must be true or false");
    told("count", "must be true or false");
    told("fields", "has `nmae`, which is no field. There are: id, account, kind");
    told("acount", "is no parameter of this call; did you mean `account`?");
    for limit in ["201", "-1", "a", ""] {
        world.get(&format!("/v1/tokens?limit={limit}")).await.expect_problem(400, "invalid_query");
        world.get(&format!("/v1/accounts?limit={limit}")).await.expect_problem(400, "invalid_query");
    }
}
