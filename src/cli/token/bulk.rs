//! `keygate token revoke` with a filter: all tokens that it is true for, once somebody has said how many they are.

use clap::Args;
use serde_json::{Map, Value};

use super::super::client::Client;
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::output::Shape;
use super::super::terminal::{Terminal, plain};
use super::change::Connect;
use super::filter::FilterArgs;

#[derive(Debug, Args)]
#[group(id = "bulk")]
pub(super) struct BulkArgs {
    #[command(flatten)]
    filter: FilterArgs,
    /// Every token of the account, in place of a filter
    #[arg(long = "all", id = "every", conflicts_with_all = ["ids", "own"])]
    all: bool,
    /// Shows how many tokens the filter means, and some of them; revokes nothing
    #[arg(long, conflicts_with_all = ["ids", "own", "expect"])]
    dry_run: bool,
    /// Revokes them without a question if they are so many, and none if not
    #[arg(long, value_name = "N", conflicts_with_all = ["ids", "own"])]
    expect: Option<u64>,
}

const PATH: &str = "/v1/tokens/revoke";

pub(super) fn revoke(
    args: &BulkArgs,
    shape: Shape,
    connect: Connect<'_>,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    if !args.dry_run && args.expect.is_none() && !terminal.interactive {
        return Err(Failure::usage("revoke is final, and there is no terminal to ask on")
            .hint("see with --dry-run how many tokens are meant, and say so with --expect N"));
    }
    let client = connect(terminal)?.patient();
    let expect = match args.expect {
        Some(expect) => expect,
        None => {
            let meant = client.post(PATH, Some(&args.with("dry_run", true)))?;
            let count = meant["count"].as_u64().unwrap_or_default();
            if args.dry_run || count == 0 {
                return tell(&meant, shape, terminal);
            }
            terminal.note(&sample(&meant, count));
            ask(count, terminal)?
        }
    };
    tell(&execute(args, expect, &client)?, shape, terminal)
}

fn execute(args: &BulkArgs, expect: u64, client: &Client) -> Result<Value, Failure> {
    client.post(PATH, Some(&args.with("expect", expect)))
}

impl BulkArgs {
    fn with(&self, name: &str, value: impl Into<Value>) -> Value {
        let mut body: Map<String, Value> = self.filter.fields();
        if self.all {
            body.insert("all".to_owned(), true.into());
        }
        body.insert(name.to_owned(), value.into());
        Value::Object(body)
    }
}

/// Has the person type how many tokens will be lost.
fn ask(count: u64, terminal: &mut Terminal<'_>) -> Result<u64, Failure> {
    let answer = terminal.ask(&format!("This will revoke {}, for good. Type the number to go on: ", tokens(count)))?;
    match answer.as_deref().map(str::trim) {
        Some(answer) if answer == count.to_string() => Ok(count),
        _ => Err(Failure::failed("not confirmed, nothing was done")),
    }
}

/// Some of those that are meant, one a line.
fn sample(answer: &Value, count: u64) -> String {
    let items = answer["sample"].as_array().map(Vec::as_slice).unwrap_or_default();
    let text = |value: &Value| plain(value.as_str().unwrap_or_default());
    let mut lines: String = items
        .iter()
        .map(|token| format!("{}  {}  {}\n", text(&token["id"]), text(&token["state"]), text(&token["name"])))
        .collect();
    let more = count.saturating_sub(items.len() as u64);
    if more > 0 {
        lines.push_str(&format!("… and {more} more\n"));
    }
    lines
}

fn tell(answer: &Value, shape: Shape, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let number = |name: &str| answer[name].as_u64().unwrap_or_default();
    let (count, revoked) = (number("count"), number("revoked"));
    terminal.print(&match shape {
        Shape::Json | Shape::Jsonl => format!("{answer}\n"),
        Shape::Table if answer["dry_run"] == true => {
            format!("{}{} would be revoked\n", sample(answer, count), tokens(count))
        }
        Shape::Table => format!("{} revoked\n", tokens(revoked)),
    })?;
    if answer["dry_run"] == true && count > 0 && shape == Shape::Table {
        terminal.note(&format!("To revoke them: the same with --expect {count} in place of --dry-run.\n"));
    }
    if answer["dry_run"] != true && revoked < count {
        terminal.note(&format!("{} changed meanwhile and are left as they are\n", tokens(count - revoked)));
    }
    Ok(Exit::Ok)
}

fn tokens(count: u64) -> String {
    if count == 1 { "1 token".to_owned() } else { format!("{count} tokens") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::client::tests::answer;
    use super::super::super::terminal::tests::Fake;
    use super::super::tests::{body, parsed, run};

    fn meant(dry_run: bool, count: u64, revoked: u64) -> String {
        let sample = json!([{"id": "tok_x", "state": "active", "name": "ci\u{1b}[2J"}]);
        answer("200 OK", &json!({"dry_run": dry_run, "count": count, "revoked": revoked, "sample": sample}))
    }

    #[test]
    fn filters_become_the_fields_of_a_body() {
        let flags = [
            "revoke",
            "--account",
            "acc_1",
            "--below",
            "--state",
            "active",
            "--kind",
            "service",
            "--owner",
            "me",
            "--created-by",
            "tok_1",
            "--unused-for",
            "90d",
            "--expires-within",
            "7d",
            "--search",
            "ci",
            "--label",
            "env=test",
            "--label",
            "team!=a",
            "--dry-run",
        ];
        let outcome = run(&flags, vec![meant(true, 3, 0)], Fake::script());
        assert!(outcome.requests[0].starts_with("POST /v1/tokens/revoke "), "{}", outcome.requests[0]);
        assert_eq!(
            body(&outcome.requests[0]),
            json!({
                "account": "acc_1", "below": true, "state": "active", "kind": "service", "owner": "me", "created_by": "tok_1",
                "unused_for": "90d", "expires_within": "7d", "q": "ci", "label": "env=test,team!=a", "dry_run": true,
            })
        );
        let out = outcome.fake.out();
        assert_eq!(out, "tok_x  active  ci\\u{1b}[2J\n… and 2 more\n3 tokens would be revoked\n");
        assert!(outcome.fake.err().contains("--expect 3"), "{}", outcome.fake.err());
    }

    #[test]
    fn a_script_says_the_number_and_a_person_types_it() {
        let script = run(&["revoke", "--all"], vec![], Fake::script());
        assert_eq!((script.exit, script.requests.len()), (2, 0));
        assert!(script.fake.err().contains("--expect N"), "{}", script.fake.err());
        let script = run(&["revoke", "--all", "--expect", "2"], vec![meant(false, 2, 2)], Fake::script());
        assert_eq!(body(&script.requests[0]), json!({"all": true, "expect": 2}));
        assert_eq!((script.exit, script.fake.out()), (0, "2 tokens revoked\n".to_owned()));

        let answers = vec![meant(true, 2, 0), meant(false, 2, 1)];
        let person = run(&["revoke", "--label", "a"], answers, Fake::person("2\n"));
        assert_eq!(body(&person.requests[1]), json!({"label": "a", "expect": 2}));
        assert!(person.fake.err().contains("1 token changed meanwhile"), "{}", person.fake.err());
        for typed in ["y\n", "3\n", ""] {
            let kept = run(&["revoke", "--label", "a"], vec![meant(true, 2, 0)], Fake::person(typed));
            assert_eq!((kept.exit, kept.requests.len()), (1, 1), "{typed:?}");
        }
        let nothing = run(&["revoke", "--label", "a"], vec![meant(true, 0, 0)], Fake::person(""));
        assert_eq!(nothing.exit, 0, "there is nothing to ask for");
    }

    #[test]
    fn yes_is_no_number() {
        let outcome = run(&["revoke", "--label", "a", "--yes", "--expect", "1"], vec![], Fake::person("1\n"));
        assert_eq!((outcome.exit, outcome.requests.len()), (2, 0));
        assert!(outcome.fake.err().contains("how many tokens"), "{}", outcome.fake.err());
    }

    #[test]
    fn ids_a_filter_and_oneself_do_not_go_together() {
        for lawful in [&["tok_1"][..], &["--self"], &["--label", "a"], &["--below"], &["--all"], &["--all", "--below"]]
        {
            assert!(parsed(&[&["revoke"], lawful].concat()), "{lawful:?}");
        }
        for wrong in [
            &[][..],
            &["--dry-run"],
            &["--expect", "1"],
            &["tok_1", "--label", "a"],
            &["tok_1", "--all"],
            &["tok_1", "--dry-run"],
            &["--self", "--state", "active"],
            &["--self", "--all"],
            &["--all", "--dry-run", "--expect", "1"],
            &["--all", "--expect", "-1"],
            &["--all", "--expect", "all"],
        ] {
            assert!(!parsed(&[&["revoke"], wrong].concat()), "{wrong:?}");
        }
    }
}
