//! `keygate token create`.

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::super::client::Client;
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::label::LabelArgs;
use super::super::once::OnceArgs;
use super::super::render::Frame;
use super::super::terminal::{Terminal, plain};
use super::rights::RightsArgs;
use super::{table, warn};
use crate::model::Quota;

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("change").multiple(true))]
pub(in crate::cli) struct CreateArgs {
    /// What the token is for, to tell it from others
    name: String,
    #[command(flatten)]
    rights: RightsArgs,
    #[command(flatten)]
    pub labels: LabelArgs,
    /// service: of the account; shared: for people without a login, reading only; personal: of the user whose
    /// session's token is used [default: service]
    #[arg(long, value_enum)]
    kind: Option<TokenKind>,
    /// `90d`, `2027-01-31`, an RFC 3339 time, or `never` [default: the configuration's default_expiry]
    #[arg(long, value_name = "WHEN")]
    expires: Option<String>,
    /// More than the name says
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Whose token it is, acc_… [default: the admin token's account]
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// At most so many requests in so long, `100/60s`
    #[arg(long, value_name = "REQUESTS/WINDOW")]
    rate: Option<String>,
    #[command(flatten)]
    once: OnceArgs,
    /// What is printed: all of it, only the token's text, or the text ready for use
    #[arg(short, long, value_enum, default_value_t = CreateShape::Table)]
    pub output: CreateShape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum CreateShape {
    Table,
    Json,
    /// Only the token's text
    Raw,
    /// export KEYGATE_TOKEN=…
    Env,
    /// A curl command
    Curl,
}

/// What can be asked for; a session is made by a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum TokenKind {
    Service,
    Shared,
    Personal,
}

impl TokenKind {
    const fn name(self) -> &'static str {
        match self {
            TokenKind::Service => "service",
            TokenKind::Shared => "shared",
            TokenKind::Personal => "personal",
        }
    }
}

impl CreateArgs {
    /// What the admin API is sent.
    pub(super) fn body(&self) -> Result<Value, Failure> {
        let mut body = Map::new();
        body.insert("name".to_owned(), self.name.as_str().into());
        self.rights.put(&mut body)?;
        self.labels.put(&mut body)?;
        if let Some(kind) = self.kind {
            body.insert("kind".to_owned(), kind.name().into());
        }
        // A personal token that names no rights has its user's.
        if self.rights.names_none() && self.kind != Some(TokenKind::Personal) {
            return Err(Failure::usage("a token needs something that it may do")
                .hint("add --read, --write or --full for every resource, --grant RESOURCE=ACCESS for one, or --role"));
        }
        for (key, text) in [("expires", &self.expires), ("description", &self.description), ("account", &self.account)]
        {
            if let Some(text) = text {
                body.insert(key.to_owned(), text.as_str().into());
            }
        }
        if let Some(rate) = &self.rate {
            body.insert("rate_limit".to_owned(), wire_rate(rate)?);
        }
        Ok(Value::Object(body))
    }
}

/// `100/60s` as the API takes it, refused here where no server would take it.
pub(super) fn wire_rate(text: &str) -> Result<Value, Failure> {
    let refused = |why: String| {
        Failure::usage(format!("--rate: {why}"))
            .hint("write REQUESTS/WINDOW, such as 100/60s, 10/1s or 5000/1h; the window is from 1s to 31d")
    };
    let (requests, window) = text.split_once('/').ok_or_else(|| refused(format!("`{text}` has no `/`")))?;
    let requests: u32 = requests.trim().parse().map_err(|_| refused(format!("`{requests}` is no number")))?;
    let seconds = window_seconds(window.trim()).ok_or_else(|| refused(format!("`{window}` is no length of time")))?;
    Quota::new(requests, std::time::Duration::from_secs(seconds)).map_err(|error| refused(error.to_string()))?;
    Ok(json!({"requests": requests, "window": format!("{seconds}s")}))
}

fn window_seconds(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(unit)
}

pub(super) fn create(
    args: &CreateArgs,
    body: &Value,
    client: &Client,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let answer = client.create("/v1/tokens", Some(body), args.once.key())?;
    let Some(secret) = answer["token"].as_str() else {
        if answer["token"].is_null() && answer["id"].is_string() {
            return Err(already_told(&answer));
        }
        return Err(Failure::failed("the admin API made a token and did not send its text")
            .hint("is this the admin API of keygate? see --admin-url"));
    };
    let text = shape(args.output, &answer, secret, terminal.frame());
    // Whoever reads this gets no second chance, so a closed pipe is a failure here.
    terminal.deliver(&text).map_err(|error| {
        let id = answer["id"].as_str().unwrap_or("the token");
        Failure::failed(format!("{id} was made, but its text could not be written: {error}"))
            .hint(format!("it is lost: `keygate token revoke {id}`, and create another"))
    })?;
    if args.output == CreateShape::Table {
        terminal.note(match answer["retrievable"].as_bool() {
            Some(true) => "`keygate token reveal` shows it again.\n",
            _ => "Store the token now: it is not shown again.\n",
        });
    }
    if args.output != CreateShape::Json {
        warn(&answer, terminal);
    }
    Ok(Exit::Ok)
}

/// It was made by an earlier run, and used since: somebody has its text.
pub(super) fn already_told(answer: &Value) -> Failure {
    let id = answer["id"].as_str().map(plain).unwrap_or_default();
    Failure::new(Exit::Conflict, format!("{id} was made by an earlier run with this key, and its text was used since"))
        .hint(format!("if nobody has the text any more: `keygate token rotate {id}`"))
}

pub(super) fn shape(shape: CreateShape, answer: &Value, secret: &str, frame: Frame) -> String {
    match shape {
        CreateShape::Table => {
            let mut record = answer.clone();
            if let Some(fields) = record.as_object_mut() {
                fields.remove("token");
                fields.remove("curl");
            }
            // On a line of its own and never wrapped, so that it can be selected whole.
            format!("{}\ntoken: {secret}\n", table(&record, frame))
        }
        CreateShape::Json => format!("{answer:#}\n"),
        CreateShape::Raw => format!("{secret}\n"),
        CreateShape::Env => format!("export KEYGATE_TOKEN={secret}\n"),
        CreateShape::Curl => match answer["curl"].as_str() {
            Some(curl) => format!("{curl}\n"),
            None => format!("curl -H 'Authorization: Bearer {secret}' http://127.0.0.1:8080/\n"),
        },
    }
}
