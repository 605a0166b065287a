//! TLS to upstreams: whom the gateway believes, by which name, and what it shows.

use super::{ANSWER, GET, in_front_of, trusting};
use crate::support::binary::Install;
use crate::support::tls::{Authority, TlsUpstream};
use crate::support::{Builder, Gateway, Wire, eventually, request};

#[test]
fn an_upstream_that_cannot_be_verified_is_told_nothing() {
    let authority = Authority::new();
    let own = Authority::new();
    for (what, identity) in [
        ("expired", authority.issue_expired(&["127.0.0.1"])),
        ("not yet valid", authority.issue_with(&["127.0.0.1"], |it| it.not_before = rcgen::date_time_ymd(2090, 1, 1))),
        ("of an authority of its own", own.issue(&["127.0.0.1"])),
        ("for no name", authority.issue(&[])),
        (
            "for another use",
            authority.issue_with(&["127.0.0.1"], |it| {
                it.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
            }),
        ),
    ] {
        let upstream = TlsUpstream::start(identity.server(&["http/1.1"]), ANSWER, true);
        let gateway = in_front_of(&upstream.url(), &authority, "");
        let answer = gateway.request("GET", "/public/7", None);
        assert_eq!((answer.status, answer.problem().as_str()), (502, "upstream_unreachable"), "{what}");
        assert_eq!(upstream.seen(), "", "{what}");
    }
}

/// What the client says is in `Host` and goes to the upstream as it is; it decides about no name of a certificate.
#[test]
fn the_name_is_that_of_the_configuration_and_not_the_clients() {
    let authority = Authority::new();
    let upstream = TlsUpstream::start(authority.issue(&["api.internal"]).server(&["http/1.1"]), ANSWER, true);
    let gateway = in_front_of(&upstream.url(), &authority, ", server_name = \"api.internal\"");
    let mut client = Wire::connect(gateway.proxy);
    client.send(GET.replace("gateway.localhost", "evil.example"));
    assert!(String::from_utf8_lossy(&client.read_rest()).starts_with("HTTP/1.1 200"));
    assert_eq!(upstream.asked_for().as_deref(), Some("api.internal"));
    assert!(upstream.seen().contains("host: evil.example\r\n"), "{}", upstream.seen());

    // A certificate for the client's host helps nobody.
    let upstream = TlsUpstream::start(authority.issue(&["evil.example"]).server(&["http/1.1"]), ANSWER, true);
    let gateway = in_front_of(&upstream.url(), &authority, "");
    let mut client = Wire::connect(gateway.proxy);
    client.send(GET.replace("gateway.localhost", "evil.example"));
    assert!(String::from_utf8_lossy(&client.read_rest()).starts_with("HTTP/1.1 502"));
    assert_eq!(upstream.seen(), "");
}

/// A gateway that shows upstreams a certificate of `clients`.
fn showing(url: &str, authority: &Authority, clients: &Authority) -> Gateway {
    let builder = Builder::new(url);
    authority.write(&builder.directory().join("authority.pem"));
    clients.issue(&["gateway"]).write_as(builder.directory(), "own.pem", "own.key");
    let tls = "tls = { ca = \"authority.pem\", client_certificate = \"own.pem\", client_key = \"own.key\" }";
    builder.upstream(tls).start()
}

#[test]
fn an_upstream_that_asks_is_shown_the_certificate_of_the_configuration() {
    let (authority, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let identity = authority.issue(&["127.0.0.1"]);
    let upstream = TlsUpstream::start(identity.server_for(Some(&clients), &["http/1.1"]), ANSWER, true);
    let without = in_front_of(&upstream.url(), &authority, "");
    assert_eq!(without.request("GET", "/public/7", None).status, 502);
    let strange = showing(&upstream.url(), &authority, &strangers);
    assert_eq!(strange.request("GET", "/public/7", None).status, 502);
    assert_eq!(upstream.seen(), "");

    let mut gateway = showing(&upstream.url(), &authority, &clients);
    assert_eq!(gateway.request("GET", "/public/7", None).status, 200);
    // Another one in its place, from the next connection on.
    strangers.issue(&["gateway"]).write_as(gateway.directory.path(), "own.pem", "own.key");
    assert_eq!(gateway.inner().as_ref().expect("it runs").reload_certificates(), []);
    assert_eq!(gateway.request("GET", "/public/7", None).status, 502);
}

/// Some negotiate nothing, and go on as if HTTP/1.1 had been asked for.
#[test]
fn an_upstream_that_is_to_speak_http2_and_does_not_is_told_nothing() {
    let authority = Authority::new();
    let identity = authority.issue(&["127.0.0.1"]);
    for (what, protocols) in [("1.1 alone", &["http/1.1"][..]), ("nothing", &[])] {
        let upstream = TlsUpstream::start(identity.server(protocols), ANSWER, true);
        let gateway = trusting(Builder::new(&upstream.url()).upstream("http = \"2\""), &authority, "");
        let answer = gateway.request("GET", "/public/7", None);
        assert_eq!((answer.status, answer.problem().as_str()), (502, "upstream_unreachable"), "{what}");
        assert_eq!(upstream.seen(), "", "{what}");
        // Where nobody demands it, the same upstream is as good as any.
        let lenient = in_front_of(&upstream.url(), &authority, "");
        assert_eq!(lenient.request("GET", "/public/7", None).status, 200, "{what}");
    }
}

#[test]
fn who_runs_the_gateway_is_told_that_the_upstream_speaks_no_http2() {
    let authority = Authority::new();
    let upstream = TlsUpstream::start(authority.issue(&["127.0.0.1"]).server(&[]), ANSWER, true);
    let install = Install::new(&upstream.url());
    authority.write(&install.path("authority.pem"));
    let url = format!("url = \"{}\"", upstream.url());
    install.configure(|text| text.replace(&url, &format!("{url}\ntls = {{ ca = \"authority.pem\" }}\nhttp = \"2\"")));
    let served = install.run();
    let path = "/v1/devices/7";
    assert_eq!(request(served.proxy, "GET", path, Some(&install.admin_token), b"").status, 502);
    let line = eventually("a line about it", || {
        served.process.err().lines().find(|line| line.contains("no connection to the upstream")).map(str::to_owned)
    });
    assert!(line.contains("the upstream does not speak HTTP/2 over TLS, and `http = \\\"2\\\"` demands it"), "{line}");
}
