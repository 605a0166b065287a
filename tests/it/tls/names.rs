//! Several certificates on one listener: who asks for which host is shown which.

use rustls::version;

use crate::support::tls::{Authority, shown};
use crate::support::{Builder, Gateway, Upstream};

/// A listener's own certificate is for `own.example`; one is for `a.example` and one for all below `b.example`.
const TLS: &str = r#"tls = { certificate = "certificate.pem", key = "key.pem", certificates = [
  { certificate = "a.pem", key = "a.key" },
  { certificate = "b.pem", key = "b.key" },
] }"#;

#[test]
fn each_host_is_shown_its_certificate() {
    let (authority, upstream) = (Authority::new(), Upstream::start());
    let builder = Builder::new(&upstream.url());
    let own = authority.issue(&["own.example", "127.0.0.1"]);
    let (a, b) = (authority.issue(&["A.example"]), authority.issue(&["*.b.example", "b.example"]));
    own.write(builder.directory());
    a.write_as(builder.directory(), "a.pem", "a.key");
    b.write_as(builder.directory(), "b.pem", "b.key");
    let gateway: Gateway = builder.public(TLS).management(TLS).start();
    for address in [gateway.proxy, gateway.admin.address] {
        for version in [&version::TLS12, &version::TLS13] {
            for (asked, expected) in [
                ("own.example", &own),
                ("a.example", &a),
                ("b.example", &b),
                ("x.b.example", &b),
                // One label, and no more.
                ("y.x.b.example", &own),
                ("other.example", &own),
                // Addresses are not asked for in a handshake.
                ("127.0.0.1", &own),
            ] {
                let found = shown(address, asked, version);
                assert_eq!(found, expected.chain()[0], "{asked} {version:?}");
            }
        }
    }
}
