//! Read, write and full by method and resource; below, everything at random against a naive reading.

mod random;

use serde_json::json;

use crate::support::{Gateway, Upstream};

#[test]
fn each_access_allows_its_methods_and_no_other() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let rows = [
        ("read", [200, 200, 403, 403, 403, 403, 200]),
        ("write", [403, 403, 200, 200, 200, 403, 403]),
        ("read+write", [200, 200, 200, 200, 200, 403, 200]),
        ("full", [200, 200, 200, 200, 200, 200, 200]),
    ];
    for (access, expected) in rows {
        let token = gateway.token(access);
        let methods = ["GET", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"];
        let got: Vec<u16> =
            methods.iter().map(|method| gateway.request(method, "/v1/devices/7", Some(&token)).status).collect();
        assert_eq!(got, expected[..6], "{access}");
        let search = gateway.request("POST", "/v1/devices/search", Some(&token)).status;
        assert_eq!(search, expected[6], "{access}: a search by POST is a read");
    }
}

#[test]
fn a_grant_on_one_resource_is_none_on_another() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let token = gateway.admin.create(json!({"name": "devices", "grants": {"devices": "full"}})).secret;
    assert_eq!(gateway.get("/v1/devices/7", &token).status, 200);
    let refused = gateway.get("/v1/files/7", &token);
    assert_eq!((refused.status, refused.problem().as_str()), (403, "insufficient_scope"));
    assert_eq!(
        refused.header("www-authenticate"),
        Some("Bearer realm=\"keygate\", error=\"insufficient_scope\", scope=\"files:read\"")
    );
    assert_eq!(upstream.seen().len(), 1, "what was refused never arrived");
}
