//! `keygate init`: a configuration, a pepper, and the first administrator token.
//!
//! Everything is checked before anything is written, and whatever this run made is removed again where
//! a later step fails.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde_json::json;
use zeroize::{Zeroize, Zeroizing};

use super::Environment;
use super::args::{Format, InitArgs};
use super::client::DEFAULT_URL;
use super::config_file;
use super::exit::Exit;
use super::failure::Failure;
use super::healthcheck::url_of;
use super::terminal::Terminal;
use crate::app::{Bootstrap, bootstrap};
use crate::config::{ListenAddress, Listener, Loaded, Preset, StoreSettings, Template, template};
use crate::model::{AccountId, Clock, Kind, Policies, TokenPrefix, TokenText};

const CONFIG: &str = "keygate.toml";
const PEPPER: &str = "pepper";
const STORE: &str = "data";
const REVEAL_KEY: &str = "reveal.key";

pub(super) fn init(args: &InitArgs, environment: &Environment, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let mut made = Made::default();
    let config = match &args.config {
        Some(config) => config.clone(),
        None => write_files(args, &mut made)?,
    };
    let loaded = config_file::load(&config, environment).map_err(|failure| match args.config {
        Some(_) => failure,
        // Its report names places in a file that is about to be removed again.
        None => failure.after("Nothing was written: give `keygate init` other options."),
    })?;
    let (StoreSettings::Sled { path: store, anchor, .. }, Some(audit)) =
        (&loaded.settings.store, &loaded.settings.audit.files)
    else {
        return Err(Failure::failed("the configuration's store is in memory, which keeps no token for `keygate run`")
            .hint("set `kind = \"sled\"` and a `path` under `[store]`"));
    };
    let store_is_new = store.symlink_metadata().is_err();
    // An anchor that is there already may be all that is left to tell of a lost store.
    let places = [store, anchor, &audit.path, &audit.anchor];
    let new: Vec<_> = places.into_iter().filter(|path| path.symlink_metadata().is_err()).cloned().collect();
    if args.config.is_none() && store_is_new {
        made.paths.extend(new.clone());
    }
    let (account, token) = first_token(&loaded)?;
    if args.config.is_some() && store_is_new {
        // Not before: with a configuration that others know, another process may have made it.
        made.paths.extend(new);
    }
    let text = match args.output {
        Format::Text => {
            let (program, admin) = (&terminal.program, &loaded.settings.admin);
            let people_only = people_only(&loaded.settings.policies);
            Story { program, config: &config, made: &made, admin, account, token: &token, people_only }.text()
        }
        Format::Json => {
            let config = config.display().to_string();
            let line = json!({"config": config, "account": account.to_string(), "token": token.expose()});
            format!("{line}\n")
        }
    };
    terminal.deliver(&text).map_err(|error| {
        let hint = if store_is_new {
            "nothing was kept: run it again".to_owned()
        } else {
            format!("the token is lost: remove the store at {} and run it again", store.display())
        };
        Failure::failed(format!("cannot write the token to standard output: {error}")).hint(hint)
    })?;
    made.keep();
    Ok(Exit::Ok)
}

/// The configuration's path.
fn write_files(args: &InitArgs, made: &mut Made) -> Result<PathBuf, Failure> {
    let files = Files::in_dir(&args.dir);
    files.refuse_existing()?;
    made.directory(&args.dir)?;
    made.file(&files.pepper, 0o600, pepper()?.as_bytes())?;
    if needs_reveal_key(args) {
        made.file(&files.reveal_key, 0o600, pepper()?.as_bytes())?;
    }
    made.file(&files.config, 0o644, text(args).as_bytes())?;
    Ok(files.config)
}

struct Files {
    config: PathBuf,
    pepper: PathBuf,
    store: PathBuf,
    reveal_key: PathBuf,
}

fn needs_reveal_key(args: &InitArgs) -> bool {
    args.preset.as_deref().and_then(Preset::named).is_some_and(Preset::needs_reveal_key)
}

impl Files {
    fn in_dir(dir: &Path) -> Self {
        // `./keygate.toml` would be right as well, but it is printed for people.
        let dir = dir.strip_prefix(".").unwrap_or(dir);
        Self {
            config: dir.join(CONFIG),
            pepper: dir.join(PEPPER),
            store: dir.join(STORE),
            reveal_key: dir.join(REVEAL_KEY),
        }
    }

    fn refuse_existing(&self) -> Result<(), Failure> {
        // A link that leads nowhere is there too; a directory with nothing but a lock is what a start left
        // that found no store.
        let is_there = |path: &&PathBuf| path.symlink_metadata().is_ok() && !has_only_a_lock(path);
        let existing: Vec<_> =
            [&self.config, &self.pepper, &self.store, &self.reveal_key].into_iter().filter(is_there).collect();
        if existing.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = existing.iter().map(|path| path.display().to_string()).collect();
        let verb = if names.len() == 1 { "exists" } else { "exist" };
        let names = listed(&names);
        let only_the_store_is_missing = existing == [&self.config, &self.pepper];
        let hint = if only_the_store_is_missing {
            format!("`keygate init -c {}` makes the store and the first token for them", self.config.display())
        } else {
            "name another directory with --dir; a new pepper would make every token that exists useless".to_owned()
        };
        Err(Failure::failed(format!("{names} {verb} already, and nothing was changed")).hint(hint))
    }
}

fn has_only_a_lock(path: &Path) -> bool {
    let is_lock = |entry: io::Result<fs::DirEntry>| entry.is_ok_and(|entry| entry.file_name() == "keygate.lock");
    fs::read_dir(path).is_ok_and(|mut entries| entries.by_ref().next().is_some_and(is_lock) && entries.next().is_none())
}

/// `a`, `a and b`, `a, b and c`.
fn listed(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn text(args: &InitArgs) -> String {
    template(&Template {
        public_address: &args.listen.to_string(),
        admin_address: &args.admin_listen.to_string(),
        upstream_url: &args.upstream,
        store_path: Path::new(STORE),
        pepper_path: Path::new(PEPPER),
        token_prefix: TokenPrefix::default().as_str(),
        preset: args.preset.as_deref(),
        reveal_key_path: needs_reveal_key(args).then_some(Path::new(REVEAL_KEY)),
    })
}

/// 48 random bytes as a line of hexadecimal digits.
pub(super) fn pepper() -> Result<Zeroizing<String>, Failure> {
    let mut bytes = [0u8; 48];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::failed(format!("the operating system gave no randomness: {error}")))?;
    let mut text = Zeroizing::new(String::with_capacity(2 * bytes.len() + 1));
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from_digit(digit.into(), 16).expect("four bits are one digit"));
        }
    }
    text.push('\n');
    bytes.zeroize();
    Ok(text)
}

fn first_token(loaded: &Loaded) -> Result<(AccountId, TokenText), Failure> {
    match bootstrap(&loaded.settings, &Clock::system()) {
        Ok(Bootstrap::Created(first)) => Ok((first.account.id, first.text)),
        Ok(Bootstrap::Exists) => Err(Failure::failed(
            "the store has a root account already, so its first token was made before; nothing was changed",
        )
        .hint("use that token, or name another store (is KEYGATE__STORE__PATH set?)")),
        Err(error) => Err(Failure::of_start(&error, &loaded.path)),
    }
}

/// What a person is told.
struct Story<'a> {
    program: &'a str,
    config: &'a Path,
    made: &'a Made,
    admin: &'a Listener,
    account: AccountId,
    token: &'a TokenText,
    people_only: bool,
}

/// Whether the administrator's token can make no token, since all are of people.
fn people_only(policies: &Policies) -> bool {
    let all = policies.of([]).map(|policy| policy.kinds(None).to_vec()).unwrap_or_default();
    !all.contains(&Kind::Service) && !all.contains(&Kind::Shared)
}

impl Story<'_> {
    fn text(&self) -> String {
        let Self { program, config, account, .. } = self;
        let option = if *config == Path::new(CONFIG) { String::new() } else { format!(" -c {}", config.display()) };
        format!(
            "{written}Root account: {account}

The administrator token, shown only now. Store it in a safe place:
  {token}

Next:
  {program} check{option}
  {program} run{option}
and in another terminal:
{place}  export KEYGATE_ADMIN_TOKEN={token}
{first}",
            written = self.written(),
            place = self.place(),
            token = self.token.expose(),
            first = self.first(),
        )
    }

    /// How to make a first token. Its name is one that each preset takes.
    fn first(&self) -> String {
        let create = format!("{} token create my_first --read\n", self.program);
        if !self.people_only {
            return format!("  {create}");
        }
        let url = match &self.admin.address {
            ListenAddress::Tcp(_) => url_of(self.admin),
            ListenAddress::Unix { path, .. } => format!("--unix-socket {} http://localhost", path.display()),
        };
        let prefix = self.token.expose().split('_').next().unwrap_or_default();
        format!(
            "  curl {url}/v1/users -H \"Authorization: Bearer $KEYGATE_ADMIN_TOKEN\" -H 'Content-Type: application/json' \
             -d '{{\"login\": \"ada\", \"roles\": [\"admin\"], \"password\": \"a long password\"}}'
  curl {url}/v1/sessions -H 'Content-Type: application/json' -d '{{\"login\": \"ada\", \"password\": \"a long \
             password\"}}'
and with the token of that session, since tokens are of people here:
  export KEYGATE_ADMIN_TOKEN={prefix}_ses_…
  {create}"
        )
    }

    fn written(&self) -> String {
        let line = |path: &PathBuf| format!("  {}{}\n", path.display(), purpose(path));
        let written: String = self.made.paths.iter().map(line).collect();
        if written.is_empty() { written } else { format!("Written:\n{written}\n") }
    }

    /// Only where the commands would not find it by themselves; port 0 becomes another at each start.
    fn place(&self) -> String {
        let url = url_of(self.admin);
        let is_known = url == DEFAULT_URL || matches!(self.admin.address, ListenAddress::Tcp(at) if at.port() == 0);
        if is_known { String::new() } else { format!("  export KEYGATE_ADMIN_URL={url}\n") }
    }
}

fn purpose(path: &Path) -> &'static str {
    match path.file_name().and_then(|name| name.to_str()) {
        Some(CONFIG) => "  (the configuration, with comments)",
        Some(PEPPER) => "  (the secret key of all token hashes: keep a copy in a safe place)",
        Some(REVEAL_KEY) => "  (the secret key of the copies of tokens that can be seen again)",
        Some(STORE) => "  (the store)",
        Some(name) if name.ends_with(".audit") => "  (the audit log)",
        Some(name) if name.ends_with(".audit.anchor") => "  (what the audit log noted last; belongs to it)",
        Some(name) if name.ends_with(".anchor") => "  (what the store acknowledged last; belongs to it)",
        _ => "/",
    }
}

/// What this run made; removed again on drop, unless it is to be kept.
#[derive(Default)]
struct Made {
    paths: Vec<PathBuf>,
}

impl Made {
    fn directory(&mut self, path: &Path) -> Result<(), Failure> {
        let missing: Vec<_> = path.ancestors().take_while(|p| !p.as_os_str().is_empty() && !p.exists()).collect();
        for path in missing.into_iter().rev() {
            DirBuilder::new().mode(0o750).create(path).map_err(|error| unwritable(path, &error))?;
            self.paths.push(path.to_owned());
        }
        Ok(())
    }

    /// A file that was not there, with these permissions from its first moment on.
    fn file(&mut self, path: &Path, mode: u32, contents: &[u8]) -> Result<(), Failure> {
        let create = || OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
        let mut file: File = create().map_err(|error| unwritable(path, &error))?;
        self.paths.push(path.to_owned());
        file.write_all(contents).and_then(|()| file.sync_all()).map_err(|error| unwritable(path, &error))
    }

    fn keep(mut self) {
        self.paths.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let paths: Vec<_> = self.paths.drain(..).rev().collect();
        for path in paths {
            // What cannot be removed stays; the failure that led here is the one to tell.
            let _ = match path.symlink_metadata() {
                Ok(found) if found.is_dir() => fs::remove_dir_all(&path),
                Ok(_) => fs::remove_file(&path),
                Err(error) => Err(error),
            };
        }
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::failed(format!("cannot write {}: {error}", path.display()))
        .hint("name a directory that you may write to with --dir")
}

#[cfg(test)]
mod tests;
