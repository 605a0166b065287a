//! Lists of accounts, users, members and sessions: what they show, and what they refuse.

use http::Method;
use serde_json::{Value, json};

use super::world::{PASSWORD, World};
use crate::admin::wire::{AccountRecord, MemberRecord, UserRecord};

#[tokio::test]
async fn what_a_record_shows_can_be_asked_for_alone() {
    let world = World::new().await;
    let (user, _) = world.member(world.child.id, "ada", &["viewer"]).await;
    let (account, member) = (format!("/v1/accounts/{}", world.child.id), format!("/members/{}", user.id));
    for (path, fields) in [
        (account.clone(), &AccountRecord::FIELDS[..]),
        (format!("/v1/users/{}", user.id), &UserRecord::FIELDS),
        (format!("{account}{member}"), &MemberRecord::FIELDS),
    ] {
        let whole = world.get(&path).await.expect(200).json();
        let mut known = fields.to_vec();
        known.sort_unstable();
        assert_eq!(known, whole.as_object().expect("a record").keys().collect::<Vec<_>>(), "{path}");
        for field in fields {
            let part = world.get(&format!("{path}?fields={field}")).await.expect(200).json();
            assert_eq!(part, json!({*field: whole[*field]}), "{path}");
        }
        world.get(&format!("{path}?field=x")).await.expect_problem(400, "invalid_query");
    }
}

#[tokio::test]
async fn wrong_parameters_are_all_named() {
    let world = World::new().await;
    let (_, session) = world.member(world.root.id, "ada", &["owner"]).await;
    let members = format!("/v1/accounts/{}/members", world.root.id);
    let names = "must be one of created, name, login, or one of them with `-` before it";
    let of_accounts: &[(&str, &str)] = &[
        ("parent=x", "cannot be read: an id of this kind starts with `acc_`"),
        ("state=disabled", "must be one of active, suspended, or several with commas between"),
        ("plan=A%20B", "cannot be read: "),
        ("policy=A%20B", "cannot be read: "),
        ("q=", "must have 1 to 100 characters"),
        ("label=a%20b", "`a b` is no requirement"),
        ("sort=login", "must be one of created, name, or one of them with `-` before it"),
        ("created_by=x", "is no parameter of this call"),
    ];
    let of_users: &[(&str, &str)] = &[
        ("state=suspended", "must be one of active, disabled, or several with commas between"),
        ("role=A%20B", "cannot be read: "),
        ("q=", "must have 1 to 100 characters"),
        ("sort=state", names),
        ("label=a", "is no parameter of this call"),
    ];
    let of_sessions: &[(&str, &str)] = &[
        ("state=gone", "must be one of active, disabled, revoked, expired, not_yet_valid"),
        ("unused_for=1", "must be a length of time"),
        ("sort=name", "must be one of created, expires, last_used"),
        ("kind=service", "is no parameter of this call"),
    ];
    let of_all: &[(&str, &str)] = &[
        ("count=1", "must be true or false"),
        ("limit=201", "must be a whole number from 1 to 200"),
        ("cursor=x", "is not the `next` of an earlier answer"),
        ("fields=digest", "has `digest`, which is no field. There are: "),
    ];
    let lists =
        [("/v1/accounts", of_accounts), ("/v1/users", of_users), (&members, of_users), ("/v1/sessions", of_sessions)];
    for (path, wrong) in lists {
        let all: Vec<_> = wrong.iter().chain(of_all).collect();
        let query: Vec<_> = all.iter().map(|(parameter, _)| *parameter).collect();
        let path = format!("{path}?{}", query.join("&"));
        let answer = world.call(Method::GET, &path, &session.text, "").await.expect_problem(400, "invalid_query");
        let errors = answer.json()["errors"].as_array().expect("errors").clone();
        assert_eq!(errors.len(), all.len(), "{errors:#?}");
        for (parameter, message) in all {
            let field = parameter.split('=').next().expect("a name");
            let told = errors.iter().find(|error| error["field"] == field).unwrap_or_else(|| panic!("{path}: {field}"));
            assert!(told["message"].as_str().is_some_and(|told| told.contains(message)), "{path}: {told}");
        }
    }
}

#[tokio::test]
async fn a_user_of_several_accounts_is_listed_once_and_by_its_role_in_those_that_are_meant() {
    let world = World::new().await;
    let (ada, _) = world.member(world.root.id, "ada", &["viewer"]).await;
    let members = format!("/v1/accounts/{}/members", world.child.id);
    world.post(&members, r#"{"user": "ada", "roles": ["deployment"]}"#).await.expect(201);
    let list = async |query: &str| {
        let page = world.get(&format!("/v1/users?{query}&count=true")).await.expect(200).json();
        assert_eq!(page["count"], page["items"].as_array().expect("a list").len());
        page["items"].as_array().expect("a list").iter().map(|user| user["id"].clone()).collect::<Vec<_>>()
    };
    let (one, none) = (vec![json!(ada.id.to_string())], Vec::<Value>::new());
    assert_eq!(list("below=true").await, one);
    assert_eq!(list("below=true&role=deployment").await, one);
    assert_eq!(list("role=viewer").await, one);
    assert_eq!(list("role=deployment").await, none, "it has that role in the account below");
    assert_eq!(list(&format!("account={}&role=viewer", world.child.id)).await, none);
    assert_eq!(list(&format!("account={}&role=deployment", world.child.id)).await, one);
}

#[tokio::test]
async fn an_account_out_of_reach_is_not_in_a_list_and_begins_none() {
    let world = World::new().await;
    let lists = async |query: &str| {
        let page = world.get(&format!("/v1/accounts?{query}")).await.expect(200).json();
        page["items"].as_array().expect("a list").iter().map(|account| account["id"].clone()).collect::<Vec<_>>()
    };
    let child = vec![json!(world.child.id.to_string())];
    assert_eq!(lists(&format!("parent={}", world.root.id)).await, child);
    assert_eq!(lists(&format!("account={}", world.child.id)).await, child);
    assert_eq!(lists(&format!("parent={}", world.foreign.id)).await, Vec::<Value>::new());
    for account in [world.foreign.id.to_string(), "x".into()] {
        world.get(&format!("/v1/accounts?account={account}")).await.expect_problem(404, "not_found");
    }
}

#[tokio::test]
async fn sessions_are_sorted_filtered_and_counted() {
    let world = World::new().await;
    let (_, first) = world.member_with(world.root.id, "ada", &["viewer"], PASSWORD).await;
    let begin = async || {
        world.clock.step_millis(60_000);
        let body = json!({"login": "ada", "password": PASSWORD}).to_string();
        world.call(Method::POST, "/v1/sessions", "", &body).await.expect(201).text_at("id")
    };
    let (second, third) = (begin().await, begin().await);
    let first_id = first.token.id.to_string();
    world.lifecycle.disable(second.parse().expect("an id")).await.expect("disabled");
    let list = async |query: &str| {
        let (mut found, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/sessions?limit=1&fields=id&count=true&{query}{cursor}");
            let page = world.call(Method::GET, &path, &first.text, "").await.expect(200).json();
            found.extend(page["items"].as_array().expect("a list").iter().map(|item| item["id"].clone()));
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => {
                    assert_eq!(page["count"], found.len(), "{query}");
                    return found;
                }
            }
        }
    };
    assert_eq!(list("").await, [&first_id[..], &second, &third]);
    assert_eq!(list("sort=-created").await, [&third[..], &second, &first_id]);
    // The fixture's never ends.
    assert_eq!(list("sort=expires").await, [&second[..], &third, &first_id]);
    assert_eq!(list("state=disabled").await, [&second[..]]);
    assert_eq!(list("unused_for=90s").await, [&first_id[..]]);
    assert_eq!(list("expires_within=1000d").await, [&second[..], &third]);
    let other = world.member(world.root.id, "bob", &["owner"]).await.1;
    let page = world.call(Method::GET, "/v1/sessions", &other.text, "").await.expect(200).json();
    assert_eq!(page["items"].as_array().map(Vec::len), Some(1), "one's own alone");
}
