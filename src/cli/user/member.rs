//! `keygate user member …`: the roles of a user in an account.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::super::confirm;
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::output::RecordOutput;
use super::super::terminal::Terminal;
use super::{Connect, account_id, user_id};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum MemberCommand {
    /// Makes a user a member of an account
    #[command(after_help = "Examples:\n  keygate user member add usr_… acc_… --role viewer")]
    Add(RolesArgs),
    /// Gives a member other roles in place of those that it has
    #[command(after_help = "Examples:\n  keygate user member set usr_… acc_… --role admin")]
    Set(RolesArgs),
    /// Takes a user out of an account; its tokens there are refused from then on
    #[command(after_help = "Examples:\n  keygate user member remove usr_… acc_… --yes")]
    Remove(RemoveArgs),
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RolesArgs {
    /// The user's id, usr_…; to `add` one, its login will do
    user: String,
    /// The account's id, acc_…
    account: String,
    /// What it may do there; may be repeated
    #[arg(long = "role", value_name = "ROLE", required = true)]
    roles: Vec<String>,
    #[command(flatten)]
    output: RecordOutput,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct RemoveArgs {
    /// The user's id, usr_…
    user: String,
    /// The account's id, acc_…
    account: String,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
}

impl MemberCommand {
    pub(super) fn wants_json(&self) -> bool {
        match self {
            MemberCommand::Add(args) | MemberCommand::Set(args) => args.output.wants_json(),
            MemberCommand::Remove(_) => false,
        }
    }
}

pub(super) fn member(
    command: &MemberCommand,
    connect: Connect<'_>,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    match command {
        MemberCommand::Add(args) => {
            let account = account_id(&args.account)?;
            let body = json!({"user": args.user, "roles": args.roles});
            let member = connect(terminal)?.create(&format!("/v1/accounts/{account}/members"), Some(&body), None)?;
            print(&member, args, terminal)
        }
        MemberCommand::Set(args) => {
            let path = path(&args.user, &args.account)?;
            let member = connect(terminal)?.patch(&path, &json!({"roles": args.roles}))?;
            print(&member, args, terminal)
        }
        MemberCommand::Remove(args) => {
            let path = path(&args.user, &args.account)?;
            confirm::possible(args.yes, "remove", terminal)?;
            let client = connect(terminal)?;
            if !args.yes {
                let member = client.get(&path)?;
                let what = format!("{} from {}", args.user, args.account);
                confirm::confirm("remove", &what, member["login"].as_str().unwrap_or_default(), terminal)?;
            }
            client.delete(&path)?;
            terminal.print(&format!("{} removed from {}\n", args.user, args.account)).map(|()| Exit::Ok)
        }
    }
}

fn print(member: &Value, args: &RolesArgs, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    args.output.print_fields(member, &["user", "login", "name", "state", "roles"], terminal)
}

fn path(user: &str, account: &str) -> Result<String, Failure> {
    Ok(format!("/v1/accounts/{}/members/{}", account_id(account)?, user_id(user)?))
}
