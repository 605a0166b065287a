//! `keygate account …`: the tree of accounts, over the admin API.

use clap::{ArgAction, Args, Subcommand, ValueEnum};
use serde_json::{Map, Value};

use super::Environment;
use super::args::AdminArgs;
use super::client::{Client, with_query};
use super::confirm;
use super::exit::Exit;
use super::failure::Failure;
use super::label::{LabelArgs, LabelEditArgs};
use super::listing::{Listing, PageArgs};
use super::once::OnceArgs;
use super::output::{ListOutput, RecordOutput};
use super::render::{Column, cell, column};
use super::terminal::Terminal;
use super::token::rights::{parse_grant, wire_grants};
use super::user::UserFilterArgs;
use crate::model::{AccountId, Grants};

#[derive(Debug, Subcommand)]
pub(super) enum AccountCommand {
    /// Makes an account below another
    #[command(after_help = "Examples:\n  keygate account create eu\n  \
        keygate account create staging --parent acc_… --ceiling devices=read")]
    Create(CreateArgs),
    /// Lists the accounts within reach
    #[command(after_help = "Examples:\n  keygate account list\n  keygate account list -o wide\n  \
        keygate account list --label env=prod --sort name")]
    List(ListArgs),
    /// Shows one account
    #[command(after_help = "Examples:\n  keygate account show acc_… --field state")]
    Show(ShowArgs),
    /// Renames, moves, limits, hides, suspends or reopens an account
    #[command(after_help = "Examples:\n  keygate account update acc_… --name emea\n  \
        keygate account update acc_… --state suspended")]
    Update(UpdateArgs),
    /// Lists who is a member of an account, and with which roles
    #[command(after_help = "Examples:\n  keygate account members acc_…")]
    Members(MembersArgs),
    /// Removes an account; one that is not empty with everything in it and below it
    #[command(after_help = "Examples:\n  keygate account delete acc_… --yes\n  \
        keygate account delete acc_… --everything --yes")]
    Delete(DeleteArgs),
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("change").multiple(true))]
pub(super) struct CreateArgs {
    /// Whose it is: a customer, a project, an environment
    name: String,
    /// The account above it, acc_… [default: the admin token's account]
    #[arg(long, value_name = "ID")]
    parent: Option<String>,
    /// Whether tokens of the accounts above reach into it
    #[arg(long, value_name = "true|false", action = ArgAction::Set)]
    visible_to_parent: Option<bool>,
    #[command(flatten)]
    limits: LimitArgs,
    #[command(flatten)]
    labels: LabelArgs,
    #[command(flatten)]
    once: OnceArgs,
    #[command(flatten)]
    output: RecordOutput,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// This account, acc_…, and those below it [default: the admin token's account]
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Those directly below this one, acc_…
    #[arg(long, value_name = "ID")]
    parent: Option<String>,
    /// active or suspended
    #[arg(long)]
    state: Option<String>,
    /// With this plan
    #[arg(long, value_name = "NAME")]
    plan: Option<String>,
    /// With this policy of their own
    #[arg(long, value_name = "NAME")]
    policy: Option<String>,
    /// With this text in the name
    #[arg(short, long = "search", value_name = "TEXT")]
    q: Option<String>,
    /// With these labels: `env=prod,team!=x`, `env in (a,b)`, `env`, `!env`; may be repeated
    #[arg(long = "label", value_name = "SELECTOR")]
    labels: Vec<String>,
    /// created or name; with - before it in the other direction
    #[arg(long, value_name = "[-]FIELD", allow_hyphen_values = true)]
    sort: Option<String>,
    #[command(flatten)]
    output: ListOutput,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The account's id, acc_…
    id: String,
    #[command(flatten)]
    output: RecordOutput,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
pub(super) struct UpdateArgs {
    /// The account's id, acc_…
    id: String,
    /// The new name
    #[arg(long, group = "change")]
    name: Option<String>,
    /// Whether tokens of the accounts above reach into it
    #[arg(long, value_name = "true|false", action = ArgAction::Set, group = "change")]
    visible_to_parent: Option<bool>,
    /// suspended: every token of it and of the accounts below is refused
    #[arg(long, value_enum, group = "change")]
    state: Option<AccountState>,
    /// Moves it below another account, acc_…, with everything below it
    #[arg(long, value_name = "ID", group = "change")]
    parent: Option<String>,
    #[command(flatten)]
    limits: LimitArgs,
    /// Takes the ceiling away
    #[arg(long, group = "change", conflicts_with = "ceiling")]
    no_ceiling: bool,
    #[command(flatten)]
    labels: LabelEditArgs,
    #[command(flatten)]
    output: RecordOutput,
}

/// What limits an account; set from above.
#[derive(Debug, Default, Args)]
pub(super) struct LimitArgs {
    /// The most that tokens may do here and below: `devices=read`; may be repeated, and then no other
    /// resource may be used at all
    #[arg(long, value_name = "RESOURCE=ACCESS", group = "change")]
    ceiling: Vec<String>,
    /// What it has booked, by which policies allow kinds of tokens
    #[arg(long, value_name = "NAME", group = "change")]
    plan: Option<String>,
    /// The rules for its tokens and those below [default: those of the account above]
    #[arg(long, value_name = "NAME", group = "change")]
    policy: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct MembersArgs {
    /// The account's id, acc_…
    id: String,
    #[command(flatten)]
    filter: UserFilterArgs,
    #[command(flatten)]
    output: ListOutput,
}

#[derive(Debug, Args)]
pub(super) struct DeleteArgs {
    /// The account's id, acc_…
    id: String,
    /// Also its tokens, its users, and every account below
    #[arg(long)]
    everything: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum AccountState {
    Active,
    Suspended,
}

impl AccountCommand {
    pub(super) fn wants_json(&self) -> bool {
        match self {
            AccountCommand::Create(CreateArgs { output, .. })
            | AccountCommand::Show(ShowArgs { output, .. })
            | AccountCommand::Update(UpdateArgs { output, .. }) => output.wants_json(),
            AccountCommand::List(args) => args.output.wants_json(),
            AccountCommand::Members(args) => args.output.wants_json(),
            AccountCommand::Delete(_) => false,
        }
    }
}

pub(super) fn account(
    command: &AccountCommand,
    admin: &AdminArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    match command {
        AccountCommand::Create(args) => {
            let body = args.body()?;
            let account =
                Client::new(admin, environment, terminal)?.create("/v1/accounts", Some(&body), args.once.key())?;
            args.output.print_fields(&account, FIELDS, terminal)
        }
        AccountCommand::List(args) => list(args, &Client::new(admin, environment, terminal)?, terminal),
        AccountCommand::Show(args) => {
            let id = account_id(&args.id)?;
            let account = Client::new(admin, environment, terminal)?.get(&format!("/v1/accounts/{id}"))?;
            args.output.print_fields(&account, FIELDS, terminal)
        }
        AccountCommand::Update(args) => {
            let (id, body) = (account_id(&args.id)?, args.body()?);
            let client = Client::new(admin, environment, terminal)?;
            let account = client.patch(&format!("/v1/accounts/{id}"), &body)?;
            args.output.print_fields(&account, FIELDS, terminal)
        }
        AccountCommand::Members(args) => {
            let path = format!("/v1/accounts/{}/members", account_id(&args.id)?);
            let (pages, output) = (&PageArgs::all(), &args.output);
            Listing { path: &path, parameters: &args.filter.parameters(), pages, output, columns: MEMBERS }
                .print(&Client::new(admin, environment, terminal)?, terminal)
        }
        AccountCommand::Delete(args) => delete(args, admin, environment, terminal),
    }
}

impl CreateArgs {
    fn body(&self) -> Result<Value, Failure> {
        let mut body = Map::new();
        body.insert("name".to_owned(), self.name.as_str().into());
        if let Some(parent) = &self.parent {
            body.insert("parent".to_owned(), account_id(parent)?.to_string().into());
        }
        if let Some(visible) = self.visible_to_parent {
            body.insert("visible_to_parent".to_owned(), visible.into());
        }
        self.limits.put(&mut body)?;
        self.labels.put(&mut body)?;
        Ok(Value::Object(body))
    }
}

impl UpdateArgs {
    fn body(&self) -> Result<Value, Failure> {
        let mut body = Map::new();
        if let Some(name) = &self.name {
            body.insert("name".to_owned(), name.as_str().into());
        }
        if let Some(visible) = self.visible_to_parent {
            body.insert("visible_to_parent".to_owned(), visible.into());
        }
        if let Some(state) = self.state {
            let state = match state {
                AccountState::Active => "active",
                AccountState::Suspended => "suspended",
            };
            body.insert("state".to_owned(), state.into());
        }
        if let Some(parent) = &self.parent {
            body.insert("parent".to_owned(), account_id(parent)?.to_string().into());
        }
        self.limits.put(&mut body)?;
        self.labels.put(&mut body)?;
        if self.no_ceiling {
            body.insert("ceiling".to_owned(), Value::Null);
        }
        Ok(Value::Object(body))
    }
}

impl LimitArgs {
    fn put(&self, body: &mut Map<String, Value>) -> Result<(), Failure> {
        if !self.ceiling.is_empty() {
            let grants =
                self.ceiling.iter().map(|grant| parse_grant("ceiling", grant)).collect::<Result<Vec<_>, _>>()?;
            body.insert("ceiling".to_owned(), wire_grants(&Grants::new(grants)));
        }
        for (key, name) in [("plan", &self.plan), ("policy", &self.policy)] {
            if let Some(name) = name {
                body.insert(key.to_owned(), name.as_str().into());
            }
        }
        Ok(())
    }
}

fn delete(
    args: &DeleteArgs,
    admin: &AdminArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let id = account_id(&args.id)?;
    confirm::possible(args.yes, "delete", terminal)?;
    let client = Client::new(admin, environment, terminal)?;
    let path = format!("/v1/accounts/{id}");
    let account = client.get(&path)?;
    let name = account["name"].as_str().unwrap_or_default();
    if !args.yes {
        confirm::confirm("delete", &id.to_string(), name, terminal)?;
    }
    client.delete(&with_query(&path, &[("everything", args.everything.then_some(name))]))?;
    terminal.print(&format!("{id} deleted\n")).map(|()| Exit::Ok)
}

const FIELDS: &[&str] =
    &["id", "name", "parent", "state", "visible_to_parent", "ceiling", "plan", "policy", "labels", "created"];

const COLUMNS: &[Column] = &[
    column("ID", |account| cell(&account["id"])),
    column("NAME", |account| cell(&account["name"])),
    column("STATE", |account| cell(&account["state"])),
    column("PARENT", |account| cell(&account["parent"])).if_room(1),
    column("VISIBLE TO PARENT", |account| cell(&account["visible_to_parent"])).if_room(2),
    column("PLAN", |account| cell(&account["plan"])).wide(),
    column("POLICY", |account| cell(&account["policy"])).wide(),
    column("CEILING", |account| cell(&account["ceiling"])).wide(),
    column("CREATED", |account| cell(&account["created"])).wide(),
];

const MEMBERS: &[Column] = &[
    column("USER", |member| cell(&member["user"])),
    column("LOGIN", |member| cell(&member["login"])),
    column("NAME", |member| cell(&member["name"])).if_room(1),
    column("STATE", |member| cell(&member["state"])),
    column("ROLES", |member| cell(&member["roles"])),
];

fn list(args: &ListArgs, client: &Client, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let (pages, output) = (&PageArgs::all(), &args.output);
    let labels = (!args.labels.is_empty()).then(|| args.labels.join(","));
    let parameters = [
        ("account", args.account.as_deref()),
        ("parent", args.parent.as_deref()),
        ("state", args.state.as_deref()),
        ("plan", args.plan.as_deref()),
        ("policy", args.policy.as_deref()),
        ("q", args.q.as_deref()),
        ("label", labels.as_deref()),
        ("sort", args.sort.as_deref()),
    ];
    Listing { path: "/v1/accounts", parameters: &parameters, pages, output, columns: COLUMNS }.print(client, terminal)
}

/// The argument as an id; it is not repeated in the error, as with tokens.
fn account_id(text: &str) -> Result<AccountId, Failure> {
    text.parse().map_err(|error| {
        Failure::usage(format!("the argument is no account id: {error}")).hint("`keygate account list` shows ids")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_given_is_sent() {
        let update = UpdateArgs {
            id: String::new(),
            name: None,
            visible_to_parent: Some(false),
            state: Some(AccountState::Suspended),
            parent: None,
            limits: LimitArgs { ceiling: vec!["devices=read".into()], ..LimitArgs::default() },
            no_ceiling: false,
            labels: LabelEditArgs::default(),
            output: RecordOutput::default(),
        };
        assert_eq!(
            update.body().unwrap(),
            serde_json::json!({"visible_to_parent": false, "state": "suspended", "ceiling": {"devices": "read"}})
        );
    }

    #[test]
    fn a_parent_is_an_id() {
        let create = |parent: &str| CreateArgs {
            once: OnceArgs::default(),
            name: "eu".into(),
            parent: Some(parent.into()),
            visible_to_parent: None,
            limits: LimitArgs::default(),
            labels: LabelArgs::default(),
            output: RecordOutput::default(),
        };
        assert_eq!(create("main").body().unwrap_err().exit.code(), 2);
        let id = AccountId::fresh().to_string();
        assert_eq!(create(&id).body().unwrap(), serde_json::json!({"name": "eu", "parent": id}));
    }
}
