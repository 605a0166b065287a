//! Certificates that are replaced while the gateway serves.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustls::pki_types::CertificateDer;
use rustls::version;

use super::{ANSWER, GET, behind_tls, in_front_of};
use crate::support::binary::Install;
use crate::support::tls::{Authority, Identity, TlsUpstream, connect, exchange, shown};
use crate::support::{Builder, Gateway, Upstream, eventually, request};

fn presented(address: SocketAddr) -> CertificateDer<'static> {
    shown(address, "127.0.0.1", &version::TLS13)
}

#[track_caller]
fn reload(gateway: &mut Gateway) -> Vec<String> {
    let faults = gateway.inner().as_ref().expect("it runs").reload_certificates();
    faults.into_iter().map(|fault| format!("{}: {}", fault.place, fault.problem)).collect()
}

#[test]
fn slow_certificates_are_replaced_without_a_lost_handshake() {
    let (authority, upstream) = (Authority::new(), Upstream::start());
    let mut gateway = behind_tls(&upstream.url(), &authority, "");
    let (address, stop, made) = (gateway.proxy, Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = [&version::TLS12, &version::TLS13, &version::TLS13]
        .into_iter()
        .map(|version| {
            let config = authority.client(&[version], &[]);
            let (stop, made) = (Arc::clone(&stop), Arc::clone(&made));
            std::thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    // Also with what earlier connections left for a resumption.
                    let answer = exchange(&mut connect(address, Arc::clone(&config)), GET);
                    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
                    made.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for turn in 0..20 {
        let next = authority.issue(&["127.0.0.1"]);
        next.write(gateway.directory.path());
        assert_eq!(reload(&mut gateway), [""; 0], "{turn}");
        assert_eq!(presented(address), next.chain()[0], "the next handshake has the new certificate: {turn}");
        let before = made.load(Ordering::Relaxed);
        eventually("handshakes go on", || (made.load(Ordering::Relaxed) > before + 2).then_some(()));
    }
    stop.store(true, Ordering::Relaxed);
    clients.into_iter().for_each(|client| client.join().expect("no handshake failed"));
    // The watch may have been quicker than the call, which then read the same again.
    assert!(gateway.admin.metric("keygate_tls_reloads_total{listener=\"public\",result=\"ok\"}") >= Some(20.0));
    assert_eq!(gateway.admin.metric("keygate_tls_reloads_total{listener=\"public\",result=\"failed\"}"), Some(0.0));
}

#[test]
fn what_cannot_be_used_changes_nothing_and_is_told() {
    let (authority, upstream) = (Authority::new(), Upstream::start());
    let mut gateway = behind_tls(&upstream.url(), &authority, "");
    let first = presented(gateway.proxy);
    let directory = gateway.directory.path().to_owned();
    let next = authority.issue(&["127.0.0.1"]);
    let half = &next.pem()[..next.pem().len() / 2];
    let (certificate, key) = (directory.join("certificate.pem"), directory.join("key.pem"));
    let kept_key = fs::read_to_string(&key).expect("a key");
    for (file, text, named) in [
        (&certificate, "garbage", "without a certificate in PEM"),
        (&certificate, half, "without a certificate in PEM"),
        (&certificate, next.pem(), "is not that of the certificate"),
        (&key, "garbage", "without a private key in PEM"),
    ] {
        fs::write(file, text).expect("a writable file");
        let faults = reload(&mut gateway);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].starts_with("listen.public: `") && faults[0].contains(named), "{faults:?}");
        assert!(faults[0].contains(&*file.to_string_lossy()), "it names the file: {faults:?}");
        assert!(!faults[0].contains("garbage"));
        assert_eq!(presented(gateway.proxy), first);
        assert_eq!(gateway.admin.metric("keygate_tls_current{listener=\"public\"}"), Some(0.0));
    }
    assert!(gateway.admin.metric("keygate_tls_reloads_total{listener=\"public\",result=\"failed\"}") >= Some(4.0));
    fs::write(&key, kept_key).expect("a writable file");
    next.write(&directory);
    assert_eq!(reload(&mut gateway), [""; 0]);
    assert_eq!(presented(gateway.proxy), next.chain()[0]);
    assert_eq!(gateway.admin.metric("keygate_tls_current{listener=\"public\"}"), Some(1.0));
}

/// Two certificates that each could be used, and a key that could be read by too many.
#[test]
fn what_would_be_refused_at_the_start_is_refused_later_too() {
    let (authority, upstream) = (Authority::new(), Upstream::start());
    let builder = Builder::new(&upstream.url());
    let own = authority.issue(&["own.example"]);
    own.write(builder.directory());
    authority.issue(&["a.example"]).write_as(builder.directory(), "a.pem", "a.key");
    let tls = "tls = { certificate = \"certificate.pem\", key = \"key.pem\", \
               certificates = [{ certificate = \"a.pem\", key = \"a.key\" }] }";
    let mut gateway = builder.public(tls).start();
    let directory = gateway.directory.path().to_owned();
    let before = shown(gateway.proxy, "a.example", &version::TLS13);
    for (identity, mode, named) in [
        (authority.issue(&["own.example"]), 0o600, "is for `own.example` in two files"),
        (authority.issue(&["127.0.0.1"]), 0o600, "names no host"),
        (authority.issue(&["a.example"]), 0o644, "others than its owner have access to"),
    ] {
        identity.write_as(&directory, "a.pem", "a.key");
        fs::set_permissions(directory.join("a.key"), fs::Permissions::from_mode(mode)).expect("our own file");
        let faults = reload(&mut gateway);
        assert!(faults.len() == 1 && faults[0].contains(named), "{faults:?}");
        assert_eq!(shown(gateway.proxy, "a.example", &version::TLS13), before, "{named}");
        assert_eq!(shown(gateway.proxy, "own.example", &version::TLS13), own.chain()[0], "{named}");
    }
}

/// As Kubernetes does it: the files are links into a directory that is itself a link, and that one is exchanged.
fn publish(identity: &Identity, at: &Path, turn: usize) {
    let data = at.join(format!("..{turn}"));
    fs::create_dir(&data).expect("a directory");
    identity.write(&data);
    symlink(format!("..{turn}"), at.join("..next")).expect("a link");
    fs::rename(at.join("..next"), at.join("..data")).expect("a rename");
}

#[test]
fn slow_files_that_change_are_taken_up_by_themselves() {
    let (authority, upstream) = (Authority::new(), Upstream::start());
    let builder = Builder::new(&upstream.url());
    let directory = builder.directory().to_owned();
    publish(&authority.issue(&["127.0.0.1"]), &directory, 0);
    for name in ["certificate.pem", "key.pem"] {
        symlink(format!("..data/{name}"), directory.join(name)).expect("a link");
    }
    let gateway = builder.public("tls = { certificate = \"certificate.pem\", key = \"key.pem\" }").start();
    let next = authority.issue(&["127.0.0.1"]);
    publish(&next, &directory, 1);
    eventually("the new certificate", || (presented(gateway.proxy) == next.chain()[0]).then_some(()));

    // One file after the other, with a long pause between them.
    let last = authority.issue(&["127.0.0.1"]);
    fs::write(directory.join("..data/certificate.pem"), last.pem()).expect("a writable file");
    eventually("it is told that the two do not go together", || {
        assert_eq!(presented(gateway.proxy), next.chain()[0], "the old pair stays");
        (gateway.admin.metric("keygate_tls_reloads_total{listener=\"public\",result=\"failed\"}") == Some(1.0))
            .then_some(())
    });
    last.write_key(&directory.join("..data/key.pem"));
    eventually("the new pair", || (presented(gateway.proxy) == last.chain()[0]).then_some(()));
    assert_eq!(gateway.admin.metric("keygate_tls_current{listener=\"public\"}"), Some(1.0));
}

#[test]
fn the_end_of_each_certificate_is_a_metric() {
    let (authority, upstream) = (Authority::new(), Upstream::start());
    let builder = Builder::new(&upstream.url());
    let own = authority.issue_with(&["own.example"], |it| it.not_after = rcgen::date_time_ymd(2030, 1, 1));
    own.write(builder.directory());
    let other = authority.issue_with(&["*.b.example"], |it| it.not_after = rcgen::date_time_ymd(2031, 1, 1));
    other.write_as(builder.directory(), "b.pem", "b.key");
    let tls = "tls = { certificate = \"certificate.pem\", key = \"key.pem\", \
               certificates = [{ certificate = \"b.pem\", key = \"b.key\" }] }";
    let gateway = builder.public(tls).start();
    for (name, end) in [("own.example", 1_893_456_000.0), ("*.b.example", 1_924_992_000.0)] {
        let line = format!("keygate_tls_certificate_not_after_timestamp_seconds{{listener=\"public\",sni=\"{name}\"}}");
        assert_eq!(gateway.admin.metric(&line), Some(end), "{name}");
    }
}

#[test]
fn a_hang_up_ends_nothing_and_reads_at_once() {
    let upstream = Upstream::start();
    let authority = Authority::new();
    let install = Install::new(&upstream.url());
    authority.write(&install.path("authority.pem"));
    install.configure(|text| {
        let tls = "[[upstream]]\nname = \"other\"\nurl = \"https://127.0.0.1:1\"\ntls = { ca = \"authority.pem\" }\n";
        format!("{text}\n{tls}")
    });
    let mut served = install.run();
    served.process.signal("HUP");
    eventually("it is said", || {
        served.process.err().contains("TLS files were read again and are in use").then_some(())
    });
    fs::write(install.path("authority.pem"), "garbage").expect("a writable file");
    served.process.signal("HUP");
    eventually("it is said", || {
        let said = served.process.err();
        (said.contains("TLS files cannot be used") && said.contains("authority.pem")).then_some(())
    });
    assert_eq!(request(served.proxy, "GET", "/", None, b"").status, 401, "it serves all the while");
    assert_eq!(served.process.stop("TERM"), Some(0));
}

#[test]
fn whom_an_upstream_is_believed_by_is_replaced_too() {
    let (old, new) = (Authority::new(), Authority::new());
    let upstream = TlsUpstream::start(new.issue(&["127.0.0.1"]).server(&["http/1.1"]), ANSWER, true);
    let mut gateway = in_front_of(&upstream.url(), &old, "");
    assert_eq!(gateway.request("GET", "/public/7", None).problem(), "upstream_unreachable");
    new.write(&gateway.directory.path().join("authority.pem"));
    assert_eq!(reload(&mut gateway), [""; 0]);
    assert_eq!(gateway.request("GET", "/public/7", None).status, 200);
    fs::write(gateway.directory.path().join("authority.pem"), "garbage").expect("a writable file");
    let faults = reload(&mut gateway);
    assert!(faults[0].starts_with("upstream.api: `ca` names a file without a certificate"), "{faults:?}");
    assert_eq!(gateway.request("GET", "/public/7", None).status, 200, "what was there stays");
}
