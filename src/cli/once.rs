//! The option by which a command that makes something can be run again, and makes it once.

use clap::Args;

#[derive(Debug, Default, Args)]
pub(super) struct OnceArgs {
    /// Of an earlier run that may have made it: what that one made is printed [default: a new one]
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

impl OnceArgs {
    pub(super) fn key(&self) -> Option<&str> {
        self.idempotency_key.as_deref()
    }
}
