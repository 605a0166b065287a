//! `keygate user invite|accept|password`: what a user proves itself with.

use clap::{Args, ValueEnum};
use serde_json::json;

use super::super::Environment;
use super::super::args::AdminArgs;
use super::super::client::Client;
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::terminal::Terminal;
use super::{Connect, path};

#[derive(Debug, Args)]
pub(in crate::cli) struct InviteArgs {
    /// The user's id, usr_…
    id: String,
    /// What is printed: all of it, or only the invitation's text
    #[arg(short, long, value_enum, default_value_t = InviteShape::Table)]
    output: InviteShape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum InviteShape {
    Table,
    Json,
    /// Only the invitation's text
    Raw,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct AcceptArgs {}

#[derive(Debug, Args)]
pub(in crate::cli) struct PasswordArgs {}

impl InviteArgs {
    pub(super) fn wants_json(&self) -> bool {
        self.output == InviteShape::Json
    }
}

pub(super) fn invite(args: &InviteArgs, connect: Connect<'_>, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let path = path(&args.id)?;
    let answer = connect(terminal)?.post(&format!("{path}/invitation"), None)?;
    let Some(text) = answer["invitation"].as_str() else {
        return Err(Failure::failed("the admin API sent no invitation")
            .hint("is this the admin API of keygate? see --admin-url"));
    };
    let printed = match args.output {
        InviteShape::Table => format!("invitation: {text}\n"),
        InviteShape::Json => format!("{answer:#}\n"),
        InviteShape::Raw => format!("{text}\n"),
    };
    // It is not shown again, so a closed pipe is a failure.
    terminal.deliver(&printed).map_err(|error| {
        Failure::failed(format!("an invitation was made, but its text could not be written: {error}"))
            .hint("make another one, which takes its place")
    })?;
    if args.output == InviteShape::Table {
        let until = answer["expires"].as_str().unwrap_or_default();
        terminal.note(&format!("Good until {until}, once. The user sets a password with `keygate user accept`.\n"));
    }
    Ok(Exit::Ok)
}

pub(super) fn accept(
    _: &AcceptArgs,
    admin: &AdminArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let client = Client::stranger(admin, environment, terminal)?;
    let invitation = terminal.ask_secret("Invitation: ")?;
    let password = terminal.ask_new_password()?;
    let body = json!({"invitation": invitation.trim(), "password": password.as_str()});
    client.post("/v1/invitations", Some(&body))?;
    terminal.print("the password is set; `keygate login` begins a session\n").map(|()| Exit::Ok)
}

pub(super) fn password(_: &PasswordArgs, connect: Connect<'_>, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let client = connect(terminal)?;
    let current = terminal.ask_secret("Present password: ")?;
    let new = terminal.ask_new_password()?;
    client.put("/v1/users/me/password", &json!({"current": current.as_str(), "new": new.as_str()}))?;
    terminal.print("the password is changed; every other session of yours is over\n").map(|()| Exit::Ok)
}
