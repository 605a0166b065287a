//! The management API and its own description: schemathesis makes calls of what `/openapi.json` says, lawful ones
//! and others, follows the links from one to the next, and compares every answer with the description. No answer
//! may be a 5xx, of a status or a form that is not described, or lawful where the call was not.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::binary::{Done, done, handed_over, variable};
use crate::support::gateway::{Builder, Gateway};
use crate::support::peers::scripts;

/// Calls that are made up for each operation, besides those at the limits of its schema; and chains of calls that
/// follow from each other. `KEYGATE_TEST_EXAMPLES` is another number.
const EXAMPLES: u64 = 500;
const PASSWORD: &str = "correct horse battery staple";
/// The same calls each time.
const SEED: u32 = 20_261_125;

/// Nobody listens there, so that there are messages that could not be delivered.
const WEBHOOK: &str = "[[webhook]]\nname = \"hook\"\nurl = \"http://127.0.0.1:9/\"\nallow_private = true\n\
                       secret = { file = \"webhook.secret\" }\nattempts = 1\n";

#[test]
fn slow_calls_about_tokens_are_answered_as_described() {
    let is_one = |operation: &Value| operation["tags"][0] == "tokens";
    each(&["--include-tag", "tokens"], is_one);
}

#[test]
fn slow_all_other_calls_are_answered_as_described() {
    let is_one = |operation: &Value| operation["tags"][0] != "tokens";
    each(&["--exclude-tag", "tokens"], is_one);
}

/// So many examples of each of these operations. All of them have to have been done, and not refused each time.
#[track_caller]
fn each(which: &[&str], is_one: impl Fn(&Value) -> bool) {
    let (subject, number) = (Subject::start(true), examples());
    let description = subject.description();
    let phases = ["--phases", "examples,coverage,fuzzing", "--max-examples", &number.to_string()];
    subject.call(&description, &subject.url(), SEED, &[&phases, which].concat()).ok();
    subject.outlived();
    let answers = subject.answers();
    let operations: Vec<&Value> = operations(&description).filter(|operation| is_one(operation)).collect();
    // What is signed cannot be made up.
    let unsigned = operations.iter().filter(|operation| operation["operationId"] != "takeGithubAlert");
    for operation in unsigned {
        let id = operation["operationId"].as_str().expect("an id");
        let done = answers.get(id).is_some_and(|counts| counts.keys().any(|status| status.starts_with('2')));
        assert!(done, "{id} was refused each time, so its answer was not compared: {:?}", answers.get(id));
    }
    // Some have few lawful forms.
    let (calls, least) =
        (answers.values().flat_map(BTreeMap::values).sum::<u64>(), number * operations.len() as u64 / 2);
    assert!(calls >= least, "it gave up after {calls} calls");
}

/// Lawful calls alone: after a refusal nothing follows. It gives up, and says nothing, where the same call has
/// another answer than before, so there are as many runs as it takes.
#[test]
fn slow_calls_that_follow_from_each_other_are_answered_as_described() {
    let (subject, wanted) = (Subject::start(false), examples());
    let (description, mut chains, mut seed) = (subject.description(), 0, SEED);
    while chains < wanted {
        let left = (wanted - chains).to_string();
        let arguments = ["--phases", "stateful", "--mode", "positive", "--max-examples", &left];
        let ran = subject.call(&description, &subject.url(), seed, &arguments).ok();
        chains += ran.number("Scenarios:").unwrap_or_else(|| panic!("no number of scenarios: {}", ran.0.out));
        seed += 1;
        assert!(seed < SEED + 50, "only {chains} chains in 50 runs: {}", ran.0.out);
    }
    subject.outlived();
}

#[test]
fn slow_an_answer_that_is_not_as_described_is_found() {
    let subject = Subject::start(false);
    let mut wrong = subject.description();
    wrong["components"]["schemas"]["Token"]["properties"]["name"]["type"] = json!("integer");
    subject.is_found(&wrong, &subject.url(), "/v1/whoami", "Response violates schema");
    let mut wrong = subject.description();
    wrong["paths"]["/v1/roles"]["get"]["responses"].as_object_mut().expect("an object").remove("200");
    subject.is_found(&wrong, &subject.url(), "/v1/roles", "Undocumented status code");
}

#[test]
fn slow_a_server_that_fails_is_found() {
    let subject = Subject::start(false);
    let mut other = subject.description();
    other["paths"] = json!({"/v1/devices": {"get": {"operationId": "devices", "responses": {"default": {"description": "whatever"}}}}});
    // Nobody listens where its upstream should be: 502.
    let proxy = format!("http://{}", subject.gateway.proxy);
    subject.is_found(&other, &proxy, "/v1/devices", "Server error");
}

/// A run of schemathesis, and what it wrote.
struct Ran(Done);

/// A gateway to be called, and what schemathesis is told of it.
struct Subject {
    gateway: Gateway,
    files: TempDir,
}

impl Subject {
    #[track_caller]
    fn start(guided: bool) -> Self {
        let tables = "[admin]\nrate_limit = \"unlimited\"\naddress_rate_limit = \"unlimited\"\n\
                      [policy.default]\nreveal = \"retrievable\"\n";
        let builder = Builder::new("http://127.0.0.1:9").reveal_key().policies(tables).policies(WEBHOOK);
        let secret = builder.directory().join("webhook.secret");
        std::fs::write(&secret, format!("whsec_{}", "MDEyMzQ1Njc4OWFi".repeat(2))).expect("a writable directory");
        std::fs::set_permissions(&secret, Permissions::from_mode(0o600)).expect("our own file");
        let gateway = builder.start();
        let subject = Self { gateway, files: TempDir::new().expect("a temporary directory") };
        subject.prepare(guided);
        subject
    }

    /// Tells the hooks what they need.
    fn prepare(&self, guided: bool) {
        let admin = &self.gateway.admin;
        let me = admin.call("GET", "/v1/whoami", None).json();
        let (token, account) = (&me["token"]["id"], &me["account"]["id"]);
        let user = json!({"login": "ada@example.org", "roles": ["owner"], "password": PASSWORD});
        let user = &admin.call("POST", "/v1/users", Some(user)).json()["id"];
        let run = json!({
            "admin": self.url(), "token": admin.token, "account": account, "kept": [token, account, user],
            "user": user, "login": "ada@example.org", "password": PASSWORD, "webhook": "hook",
            "seed": SEED, "guided": guided, "answers": self.path("answers.json"),
        });
        self.write("run.json", &run);
    }

    /// Its description, as it gives it.
    fn description(&self) -> Value {
        self.gateway.admin.call("GET", "/openapi.json", None).json()
    }

    /// Runs schemathesis.
    fn call(&self, description: &Value, url: &str, seed: u32, arguments: &[&str]) -> Ran {
        let program = Path::new(&handed_over("KEYGATE_TEST_SCHEMATHESIS")).join("bin/schemathesis");
        let mut command = Command::new(program);
        command.current_dir(&self.files).env("PYTHONDONTWRITEBYTECODE", "1");
        command.env("SCHEMATHESIS_HOOKS", scripts().join("schemathesis_hooks.py"));
        command.env("KEYGATE_TEST_RUN", self.path("run.json"));
        command.arg("--config-file").arg(scripts().join("schemathesis.toml"));
        command.arg("run").arg(self.write("description.json", description)).args(["--url", url]);
        command.args(["--no-color", "--continue-on-failure", "--generation-database", "none"]);
        Ran(done(command.args(["--seed", &seed.to_string()]).args(arguments)))
    }

    /// That the calls of this path show that the description, or the server, is wrong.
    #[track_caller]
    fn is_found(&self, description: &Value, url: &str, path: &str, what: &str) {
        let Ran(ran) = self.call(description, url, SEED, &["--include-path", path, "--max-examples", "5"]);
        assert_eq!(ran.code, 1, "{}{}", ran.out, ran.err);
        assert!(ran.out.contains(what), "{}", ran.out);
    }

    /// That the calls did not end in being refused all alike.
    #[track_caller]
    fn outlived(&self) {
        let still = self.gateway.admin.call("GET", "/v1/whoami", None);
        assert_eq!(still.status, 200, "the token that called did not outlive the calls: {}", still.text());
    }

    /// Operation → status → how often.
    fn answers(&self) -> BTreeMap<String, BTreeMap<String, u64>> {
        let text = std::fs::read_to_string(self.path("answers.json")).expect("the hooks wrote it");
        serde_json::from_str(&text).expect("counts")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.files.path().join(name)
    }

    fn write(&self, name: &str, value: &Value) -> PathBuf {
        std::fs::write(self.path(name), value.to_string()).expect("a writable directory");
        self.path(name)
    }

    fn url(&self) -> String {
        format!("http://{}", self.gateway.admin.address)
    }
}

impl Ran {
    /// Nothing was found.
    #[track_caller]
    fn ok(self) -> Self {
        assert_eq!(self.0.code, 0, "{}{}", self.0.out, self.0.err);
        self
    }

    /// What stands behind this label.
    fn number(&self, label: &str) -> Option<u64> {
        self.0.out.lines().find_map(|line| line.trim().strip_prefix(label)?.trim().parse().ok())
    }
}

fn examples() -> u64 {
    variable("KEYGATE_TEST_EXAMPLES").map_or(EXAMPLES, |text| text.parse().expect("KEYGATE_TEST_EXAMPLES is a number"))
}

fn operations(description: &Value) -> impl Iterator<Item = &Value> {
    let paths = description["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(_, item)| item.as_object().into_iter().flatten().map(|(_, operation)| operation))
}
