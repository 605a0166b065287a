//! `keygate user …`: people, over the admin API.

mod filter;
mod member;
mod proof;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Map, Value};

use super::Environment;
use super::args::AdminArgs;
use super::client::Client;
use super::confirm;
use super::exit::Exit;
use super::failure::Failure;
use super::listing::{Listing, PageArgs};
use super::once::OnceArgs;
use super::output::{ListOutput, RecordOutput};
use super::render::{Column, cell, column};
use super::terminal::Terminal;
use crate::model::{AccountId, UserId};
pub(super) use filter::UserFilterArgs;
use member::MemberCommand;
use proof::{AcceptArgs, InviteArgs, PasswordArgs};

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Makes a user, who can log in once it has a password
    #[command(after_help = "Examples:\n  \
        keygate user create grace@example.org --name 'Grace H.' --role admin\n  \
        keygate user create bot@example.org --account acc_… --role viewer -o json")]
    Create(CreateArgs),
    /// Lists the users of an account
    #[command(
        after_help = "Examples:\n  keygate user list\n  keygate user list --account acc_… --all --field login\n  \
        keygate user list --below --role owner --sort login"
    )]
    List(ListArgs),
    /// Shows all that is known of a user
    #[command(after_help = "Examples:\n  keygate user show usr_…")]
    Show(OneArgs),
    /// Changes a user's name, or sets its password
    #[command(after_help = "Examples:\n  keygate user update usr_… --name 'Ada Lovelace'")]
    Update(UpdateArgs),
    /// Refuses a user, its sessions and its tokens until it is enabled again
    #[command(after_help = "Examples:\n  keygate user disable usr_…")]
    Disable(OneArgs),
    /// Accepts a disabled user again
    #[command(after_help = "Examples:\n  keygate user enable usr_…")]
    Enable(OneArgs),
    /// Makes an invitation, by which a user sets its password
    #[command(after_help = "Examples:\n  keygate user invite usr_… -o raw")]
    Invite(InviteArgs),
    /// Sets the password of whom an invitation is for; needs no token
    #[command(after_help = "Both are asked for on a terminal. Elsewhere standard input has the invitation on its \
        first line and the password on its second.\n\nExamples:\n  keygate user accept")]
    Accept(AcceptArgs),
    /// Changes the password of the user that is logged in
    #[command(after_help = "Both are asked for on a terminal. Elsewhere standard input has the present password on \
        its first line and the new one on its second.\n\nExamples:\n  keygate user password")]
    Password(PasswordArgs),
    /// Removes a user, with its sessions and its personal tokens
    #[command(after_help = "Examples:\n  keygate user delete usr_… --yes")]
    Delete(DeleteArgs),
    /// What a user may do in which account
    #[command(subcommand)]
    Member(MemberCommand),
}

#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// By which the user logs in, such as an e-mail address
    login: String,
    /// Who it is
    #[arg(long)]
    name: Option<String>,
    /// From where it is managed, and the first account that it is a member of [default: the admin token's]
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// What it may do in that account; may be repeated
    #[arg(long = "role", value_name = "ROLE")]
    roles: Vec<String>,
    /// The file with its first password, `-` for standard input [default: none; see `user invite`]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    once: OnceArgs,
    #[command(flatten)]
    output: RecordOutput,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Of which account, acc_… [default: the admin token's account]
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Also those of the accounts below
    #[arg(long)]
    below: bool,
    #[command(flatten)]
    filter: UserFilterArgs,
    #[command(flatten)]
    pages: PageArgs,
    #[command(flatten)]
    output: ListOutput,
}

#[derive(Debug, Args)]
pub(super) struct OneArgs {
    /// The user's id, usr_…
    id: String,
    #[command(flatten)]
    output: RecordOutput,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
pub(super) struct UpdateArgs {
    /// The user's id, usr_…
    id: String,
    /// The new name
    #[arg(long, group = "change")]
    name: Option<String>,
    /// The file with a new password, `-` for standard input; ends the user's sessions
    #[arg(long, value_name = "FILE", group = "change")]
    password_file: Option<PathBuf>,
    #[command(flatten)]
    output: RecordOutput,
}

#[derive(Debug, Args)]
pub(super) struct DeleteArgs {
    /// The user's id, usr_…
    id: String,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

impl UserCommand {
    pub(super) fn wants_json(&self) -> bool {
        match self {
            UserCommand::Create(CreateArgs { output, .. })
            | UserCommand::Show(OneArgs { output, .. })
            | UserCommand::Disable(OneArgs { output, .. })
            | UserCommand::Enable(OneArgs { output, .. })
            | UserCommand::Update(UpdateArgs { output, .. }) => output.wants_json(),
            UserCommand::List(args) => args.output.wants_json(),
            UserCommand::Invite(args) => args.wants_json(),
            UserCommand::Member(command) => command.wants_json(),
            UserCommand::Accept(_) | UserCommand::Password(_) | UserCommand::Delete(_) => false,
        }
    }
}

pub(super) fn user(
    command: &UserCommand,
    admin: &AdminArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let connect = |terminal: &mut Terminal<'_>| Client::new(admin, environment, terminal);
    match command {
        UserCommand::Create(args) => {
            let body = args.body(terminal)?;
            let user = connect(terminal)?.create("/v1/users", Some(&body), args.once.key())?;
            args.output.print_fields(&user, FIELDS, terminal)?;
            if user["password"] == false && args.output.is_for_people() {
                let id = user["id"].as_str().unwrap_or("ID");
                terminal.note(&format!("It has no password yet: `keygate user invite {id}` lets it set one.\n"));
            }
            Ok(Exit::Ok)
        }
        UserCommand::List(args) => {
            let place = [("account", args.account.as_deref()), ("below", args.below.then_some("true"))];
            let parameters: Vec<_> = place.into_iter().chain(args.filter.parameters()).collect();
            let (pages, output) = (&args.pages, &args.output);
            Listing { path: "/v1/users", parameters: &parameters, pages, output, columns: COLUMNS }
                .print(&connect(terminal)?, terminal)
        }
        UserCommand::Show(args) => {
            let path = path(&args.id)?;
            args.output.print_fields(&connect(terminal)?.get(&path)?, FIELDS, terminal)
        }
        UserCommand::Update(args) => {
            let (path, body) = (path(&args.id)?, args.body(terminal)?);
            args.output.print_fields(&connect(terminal)?.patch(&path, &body)?, FIELDS, terminal)
        }
        UserCommand::Disable(args) => set_state(args, "disabled", &connect, terminal),
        UserCommand::Enable(args) => set_state(args, "active", &connect, terminal),
        UserCommand::Invite(args) => proof::invite(args, &connect, terminal),
        UserCommand::Accept(args) => proof::accept(args, admin, environment, terminal),
        UserCommand::Password(args) => proof::password(args, &connect, terminal),
        UserCommand::Delete(args) => delete(args, &connect, terminal),
        UserCommand::Member(command) => member::member(command, &connect, terminal),
    }
}

/// What makes a client, once everything that needs none was checked.
type Connect<'c> = &'c dyn Fn(&mut Terminal<'_>) -> Result<Client, Failure>;

impl CreateArgs {
    fn body(&self, terminal: &mut Terminal<'_>) -> Result<Value, Failure> {
        let mut body = Map::new();
        body.insert("login".to_owned(), self.login.as_str().into());
        for (key, text) in [("name", &self.name), ("account", &self.account)] {
            if let Some(text) = text {
                body.insert(key.to_owned(), text.as_str().into());
            }
        }
        if !self.roles.is_empty() {
            body.insert("roles".to_owned(), self.roles.as_slice().into());
        }
        if let Some(file) = &self.password_file {
            let password = terminal.secret_of_file(file, "--password-file")?;
            body.insert("password".to_owned(), password.as_str().into());
        }
        Ok(Value::Object(body))
    }
}

impl UpdateArgs {
    fn body(&self, terminal: &mut Terminal<'_>) -> Result<Value, Failure> {
        let mut body = Map::new();
        if let Some(name) = &self.name {
            body.insert("name".to_owned(), name.as_str().into());
        }
        if let Some(file) = &self.password_file {
            let password = terminal.secret_of_file(file, "--password-file")?;
            body.insert("password".to_owned(), password.as_str().into());
        }
        Ok(Value::Object(body))
    }
}

fn set_state(args: &OneArgs, state: &str, connect: Connect<'_>, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let path = path(&args.id)?;
    let user = connect(terminal)?.patch(&path, &serde_json::json!({ "state": state }))?;
    args.output.print_fields(&user, FIELDS, terminal)
}

fn delete(args: &DeleteArgs, connect: Connect<'_>, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let (id, path) = (user_id(&args.id)?, path(&args.id)?);
    confirm::possible(args.yes, "delete", terminal)?;
    let client = connect(terminal)?;
    if !args.yes {
        let user = client.get(&path)?;
        confirm::confirm("delete", &id.to_string(), user["login"].as_str().unwrap_or_default(), terminal)?;
    }
    client.delete(&path)?;
    terminal.print(&format!("{id} deleted\n")).map(|()| Exit::Ok)
}

const FIELDS: &[&str] =
    &["id", "login", "name", "account", "state", "password", "invitation_expires", "memberships", "created"];

const COLUMNS: &[Column] = &[
    column("ID", |user| cell(&user["id"])),
    column("LOGIN", |user| cell(&user["login"])),
    column("NAME", |user| cell(&user["name"])).if_room(2),
    column("STATE", |user| cell(&user["state"])),
    column("ROLES", roles).if_room(1),
    column("PASSWORD", |user| cell(&user["password"])).if_room(3),
    column("ACCOUNT", |user| cell(&user["account"])).wide(),
    column("MEMBERSHIPS", |user| cell(&user["memberships"])).wide(),
    column("CREATED", |user| cell(&user["created"])).wide(),
];

/// Those in the account that it is managed from.
fn roles(user: &Value) -> String {
    let memberships = user["memberships"].as_array().map(Vec::as_slice).unwrap_or_default();
    let home = memberships.iter().find(|membership| membership["account"] == user["account"]);
    home.map_or_else(|| "-".to_owned(), |membership| cell(&membership["roles"]))
}

/// The argument as an id; it is not repeated in the error.
fn user_id(text: &str) -> Result<UserId, Failure> {
    text.parse().map_err(|error| {
        Failure::usage(format!("the argument is no user id: {error}")).hint("`keygate user list` shows ids")
    })
}

fn path(text: &str) -> Result<String, Failure> {
    user_id(text).map(|id| format!("/v1/users/{id}"))
}

fn account_id(text: &str) -> Result<AccountId, Failure> {
    text.parse().map_err(|error| {
        Failure::usage(format!("the argument is no account id: {error}")).hint("`keygate account list` shows ids")
    })
}
