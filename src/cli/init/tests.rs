//! What is refused, and that nothing stays behind. The whole of it runs in the integration tests.

use std::os::unix::fs::PermissionsExt;

use super::super::terminal::tests::Fake;
use super::*;

fn arguments(dir: &Path) -> InitArgs {
    InitArgs {
        preset: None,
        config: None,
        dir: dir.to_owned(),
        upstream: "http://127.0.0.1:3000".to_owned(),
        listen: "127.0.0.1:8080".parse().unwrap(),
        admin_listen: "127.0.0.1:9901".parse().unwrap(),
        output: Format::Text,
    }
}

fn run(args: &InitArgs) -> (Result<Exit, Failure>, Fake) {
    let mut fake = Fake::script();
    let outcome = init(args, &Environment::new(), &mut fake.terminal());
    (outcome, fake)
}

#[test]
fn files_that_are_there_are_named_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let files = Files::in_dir(dir.path());
    fs::write(&files.config, "mine").unwrap();
    let one = run(&arguments(dir.path())).0.unwrap_err();
    assert_eq!(one.exit.code(), 1);
    assert!(one.text().contains(&format!("{} exists already", files.config.display())), "{}", one.text());
    assert!(!files.pepper.exists(), "nothing is written before everything was checked");

    fs::write(&files.pepper, "mine too").unwrap();
    let both = run(&arguments(dir.path())).0.unwrap_err();
    assert!(
        both.text().contains("keygate.toml and ") && both.text().contains("pepper exist already"),
        "{}",
        both.text()
    );
    assert_eq!(fs::read_to_string(&files.config).unwrap(), "mine");
}

#[test]
fn a_failure_on_the_way_leaves_nothing() {
    let outer = tempfile::tempdir().unwrap();
    let dir = outer.path().join("a/b");
    let args = InitArgs { upstream: "not a url".to_owned(), ..arguments(&dir) };
    let (outcome, fake) = run(&args);
    assert_eq!(outcome.unwrap_err().exit.code(), 78);
    assert_eq!(fake.out(), "");
    assert_eq!(fs::read_dir(outer.path()).unwrap().count(), 0, "the directories are gone too");
}

#[test]
fn what_was_made_goes_and_what_was_there_stays() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("theirs"), "x").unwrap();
    let mut made = Made::default();
    made.file(&dir.path().join("ours"), 0o600, b"x").unwrap();
    made.paths.push(dir.path().join("never made"));
    drop(made);
    assert!(dir.path().join("theirs").exists() && !dir.path().join("ours").exists());
}

#[test]
fn the_pepper_is_private_and_random() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pepper");
    let mut made = Made::default();
    let text = pepper().unwrap();
    made.file(&path, 0o600, text.as_bytes()).unwrap();
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!((text.len(), text.lines().count()), (97, 1));
    assert_ne!(*text, *pepper().unwrap());
    assert!(made.file(&path, 0o600, b"again").is_err(), "an existing file is never opened");
}

#[test]
fn the_written_configuration_has_no_problem() {
    let dir = tempfile::tempdir().unwrap();
    let mut made = Made::default();
    let config = write_files(&arguments(dir.path()), &mut made).unwrap();
    let loaded = config_file::load(&config, &Environment::new()).unwrap_or_else(|f| panic!("{}", f.text()));
    assert_eq!(loaded.settings.public.address.to_string(), "127.0.0.1:8080");
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
}

#[test]
fn a_store_in_memory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut fake = Fake::script();
    let environment = Environment::from([("KEYGATE__STORE__KIND".to_owned(), "memory".to_owned())]);
    let failure = init(&arguments(dir.path()), &environment, &mut fake.terminal()).unwrap_err();
    assert!(matches!(failure.exit, Exit::Failed | Exit::Configuration), "{}", failure.text());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing stays behind");
}

#[test]
fn the_story_has_the_token_and_the_commands_for_this_file() {
    let account = AccountId::fresh();
    let token = TokenText::generate(&TokenPrefix::default(), crate::model::Kind::Service).unwrap();
    let made = Made { paths: vec![] };
    let story = |config: &Path, admin: &str| {
        let address = ListenAddress::Tcp(admin.parse().unwrap());
        let admin = Listener { address, tls: None, proxy_protocol: crate::config::ProxyProtocol::Off };
        Story { program: "keygate", config, made: &made, admin: &admin, account, token: &token, people_only: false }
            .text()
    };
    let here = story(Path::new(CONFIG), "127.0.0.1:9901");
    assert!(here.contains("\n  keygate run\n") && here.contains(token.expose()), "{here}");
    let there = story(Path::new("etc/keygate.toml"), "0.0.0.0:9902");
    assert!(there.contains("\n  keygate run -c etc/keygate.toml\n"), "{there}");
    assert!(!here.contains("KEYGATE_ADMIN_URL"), "the default needs no word: {here}");
    assert!(there.contains("\n  export KEYGATE_ADMIN_URL=http://127.0.0.1:9902\n"), "{there}");
    let unknown = story(Path::new(CONFIG), "127.0.0.1:0");
    assert!(!unknown.contains("KEYGATE_ADMIN_URL"), "{unknown}");
}

#[test]
fn the_first_token_is_made_once_for_each_store() {
    let dir = tempfile::tempdir().unwrap();
    let args = InitArgs { output: Format::Json, ..arguments(dir.path()) };
    let (outcome, fake) = run(&args);
    assert_eq!(outcome.unwrap_or_else(|f| panic!("{}", f.text())), Exit::Ok);
    let told: serde_json::Value = serde_json::from_str(&fake.out()).unwrap();
    let token = told["token"].as_str().unwrap();
    assert!(crate::model::parse_token(token, &TokenPrefix::default()).is_ok());
    assert!(told["account"].as_str().unwrap().starts_with("acc_"));
    let files = Files::in_dir(dir.path());
    assert_eq!(told["config"].as_str(), files.config.to_str());

    let again = InitArgs { config: Some(files.config.clone()), ..args };
    let refused = run(&again).0.unwrap_err();
    assert!(refused.text().contains("has a root account already"), "{}", refused.text());
    assert!(files.store.is_dir() && files.config.is_file(), "what was there stays");

    fs::remove_dir_all(&files.store).unwrap();
    let gone = run(&again).0.unwrap_err();
    assert!(gone.text().contains("store_gone: "), "{}", gone.text());
    fs::remove_file(dir.path().join("data.anchor")).expect("a refusal does not remove what it did not make");
    let (outcome, fake) = run(&again);
    assert_eq!(outcome.unwrap(), Exit::Ok);
    assert!(!fake.out().contains(token), "a new store has a new token");
}

#[test]
fn a_token_that_nobody_saw_is_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let mut fake = Fake::script();
    // A stream that takes nothing.
    let mut full: &mut [u8] = &mut [];
    let mut terminal = Terminal { out: &mut full, ..fake.terminal() };
    let failure = init(&arguments(dir.path()), &Environment::new(), &mut terminal).unwrap_err();
    assert!(failure.text().contains("hint: nothing was kept"), "{}", failure.text());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn what_is_written_says_what_it_is_for() {
    for (path, told) in [
        ("data", "the store"),
        ("data.anchor", "what the store acknowledged last"),
        ("data.audit", "the audit log"),
        ("data.audit.anchor", "what the audit log noted last"),
    ] {
        assert!(purpose(Path::new(path)).starts_with(&format!("  ({told}")), "{path}: {}", purpose(Path::new(path)));
    }
}
