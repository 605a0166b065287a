//! The page of reference: complete, and nothing that a browser would have to fetch or run.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::world::World;
use crate::admin::ENDPOINTS;

/// What stands between these two, wherever they do.
fn between<'a>(page: &'a str, begin: &str, end: &str) -> Vec<&'a str> {
    page.split(begin).skip(1).filter_map(|rest| rest.split_once(end)).map(|(inner, _)| inner).collect()
}

#[tokio::test]
async fn the_page_of_reference_has_every_call_and_every_link_on_it_leads_somewhere() {
    let answer = World::new().await.get("/docs").await.expect(200);
    let page = &answer.text;
    let ids: BTreeSet<_> = between(page, " id=\"", "\"").into_iter().collect();
    for endpoint in ENDPOINTS {
        assert!(ids.contains(endpoint.about.id), "{} is not on it", endpoint.about.id);
    }
    let links: BTreeSet<_> = between(page, " href=\"", "\"").into_iter().collect();
    let elsewhere: Vec<_> = links.iter().filter(|link| !link.starts_with('#')).collect();
    assert_eq!(elsewhere, [&"openapi.json"], "the page leads out of itself");
    let dead: Vec<_> = links.iter().filter_map(|link| link.strip_prefix('#')).filter(|id| !ids.contains(id)).collect();
    assert!(dead.is_empty(), "{dead:?}");
    assert!(page.contains("keygate init"), "where a token comes from");
}

#[tokio::test]
async fn the_page_of_reference_runs_nothing_and_fetches_nothing() {
    let answer = World::new().await.get("/docs").await.expect(200);
    let page = &answer.text;
    for needed in ["<script", " src=", "@import", "url(", " onclick=", " style=", "<iframe", "<link"] {
        assert!(!page.contains(needed), "the page has {needed}");
    }
    let [style] = between(page, "<style>", "</style>")[..] else { panic!("one style") };
    assert!(style.contains("prefers-color-scheme: dark"));
    let policy = answer.header("content-security-policy");
    let allowed = STANDARD.decode(between(policy, "'sha256-", "'").concat()).expect("base64");
    assert_eq!(allowed, digest(&SHA256, style.as_bytes()).as_ref(), "a browser would not let the style in");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && !policy.contains("unsafe"), "{policy}");
    assert_eq!((answer.header("x-content-type-options"), answer.header("referrer-policy")), ("nosniff", "no-referrer"));
}
