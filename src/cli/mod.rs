//! The command line: clap types, one file a command group, and a small client of the admin API.
//!
//! Knows the admin API by its calls alone, never the store; `run`, `check`, `init`, `demo` and the offline
//! part of `store` use the composition root. Secrets are never arguments, and go to standard output alone.

mod account;
mod args;
mod audit;
mod check;
mod client;
mod color;
mod config_file;
mod confirm;
mod credential;
mod demo;
#[cfg(test)]
mod examples;
mod exit;
mod explain;
mod failure;
mod healthcheck;
mod hidden;
pub mod import;
mod init;
mod label;
mod listing;
mod login;
mod once;
mod output;
mod policy;
mod progress;
mod render;
mod role;
mod route;
mod run;
mod session;
mod shell;
mod store;
mod stored;
mod terminal;
mod token;
mod usage;
mod user;
mod webhook;
mod whoami;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{ColorChoice, CommandFactory, FromArgMatches};

use args::{Cli, Command};
use exit::Exit;
use failure::Failure;
pub use run::log_filter;
use terminal::Terminal;

use crate::model::without_tokens;

/// The process's environment, read once by `main`.
pub type Environment = BTreeMap<String, String>;

/// Does what the arguments say. Prints every result and every error itself.
pub fn run(arguments: impl IntoIterator<Item = OsString>, environment: &Environment) -> ExitCode {
    let arguments: Vec<_> = arguments.into_iter().collect();
    let program = terminal::program(arguments.first());
    let cli = match parse(arguments, environment) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are errors to clap; a closed pipe is none to us.
            let _ = print(&error);
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Ok };
            return exit.into();
        }
    };
    // Not locked: a gateway that runs in this process may write its access log to the same streams.
    let (mut stdout, mut stderr, mut stdin) = (io::stdout(), io::stderr(), io::stdin().lock());
    let mut terminal = Terminal {
        out: &mut stdout,
        err: &mut stderr,
        input: &mut stdin,
        interactive: terminal::is_interactive(),
        quiet: || hidden::Quiet::begin().map(Some),
        width: terminal::width(environment),
        color: terminal::colors(cli.color, environment),
        program,
    };
    perform(&cli, environment, &mut terminal).into()
}

/// Prints what clap says. It repeats arguments that it does not know, and one of them may be a token.
fn print(error: &clap::Error) -> io::Result<()> {
    match without_tokens(&error.render().to_string()) {
        Cow::Borrowed(_) => error.print(),
        Cow::Owned(text) => io::stderr().write_all(text.as_bytes()),
    }
}

/// The command line understood; or the help, the version or the mistake to print.
fn parse(arguments: Vec<OsString>, environment: &Environment) -> Result<Cli, clap::Error> {
    let (out, err) = terminal::colors(color::asked(&arguments), environment);
    let choice = if out && err { ColorChoice::Always } else { ColorChoice::Never };
    Cli::from_arg_matches(&Cli::command().color(choice).try_get_matches_from(arguments)?)
}

/// The command's exit code, after its failure was told on standard error.
fn perform(cli: &Cli, environment: &Environment, terminal: &mut Terminal<'_>) -> Exit {
    match dispatch(cli, environment, terminal) {
        Ok(exit) => exit,
        Err(failure) => {
            let text = if cli.command.wants_json() { failure.json() } else { failure.text() };
            // An argument that cannot be used is repeated, and somebody gave a token in its place.
            terminal.note(&without_tokens(&text));
            failure.exit
        }
    }
}

fn dispatch(cli: &Cli, environment: &Environment, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    match &cli.command {
        Command::Run(args) => run::run(args, environment, terminal),
        Command::Check(args) => check::check(args, environment, terminal),
        Command::Init(args) => init::init(args, environment, terminal),
        Command::Demo(args) => demo::demo(args, terminal),
        Command::Token(command) => token::token(command, &cli.admin, environment, terminal),
        Command::Account(command) => account::account(command, &cli.admin, environment, terminal),
        Command::Policy(command) => policy::policy(command, &cli.admin, environment, terminal),
        Command::Audit(command) => audit::audit(command, &cli.admin, environment, terminal),
        Command::Store(command) => store::store(command, &cli.admin, environment, terminal),
        Command::Webhook(command) => webhook::webhook(command, &cli.admin, environment, terminal),
        Command::Whoami(args) => whoami::whoami(args, &cli.admin, environment, terminal),
        Command::User(command) => user::user(command, &cli.admin, environment, terminal),
        Command::Role(command) => role::role(command, &cli.admin, environment, terminal),
        Command::Session(command) => session::session(command, &cli.admin, environment, terminal),
        Command::Route(command) => route::route(command, &cli.admin, environment, terminal),
        Command::Usage(args) => usage::usage(args, &cli.admin, environment, terminal),
        Command::Import(args) => import::import(args, &cli.admin, environment, terminal),
        Command::Login(args) => login::login(args, &cli.admin, environment, terminal),
        Command::Logout(args) => login::logout(args, environment, terminal),
        Command::Completions(args) => shell::completions(args, terminal),
        Command::Man(args) => shell::man(args, terminal),
        Command::Explain(args) => explain::explain(args, &cli.admin, environment, terminal),
        Command::Healthcheck(args) => healthcheck::healthcheck(args, &cli.admin, environment),
        Command::Version(args) => terminal.print(&args.text()).map(|()| Exit::Ok),
        Command::ExitCodes => terminal.print(exit::TABLE).map(|()| Exit::Ok),
    }
}
