//! `Via`, and requests that come back.

use crate::support::{Answer, Builder, Client, Gateway, Upstream, h2};

fn gateway(upstream: &Upstream, lines: &str) -> Gateway {
    Builder::new(&upstream.url()).forwarding(lines).start()
}

fn ask(gateway: &Gateway, via: &[&str]) -> Answer {
    let headers: Vec<_> = via.iter().map(|via| ("Via", *via)).collect();
    Client::connect(gateway.proxy).request("GET", "/public/logo", &headers, b"")
}

/// All that reached the upstream in `Via`, as one list.
fn seen(upstream: &Upstream) -> String {
    let headers = upstream.last().headers;
    let lines = headers.into_iter().filter(|(name, _)| name.eq_ignore_ascii_case("via"));
    lines.map(|(_, value)| value).collect::<Vec<_>>().join(", ")
}

#[test]
fn a_request_that_comes_back_is_refused() {
    let upstream = Upstream::start();
    let (first, second) = (gateway(&upstream, ""), gateway(&upstream, ""));
    assert_eq!(ask(&first, &[]).status, 200);
    let once = seen(&upstream);
    assert!(once.starts_with("1.1 keygate-"), "{once}");
    // What an upstream that leads back would send, by way of another gateway or not.
    assert_eq!(ask(&second, &[&once]).status, 200, "another gateway is not the same");
    let twice = seen(&upstream);
    assert!(twice.starts_with(&once) && twice.len() > once.len(), "{twice}");
    let arrived = upstream.seen().len();
    for via in [&[once.as_str()][..], &[&twice], &["1.0 fred", &once], &[&once.to_uppercase()]] {
        let answer = ask(&first, via);
        assert_eq!((answer.status, answer.problem().as_str()), (508, "loop_detected"), "{via:?}");
        assert_eq!(answer.header("connection"), Some("close"));
    }
    assert_eq!(upstream.seen().len(), arrived, "none of them went on");
    assert_eq!(first.admin.metric("keygate_rejected_requests_total{reject_reason=\"loop\"} "), Some(4.0));
}

#[test]
fn a_gateway_is_called_as_it_is_told() {
    let upstream = Upstream::start();
    let named = gateway(&upstream, "via = \"edge-1\"");
    assert_eq!(ask(&named, &["1.0 fred, 1.1 p.example", "2 q (a comment, or two)"]).status, 200);
    assert_eq!(seen(&upstream), "1.0 fred, 1.1 p.example, 2 q (a comment, or two), 1.1 edge-1");
    assert_eq!(ask(&named, &["1.1 Edge-1"]).status, 508);
    let mut old = Client::connect(named.proxy);
    old.send("GET /public/logo HTTP/1.0\r\n\r\n");
    assert_eq!(old.read_answer("GET").status, 200);
    assert_eq!(seen(&upstream), "1.0 edge-1");
    let silent = gateway(&upstream, "via = \"off\"");
    assert_eq!(ask(&silent, &[]).status, 200);
    assert_eq!(seen(&upstream), "");
    assert_eq!(ask(&silent, &["1.1 fred"]).status, 200);
    assert_eq!(seen(&upstream), "1.1 fred");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http2_is_named_as_such() {
    let upstream = Upstream::start();
    let gateway = h2::start(Builder::new(&upstream.url()).forwarding("via = \"edge-1\"")).await;
    let mut client = h2::connect(gateway.proxy).await;
    let answer = client.send_request(h2::get("/public/logo")).await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(seen(&upstream), "2 edge-1");
    h2::end(gateway).await;
}
