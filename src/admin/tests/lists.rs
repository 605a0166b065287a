//! Lists: pages, filters, and what a cursor is good for.

use std::collections::BTreeSet;

use crate::model::Usage;
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

#[tokio::test]
async fn one_call_looks_at_a_bounded_number_of_tokens() {
    let world = World::new().await;
    for _ in 0..2_100 {
        world.make(world.child.id, &[("devices", "read")]).await;
    }
    let last = world.make(world.child.id, &[("devices", "read")]).await;
    world.lifecycle.revoke(last.token.id).await.expect("revoked");
    let query = format!("/v1/tokens?account={}&state=revoked", world.child.id);
    assert_eq!(walk(&world, &query).await, (vec![last.token.id.to_string()], 2));
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
    let answer = world.get("/v1/tokens?limit=0&cursor=x&state=gone&kind=user&acount=a&limit=3").await;
    let answer = answer.expect_problem(400, "invalid_query");
    let errors: Vec<_> = answer.json()["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .map(|e| format!("{}: {}", e["field"].as_str().unwrap_or(""), e["message"].as_str().unwrap_or("")))
        .collect();
    assert_eq!(
        errors,
        [
            "limit: is given more than once",
            "limit: must be a whole number from 1 to 200",
            "cursor: is not the `next` of an earlier answer; leave it out to begin at the start",
            "state: must be one of active, disabled, revoked, expired, not_yet_valid",
            "kind: must be one of personal, service, shared, session",
            "acount: is no parameter of this call; did you mean `account`? It has: account, limit, cursor, state, kind",
        ]
    );
    for limit in ["201", "-1", "a", ""] {
        world.get(&format!("/v1/tokens?limit={limit}")).await.expect_problem(400, "invalid_query");
        world.get(&format!("/v1/accounts?limit={limit}")).await.expect_problem(400, "invalid_query");
    }
}
