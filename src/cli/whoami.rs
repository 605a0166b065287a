//! `keygate whoami`.

use serde_json::{Value, json};

use super::Environment;
use super::args::{AdminArgs, WhoamiArgs};
use super::client::Client;
use super::exit::Exit;
use super::failure::Failure;
use super::render;
use super::terminal::Terminal;

const FIELDS: &[&str] = &["token", "account", "kind", "state", "grants", "expires"];

pub(super) fn whoami(
    args: &WhoamiArgs,
    admin: &AdminArgs,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let answer = Client::new(admin, environment, terminal)?.get("/v1/whoami")?;
    args.output.print(&answer, |frame| render::record(&summary(&answer), FIELDS, frame), terminal)
}

/// What one wants to know of oneself, out of the token's and the account's records.
fn summary(answer: &Value) -> Value {
    let named = |record: &Value| match (record["id"].as_str(), record["name"].as_str()) {
        (Some(id), None | Some("")) => id.to_owned(),
        (id, name) => format!("{} ({})", id.unwrap_or("-"), name.unwrap_or("-")),
    };
    let token = &answer["token"];
    let expires = token["expires"].as_str().unwrap_or("never");
    json!({
        "token": named(token), "account": named(&answer["account"]), "kind": token["kind"],
        "state": token["state"], "grants": answer["grants"], "expires": expires,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_and_account_are_named() {
        let answer = json!({
            "token": {"id": "tok_1", "name": "ci", "kind": "service", "state": "active", "expires": null},
            "account": {"id": "acc_1", "name": ""},
            "grants": {"*": "read"},
        });
        assert_eq!(
            render::record(&summary(&answer), FIELDS, render::Frame::default()),
            "token    tok_1 (ci)\naccount  acc_1\nkind     service\nstate    active\ngrants   *: read\nexpires  never\n"
        );
    }
}
