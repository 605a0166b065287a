//! Which users are meant, and in which order, as arguments.

use clap::Args;

#[derive(Debug, Default, Args)]
pub(in crate::cli) struct UserFilterArgs {
    /// active or disabled
    #[arg(long)]
    state: Option<String>,
    /// Members with this role
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// With this text in the name or the login
    #[arg(short, long = "search", value_name = "TEXT")]
    q: Option<String>,
    /// created, name or login; with - before it in the other direction
    #[arg(long, value_name = "[-]FIELD", allow_hyphen_values = true)]
    sort: Option<String>,
}

impl UserFilterArgs {
    /// Those of a query.
    pub(in crate::cli) fn parameters(&self) -> [(&'static str, Option<&str>); 4] {
        [
            ("state", self.state.as_deref()),
            ("role", self.role.as_deref()),
            ("q", self.q.as_deref()),
            ("sort", self.sort.as_deref()),
        ]
    }
}
