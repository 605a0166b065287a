//! What sslyze says of the public listener: no version, suite, curve or weakness beyond Mozilla's intermediate profile.

use std::process::Command;

use super::GET;
use crate::support::peers::venv;
use crate::support::tls::{Authority, exchange};
use crate::support::{Builder, Upstream};

#[test]
fn slow_sslyze_finds_the_intermediate_profile() {
    let (authority, upstream) = (Authority::new(), Upstream::start());
    let builder = Builder::new(&upstream.url());
    // A life that the profile allows, around the machine's present.
    let today = keygate::model::Clock::system().wall().secs();
    let year = i32::try_from(1970 + today / 31_556_952).expect("a year");
    let identity = authority.issue_with(&["localhost", "127.0.0.1"], |params| {
        // From the month before to the month after, whichever this one is.
        let day = today % 31_556_952 / 86_400;
        let month = u8::try_from(1 + day * 12 / 366).expect("a month");
        let month_after = |months: u8| ((month - 1 + months) % 12 + 1, i32::from((month - 1 + months) / 12));
        let (before, after) = (month_after(10), month_after(2));
        params.not_before = rcgen::date_time_ymd(year - 1 + before.1, before.0, 1);
        params.not_after = rcgen::date_time_ymd(year + after.1, after.0, 1);
        params.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    });
    let line = identity.write(builder.directory());
    let roots = builder.directory().join("roots.pem");
    authority.write(&roots);
    let gateway = builder.public(&line).start();
    let report = gateway.directory.path().join("report.json");
    let output = Command::new(venv().join("bin/python"))
        .args(["-m", "sslyze", "--mozilla_config=intermediate", "--early_data", "--resum", "--sni=localhost"])
        .args(["--certinfo_ca_file".as_ref(), roots.as_os_str(), "--json_out".as_ref(), report.as_os_str()])
        .arg(format!("127.0.0.1:{}", gateway.proxy.port()))
        .output()
        .unwrap_or_else(|error| panic!("sslyze: {error}; run ./test, which installs it"));
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("OK - Compliant"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(&report).expect("a report")).expect("JSON");
    let result = &report["server_scan_results"][0]["scan_result"];
    let versions: Vec<&str> = ["ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1", "tls_1_2", "tls_1_3"]
        .into_iter()
        .filter(|version| result[format!("{version}_cipher_suites")]["result"]["is_tls_version_supported"] == true)
        .collect();
    assert_eq!(versions, ["tls_1_2", "tls_1_3"], "sslyze has reached the listener");
    assert_eq!(result["tls_1_3_early_data"]["result"]["supports_early_data"], false);
    assert_eq!(result["tls_compression"]["result"]["supports_compression"], false);
    assert_eq!(result["session_renegotiation"]["result"]["is_vulnerable_to_client_renegotiation_dos"], false);
    assert!(exchange(&mut authority.connect(gateway.proxy), GET).starts_with("HTTP/1.1 200"), "it serves on");
}
