//! The configuration: every example loads, every mistake gets the text that stands beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use keygate::config::{self, AccountSelector, HostHeader, LimitKey, Loaded, Scheme, StoreSettings, Template};
use keygate::model::{Action, Quota};
use proptest::prelude::*;
use tempfile::TempDir;

type Env = BTreeMap<String, String>;

const PEPPER: &str = "an example pepper of 32 bytes or more";

/// A directory with everything that a configuration can refer to, right and wrong.
struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { directory: tempfile::tempdir().expect("a directory") };
        place.file("pepper", PEPPER, 0o600);
        place.file("short-pepper", "31 bytes are too few, even thus\n", 0o600);
        place.file("world-readable", PEPPER, 0o644);
        place.file("group-readable", PEPPER, 0o640);
        place.file("it's readable", PEPPER, 0o604);
        fs::create_dir(place.path("directory")).expect("a directory");
        let own = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
        place.file("webhook.secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n", 0o600);
        place.file("short-webhook.secret", "whsec_c2hvcnQ=\n", 0o600);
        place.file("cert.pem", &own.cert.pem(), 0o644);
        place.file("key.pem", &own.signing_key.serialize_pem(), 0o600);
        place.file("open-key.pem", &own.signing_key.serialize_pem(), 0o644);
        place.file("other-key.pem", &other.signing_key.serialize_pem(), 0o600);
        place.file("other.pem", &other.cert.pem(), 0o644);
        let dated = |from: i32, until: i32| {
            let mut params = rcgen::CertificateParams::new(vec!["dated.example".to_owned()]).expect("a name");
            params.not_before = rcgen::date_time_ymd(from, 1, 1);
            params.not_after = rcgen::date_time_ymd(until, 1, 1);
            params.self_signed(&own.signing_key).expect("a certificate").pem()
        };
        place.file("expired.pem", &dated(2010, 2020), 0o644);
        place.file("early.pem", &dated(2090, 2095), 0o644);
        let nameless = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
        place.file("nameless.pem", &nameless.cert.pem(), 0o644);
        place.file("nameless-key.pem", &nameless.signing_key.serialize_pem(), 0o600);
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn file(&self, name: &str, text: &str, mode: u32) {
        let path = self.path(name);
        fs::write(&path, text).expect("a file");
        fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
    }

    fn load(&self, text: &str, env: &[(&str, &str)]) -> Result<Loaded, String> {
        self.file("keygate.toml", text, 0o644);
        let env: Env = env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        config::load(&self.path("keygate.toml"), &env).map_err(|problems| self.normal(&problems.to_string()))
    }

    /// The report with this run's directory written as `DIR`.
    fn normal(&self, report: &str) -> String {
        report.replace(self.directory.path().to_str().expect("UTF-8"), "DIR")
    }

    #[track_caller]
    fn refused(&self, text: &str, env: &[(&str, &str)]) -> String {
        self.load(text, env).expect_err("a problem")
    }
}

const MINIMAL: &str = r#"version = 1
[listen.public]
address = "127.0.0.1:0"
[store]
kind = "sled"
path = "data"
[tokens]
pepper = { file = "pepper" }
[[upstream]]
name = "api-one"
url = "http://127.0.0.1:3000"
[[route]]
path = "/v1/{*rest}"
resource = "things"
upstream = "api-one"
"#;

fn files_in(directory: &str, extension: &str) -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let entries = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|own| own == extension));
    paths.sort();
    paths
}

#[test]
fn each_mistake_gets_its_text() {
    let place = Place::new();
    let fixtures = files_in("tests/it/fixtures/config/invalid", "toml");
    assert!(fixtures.len() >= 20, "the sweep found {} fixtures only", fixtures.len());
    let mut wrong = Vec::new();
    for fixture in fixtures {
        let report = place.refused(&fs::read_to_string(&fixture).expect("a fixture"), &[]) + "\n";
        let expected = fs::read_to_string(fixture.with_extension("txt")).unwrap_or_default();
        if report != expected {
            let name = fixture.file_name().expect("a name");
            let kept = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name).with_extension("txt");
            fs::write(&kept, &report).expect("a file");
            wrong.push(format!(
                "{}\n--- expected\n{expected}--- got (kept in {})\n{report}",
                fixture.display(),
                kept.display()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_text_belongs_to_a_mistake() {
    for text in files_in("tests/it/fixtures/config/invalid", "txt") {
        assert!(text.with_extension("toml").exists(), "{}", text.display());
    }
}

#[test]
fn each_example_loads() {
    let examples = [files_in("config", "toml"), files_in("config/compose", "toml")].concat();
    let names: Vec<_> = examples.iter().filter_map(|path| path.file_name()?.to_str()).collect();
    assert_eq!(names, ["minimal.toml", "services.toml", "sidecar.toml", "keygate.toml"]);
    let folders = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("config")).expect("a directory");
    let folders = folders.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_dir())).count();
    assert_eq!(folders, 2, "a folder beside config/compose and config/presets needs a sweep of its own");
    for example in &examples {
        let place = Place::new();
        let pepper = place.path("pepper");
        let env = [("KEYGATE__TOKENS__PEPPER__FILE", pepper.to_str().expect("UTF-8"))];
        fs::create_dir(place.path("tls")).expect("a directory");
        for name in ["cert.pem", "key.pem"] {
            fs::copy(place.path(name), place.path("tls").join(name)).expect("a copy");
        }
        let loaded = place.load(&fs::read_to_string(example).expect("an example"), &env);
        let loaded = loaded.unwrap_or_else(|report| panic!("{}:\n{report}", example.display()));
        assert_eq!(loaded.warnings, [""; 0], "{}", example.display());
        assert!(!loaded.settings.routes.is_empty());
    }
}

#[test]
fn each_preset_is_a_policy() {
    let names: Vec<_> = config::PRESETS.iter().map(|preset| preset.name).collect();
    let files = files_in("config/presets", "toml");
    let files: Vec<_> = files.iter().filter_map(|path| path.file_stem()?.to_str()).collect();
    assert_eq!(files.len(), names.len());
    assert!(files.iter().all(|file| names.contains(file)), "{files:?}");
    let place = Place::new();
    for name in names {
        let policy = format!("[policy.default]\npreset = \"{name}\"\n");
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/minimal.toml")).expect("it");
        let pepper = place.path("pepper");
        let pepper = pepper.to_str().expect("UTF-8");
        let env = [("KEYGATE__TOKENS__PEPPER__FILE", pepper), ("KEYGATE__TOKENS__REVEAL_KEY__FILE", pepper)];
        let loaded =
            place.load(&format!("{text}\n{policy}"), &env).unwrap_or_else(|report| panic!("{name}:\n{report}"));
        let policy = loaded.settings.policies.of([]).expect("the default");
        assert!(!policy.description.is_empty(), "{name}");
    }
}

#[test]
fn the_example_of_services_means_what_its_comments_say() {
    let place = Place::new();
    let pepper = place.path("pepper");
    let env = [("KEYGATE__TOKENS__PEPPER__FILE", pepper.to_str().expect("UTF-8"))];
    fs::create_dir(place.path("tls")).expect("a directory");
    for name in ["cert.pem", "key.pem"] {
        fs::copy(place.path(name), place.path("tls").join(name)).expect("a copy");
    }
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/services.toml")).expect("it");
    let settings = place.load(&text, &env).expect("no problem").settings;
    assert_eq!(settings.public.tls.as_ref().map(|tls| tls.default.key.clone()), Some(place.path("tls/key.pem")));
    let route =
        |name: &str| settings.routes.iter().find(|route| route.name == name).unwrap_or_else(|| panic!("{name}"));
    let search = route("device-search");
    assert_eq!(search.action, Some(Action::Read));
    assert_eq!(search.methods.iter().map(|name| name.0.as_str()).collect::<Vec<_>>(), ["POST"]);
    assert!(route("health").public && route("health").resource.is_none());
    assert_eq!(route("account-devices").account, Some(AccountSelector::Path("account".to_owned())));
    assert_eq!(route("uploads").max_body, None);
    assert_eq!(settings.upstreams[route("reports").upstream].scheme, Scheme::Https);
    let limit = route("reports").rate_limit.expect("a limit");
    assert_eq!(
        (limit.quota.requests().get(), limit.quota.window(), limit.key),
        (10, Duration::from_secs(60), LimitKey::Route)
    );
}

#[test]
fn defaults_are_filled_in() {
    let place = Place::new();
    let loaded = place.load(MINIMAL, &[]).expect("no problem");
    assert_eq!(loaded.path, place.path("keygate.toml"));
    let settings = loaded.settings;
    assert_eq!(settings.admin.address.to_string(), "127.0.0.1:9901");
    assert!(matches!(settings.store, StoreSettings::Sled { path, anchor, cache: 67_108_864 }
        if path == place.path("data") && anchor == place.path("data.anchor")));
    assert_eq!(settings.tokens.prefix.as_str(), "kg");
    assert_eq!(settings.tokens.default_expiry, Some(Duration::from_secs(90 * 86_400)));
    assert_eq!((settings.tokens.max_expiry, settings.tokens.rate_limit), (None, None));
    let calls = |quota: Option<Quota>| quota.map(|quota| (quota.requests().get(), quota.window().as_secs()));
    assert_eq!(calls(settings.management.rate_limit), Some((30_000, 60)));
    assert_eq!(calls(settings.management.address_rate_limit), Some((3_000, 60)));
    assert_eq!(calls(settings.server.failure_limit), Some((100, 60)));
    assert_eq!((settings.server.workers, settings.server.pin_workers), (None, true));
    assert_eq!(settings.upstreams[0].host_header, HostHeader::Preserve);
    assert_eq!((settings.routes[0].name.as_str(), settings.routes[0].max_body), ("/v1/{*rest}", Some(10 << 20)));
}

#[test]
fn the_template_loads() {
    let place = Place::new();
    let pepper = place.path("a \"pepper\" @STORE@ \\ of\ttabs");
    fs::copy(place.path("pepper"), &pepper).expect("a copy");
    let text = config::template(&Template {
        preset: None,
        reveal_key_path: None,
        public_address: "127.0.0.1:8080",
        admin_address: "127.0.0.1:9901",
        upstream_url: "http://localhost:3000",
        store_path: Path::new("data"),
        pepper_path: &pepper,
        token_prefix: "acme",
    });
    let loaded = place.load(&text, &[]).unwrap_or_else(|report| panic!("{report}\n{text}"));
    assert_eq!(loaded.warnings, [""; 0]);
    assert_eq!(loaded.settings.tokens.prefix.as_str(), "acme");
    assert_eq!((loaded.settings.upstreams[0].host.as_str(), loaded.settings.upstreams[0].port), ("localhost", 3000));
}

#[test]
fn variables_go_before_the_file() {
    let place = Place::new();
    let env = [
        ("KEYGATE__LISTEN__PUBLIC__ADDRESS", "127.0.0.1:7777"),
        ("KEYGATE__LISTEN__ADMIN__ADDRESS", "127.0.0.1:0"),
        ("KEYGATE__SERVER__WORKERS", "3"),
        ("KEYGATE__SERVER__PIN_WORKERS", "true"),
        ("KEYGATE__STORE__CACHE", "32MiB"),
        ("KEYGATE__TOKENS__PREFIX", "acme"),
        ("KEYGATE__TOKENS__PEPPER__ENV", "MY_PEPPER"),
        ("KEYGATE__TOKENS__RATE_LIMIT__QUOTA", "5"),
        ("KEYGATE__TOKENS__RATE_LIMIT__WINDOW", "1m"),
        ("KEYGATE__UPSTREAM__API_ONE__URL", "https://example.com"),
        ("MY_PEPPER", PEPPER),
        ("KEYGATE_ADMIN_TOKEN", "no override"),
        ("KEYGATE_CONFIG", "no override"),
        ("KEYGATE_ADMIN_URL", "no override"),
    ];
    let settings = place.load(MINIMAL, &env).expect("no problem").settings;
    assert_eq!(settings.public.address.to_string(), "127.0.0.1:7777");
    assert_eq!(settings.admin.address.to_string(), "127.0.0.1:0");
    assert_eq!((settings.server.workers, settings.server.pin_workers), (Some(3), true));
    assert!(matches!(settings.store, StoreSettings::Sled { cache: 33_554_432, .. }));
    assert_eq!(settings.tokens.prefix.as_str(), "acme");
    assert_eq!(settings.tokens.rate_limit.map(|quota| quota.requests().get()), Some(5));
    assert_eq!((settings.upstreams[0].scheme, settings.upstreams[0].port), (Scheme::Https, 443));
}

#[test]
fn a_wrong_variable_is_named() {
    let place = Place::new();
    let env = [
        ("KEYGATE__LISTEN__PUBLC__ADDRESS", "127.0.0.1:7777"),
        ("KEYGATE__LISTN__PUBLIC__ADDRESS", "127.0.0.1:7777"),
        ("KEYGATE__LISTEN__ADMIN__ADDRESS", "localhost"),
        ("KEYGATE__SERVER__WORKERS", "many"),
        ("KEYGATE__CACHE", "many"),
        ("KEYGATE__CACHE__TOKENS", "5"),
        ("KEYGATE__SERVER__PIN_WORKERS", "yes"),
        ("KEYGATE__STORE__", "x"),
        ("KEYGATE__STORE__PATH", "one"),
        ("KEYGATE__store__path", "two"),
        ("KEYGATE__TOKENS__PEPPER", "a secret in the wrong variable"),
        ("KEYGATE__ROUTE__0__PATH", "/"),
        ("KEYGATE__UPSTREAM__API_TWO__URL", "http://localhost"),
        ("KEYGATE__UPSTREAM__API_ONE__ULR", "http://localhost"),
        ("KEYGATE__UPSTREAM__API_ONE", "http://localhost"),
    ];
    let report = place.refused(MINIMAL, &env);
    assert!(!report.contains("a secret"));
    if report.clone() + "\n" != include_str!("fixtures/config/variables.txt") {
        panic!("this is not what tests/it/fixtures/config/variables.txt says:\n{report}");
    }
}

#[test]
fn a_credential_is_found_in_its_directory() {
    let place = Place::new();
    let text = MINIMAL.replace("{ file = \"pepper\" }", "{ credential = \"group-readable\" }");
    let directory = place.directory.path().to_str().expect("UTF-8").to_owned();
    assert!(place.load(&text, &[("CREDENTIALS_DIRECTORY", &directory)]).is_ok());
    assert!(place.refused(&text, &[]).contains("needs $CREDENTIALS_DIRECTORY, which is not set"));
}

#[test]
fn a_file_that_is_not_there_says_how_to_make_one() {
    let place = Place::new();
    let problems = config::load(&place.path("nothing.toml"), &Env::new()).expect_err("a problem");
    let expected = "error: the configuration cannot be read: No such file or directory (os error 2)\n\
        --> DIR/nothing.toml\n \
        = help: name the file with `--config` or KEYGATE_CONFIG, or make one with `keygate init`\n\n\
        1 problem in DIR/nothing.toml";
    assert_eq!(place.normal(&problems.to_string()), expected);
}

#[test]
fn no_report_holds_a_secret() {
    let place = Place::new();
    let canary = "C4n4ryC4n4ryC4n4ryC4n4ryC4n4ryC4n4ry";
    for line in [
        "pepper = \"@\"",
        "pepper = \"@",
        "pepper = @",
        "pepper = { value = \"@\" }",
        "pepper = { file = \"pepper\", value = \"@\" }",
        "peper = \"@\"",
        "peper = { file = \"@\" }",
        "pepper = '''\n@\n'''",
        "pepper = [\"@\"]",
        "key = \"@\"\nkey = \"@\"",
        "pepper = \"\n@\n\"",
        "pepper = \"\n@=\n\"",
        "pepper = {\n  value = \"@\"\n}",
        "@",
    ] {
        let line = line.replace('@', canary);
        let text = MINIMAL.replace("pepper = { file = \"pepper\" }", &line);
        let report = place.refused(&text, &[]);
        assert!(!report.contains(&canary[..8]), "{line}:\n{report}");
    }
    for line in ["secret = \"whsec_@\"", "secrt = \"whsec_@\"", "secret = { file = \"nowhere\", x = \"whsec_@\" }"] {
        let line = line.replace('@', canary);
        let text = format!("{MINIMAL}\n[[webhook]]\nname = \"x\"\nurl = \"https://x\"\n{line}\n");
        let report = place.refused(&text, &[]);
        assert!(!report.contains(&canary[..8]), "{line}:\n{report}");
    }
    let text = MINIMAL.replace("http://127", &format!("http://user:{canary}@127"));
    let report = place.refused(&text, &[]);
    assert!(report.contains("must not hold a user or a password") && !report.contains(&canary[..8]), "{report}");
    let report = place.refused(MINIMAL, &[("KEYGATE__TOKENS__PEPER", canary), ("KEYGATE__TOKENS__PEPPER", canary)]);
    assert!(!report.contains(&canary[..8]), "{report}");
}

#[test]
fn insecure_is_allowed_where_it_is_written_out() {
    let place = Place::new();
    let text = MINIMAL.replace("[store]", "[listen.admin]\naddress = \"0.0.0.0:9901\"\ninsecure = true\n[store]");
    let warnings = place.load(&text, &[]).expect("no problem").warnings;
    assert_eq!(
        warnings,
        ["the admin listener would send tokens over the network in plain text (0.0.0.0:9901): \
          allowed by `listen.admin.insecure`"]
    );
}

#[test]
fn who_is_shut_out_by_clients_certificates_is_told() {
    let place = Place::new();
    let tls =
        "tls = { certificate = \"cert.pem\", key = \"key.pem\", client_auth = \"required\", client_ca = \"cert.pem\" }";
    let text = MINIMAL.replace("[store]", &format!("[listen.admin]\n{tls}\n[store]"));
    let warnings = place.load(&text, &[]).expect("no problem").warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].starts_with("`listen.admin.tls.client_auth` is \"required\": the command line"),
        "{warnings:?}"
    );
}

#[test]
fn certificates_out_of_their_time_are_told_of_with_their_lines() {
    let place = Place::new();
    for (file, what) in [
        ("expired.pem", "has expired at 2020-01-01T00:00:00.000Z"),
        ("early.pem", "is not valid before 2090-01-01T00:00:00.000Z"),
    ] {
        let tls = format!("tls = {{ certificate = \"{file}\", key = \"key.pem\" }}\n[store]");
        let warnings = place.load(&MINIMAL.replace("[store]", &tls), &[]).expect("no problem").warnings;
        let path = place.path(file);
        let expected =
            format!("the certificate of `listen.public.tls.certificate` ({}, line 4) {what}", path.display());
        assert_eq!(warnings, [expected]);
    }
}

fn sample() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/services.toml");
    fs::read_to_string(path).expect("an example")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_text_makes_loading_panic(text in "(?s).{0,400}", value in ".{0,40}") {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("keygate.toml");
        fs::write(&path, text).expect("a file");
        let env = Env::from([("KEYGATE__TOKENS__PREFIX".to_owned(), value)]);
        let report = config::load(&path, &env).map(|_| ()).expect_err("no configuration").to_string();
        prop_assert!(report.contains("problem"));
    }

    #[test]
    fn no_damage_makes_loading_panic(
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0usize..40, "[\\[\\]{}=\"'\\\\#,.\n\té*0-9a-z]{0,6}"), 1..6),
    ) {
        let place = tempfile::tempdir().expect("a directory");
        let path = place.path().join("keygate.toml");
        let mut text: Vec<char> = sample().chars().collect();
        for (at, removed, inserted) in edits {
            let at = at.index(text.len());
            let end = (at + removed).min(text.len());
            text.splice(at..end, inserted.chars());
        }
        fs::write(&path, text.iter().collect::<String>()).expect("a file");
        if let Err(problems) = config::load(&path, &Env::new()) {
            let report = problems.to_string();
            let errors = report.lines().filter(|line| line.starts_with("error: ")).count();
            prop_assert_eq!(errors, problems.count(), "{}", report);
        }
    }
}

/// One key that there is nowhere, in each table that there can be.
const UNKNOWN_EVERYWHERE: &str = r#"version = 1
zzzzzzzzzz = 1
[listen]
zzzzzzzzzz = 1
[listen.public]
tls = { zzzzzzzzzz = 1, certificates = [{ zzzzzzzzzz = 1 }] }
zzzzzzzzzz = 1
[listen.admin]
tls = { zzzzzzzzzz = 1, certificates = [{ zzzzzzzzzz = 1 }] }
zzzzzzzzzz = 1
[server]
failure_limit = { zzzzzzzzzz = 1 }
zzzzzzzzzz = 1
[forwarding]
zzzzzzzzzz = 1
[store]
kind = "sled"
zzzzzzzzzz = 1
[admin]
rate_limit = { zzzzzzzzzz = 1 }
address_rate_limit = { zzzzzzzzzz = 1 }
zzzzzzzzzz = 1
[audit]
zzzzzzzzzz = 1
[tokens]
pepper = { zzzzzzzzzz = 1 }
reveal_key = { zzzzzzzzzz = 1 }
rate_limit = { zzzzzzzzzz = 1 }
zzzzzzzzzz = 1
[role.x]
zzzzzzzzzz = 1
[policy.x]
zzzzzzzzzz = 1
[cache]
zzzzzzzzzz = 1
[log]
zzzzzzzzzz = 1
[[upstream]]
tls = { zzzzzzzzzz = 1 }
zzzzzzzzzz = 1
[[webhook]]
secret = { zzzzzzzzzz = 1 }
previous_secret = { zzzzzzzzzz = 1 }
zzzzzzzzzz = 1
[events]
zzzzzzzzzz = 1
[leaks]
zzzzzzzzzz = 1
[[route]]
account = { zzzzzzzzzz = 1 }
carriers = { zzzzzzzzzz = 1 }
cors = { zzzzzzzzzz = 1 }
filter = { zzzzzzzzzz = 1 }
rate_limit = { zzzzzzzzzz = 1 }
zzzzzzzzzz = 1
"#;

/// What the report of an unknown key lists: `server.workers` and all the others, tables among them.
fn known_keys(report: &str) -> BTreeSet<String> {
    let lists = report.lines().filter_map(|line| line.split_once("help: the keys of ")?.1.split_once(": "));
    let names = lists.flat_map(|(table, keys)| {
        let table = table.trim_matches(['`', '[', ']']);
        let start = if table == "the file" { String::new() } else { format!("{table}.") };
        keys.split(", ").map(move |key| format!("{start}{}", key.trim_matches('`')))
    });
    // Of what has names of its own, the page shows one.
    names.map(|name| name.replace("role.x.", "role.NAME.").replace("policy.x.", "policy.NAME.")).collect()
}

#[test]
fn each_key_is_documented_and_no_other() {
    let known = known_keys(&Place::new().refused(UNKNOWN_EVERYWHERE, &[]));
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let page = fs::read_to_string(page).expect("the page");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let mut documented: BTreeSet<String> = rows.map(str::to_owned).collect();
    // A table is there with its keys, and may have a row besides.
    for key in documented.clone() {
        // `[role]` and `[policy]` have nothing but names.
        let dots = key.match_indices('.').map(|(at, _)| key[..at].to_owned());
        documented.extend(dots.filter(|key| !key.ends_with(".NAME")));
    }
    assert!(known.len() > 60, "{known:?}");
    assert_eq!(known, documented, "on the left what is read, on the right what docs/configuration.md has");
}
