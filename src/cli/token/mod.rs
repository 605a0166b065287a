//! `keygate token …`: the life of tokens, over the admin API; and what a token's text says, without it.

mod bulk;
mod change;
mod create;
mod filter;
mod inspect;
mod list;
mod regex;
mod reveal;
mod revoke;
pub(super) mod rights;
mod rotate;
mod usage;
mod verify;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Environment;
use super::args::AdminArgs;
use super::client::Client;
use super::exit::Exit;
use super::failure::Failure;
use super::label::LabelEditArgs;
use super::output::{RecordOutput, Shape};
use super::render::{self, Column, Frame, cell, column, minute};
use super::terminal::{Terminal, plain};
use crate::model::TokenId;
use change::{ChangeArgs, EndArgs, Verb};
use create::{CreateArgs, CreateShape};
use inspect::InspectArgs;
use list::ListArgs;
use regex::RegexArgs;
use reveal::RevealArgs;
use revoke::RevokeArgs;
use rotate::RotateArgs;
use verify::VerifyArgs;

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Makes a token and prints its text, once
    #[command(after_help = "Examples:\n  keygate token create ci --read --expires 90d -o raw\n  \
        keygate token create importer --grant 'devices=read+write' --rate 100/1m\n  \
        keygate token create dashboard --kind shared --read --filter region=eu")]
    Create(CreateArgs),
    /// Lists tokens, never their texts
    #[command(after_help = "Examples:\n  keygate token list --state active\n  \
        keygate token list --all --field id")]
    List(ListArgs),
    /// Shows all that is known of a token
    #[command(after_help = "Examples:\n  keygate token show tok_…")]
    Show(ShowArgs),
    /// Shows how much a token was used of late, by which routes and from where
    #[command(after_help = "Examples:\n  keygate token usage tok_…")]
    Usage(ShowArgs),
    /// Prints a token's text once more, where the policy keeps a copy of it
    #[command(after_help = "Examples:\n  keygate token reveal tok_…")]
    Reveal(RevealArgs),
    /// Gives a token another text; the old one stays valid for a while, is ended, or is taken back
    #[command(
        after_help = "Examples:\n  keygate token rotate tok_… --overlap 24h\n  keygate token rotate tok_… --overlap 0s -o raw\n  keygate token rotate tok_… --end\n  keygate token rotate tok_… --undo"
    )]
    Rotate(RotateArgs),
    /// Changes a token's name, description, rights, filters, labels or expiry
    #[command(after_help = "Examples:\n  keygate token update tok_… --description 'nightly job'")]
    Update(UpdateArgs),
    /// Refuses tokens until they are enabled again
    #[command(after_help = "Examples:\n  keygate token disable tok_…")]
    Disable(ChangeArgs),
    /// Accepts disabled tokens again
    #[command(after_help = "Examples:\n  keygate token enable tok_…")]
    Enable(ChangeArgs),
    /// Refuses tokens for good; their records stay
    #[command(after_help = "Examples:\n  keygate token revoke tok_… --yes\n  \
        keygate token revoke --label env=test --unused-for 90d --dry-run")]
    Revoke(RevokeArgs),
    /// Removes tokens and their records
    #[command(after_help = "Examples:\n  keygate token delete tok_… --yes")]
    Delete(EndArgs),
    /// Says what a token's text is worth now; exit code 5: nothing
    #[command(after_help = "Examples:\n  keygate token create checked --read -o raw | keygate token verify")]
    Verify(VerifyArgs),
    /// Says what a text is, without a server: prefix, kind, checksum
    #[command(
        after_help = "Examples:\n  keygate token create looked-at --read -o raw | keygate token inspect\n  keygate token inspect token.txt --field kind"
    )]
    Inspect(InspectArgs),
    /// Prints what secret scanners need to find this installation's tokens
    #[command(after_help = "Examples:\n  keygate token regex\n  keygate token regex --format gitleaks >gitleaks.toml")]
    Regex(RegexArgs),
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The token's id, tok_…
    id: String,
    #[command(flatten)]
    output: RecordOutput,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
pub(super) struct UpdateArgs {
    /// The token's id, tok_…
    id: String,
    /// The new name
    #[arg(long, group = "change")]
    name: Option<String>,
    /// The new description
    #[arg(long, value_name = "TEXT", group = "change")]
    description: Option<String>,
    /// `90d`, `2027-01-31`, an RFC 3339 time, or `never`
    #[arg(long, value_name = "WHEN", group = "change")]
    expires: Option<String>,
    #[command(flatten)]
    rights: rights::RightsArgs,
    #[command(flatten)]
    labels: LabelEditArgs,
    #[command(flatten)]
    output: RecordOutput,
}

impl TokenCommand {
    pub(super) fn wants_json(&self) -> bool {
        match self {
            TokenCommand::Create(args) => args.output == CreateShape::Json,
            TokenCommand::List(args) => args.wants_json(),
            TokenCommand::Show(args) | TokenCommand::Usage(args) => args.output.wants_json(),
            TokenCommand::Reveal(args) => args.output == CreateShape::Json,
            TokenCommand::Rotate(args) => args.output == CreateShape::Json,
            TokenCommand::Update(args) => args.output.wants_json(),
            TokenCommand::Disable(args) | TokenCommand::Enable(args) => args.output != Shape::Table,
            TokenCommand::Revoke(args) => args.output != Shape::Table,
            TokenCommand::Delete(args) => args.tokens.output != Shape::Table,
            TokenCommand::Verify(args) => args.output.wants_json(),
            TokenCommand::Inspect(args) => args.output.wants_json(),
            TokenCommand::Regex(_) => false,
        }
    }
}

pub(super) fn token(
    command: &TokenCommand,
    admin: &AdminArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    // What can be refused without a server is refused first.
    let connect = |terminal: &mut Terminal<'_>| Client::new(admin, environment, terminal);
    match command {
        TokenCommand::Create(args) => {
            let body = args.body()?;
            create::create(args, &body, &connect(terminal)?, terminal)
        }
        TokenCommand::List(args) => list::list(args, &connect(terminal)?, terminal),
        TokenCommand::Show(args) => {
            let id = token_id(&args.id)?;
            let record = connect(terminal)?.get(&format!("/v1/tokens/{id}"))?;
            print(&record, &args.output, terminal)
        }
        TokenCommand::Usage(args) => {
            let id = token_id(&args.id)?;
            let record = connect(terminal)?.get(&format!("/v1/tokens/{id}/usage"))?;
            args.output.print(&record, |frame| usage::table(&record, frame), terminal)
        }
        TokenCommand::Reveal(args) => reveal::reveal(args.id()?, args, &connect(terminal)?, terminal),
        TokenCommand::Rotate(args) => {
            let call = args.call()?;
            rotate::rotate(&call, args.output, &connect(terminal)?, terminal)
        }
        TokenCommand::Update(args) => {
            let (id, body) = (token_id(&args.id)?, args.body()?);
            let record = connect(terminal)?.patch(&format!("/v1/tokens/{id}"), &body)?;
            print(&record, &args.output, terminal)
        }
        TokenCommand::Disable(args) => change::change(Verb::Disable, args, &connect, terminal),
        TokenCommand::Enable(args) => change::change(Verb::Enable, args, &connect, terminal),
        TokenCommand::Revoke(args) => revoke::revoke(args, &connect, terminal),
        TokenCommand::Delete(args) => change::end(Verb::Delete, args, &connect, terminal),
        TokenCommand::Verify(args) => {
            let text = args.text(admin, terminal)?;
            verify::verify(&text, &args.output, &connect(terminal)?, terminal)
        }
        TokenCommand::Inspect(args) => inspect::inspect(args, terminal),
        TokenCommand::Regex(args) => regex::regex(args, environment, terminal),
    }
}

impl UpdateArgs {
    fn body(&self) -> Result<Value, Failure> {
        let fields = [("name", &self.name), ("description", &self.description), ("expires", &self.expires)];
        let given = fields.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text.as_deref()?.into())));
        let mut body = given.collect();
        self.rights.put(&mut body)?;
        self.labels.put(&mut body)?;
        Ok(Value::Object(body))
    }
}

/// The argument as an id. It is not repeated in the error: it may be a token's text.
fn token_id(text: &str) -> Result<TokenId, Failure> {
    text.parse().map_err(|error| {
        Failure::usage(format!("the argument is no token id: {error}"))
            .hint("a token is named by its id, tok_…, and not by its text or its name: `keygate token list` shows ids")
    })
}

/// The order in which a token's fields are shown.
const FIELDS: &[&str] = &[
    "id",
    "name",
    "description",
    "account",
    "kind",
    "user",
    "state",
    "grants",
    "roles",
    "filters",
    "labels",
    "expires",
    "not_before",
    "rate_limit",
    "hint",
    "created",
    "created_by",
    "last_used",
    "requests",
    "rotation",
    "old_text",
];

const COLUMNS: &[Column] = &[
    column("ID", |token| cell(&token["id"])),
    column("NAME", |token| cell(&token["name"])),
    column("KIND", |token| cell(&token["kind"])).if_room(3),
    column("STATE", |token| cell(&token["state"])),
    column("GRANTS", |token| cell(if token["roles"] == json!([]) { &token["grants"] } else { &token["roles"] }))
        .if_room(2),
    column("EXPIRES", |token| if token["expires"].is_null() { "never".to_owned() } else { minute(&token["expires"]) }),
    column("LAST USED", |token| minute(&token["last_used"])).if_room(1),
    column("REQUESTS", |token| cell(&token["requests"])).wide(),
    column("ACCOUNT", |token| cell(&token["account"])).wide(),
    column("USER", |token| cell(&token["user"])).wide(),
    column("FILTERS", |token| cell(&token["filters"])).wide(),
    column("HINT", |token| cell(&token["hint"])).wide(),
    column("OLD TEXT", |token| match &token["rotation"]["old"] {
        old if old["valid"] == true => minute(&old["until"]),
        _ => "-".to_owned(),
    })
    .wide(),
    column("CREATED", |token| cell(&token["created"])).wide(),
    column("CREATED BY", |token| cell(&token["created_by"])).wide(),
    column("DESCRIPTION", |token| cell(&token["description"])).wide(),
];

fn print(record: &Value, output: &RecordOutput, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    output.print(record, |frame| table(record, frame), terminal)?;
    if output.is_for_people() {
        warn(record, terminal);
    }
    Ok(Exit::Ok)
}

/// One token, one line a field.
fn table(token: &Value, frame: Frame) -> String {
    let mut shown = token.clone();
    if shown["rate_limit"].is_object() {
        shown["rate_limit"] = render::rate(&token["rate_limit"]).into();
    }
    if shown.get("expires").is_some_and(Value::is_null) {
        shown["expires"] = "never".into();
    }
    // They are remarks, and stand in sentences of their own.
    if let Some(fields) = shown.as_object_mut() {
        fields.remove("warnings");
        fields.remove("rotation");
        if let Some((rotated, old)) = rotate::in_words(&token["rotation"]) {
            fields.insert("rotation".to_owned(), rotated.into());
            fields.insert("old_text".to_owned(), old.into());
        }
    }
    render::record(&shown, FIELDS, frame)
}

/// What is worth a word about the token, on standard error.
fn warn(token: &Value, terminal: &mut Terminal<'_>) {
    let warnings = token["warnings"].as_array().map(Vec::as_slice).unwrap_or_default();
    for message in warnings.iter().filter_map(|warning| warning["message"].as_str()) {
        terminal.note(&format!("warning: {}\n", plain(message)));
    }
}

#[cfg(test)]
mod tests;
