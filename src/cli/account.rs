//! `keygate account …`: the tree of accounts, over the admin API.

use clap::{ArgAction, Args, Subcommand, ValueEnum};
use serde_json::{Map, Value, json};

use super::Environment;
use super::args::{AdminArgs, ListShape, Shape};
use super::client::{Client, with_query};
use super::exit::Exit;
use super::failure::Failure;
use super::render::{self, Column, cell};
use super::terminal::Terminal;
use crate::model::AccountId;

#[derive(Debug, Subcommand)]
pub(super) enum AccountCommand {
    /// Makes an account below another
    Create(CreateArgs),
    /// Lists the accounts within reach
    List(ListArgs),
    /// Shows one account
    Show(ShowArgs),
    /// Renames, hides, suspends or reopens an account
    Update(UpdateArgs),
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// Whose it is: a customer, a project, an environment
    name: String,
    /// The account above it, acc_… [default: the admin token's account]
    #[arg(long, value_name = "ID")]
    parent: Option<String>,
    /// Whether tokens of the accounts above reach into it
    #[arg(long, value_name = "true|false", action = ArgAction::Set)]
    visible_to_parent: Option<bool>,
    #[arg(short, long, value_enum, default_value_t = Shape::Table)]
    output: Shape,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[arg(short, long, value_enum, default_value_t = ListShape::Table)]
    output: ListShape,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The account's id, acc_…
    id: String,
    #[arg(short, long, value_enum, default_value_t = Shape::Table)]
    output: Shape,
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
    #[arg(short, long, value_enum, default_value_t = Shape::Table)]
    output: Shape,
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
            | AccountCommand::Update(UpdateArgs { output, .. }) => *output == Shape::Json,
            AccountCommand::List(args) => args.output != ListShape::Table,
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
            let account = Client::new(admin, environment, terminal)?.post("/v1/accounts", Some(&body))?;
            print(&account, args.output, terminal)
        }
        AccountCommand::List(args) => list(args, &Client::new(admin, environment, terminal)?, terminal),
        AccountCommand::Show(args) => {
            let id = account_id(&args.id)?;
            let account = Client::new(admin, environment, terminal)?.get(&format!("/v1/accounts/{id}"))?;
            print(&account, args.output, terminal)
        }
        AccountCommand::Update(args) => {
            let id = account_id(&args.id)?;
            let client = Client::new(admin, environment, terminal)?;
            print(&client.patch(&format!("/v1/accounts/{id}"), &args.body())?, args.output, terminal)
        }
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
        Ok(Value::Object(body))
    }
}

impl UpdateArgs {
    fn body(&self) -> Value {
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
        Value::Object(body)
    }
}

const FIELDS: &[&str] = &["id", "name", "parent", "state", "visible_to_parent", "created"];

const COLUMNS: &[Column] = &[
    ("ID", |account| cell(&account["id"])),
    ("NAME", |account| cell(&account["name"])),
    ("STATE", |account| cell(&account["state"])),
    ("PARENT", |account| cell(&account["parent"])),
    ("VISIBLE TO PARENT", |account| cell(&account["visible_to_parent"])),
];

fn list(args: &ListArgs, client: &Client, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let mut items = Vec::new();
    let mut cursor = None;
    loop {
        let page = client.page(&with_query("/v1/accounts", &[("cursor", cursor.as_deref())]))?;
        items.extend(page.items);
        // A cursor that does not move would be asked for without end.
        if page.next.is_none() || page.next == cursor {
            break;
        }
        cursor = page.next;
    }
    let text = match args.output {
        ListShape::Table => render::list(COLUMNS, &items, terminal.width),
        ListShape::Json => format!("{:#}\n", json!({"items": items, "next": null})),
        ListShape::Jsonl => items.iter().map(|item| format!("{item}\n")).collect(),
    };
    terminal.print(&text).map(|()| Exit::Ok)
}

fn print(account: &Value, shape: Shape, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let text = match shape {
        Shape::Table => render::record(account, FIELDS, terminal.width),
        Shape::Json => format!("{account:#}\n"),
    };
    terminal.print(&text).map(|()| Exit::Ok)
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
            output: Shape::Table,
        };
        assert_eq!(update.body(), serde_json::json!({"visible_to_parent": false, "state": "suspended"}));
    }

    #[test]
    fn a_parent_is_an_id() {
        let create = |parent: &str| CreateArgs {
            name: "eu".into(),
            parent: Some(parent.into()),
            visible_to_parent: None,
            output: Shape::Table,
        };
        assert_eq!(create("main").body().unwrap_err().exit.code(), 2);
        let id = AccountId::fresh().to_string();
        assert_eq!(create(&id).body().unwrap(), serde_json::json!({"name": "eu", "parent": id}));
    }
}
