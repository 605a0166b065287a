//! Apono's service-account token: rows P1 to P9.

use serde_json::{Value, json};

use super::stage::{DAY, Stage, fields, ok, refused, text};

fn stage() -> Stage {
    Stage::new("apono", "")
}

/// A token of the first administrator with these roles.
#[track_caller]
fn with_roles(stage: &Stage, roles: &[&str]) -> Value {
    stage.token(stage.root(), json!({"name": "ci_token", "roles": roles}))
}

#[test]
fn p1_it_is_tied_to_no_user_and_lives_on_when_its_maker_is_gone() {
    let stage = stage();
    let account = stage.account(json!({"name": "apono"}));
    let (user, session) = stage.person(&account, "ada", &["admin"]);
    let made = stage.token(&session, json!({"name": "ci_token", "roles": ["viewer"]}));
    assert_eq!(made["user"], Value::Null);
    stage.manage("DELETE", &format!("/v1/users/{user}"), Value::Null, 204);
    assert_eq!(stage.ask("GET", "/v1/devices/7", &session), refused(403, "owner_inactive"));
    assert_eq!(stage.ask("GET", "/v1/devices/7", &text(&made, "token")), ok());
    let personal = stage.call(stage.root(), "POST", "/v1/tokens", json!({"name": "mine", "kind": "personal"}));
    assert_eq!((personal.status, fields(&personal)[0].as_str()), (422, "kind"));
}

#[test]
fn p2_permissions_come_from_one_or_more_roles() {
    let stage = stage();
    for (roles, expected) in [
        (&["viewer"][..], [true, false, false, false]),
        (&["deployment"], [true, true, false, false]),
        (&["power_user"], [true, true, true, false]),
        (&["admin"], [true, true, true, true]),
        (&["viewer", "deployment"], [true, true, false, false]),
    ] {
        let token = text(&with_roles(&stage, roles), "token");
        let can = |method: &str| stage.ask(method, "/v1/devices/7", &token) == ok();
        let manages = stage.call(&token, "GET", "/v1/tokens", Value::Null).status == 200;
        assert_eq!([can("GET"), can("PUT"), can("DELETE"), manages], expected, "{roles:?}");
    }
    let unknown = stage.call(stage.root(), "POST", "/v1/tokens", json!({"name": "x", "roles": ["boss"]}));
    assert_eq!((unknown.status, fields(&unknown)), (422, vec!["roles".to_owned()]));
}

#[test]
fn p3_creating_needs_the_admin_role() {
    let stage = stage();
    let account = stage.account(json!({"name": "apono"}));
    for (role, status) in [("power_user", 403), ("deployment", 403), ("viewer", 403), ("admin", 201)] {
        let (_, session) = stage.person(&account, role, &[role]);
        let body = json!({"name": "ci_token", "roles": ["viewer"]});
        assert_eq!(stage.call(&session, "POST", "/v1/tokens", body).status, status, "{role}");
    }
}

#[test]
fn p4_the_name_has_only_lowercase_letters_digits_and_underscores() {
    let stage = stage();
    for name in ["ci_token_2", "a", "0_"] {
        stage.token(stage.root(), json!({"name": name, "roles": ["viewer"]}));
    }
    for name in ["CI", "ci-token", "ci token", "cı", "", "ci\n", "ци"] {
        let answer = stage.call(stage.root(), "POST", "/v1/tokens", json!({"name": name, "roles": ["viewer"]}));
        assert_eq!((answer.status, fields(&answer)[0].as_str()), (422, "name"), "{name:?}");
        let why = match name {
            "" => "is needed",
            "ci\n" => "has the control character",
            _ => "may have only lowercase letters, digits and underscores",
        };
        assert!(answer.text().contains(why), "{}", answer.text());
    }
}

#[test]
fn p5_a_description_is_optional() {
    let stage = stage();
    assert_eq!(with_roles(&stage, &["viewer"])["description"], "");
    let body = json!({"name": "ci_token", "roles": ["viewer"], "description": "for the pipeline"});
    assert_eq!(stage.token(stage.root(), body)["description"], "for the pipeline");
}

#[test]
fn p6_expiry_is_unlimited_or_limited_and_thirty_days_is_the_default() {
    let stage = stage();
    let made = with_roles(&stage, &["viewer"]);
    let until: jiff::Timestamp = text(&made, "expires").parse().expect("a date");
    let days = (until.as_millisecond() - stage.gateway.clock.wall().millis() + DAY / 2) / DAY;
    assert_eq!(days, 30, "the resulting date is shown");
    let make = |expires: &str| stage.token(stage.root(), json!({"name": "t", "roles": ["viewer"], "expires": expires}));
    let (unlimited, year) = (make("never"), make("365d"));
    assert_eq!(unlimited["expires"], Value::Null);
    stage.gateway.clock.step_millis(30 * DAY);
    assert_eq!(stage.ask("GET", "/v1/devices/7", &text(&made, "token")), refused(401, "token_expired"));
    assert_eq!(stage.ask("GET", "/v1/devices/7", &text(&year, "token")), ok());
    assert_eq!(stage.ask("GET", "/v1/devices/7", &text(&unlimited, "token")), ok());
}

#[test]
fn p7_the_token_is_shown_once() {
    let stage = stage();
    let made = with_roles(&stage, &["viewer"]);
    let path = format!("/v1/tokens/{}", text(&made, "id"));
    for shown in [path.clone(), "/v1/tokens".to_owned()] {
        let answer = stage.call(stage.root(), "GET", &shown, Value::Null);
        assert!(answer.status == 200 && !answer.text().contains(&text(&made, "token")), "{}", answer.text());
    }
    let again = stage.refusal(stage.root(), "POST", &format!("{path}/reveal"), Value::Null);
    assert_eq!(again, refused(409, "not_retrievable"));
}

#[test]
fn p8_description_and_roles_can_be_edited_and_name_expiry_and_secret_cannot() {
    let stage = stage();
    let made = with_roles(&stage, &["viewer"]);
    let (path, token) = (format!("/v1/tokens/{}", text(&made, "id")), text(&made, "token"));
    assert_eq!(stage.ask("PUT", "/v1/devices/7", &token), refused(403, "insufficient_scope"));
    stage.manage("PATCH", &path, json!({"description": "new", "roles": ["deployment"]}), 200);
    assert_eq!(stage.ask("PUT", "/v1/devices/7", &token), ok(), "at once, with the same secret");
    for (field, value) in [("name", json!("other")), ("expires", json!("never")), ("token", json!("kg_svc_x"))] {
        let answer = stage.call(stage.root(), "PATCH", &path, json!({field: value, "description": "half"}));
        assert_eq!((answer.problem(), fields(&answer)), ("immutable_fields".into(), vec![field.to_owned()]));
    }
    let present = stage.manage("GET", &path, Value::Null, 200);
    assert_eq!((&present["description"], &present["expires"]), (&json!("new"), &made["expires"]));
}

#[test]
fn p9_deletion_asks_first_and_reminds_of_code_and_third_parties() {
    let stage = stage();
    let made = with_roles(&stage, &["viewer"]);
    let (path, token) = (format!("/v1/tokens/{}", text(&made, "id")), text(&made, "token"));
    let answer = stage.call(stage.root(), "DELETE", &path, Value::Null);
    assert_eq!((answer.status, answer.problem().as_str()), (409, "not_confirmed"));
    assert!(answer.text().contains("remove the token from code and from third parties first"), "{}", answer.text());
    assert_eq!(stage.ask("GET", "/v1/devices/7", &token), ok());
    stage.manage("DELETE", &format!("{path}?confirm=yes"), Value::Null, 204);
    assert_eq!(stage.ask("GET", "/v1/devices/7", &token), refused(401, "invalid_token"));
}
