//! What the process ends with. The numbers are part of the interface: scripts branch on them.

use std::process::ExitCode;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    Ok,
    Failed,
    Usage,
    NotFound,
    Authentication,
    /// Asked whether a request would be allowed: it would not.
    Denied,
    Conflict,
    Data,
    Unreachable,
    TryLater,
    Configuration,
    Interrupted,
}

impl Exit {
    pub(super) const fn code(self) -> u8 {
        match self {
            Exit::Ok => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::NotFound => 3,
            Exit::Authentication => 4,
            Exit::Denied => 5,
            Exit::Conflict => 6,
            Exit::Data => 65,
            Exit::Unreachable => 69,
            Exit::TryLater => 75,
            Exit::Configuration => 78,
            Exit::Interrupted => 130,
        }
    }

    /// For what the admin API answered.
    pub(super) const fn of_status(status: u16) -> Exit {
        match status {
            200..=299 => Exit::Ok,
            401 | 403 => Exit::Authentication,
            404 => Exit::NotFound,
            409 | 412 => Exit::Conflict,
            429 | 503 | 507 => Exit::TryLater,
            _ => Exit::Failed,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}

macro_rules! table {
    () => {
        "\
Exit codes:
  0    done
  1    failed, for a reason that no other code names
  2    wrong usage: an option, an argument, or a confirmation that nobody could give
  3    there is no such token, account, user, role or session
  4    the token for the admin API is missing, refused, or lacks a right
  5    denied: `keygate explain` or `keygate route test` says that the request would be refused,
       or `keygate token verify` that the token is worth nothing
  6    conflict: somebody else changed it meanwhile, or its state does not allow the change,
       or what was to be made is there already
  65   a store, a backup or the audit log is damaged, incomplete or of another pepper
  69   the gateway's admin API cannot be reached
  75   try again later: too many requests, or the store does not answer
  78   the configuration is missing or invalid
  130  interrupted (Ctrl-C)
"
    };
}

/// What `keygate exit-codes` prints.
pub(super) const TABLE: &str = table!();

/// What `keygate exit-codes --help` prints besides.
pub(super) const HELP: &str = concat!(table!(), "\nExamples:\n  keygate exit-codes");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_have_the_documented_codes() {
        let cases = [
            (200, 0),
            (204, 0),
            (400, 1),
            (401, 4),
            (403, 4),
            (404, 3),
            (409, 6),
            (422, 1),
            (429, 75),
            (500, 1),
            (503, 75),
            (507, 75),
        ];
        for (status, code) in cases {
            assert_eq!(Exit::of_status(status).code(), code, "{status}");
        }
    }

    #[test]
    fn every_code_is_in_the_table() {
        use Exit::{
            Authentication, Configuration, Conflict, Data, Denied, Failed, Interrupted, NotFound, Ok, TryLater,
            Unreachable, Usage,
        };
        for exit in [
            Ok,
            Failed,
            Usage,
            NotFound,
            Authentication,
            Denied,
            Conflict,
            Data,
            Unreachable,
            TryLater,
            Configuration,
            Interrupted,
        ] {
            assert!(TABLE.contains(&format!("\n  {:<5}", exit.code())), "{exit:?}");
        }
    }
}
