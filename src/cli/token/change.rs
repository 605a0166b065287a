//! `keygate token disable|enable|revoke|delete`: several tokens at once, each reported by itself.

use clap::Args;
use serde_json::{Value, json};

use super::super::client::{Client, with_query};
use super::super::confirm;
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::output::Shape;
use super::super::terminal::Terminal;
use super::token_id;
use crate::model::TokenId;

#[derive(Debug, Args)]
pub(in crate::cli) struct ChangeArgs {
    /// The tokens' ids, tok_…
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
    /// json: one line a token
    #[arg(short, long, value_enum, default_value_t = Shape::Table)]
    pub output: Shape,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct EndArgs {
    #[command(flatten)]
    pub tokens: ChangeArgs,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// The token's name, which some policies want to be told with a deletion
    #[arg(long, value_name = "NAME")]
    confirm: Option<String>,
    /// Also tokens that were used of late
    #[arg(long)]
    acknowledge_use: bool,
}

impl EndArgs {
    /// Of what takes no further words.
    pub(super) fn of(ids: Vec<String>, output: Shape, yes: bool) -> Self {
        Self { tokens: ChangeArgs { ids, output }, yes, confirm: None, acknowledge_use: false }
    }
}

/// What else a deletion says.
#[derive(Debug, Clone, Copy, Default)]
struct Saying<'a> {
    confirm: Option<&'a str>,
    acknowledge_use: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Disable,
    Enable,
    Revoke,
    Delete,
}

impl Verb {
    const fn name(self) -> &'static str {
        match self {
            Verb::Disable => "disable",
            Verb::Enable => "enable",
            Verb::Revoke => "revoke",
            Verb::Delete => "delete",
        }
    }

    const fn done(self) -> &'static str {
        match self {
            Verb::Disable => "disabled",
            Verb::Enable => "enabled",
            Verb::Revoke => "revoked",
            Verb::Delete => "deleted",
        }
    }

    /// What is printed for programs.
    fn send(self, id: TokenId, saying: Saying<'_>, client: &Client) -> Result<Value, Failure> {
        match self {
            Verb::Disable | Verb::Enable | Verb::Revoke => {
                client.post(&format!("/v1/tokens/{id}/{}", self.name()), None)
            }
            Verb::Delete => {
                let acknowledged = saying.acknowledge_use.then_some("use");
                let query = [("confirm", saying.confirm), ("acknowledge", acknowledged)];
                let path = with_query(&format!("/v1/tokens/{id}"), &query);
                client.delete(&path).map(|_| json!({"id": id.to_string(), "deleted": true}))
            }
        }
    }
}

/// What makes a client, once everything that needs none was checked.
pub(super) type Connect<'c> = &'c dyn Fn(&mut Terminal<'_>) -> Result<Client, Failure>;

/// Changes that can be taken back.
pub(super) fn change(
    verb: Verb,
    args: &ChangeArgs,
    connect: Connect<'_>,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let ids = args.ids()?;
    let client = connect(terminal)?;
    each(&ids, args.output, terminal, |id, _| verb.send(id, Saying::default(), &client).map(|record| (verb, record)))
}

/// Changes that cannot.
pub(super) fn end(
    verb: Verb,
    args: &EndArgs,
    connect: Connect<'_>,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let ids = args.tokens.ids()?;
    let given = args.confirm.as_deref().or(args.yes.then_some("yes"));
    confirm::possible(given.is_some(), verb.name(), terminal)?;
    let client = connect(terminal)?;
    if let Some(given) = given {
        return each(&ids, args.tokens.output, terminal, |id, _| {
            let saying = Saying { confirm: Some(given), acknowledge_use: args.acknowledge_use };
            verb.send(id, saying, &client).map(|record| (verb, record))
        });
    }
    each(&ids, args.tokens.output, terminal, |id, terminal| {
        let token = client.get(&format!("/v1/tokens/{id}"))?;
        let name = token["name"].as_str().unwrap_or_default();
        confirm::confirm(verb.name(), &id.to_string(), name, terminal)?;
        let confirm = Some(if name.is_empty() { "yes" } else { name });
        let saying = Saying { confirm, acknowledge_use: args.acknowledge_use };
        verb.send(id, saying, &client).map(|record| (verb, record))
    })
}

impl ChangeArgs {
    /// Each once, in the order in which they were first named.
    fn ids(&self) -> Result<Vec<TokenId>, Failure> {
        let mut ids = Vec::new();
        for text in &self.ids {
            let id = token_id(text)?;
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        Ok(ids)
    }
}

/// Does it for each, goes on after a refusal, and ends with the first failure's code.
fn each(
    ids: &[TokenId],
    shape: Shape,
    terminal: &mut Terminal<'_>,
    mut work: impl FnMut(TokenId, &mut Terminal<'_>) -> Result<(Verb, Value), Failure>,
) -> Result<Exit, Failure> {
    let mut exit = Exit::Ok;
    for (at, &id) in ids.iter().enumerate() {
        match work(id, terminal) {
            Ok((verb, record)) => terminal.print(&match shape {
                Shape::Table => format!("{id} {}\n", verb.done()),
                Shape::Json | Shape::Jsonl => format!("{record}\n"),
            })?,
            Err(failure) => {
                let failure = failure.about(&id.to_string());
                terminal.note(&if shape != Shape::Table { failure.json() } else { failure.text() });
                if exit == Exit::Ok {
                    exit = failure.exit;
                }
                // The others would fail in the same way, each after its own wait.
                let left = ids.len() - at - 1;
                if matches!(failure.exit, Exit::Unreachable | Exit::Authentication | Exit::TryLater) && left > 0 {
                    terminal.note(&format!("{left} not tried\n"));
                    break;
                }
            }
        }
    }
    Ok(exit)
}
