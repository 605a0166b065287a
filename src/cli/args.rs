//! The arguments of every command.
//!
//! The environment's part of them is read where it is used, from the map that `main` passes in.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::account::AccountCommand;
use super::audit::AuditCommand;
use super::color::When;
use super::exit;
use super::explain::ExplainArgs;
use super::import::{self, ImportArgs};
use super::login::{LoginArgs, LogoutArgs};
use super::output::RecordOutput;
use super::policy::PolicyCommand;
use super::role::RoleCommand;
use super::route::RouteCommand;
use super::session::SessionCommand;
use super::shell::{CompletionsArgs, ManArgs};
use super::store::StoreCommand;
use super::token::TokenCommand;
use super::usage::UsageArgs;
use super::user::UserCommand;
use super::webhook::WebhookCommand;
use crate::config::Preset;

/// A reverse-proxy authentication gateway for opaque bearer tokens.
#[derive(Debug, Parser)]
#[command(name = "keygate", version, max_term_width = 100)]
#[command(after_help = "Start with `keygate demo`. Exit codes: `keygate help exit-codes`.")]
pub(super) struct Cli {
    #[command(flatten)]
    pub admin: AdminArgs,
    /// Colours: auto has them on a terminal, and minds NO_COLOR and CLICOLOR_FORCE
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = When::Auto, hide_possible_values = false)]
    pub color: When,
    #[command(subcommand)]
    pub command: Command,
}

/// How the admin API is reached.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Admin API")]
pub(super) struct AdminArgs {
    /// Where the admin API listens [env: KEYGATE_ADMIN_URL] [default: http://127.0.0.1:9901]
    #[arg(long, global = true, value_name = "URL")]
    pub admin_url: Option<String>,
    /// The file with the token for the admin API, `-` for standard input [env: KEYGATE_ADMIN_TOKEN, or
    /// KEYGATE_ADMIN_TOKEN_FILE]
    #[arg(long, global = true, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Certificates (PEM) to trust for an https admin URL, in place of the system's
    #[arg(long, global = true, value_name = "FILE")]
    pub ca: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Runs the gateway until SIGTERM or SIGINT
    #[command(after_help = "Examples:\n  keygate run\n  keygate run --config /etc/keygate/keygate.toml")]
    Run(RunArgs),
    /// Reports every problem of a configuration, or what it sets up
    #[command(after_help = "Examples:\n  keygate check\n  keygate check --config keygate.toml --format json")]
    Check(CheckArgs),
    /// Writes keygate.toml and a pepper, and makes the first administrator token
    #[command(
        after_help = "Examples:\n  keygate init --upstream http://127.0.0.1:3000\n  keygate init --dir /etc/keygate --preset tagoio\n  keygate init --config keygate.toml -o json"
    )]
    Init(InitArgs),
    /// Runs a gateway in front of a built-in API, with tokens and commands to try
    #[command(after_help = "Examples:\n  keygate demo\n  keygate demo -o json")]
    Demo(DemoArgs),
    /// Creates, lists, edits and ends tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Creates, lists and edits accounts
    #[command(subcommand)]
    Account(AccountCommand),
    /// Shows the rules for the tokens of accounts
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Shows the roles that tokens and users can have
    #[command(subcommand)]
    Role(RoleCommand),
    /// Creates, invites, edits and ends users, and says what each may do where
    #[command(subcommand)]
    User(UserCommand),
    /// Lists and ends sessions
    #[command(subcommand)]
    Session(SessionCommand),
    /// Says where requests lead
    #[command(subcommand)]
    Route(RouteCommand),
    /// Shows which tokens are used how much
    #[command(after_help = "Examples:\n  keygate usage --top 10\n  keygate usage --never --field id")]
    Usage(UsageArgs),
    /// Takes over the keys of another system by their hashes, so that nobody needs a new one
    #[command(after_help = import::HELP)]
    Import(ImportArgs),
    /// Begins a session and keeps it for the commands that follow
    #[command(after_help = "The session's token and the admin URL are kept in $XDG_CONFIG_HOME/keygate/session.json \
        (else ~/.config/keygate), for their owner alone, and used by each command that is given no other token by \
        --token-file or the environment.\n\nExamples:\n  \
        keygate login ada@example.org\n  \
        keygate login ada@example.org --password-file - <password.txt")]
    Login(LoginArgs),
    /// Ends the session of `keygate login`, here and at the gateway
    #[command(after_help = "Examples:\n  keygate logout")]
    Logout(LogoutArgs),
    /// Shows what was done over the admin API, and proves that the log of it is whole
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Backs up, proves, restores and moves the store
    #[command(subcommand)]
    Store(StoreCommand),
    /// Shows and tries who is told of events
    #[command(subcommand)]
    Webhook(WebhookCommand),
    /// Says who the admin token is and what it may do
    #[command(after_help = "Examples:\n  keygate whoami\n  keygate whoami --field account.id")]
    Whoami(WhoamiArgs),
    /// Says why a token may or may not do something; exit code 5 if it may not
    #[command(after_help = "Examples:\n  keygate explain GET /v1/devices/7 --token tok_…")]
    Explain(ExplainArgs),
    /// Asks a running gateway whether it is ready; exit code 0 if it is, 1 if not
    #[command(after_help = "Examples:\n  keygate healthcheck\n  keygate healthcheck --url http://127.0.0.1:9901")]
    Healthcheck(HealthcheckArgs),
    /// Prints a script that completes commands and options in a shell
    #[command(after_help = "Examples:\n  keygate completions bash >keygate.bash\n  \
        keygate completions zsh >_keygate")]
    Completions(CompletionsArgs),
    /// Prints the manual's first page, or writes all pages into a directory
    #[command(after_help = "Examples:\n  keygate man >keygate.1\n  keygate man man1")]
    Man(ManArgs),
    /// Prints the version
    #[command(after_help = "Examples:\n  keygate version\n  keygate version -o json")]
    Version(VersionArgs),
    /// Lists the exit codes
    #[command(after_help = exit::HELP)]
    ExitCodes,
}

impl Command {
    /// Whether errors are to be problem documents too.
    pub(super) fn wants_json(&self) -> bool {
        match self {
            Command::Run(_)
            | Command::Healthcheck(_)
            | Command::ExitCodes
            | Command::Login(_)
            | Command::Logout(_)
            | Command::Completions(_)
            | Command::Man(_) => false,
            Command::Role(command) => command.wants_json(),
            Command::User(command) => command.wants_json(),
            Command::Session(command) => command.wants_json(),
            Command::Route(command) => command.wants_json(),
            Command::Usage(args) => args.output.wants_json(),
            Command::Import(args) => args.wants_json(),
            Command::Check(args) => args.format == Format::Json,
            Command::Init(args) => args.output == Format::Json,
            Command::Demo(args) => args.output == Format::Json,
            Command::Token(command) => command.wants_json(),
            Command::Account(command) => command.wants_json(),
            Command::Policy(command) => command.wants_json(),
            Command::Audit(command) => command.wants_json(),
            Command::Store(command) => command.wants_json(),
            Command::Webhook(command) => command.wants_json(),
            Command::Whoami(args) => args.output.wants_json(),
            Command::Explain(args) => args.output.wants_json(),
            Command::Version(args) => args.output == Format::Json,
        }
    }
}

/// For what is told in sentences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    Text,
    Json,
}

/// Which configuration.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct ConfigArgs {
    /// The configuration [env: KEYGATE_CONFIG] [default: ./keygate.toml, else /etc/keygate/keygate.toml]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
}

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// Makes the store and the first token of this configuration, and writes no other file
    #[arg(short, long, value_name = "FILE", conflicts_with_all = ["dir", "upstream", "listen", "admin_listen", "preset"])]
    pub config: Option<PathBuf>,
    /// The directory to write into; made if it is not there
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// The API to protect
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:3000")]
    pub upstream: String,
    /// Where clients connect
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Where the admin API listens
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9901")]
    pub admin_listen: SocketAddr,
    /// The rules for tokens: those of a known product
    #[arg(long, value_name = "NAME", value_parser = preset_names())]
    pub preset: Option<String>,
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub output: Format,
}

fn preset_names() -> clap::builder::PossibleValuesParser {
    Preset::names().into()
}

#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub output: Format,
    /// Where clients connect; a free port is used where this one is taken
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Where the admin API listens; a free port is used where this one is taken
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9901")]
    pub admin_listen: SocketAddr,
}

#[derive(Debug, Args)]
pub(super) struct WhoamiArgs {
    #[command(flatten)]
    pub output: RecordOutput,
}

#[derive(Debug, Args)]
pub(super) struct HealthcheckArgs {
    #[command(flatten)]
    pub config: ConfigArgs,
    /// The admin API's address, in place of the configuration's
    #[arg(long, value_name = "URL", conflicts_with = "config")]
    pub url: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct VersionArgs {
    #[arg(short, long, value_enum, default_value_t = Format::Text)]
    pub output: Format,
}

impl VersionArgs {
    pub(super) fn text(&self) -> String {
        let version = env!("CARGO_PKG_VERSION");
        match self.output {
            Format::Text => format!("keygate {version}\n"),
            Format::Json => format!("{}\n", serde_json::json!({"name": "keygate", "version": version})),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    #[test]
    fn the_definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn lawful_lines_are_understood() {
        for line in [
            "run -c k.toml",
            "check --format json",
            "init --dir d --upstream http://a --listen [::1]:80 --admin-listen 127.0.0.1:0 -o json",
            "init -c k.toml",
            "demo -o json --listen 127.0.0.1:0",
            "token create ci --grant devices=read --grant *=write --expires never -o raw",
            "token create ci --full --token-file -",
            "token rotate tok_1 --overlap 7d --end-overlap -o raw",
            "token rotate tok_1 --extend 1d",
            "token revoke --self --yes",
            "token verify token.txt -o json",
            "--admin-url http://a token list --all --limit 5 -o jsonl",
            "token revoke a b --yes --admin-url http://a --ca ca.pem",
            "account create eu --parent acc_1 --visible-to-parent false",
            "account update acc_1 --state suspended",
            "store backup k.jsonl -o json",
            "store export -c k.toml k.jsonl",
            "store verify --file k.jsonl",
            "store restore k.jsonl --accept-loss --yes",
            "store import k.jsonl --dry-run",
            "store accept -c k.toml --yes",
            "whoami -o json",
            "healthcheck --url http://a",
            "version -o json",
            "exit-codes",
        ] {
            let parsed = Cli::try_parse_from(["keygate"].into_iter().chain(line.split(' ')));
            assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
        }
    }

    #[test]
    fn unlawful_lines_are_wrong_usage() {
        for line in [
            "",
            "runn",
            "token",
            "token create",
            "token create ci --read --token kg_x",
            "token revoke",
            "token revoke --self tok_1",
            "token list --limit 0",
            "token update tok_1",
            "account update acc_1",
            "store",
            "store backup",
            "store accept k.jsonl",
            "init -c k.toml --dir d",
            "healthcheck -c a --url http://a",
            "demo --listen 8080",
        ] {
            let error = Cli::try_parse_from(["keygate"].into_iter().chain(line.split_whitespace())).expect_err(line);
            assert!(
                error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
                "{line}"
            );
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }

    #[test]
    fn the_exit_codes_are_in_the_help() {
        let help = Cli::try_parse_from(["keygate", "help", "exit-codes"]).unwrap_err().to_string();
        assert!(help.contains("  78   the configuration is missing or invalid"), "{help}");
    }
}
