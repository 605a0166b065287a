//! Why a command did not do what it was asked: one line of cause, what is wrong in detail, one line of
//! what to do, and the request's id.
//!
//! Server texts pass through [`plain`] before they reach a terminal.

use std::path::Path;

use serde_json::{Value, json};

use super::exit::Exit;
use super::terminal::plain;
use crate::app::{Remedy, StartError};

/// One message for people, and the same as a problem (RFC 9457) for programs.
#[derive(Debug)]
pub(super) struct Failure {
    pub exit: Exit,
    /// Of the admin API's answer.
    pub status: Option<u16>,
    pub cause: String,
    /// Further lines: one for each field that the server refused.
    pub details: Vec<String>,
    pub hint: Option<String>,
    pub request_id: Option<String>,
    /// The server's own problem document.
    pub problem: Option<Box<Value>>,
    /// The cause is a report that stands for itself, with its own headings.
    pub report: bool,
}

impl Failure {
    pub(super) fn new(exit: Exit, cause: impl Into<String>) -> Self {
        Self {
            exit,
            status: None,
            cause: cause.into(),
            details: Vec::new(),
            hint: None,
            request_id: None,
            problem: None,
            report: false,
        }
    }

    pub(super) fn failed(cause: impl Into<String>) -> Self {
        Self::new(Exit::Failed, cause)
    }

    pub(super) fn usage(cause: impl Into<String>) -> Self {
        Self::new(Exit::Usage, cause)
    }

    /// An invalid configuration: the report names places and remedies itself.
    pub(super) fn configuration(report: impl Into<String>) -> Self {
        Self { report: true, ..Self::new(Exit::Configuration, report) }
    }

    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says first what the failure is about.
    #[must_use]
    pub(super) fn about(mut self, what: &str) -> Self {
        self.cause = format!("{what}: {}", self.cause);
        self
    }

    /// Says at the end what became of the rest.
    #[must_use]
    pub(super) fn after(mut self, what: &str) -> Self {
        self.cause = format!("{}\n\n{what}", self.cause.trim_end());
        self
    }

    /// From a refusal of the admin API. `body` need not be a problem document: a proxy on the way may
    /// have answered.
    pub(super) fn of_answer(status: u16, body: &[u8], retry_after: Option<&str>) -> Self {
        let exit = Exit::of_status(status);
        let document = serde_json::from_slice::<Value>(body).ok().filter(Value::is_object);
        let text = |key: &str| document.as_ref().and_then(|d| d[key].as_str()).map(str::to_owned);
        let details = field_errors(document.as_ref());
        // Where the fields are told one by one, the detail would tell them again.
        let detail = text("detail").filter(|_| details.is_empty());
        let mut failure = Self::new(exit, cause(status, text("title"), detail));
        failure.status = Some(status);
        failure.details = details;
        failure.request_id = text("request_id");
        failure.hint = hint(status, text("code").as_deref(), retry_after);
        failure.problem = document.map(Box::new);
        failure
    }

    /// A gateway that does not start, with the commands that help where its store is to blame.
    pub(super) fn of_start(error: &StartError, config: &Path) -> Self {
        let exit = if error.is_data() { Exit::Data } else { Exit::Failed };
        Self::new(exit, error.to_string()).remedied(error.remedy(), config)
    }

    #[must_use]
    pub(super) fn remedied(self, remedy: Option<Remedy>, config: &Path) -> Self {
        let config = config.display();
        let restore = format!("`keygate store restore -c {config} BACKUP` puts a backup in its place");
        match remedy {
            None => self,
            Some(Remedy::Restore) => self.hint(restore),
            Some(Remedy::RestoreOrAccept) => {
                self.hint(format!("{restore}; `keygate store accept -c {config}` takes what is there for the truth"))
            }
        }
    }

    /// For a terminal, several lines with an end.
    pub(super) fn text(&self) -> String {
        if self.report {
            return format!("{}\n", self.cause.trim_end());
        }
        let mut text = format!("error: {}\n", plain(&self.cause));
        for detail in &self.details {
            text.push_str(&format!("  {}\n", plain(detail)));
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("hint: {}\n", plain(hint)));
        }
        if let Some(id) = &self.request_id {
            text.push_str(&format!("request id: {}\n", plain(id)));
        }
        text
    }

    /// For a program, one line with an end.
    pub(super) fn json(&self) -> String {
        let mut document = self.problem.as_deref().cloned().unwrap_or_else(|| {
            json!({
                "type": "about:blank",
                "title": title(self.exit),
                "code": code(self.exit),
                "detail": self.cause,
            })
        });
        document["exit_code"] = self.exit.code().into();
        if let Some(hint) = &self.hint {
            document["hint"] = hint.as_str().into();
        }
        format!("{document}\n")
    }
}

fn cause(status: u16, title: Option<String>, detail: Option<String>) -> String {
    match (title, detail) {
        (_, Some(detail)) => detail,
        (Some(title), None) => title,
        (None, None) => format!("the admin API answered {status} without saying why"),
    }
}

/// `errors` is a list of `{"field": …, "message": …}`.
fn field_errors(document: Option<&Value>) -> Vec<String> {
    let errors = document.and_then(|document| document["errors"].as_array());
    let line = |error: &Value| match (error["field"].as_str(), error["message"].as_str()) {
        (Some(field), Some(message)) => format!("{field}: {message}"),
        _ => error.to_string(),
    };
    errors.map(|errors| errors.iter().map(line).collect()).unwrap_or_default()
}

fn hint(status: u16, code: Option<&str>, retry_after: Option<&str>) -> Option<String> {
    let hint = match (status, code) {
        (401, Some("login_failed")) => {
            "check both; who has lost the password gets an invitation by `keygate user invite`".to_owned()
        }
        (401, _) => {
            "check the token in --token-file, KEYGATE_ADMIN_TOKEN or KEYGATE_ADMIN_TOKEN_FILE, or `keygate login` again"
                .to_owned()
        }
        (403, Some("root_only")) => "use a token of the root account".to_owned(),
        (403, _) => "use a token that holds the right: see `keygate whoami` for what this one may do".to_owned(),
        (404, None | Some("no_endpoint")) => "is this the admin API of a keygate? see --admin-url".to_owned(),
        (404, _) => {
            "`keygate token list`, `account list`, `user list` and `session list` show what there is".to_owned()
        }
        (409, Some("backup_running")) => "wait until the other backup is complete".to_owned(),
        (409, Some("not_confirmed")) => "add --confirm and the token's name, or --yes where that is enough".to_owned(),
        (409, Some("token_in_use")) => {
            "`keygate token usage` shows more of it; add --acknowledge-use to delete it all the same".to_owned()
        }
        (409, Some("count_differs")) => "see with --dry-run which they are now".to_owned(),
        (409, Some("too_many_tokens")) => {
            "`keygate token list` shows them; revoke or delete one that is not needed".to_owned()
        }
        (409 | 412, _) => "look at the present state with `show`, then decide again".to_owned(),
        (429 | 503 | 507, _) => match retry_after {
            Some(seconds) => format!("try again in {seconds} s"),
            None => "try again later".to_owned(),
        },
        (500..=599, _) => "the gateway's log has the reason under the request id".to_owned(),
        _ => return None,
    };
    Some(hint)
}

fn title(exit: Exit) -> &'static str {
    match exit {
        Exit::Ok => "Done",
        Exit::Failed => "Failed",
        Exit::Usage => "Wrong usage",
        Exit::NotFound => "Not found",
        Exit::Authentication => "Authentication required",
        Exit::Denied => "Denied",
        Exit::Conflict => "Conflict",
        Exit::Data => "Damaged data",
        Exit::Unreachable => "Unreachable",
        Exit::TryLater => "Try later",
        Exit::Configuration => "Invalid configuration",
        Exit::Interrupted => "Interrupted",
    }
}

fn code(exit: Exit) -> &'static str {
    match exit {
        Exit::Ok => "ok",
        Exit::Failed => "failed",
        Exit::Usage => "usage",
        Exit::NotFound => "not_found",
        Exit::Authentication => "authentication",
        Exit::Denied => "denied",
        Exit::Conflict => "conflict",
        Exit::Data => "data",
        Exit::Unreachable => "unreachable",
        Exit::TryLater => "try_later",
        Exit::Configuration => "invalid_configuration",
        Exit::Interrupted => "interrupted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_cause_fields_hint_and_request() {
        let body = br#"{"type":"about:blank","title":"Bad Request","status":400,"code":"invalid","detail":"the body has 2 mistakes",
            "errors":[{"field":"name","message":"must not be empty"},{"field":"expires","message":"is in the past"}],"request_id":"r-1"}"#;
        let failure = Failure::of_answer(400, body, None);
        assert_eq!(failure.exit, Exit::Failed);
        assert_eq!(
            failure.text(),
            "error: Bad Request\n  name: must not be empty\n  expires: is in the past\nrequest id: r-1\n"
        );
        let json: Value = serde_json::from_str(&failure.json()).unwrap();
        assert_eq!((json["code"].as_str(), json["exit_code"].as_u64()), (Some("invalid"), Some(1)));
    }

    #[test]
    fn too_many_requests_says_when_to_come_back() {
        let failure = Failure::of_answer(429, b"{\"title\":\"Too Many Requests\"}", Some("7"));
        assert_eq!(failure.exit.code(), 75);
        assert!(failure.text().ends_with("hint: try again in 7 s\n"), "{}", failure.text());
    }

    #[test]
    fn an_answer_that_is_no_problem_is_still_told() {
        let failure = Failure::of_answer(502, b"<html>", None);
        assert!(failure.text().starts_with("error: the admin API answered 502 without saying why\n"));
    }

    #[test]
    fn a_server_cannot_steer_the_terminal() {
        let failure = Failure::of_answer(400, br#"{"detail":"\u001b[2Jgone"}"#, None);
        assert!(!failure.text().contains('\x1b'), "{:?}", failure.text());
    }

    #[test]
    fn own_failures_are_problems_for_programs() {
        let failure = Failure::new(Exit::Unreachable, "nobody there").hint("start it");
        let json: Value = serde_json::from_str(&failure.json()).unwrap();
        assert_eq!(
            json,
            json!({"type": "about:blank", "title": "Unreachable", "code": "unreachable",
                   "detail": "nobody there", "exit_code": 69, "hint": "start it"})
        );
    }
}
