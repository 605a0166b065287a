//! What the demo tells: what runs where, the tokens, and what to try with which outcome.

use std::fmt::Write;

use serde_json::json;

use crate::model::{AccountId, TokenId, TokenText};

/// All there is to tell.
pub(super) struct Story {
    pub proxy: String,
    pub admin: String,
    pub upstream: String,
    pub directory: String,
    pub account: AccountId,
    pub admin_token: TokenText,
    pub read_token: TokenText,
    pub write_token: TokenText,
    pub full_token: TokenText,
    /// What starts this program.
    pub program: String,
    /// The id of the read token, which one of the commands revokes.
    pub read_id: TokenId,
}

impl Story {
    /// One line for programs.
    pub(super) fn json(&self) -> String {
        let line = json!({
            "proxy": self.proxy,
            "admin": self.admin,
            "tokens": {
                "admin": self.admin_token.expose(),
                "read": self.read_token.expose(),
                "write": self.write_token.expose(),
                "full": self.full_token.expose(),
            },
            "account": self.account.to_string(),
            "read_id": self.read_id.to_string(),
            "upstream": self.upstream,
            "directory": self.directory,
        });
        format!("{line}\n")
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let mut text = format!(
            "Keygate protects a small devices API. Ctrl-C stops everything and removes it.

  gateway      {proxy}  what clients call
  admin API    {admin}  where tokens are managed
  devices API  {upstream}  what is protected; without the gateway it answers everybody
  files        {directory}

Tokens
  admin  {admin_token}  manages tokens, and may do anything with the API
  read   {read}  GET
  write  {write}  POST, PUT, PATCH; neither GET nor DELETE
  full   {full}  all of them

Try, with the status to expect behind each:
",
            proxy = self.proxy,
            admin = self.admin,
            upstream = self.upstream,
            directory = self.directory,
            admin_token = self.admin_token.expose(),
            read = self.read_token.expose(),
            write = self.write_token.expose(),
            full = self.full_token.expose(),
        );
        for Step { token, options, url, expected } in self.steps() {
            let bearer =
                token.map(|token| format!(" -H 'Authorization: Bearer {}'", token.expose())).unwrap_or_default();
            let options = if options.is_empty() { String::new() } else { format!(" {options}") };
            writeln!(text, "  curl -i{bearer}{options} {url}  # {expected}").expect("a String takes all");
        }
        writeln!(
            text,
            "\nThe same from the command line:\n  KEYGATE_ADMIN_URL={} KEYGATE_ADMIN_TOKEN={} {} token list",
            self.admin,
            self.admin_token.expose(),
            self.program
        )
        .expect("a String takes all");
        text
    }

    fn steps(&self) -> Vec<Step<'_>> {
        let devices = format!("{}/v1/devices", self.proxy);
        let step =
            |token, options, path: &str, expected| Step { token, options, url: format!("{devices}{path}"), expected };
        let admin = |token, options, path: &str, expected| Step {
            token,
            options,
            url: format!("{}{path}", self.admin),
            expected,
        };
        let revoke = format!("/v1/tokens/{}/revoke", self.read_id);
        vec![
            step(None, "", "", "401: no token"),
            step(Some(&self.read_token), "", "", "200"),
            step(Some(&self.read_token), NEW, "", "403: read is not write"),
            step(Some(&self.write_token), NEW, "", "201"),
            step(Some(&self.write_token), "", "", "403: write is not read"),
            step(Some(&self.read_token), SEARCH, "/search", "200: a POST that the route declares a read"),
            step(Some(&self.full_token), "-X DELETE", "/4", "204"),
            admin(Some(&self.admin_token), "-X POST", &revoke, "200: the read token is revoked"),
            step(Some(&self.read_token), "", "", "401: at once"),
            admin(None, "", "/metrics", "200: what was counted meanwhile"),
        ]
    }
}

const NEW: &str = r#"-H 'Content-Type: application/json' -d '{"name": "Attic light"}'"#;
const SEARCH: &str = r#"-H 'Content-Type: application/json' -d '{"query": "camera"}'"#;

struct Step<'a> {
    token: Option<&'a TokenText>,
    options: &'static str,
    url: String,
    expected: &'static str,
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::model::{Kind, TokenPrefix};

    fn story() -> Story {
        let token = || TokenText::generate(&TokenPrefix::default(), Kind::Service).expect("randomness");
        Story {
            proxy: "http://127.0.0.1:8080".into(),
            admin: "http://127.0.0.1:9901".into(),
            upstream: "http://127.0.0.1:3".into(),
            directory: "/tmp/x".into(),
            account: AccountId::fresh(),
            admin_token: token(),
            read_token: token(),
            write_token: token(),
            full_token: token(),
            program: "keygate".into(),
            read_id: TokenId::fresh(),
        }
    }

    #[test]
    fn programs_get_one_line_with_the_fixed_names() {
        let story = story();
        let line = story.json();
        assert_eq!(line.matches('\n').count(), 1);
        let json: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((json["proxy"].as_str(), json["admin"].as_str()), (Some(&*story.proxy), Some(&*story.admin)));
        for name in ["admin", "read", "write", "full"] {
            assert!(json["tokens"][name].as_str().is_some_and(|token| token.starts_with("kg_svc_")), "{name}");
        }
    }

    #[test]
    fn people_get_whole_commands_with_what_to_expect() {
        let story = story();
        let text = story.text();
        let curls: Vec<_> = text.lines().filter(|line| line.trim_start().starts_with("curl ")).collect();
        let expected: Vec<_> = curls.iter().map(|line| line.rsplit_once("# ").expect("a comment").1).collect();
        let statuses: Vec<_> = expected.iter().map(|comment| &comment[..3]).collect();
        assert_eq!(statuses, ["401", "200", "403", "201", "403", "200", "204", "200", "401", "200"]);
        assert!(curls[1].contains(story.read_token.expose()) && curls[3].contains(story.write_token.expose()));
        assert!(curls[7].contains(&format!("/v1/tokens/{}/revoke", story.read_id)), "{}", curls[7]);
    }
}
