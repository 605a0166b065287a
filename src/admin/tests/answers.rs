//! What every answer has, probes, outages and panics.

use std::sync::{Arc, Mutex};

use http::Method;

use super::world::World;
use crate::admin::Readiness;
use crate::store::Store;

#[tokio::test]
async fn every_answer_has_an_id_of_its_own_and_is_not_stored() {
    let world = World::new().await;
    let mut ids = std::collections::BTreeSet::new();
    let calls = ["/livez", "/metrics", "/v1/whoami", "/v1/nothing", "/v1/tokens/x"];
    for path in calls {
        for token in ["", &world.admin.text] {
            let answer = world.call(Method::GET, path, token, "").await;
            assert_eq!(answer.header("cache-control"), "no-store", "{path}");
            let id = answer.header("x-request-id").to_owned();
            assert_eq!(uuid::Uuid::parse_str(&id).map(|id| id.get_version_num()), Ok(7), "{path}");
            assert!(ids.insert(id), "{path}");
        }
    }
    assert_eq!(ids.len(), 2 * calls.len());
}

#[tokio::test]
async fn a_problem_has_the_members_of_rfc_9457() {
    let world = World::new().await;
    let token = world.make(world.root.id, &[("devices", "read")]).await;
    let answer = world.call(Method::POST, "/v1/tokens", &token.text, "{}").await.expect(403);
    let id = answer.header("x-request-id");
    let body = serde_json::json!({
        "type": "urn:keygate:problem:insufficient_scope",
        "title": "The token lacks a right",
        "status": 403,
        "detail": "the call needs `create` on `keygate.tokens`, and the token has `none`",
        "instance": format!("urn:uuid:{id}"),
        "code": "insufficient_scope",
        "request_id": id,
    });
    assert_eq!(answer.json(), body);
    assert_eq!(
        answer.header("www-authenticate"),
        r#"Bearer realm="keygate", error="insufficient_scope", scope="keygate.tokens:create""#
    );
}

#[tokio::test]
async fn an_outage_of_the_store_is_503_and_never_401() {
    let world = World::new().await;
    world.get("/v1/whoami").await.expect(200);
    world.store.close().await.expect("closed");
    let unseen = world.make_text();
    for (method, path, token, body) in [
        // A token that the cache knows, and one that the store would have to be asked for.
        (Method::GET, "/v1/tokens", world.admin.text.as_str(), ""),
        (Method::POST, "/v1/tokens", world.admin.text.as_str(), r#"{"grants": {"devices": "read"}}"#),
        (Method::GET, "/v1/tokens", unseen.as_str(), ""),
        (Method::GET, "/v1/nothing", unseen.as_str(), ""),
    ] {
        let answer = world.call(method, path, token, body).await.expect_problem(503, "store_unavailable");
        assert_eq!(answer.header("retry-after"), "5");
        assert_eq!(answer.json()["retry_after"], 5);
        assert!(!answer.headers.contains_key("www-authenticate"));
    }
}

#[tokio::test]
async fn probes_need_no_token_and_tell_the_truth() {
    let world = World::new().await;
    let call = async |path| world.call(Method::GET, path, "", "").await;
    assert_eq!(call("/livez").await.expect(200).text, "live\n");
    assert_eq!(call("/readyz").await.expect(200).text, "ready\n");
    let metrics = call("/metrics").await.expect(200);
    assert_eq!(metrics.text, "# EOF\n");
    assert_eq!(metrics.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    *world.readiness.lock().expect("not poisoned") = Readiness::NotReady("the gateway is stopping".into());
    let answer = call("/readyz").await.expect_problem(503, "not_ready");
    assert_eq!(answer.text_at("detail"), "the gateway is stopping");
    assert_eq!(answer.header("retry-after"), "5");
    call("/livez").await.expect(200);
}

#[tokio::test]
async fn a_panic_costs_one_request() {
    let world = World::new().await;
    let readiness = Arc::clone(&world.readiness);
    // Poisons the lock, so that the probe of readiness panics from here on.
    let poisoned = std::thread::spawn(move || {
        let _held = readiness.lock().expect("not poisoned");
        panic!("on purpose");
    });
    assert!(poisoned.join().is_err());
    let answer = world.call(Method::GET, "/readyz", "", "").await.expect_problem(500, "internal");
    assert_eq!(
        answer.text_at("detail"),
        "the gateway failed at this request; its log has the cause under the request id"
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    world.call(Method::GET, "/livez", "", "").await.expect(200);
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn each_change_is_logged_with_its_actor_and_without_a_secret() {
    let world = World::new().await;
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .json()
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    // With one subscriber alone, a line of code that another test's thread reaches first, where there
    // is none, counts as uninteresting for all threads; with two, each is asked.
    let second = tracing::Dispatch::new(tracing_subscriber::fmt().with_writer(std::io::sink).finish());
    let created = world.post("/v1/tokens", r#"{"grants": {"devices": "read"}}"#).await.expect(201);
    let path = format!("/v1/tokens/{}", created.text_at("id"));
    let disabled = world.post(&format!("{path}/disable"), "").await.expect(200);
    // Secrets sent amiss.
    let secret = created.text_at("token");
    world.post("/v1/tokens", &format!(r#"{{"grants": {{"{secret}": "read"}}, "{secret}": 1}}"#)).await.expect(422);
    world.call(Method::GET, &format!("/v1/tokens/{secret}"), &world.admin.text, "").await.expect(404);
    world.call(Method::GET, "/v1/tokens", &format!("{secret}x"), "").await.expect(401);
    drop((guard, second));
    let log = String::from_utf8(lines.0.lock().expect("not poisoned").clone()).expect("text");
    let of = |action: &str| {
        let line = log.lines().find(|line| line.contains(action)).unwrap_or_else(|| panic!("no {action} in {log}"));
        serde_json::from_str::<serde_json::Value>(line).expect("JSON")["fields"].clone()
    };
    for (action, answer) in [("token.create", &created), ("token.disable", &disabled)] {
        let fields = of(action);
        assert_eq!(fields["actor"], world.admin.token.id.to_string());
        assert_eq!(fields["object"], created.text_at("id"));
        assert_eq!(fields["request_id"], answer.header("x-request-id"));
    }
    assert!(log.contains("invalid_fields") && log.contains("invalid_token"), "refusals are logged: {log}");
    for secret in [&secret, &world.admin.text] {
        assert!(!log.contains(&secret[..secret.len() - 6]), "{log}");
    }
}
