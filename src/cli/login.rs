//! `keygate login` and `keygate logout`: a session of one's own, for the commands that follow.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::Environment;
use super::args::AdminArgs;
use super::client::Client;
use super::exit::Exit;
use super::failure::Failure;
use super::stored::Stored;
use super::terminal::{Terminal, plain};

#[derive(Debug, Args)]
pub(super) struct LoginArgs {
    /// Who logs in [default: asked for on the terminal]
    #[arg(value_name = "LOGIN")]
    login: Option<String>,
    /// In which account, acc_… [default: the only one that the user is a member of]
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// The file with the password, `-` for standard input [default: asked for on the terminal, without echo]
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct LogoutArgs {
    /// Only forgets the session here; the gateway accepts it until it expires
    #[arg(long)]
    local: bool,
}

pub(super) fn login(
    args: &LoginArgs,
    admin: &AdminArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    if args.password_file.is_none() && !terminal.interactive {
        return Err(Failure::usage("there is no terminal to ask for the password on")
            .hint("use --password-file FILE, `-` for standard input"));
    }
    let client = Client::stranger(admin, environment, terminal)?;
    let name = match &args.login {
        Some(login) => login.clone(),
        None if terminal.interactive => terminal.ask("Login: ")?.unwrap_or_default(),
        None => {
            return Err(
                Failure::usage("there is no terminal to ask for the login on").hint("name it: keygate login LOGIN")
            );
        }
    };
    let password = match &args.password_file {
        Some(file) => terminal.secret_of_file(file, "--password-file")?,
        None => terminal.ask_secret("Password: ")?,
    };
    let before = Stored::load(environment).ok().flatten();
    let answer = client.post("/v1/sessions", Some(&body(&name, &password, args.account.as_deref())))?;
    let stored = session(&answer, &name, &client, admin.ca.as_deref())?;
    if let Err(failure) = stored.save(environment) {
        // Nobody could use it, so it is not left behind.
        let _ = client.as_session(&stored).delete("/v1/sessions/current");
        return Err(failure);
    }
    if let Some(before) = before.filter(|before| before.admin_url == stored.admin_url) {
        // It may be over already.
        let _ = client.as_session(&before).delete("/v1/sessions/current");
    }
    let until = answer["expires"].as_str().map(|expires| format!(", until {}", plain(expires))).unwrap_or_default();
    let account = answer["account"].as_str().map(plain).unwrap_or_default();
    terminal.print(&format!("logged in as {} in {account} at {}{until}\n", plain(&name), stored.admin_url))?;
    Ok(Exit::Ok)
}

pub(super) fn logout(
    args: &LogoutArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    if args.local {
        let was_there = Stored::remove(environment)?;
        let said = if was_there { "the session is forgotten here\n" } else { "nobody is logged in\n" };
        return terminal.print(said).map(|()| Exit::Ok);
    }
    let Some(stored) = Stored::load(environment)? else {
        return terminal.print("nobody is logged in\n").map(|()| Exit::Ok);
    };
    match Client::of_session(&stored)?.delete("/v1/sessions/current") {
        Ok(_) => {}
        // It is over already.
        Err(failure) if failure.status == Some(401) => {}
        Err(failure) if failure.exit == Exit::Unreachable => {
            return Err(failure.hint("the session goes on; `keygate logout --local` only forgets it here"));
        }
        Err(failure) => return Err(failure),
    }
    Stored::remove(environment)?;
    terminal.print(&format!("{} is logged out of {}\n", plain(&stored.login), stored.admin_url)).map(|()| Exit::Ok)
}

fn body(login: &str, password: &Zeroizing<String>, account: Option<&str>) -> Value {
    let mut body = Map::new();
    body.insert("login".to_owned(), login.into());
    body.insert("password".to_owned(), password.as_str().into());
    if let Some(account) = account {
        body.insert("account".to_owned(), account.into());
    }
    Value::Object(body)
}

fn session(answer: &Value, login: &str, client: &Client, ca: Option<&Path>) -> Result<Stored, Failure> {
    let (Some(token), Some(id)) = (answer["token"].as_str(), answer["id"].as_str()) else {
        return Err(Failure::failed("the admin API sent no session")
            .hint("is this the admin API of a keygate? see --admin-url"));
    };
    // The next command may be given in another directory.
    let ca = ca.map(|path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
    Ok(Stored {
        admin_url: client.url(),
        ca,
        token: Zeroizing::new(token.to_owned()),
        id: id.to_owned(),
        login: login.to_owned(),
    })
}
