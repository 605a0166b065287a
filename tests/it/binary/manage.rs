//! The commands that talk to a running gateway: where the token comes from, what they print, how they end.

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::process::Stdio;

use keygate::model::{AccountId, TokenId, UserId};

use crate::support::binary::{Install, Running, Served, done, keygate};

fn install() -> (Install, Served) {
    let install = Install::new("http://127.0.0.1:1");
    let served = install.run();
    (install, served)
}

/// Every command that needs a gateway, with lawful arguments.
fn commands() -> Vec<Vec<String>> {
    let (token, account, user) = (TokenId::fresh(), AccountId::fresh(), UserId::fresh());
    [
        "token create ci --read".to_owned(),
        "token list".to_owned(),
        format!("token show {token}"),
        format!("token usage {token}"),
        format!("token reveal {token}"),
        format!("token rotate {token}"),
        format!("token update {token} --name ci"),
        format!("token disable {token}"),
        format!("token enable {token}"),
        format!("token revoke {token} --yes"),
        format!("token delete {token} --yes"),
        "account create eu".to_owned(),
        "account list".to_owned(),
        format!("account show {account}"),
        format!("account update {account} --name eu"),
        format!("account members {account}"),
        format!("account delete {account} --yes"),
        "policy list".to_owned(),
        format!("policy show {account}"),
        "role list".to_owned(),
        "role show viewer".to_owned(),
        "user create ada@example.org".to_owned(),
        "user list".to_owned(),
        format!("user show {user}"),
        format!("user update {user} --name Ada"),
        format!("user disable {user}"),
        format!("user enable {user}"),
        format!("user invite {user}"),
        format!("user delete {user} --yes"),
        format!("user member add {user} {account} --role viewer"),
        format!("user member set {user} {account} --role viewer"),
        format!("user member remove {user} {account} --yes"),
        "session list".to_owned(),
        format!("session end {token}"),
        format!("explain GET / --token {token}"),
        format!("route test GET / --token {token}"),
        "usage".to_owned(),
        "whoami".to_owned(),
    ]
    .iter()
    .map(|line| line.split(' ').map(str::to_owned).collect())
    .collect()
}

/// Those that need none, or no token; and the one that reads a text first.
const WITHOUT_A_GATEWAY: [&str; 5] = ["verify", "inspect", "regex", "accept", "password"];

/// The names under "Commands:" of a help text.
fn subcommands(group: &str) -> Vec<String> {
    let help = done(keygate().args([group, "--help"])).ok();
    let listed = help.split("Commands:\n").nth(1).expect("commands").split("\n\n").next().expect("a list");
    // What is indented deeper goes on with the line above.
    let begun = listed.lines().filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    let names = begun.filter_map(|line| line.split_whitespace().next().map(str::to_owned));
    names.filter(|name| name != "help").collect()
}

#[test]
fn the_list_of_commands_here_is_complete() {
    for group in ["token", "account", "policy", "role", "user", "session"] {
        let of_group = commands().into_iter().filter(|line| line[0] == group);
        let mut here: Vec<_> = of_group.map(|line| line[1].clone()).collect();
        here.dedup();
        let there: Vec<_> =
            subcommands(group).into_iter().filter(|name| !WITHOUT_A_GATEWAY.contains(&&**name)).collect();
        assert_eq!(there, here);
    }
}

#[test]
fn without_a_gateway_every_command_says_so() {
    let gone = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound");
    let url = format!("http://{gone}");
    for line in commands() {
        let refused = done(keygate().args(&line).args(["--admin-url", &url]).env("KEYGATE_ADMIN_TOKEN", "kg_svc_x"));
        let cause = format!("cannot reach {url}: ");
        refused.refused(69, &[&cause, "hint: is `keygate run` up", "--admin-url or KEYGATE_ADMIN_URL"]);
    }
}

#[test]
fn a_token_that_the_gateway_refuses_ends_every_command_with_4() {
    let (install, served) = install();
    let stranger = Install::new("http://127.0.0.1:1").admin_token;
    let weak = done(&mut install.managed(&served, &["token", "create", "weak", "--full", "-o", "raw"])).ok();
    for line in commands() {
        let line: Vec<_> = line.iter().map(String::as_str).collect();
        let with = |token: &str| done(install.managed(&served, &line).env("KEYGATE_ADMIN_TOKEN", token));
        with(&stranger).refused(4, &["error: ", "hint: check the token in --token-file", "request id: "]);
        with("kg_svc_short").refused(4, &["error: ", "hint: check the token in --token-file"]);
        with("").refused(4, &["error: this needs a token for the admin API\nhint: set KEYGATE_ADMIN_TOKEN"]);
        // Of a session that is not its own it is told that there is none.
        if !line.starts_with(&["whoami"]) && !line.starts_with(&["session", "end"]) {
            with(weak.trim()).refused(4, &["error: ", "hint: use a token that holds the right"]);
        }
    }
}

#[test]
fn an_id_that_nobody_has_ends_with_3() {
    let (install, served) = install();
    let mut tried = 0;
    for line in commands().iter().filter(|line| line.iter().any(|word| word.contains('_'))) {
        let line: Vec<_> = line.iter().map(String::as_str).collect();
        done(&mut install.managed(&served, &line)).refused(3, &["error: ", "hint: `keygate token list`"]);
        tried += 1;
    }
    assert_eq!(tried, 26);
}

#[test]
fn what_is_final_needs_a_person_or_a_yes() {
    let (install, served) = install();
    let made = done(&mut install.managed(&served, &["token", "create", "ci", "--read", "-o", "json"])).json();
    let id = made["id"].as_str().expect("an id");
    for verb in ["revoke", "delete"] {
        done(&mut install.managed(&served, &["token", verb, id])).refused(
            2,
            &[&format!(
                "error: {verb} is final, and there is no terminal to ask on\nhint: add --yes to {verb} without a question"
            )],
        );
    }
    let shown = done(&mut install.managed(&served, &["token", "show", id, "-o", "json"])).json();
    assert_eq!(shown["state"], "active");
}

#[test]
fn the_admin_token_comes_from_a_file_standard_input_or_the_environment() {
    let (install, served) = install();
    let url = served.admin_url();
    let file = install.path("token");
    fs::write(&file, format!("{}\n", install.admin_token)).expect("a file");
    let file = file.to_str().expect("UTF-8");
    let whoami = |arguments: &[&str]| {
        let mut command = install.command(&["whoami"]);
        command.args(arguments).env("KEYGATE_ADMIN_URL", &url);
        command
    };
    let named = "first administrator";
    assert!(done(&mut whoami(&["--token-file", file])).ok().contains(named));
    assert!(done(whoami(&[]).env("KEYGATE_ADMIN_TOKEN_FILE", file)).ok().contains(named));
    assert!(done(whoami(&[]).env("KEYGATE_ADMIN_TOKEN", &install.admin_token)).ok().contains(named));
    let piped = whoami(&["--token-file", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut piped = piped.expect("it starts");
    piped.stdin.take().expect("it is piped").write_all(install.admin_token.as_bytes()).expect("it reads");
    let output = piped.wait_with_output().expect("it ends");
    assert!(String::from_utf8_lossy(&output.stdout).contains(named), "{output:?}");
}

/// Arguments show in the process list of everybody on the machine.
#[test]
fn no_argument_holds_a_token() {
    let (install, served) = install();
    // Takes the connection and never answers, so that the command can be looked at.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", silent.local_addr().expect("bound"));
    let mut waiting = install.command(&["token", "create", "ci", "--read"]);
    let waiting =
        Running::start(waiting.env("KEYGATE_ADMIN_URL", url).env("KEYGATE_ADMIN_TOKEN", &install.admin_token));
    let _connection = silent.accept().expect("the command connects");
    for process in [&waiting, &served.process] {
        let arguments = fs::read(format!("/proc/{}/cmdline", process.id())).expect("a running process");
        let arguments = String::from_utf8_lossy(&arguments).into_owned();
        assert!(arguments.contains("keygate") && !arguments.contains("kg_svc_"), "{arguments}");
    }
    let option = done(install.managed(&served, &["token", "list"]).arg("--token=x"));
    assert_eq!(option.code, 2, "there is no option to give one: {option:?}");
}

#[test]
fn health_is_0_or_1() {
    let (install, mut served) = install();
    let url = served.admin_url();
    let asked = |arguments: &[&str]| done(install.command(&["healthcheck"]).args(arguments));
    assert_eq!(asked(&["--url", &url]).ok(), "");
    // As in a container: the configuration says where.
    let address = served.admin.address.to_string();
    let configured = || done(install.command(&["healthcheck"]).env("KEYGATE__LISTEN__ADMIN__ADDRESS", &address));
    assert_eq!(configured().ok(), "");
    served.process.stop("TERM");
    asked(&["--url", &url]).refused(1, &[&format!("cannot reach {url}")]);
    configured().refused(1, &[&format!("cannot reach {url}")]);
}

#[test]
fn results_and_remarks_go_to_different_streams() {
    let (install, served) = install();
    let made = done(&mut install.managed(&served, &["token", "create", "ci", "--grant", "api=read+write"]));
    assert_eq!(made.err, "Store the token now: it is not shown again.\n");
    let made = made.ok();
    assert!(made.contains("\ntoken: kg_svc_") && made.contains("api: read+write"), "{made}");
    let refused =
        done(&mut install.managed(&served, &["token", "create", "ci", "--read", "--expires", "soon", "-o", "json"]));
    assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{refused:?}");
    let problem: serde_json::Value = serde_json::from_str(&refused.err).expect("one problem document");
    assert_eq!((problem["exit_code"].as_u64(), problem["errors"][0]["field"].as_str()), (Some(1), Some("expires")));
}
