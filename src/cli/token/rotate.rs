//! `keygate token rotate`: another text for a token, and the end of the old one.

use clap::Args;
use serde_json::{Map, Value, json};

use super::super::client::Client;
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::once::OnceArgs;
use super::super::render::{cell, minute};
use super::super::terminal::Terminal;
use super::create::{CreateShape, already_told, shape};
use super::{table, token_id, warn};
use crate::model::TokenId;

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("after"))]
pub(in crate::cli) struct RotateArgs {
    /// The token's id, tok_…
    id: String,
    /// How long the old text stays valid: `24h`, `7d`, or `0s` for not at all [default: the policy's]
    #[arg(long, value_name = "LENGTH", conflicts_with = "after")]
    overlap: Option<String>,
    /// Also where the text from before the last rotation is valid yet, which ends then
    #[arg(long, conflicts_with = "after")]
    end_overlap: bool,
    /// Makes no new text: the old one is refused from now on
    #[arg(long, group = "after")]
    end: bool,
    /// Makes no new text: the old one stays valid so much longer
    #[arg(long, value_name = "LENGTH", group = "after")]
    extend: Option<String>,
    /// Makes no new text: the old one is the token's again, and the new one is refused from now on
    #[arg(long, group = "after")]
    undo: bool,
    #[command(flatten)]
    once: OnceArgs,
    /// What is printed: all of it, only the new text, or the text ready for use
    #[arg(short, long, value_enum, default_value_t = CreateShape::Table)]
    pub(in crate::cli) output: CreateShape,
}

/// What is sent.
pub(super) struct Call {
    id: TokenId,
    path: &'static str,
    body: Option<Value>,
    key: Option<String>,
}

impl RotateArgs {
    /// Refused here where it makes no sense; nothing has been sent then.
    pub(super) fn call(&self) -> Result<Call, Failure> {
        let id = token_id(&self.id)?;
        let (path, body) = match (&self.extend, self.end, self.undo) {
            (Some(length), _, _) => ("rotation/extend", Some(json!({"by": length}))),
            (None, true, _) => ("rotation/end", None),
            (None, false, true) => ("rotation/undo", None),
            (None, false, false) => ("rotate", Some(self.body())),
        };
        if path != "rotate" && !matches!(self.output, CreateShape::Table | CreateShape::Json) {
            return Err(Failure::usage("there is no new text to print").hint("use -o table or -o json"));
        }
        Ok(Call { id, path, body, key: self.once.key().map(str::to_owned) })
    }

    fn body(&self) -> Value {
        let mut body = Map::new();
        if let Some(overlap) = &self.overlap {
            body.insert("overlap".to_owned(), overlap.as_str().into());
        }
        if self.end_overlap {
            body.insert("end_overlap".to_owned(), true.into());
        }
        Value::Object(body)
    }
}

pub(super) fn rotate(
    call: &Call,
    output: CreateShape,
    client: &Client,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let Call { id, path, body, key } = call;
    let target = format!("/v1/tokens/{id}/{path}");
    let answer = match *path {
        "rotate" => client.create(&target, body.as_ref(), key.as_deref())?,
        _ => client.post(&target, body.as_ref())?,
    };
    let text = match answer["token"].as_str() {
        Some(secret) => shape(output, &answer, secret, terminal.frame()),
        None if *path == "rotate" && answer["token"].is_null() && answer["id"].is_string() => {
            return Err(already_told(&answer));
        }
        None if *path == "rotate" => {
            return Err(Failure::failed("the admin API rotated the token and did not send its new text")
                .hint(format!("take it back: `keygate token rotate {id} --undo`")));
        }
        None if output == CreateShape::Json => format!("{answer:#}\n"),
        None => table(&answer, terminal.frame()),
    };
    terminal.deliver(&text).map_err(|error| {
        let failure = Failure::failed(format!("{id} was changed, but the answer could not be written: {error}"));
        match *path {
            "rotate" => {
                failure.hint(format!("its new text is lost: `keygate token rotate {id} --undo`, and rotate again"))
            }
            _ => failure,
        }
    })?;
    if output == CreateShape::Table {
        terminal.note(&hint(id, path, &answer));
    }
    if output != CreateShape::Json {
        warn(&answer, terminal);
    }
    Ok(Exit::Ok)
}

/// What to do next.
fn hint(id: &TokenId, path: &str, answer: &Value) -> String {
    let old = &answer["rotation"]["old"];
    match (path, old["valid"].as_bool()) {
        ("rotate", Some(true)) => format!(
            "Store the new text now. The old one, …{}, is valid until {}.\n`keygate token show {id}` tells when it was \
             used last; `keygate token rotate {id} --end` ends it, `--undo` takes it back.\n",
            cell(&old["hint"]),
            minute(&old["until"])
        ),
        ("rotate", _) => "Store the new text now. The old one is refused from now on.\n".to_owned(),
        ("rotation/extend", _) => {
            format!("The old text, …{}, is valid until {}.\n", cell(&old["hint"]), minute(&old["until"]))
        }
        _ => format!("The text …{} is refused from now on.\n", cell(&old["hint"])),
    }
}

/// A token's rotation in two lines of its table: what became of the old text, and how much both are used.
pub(super) fn in_words(rotation: &Value) -> Option<(String, String)> {
    let (old, present) = (&rotation["old"], &rotation["present"]);
    let valid = if old["valid"] == true { "valid until" } else { "not valid since" };
    let turns =
        rotation["history"].as_array()?.iter().map(|turn| format!("{} {}", cell(&turn["what"]), minute(&turn["at"])));
    let turns = turns.collect::<Vec<_>>().join(", ");
    let used = |of: &Value| match of["last_used"].as_str() {
        Some(_) => format!("used {} times, last {}", cell(&of["requests"]), minute(&of["last_used"])),
        None => "not used since".to_owned(),
    };
    let old = format!("…{} {valid} {}, {}", cell(&old["hint"]), minute(&old["until"]), used(old));
    Some((format!("{turns}; the present text is {}", used(present)), old))
}
