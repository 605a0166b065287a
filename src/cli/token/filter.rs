//! Which tokens are meant, as arguments: for lists, and for what is done to all of them.

use clap::Args;
use serde_json::{Map, Value};

#[derive(Debug, Default, Args)]
#[group(id = "filter")]
pub(super) struct FilterArgs {
    /// Whose tokens, acc_… [default: the admin token's account]
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Also those of the accounts below
    #[arg(long)]
    below: bool,
    /// active, disabled, revoked, expired or not_yet_valid; several with commas between
    #[arg(long)]
    state: Option<String>,
    /// personal, service, shared or session; several with commas between
    #[arg(long)]
    kind: Option<String>,
    /// Of this user: usr_…, or me
    #[arg(long, value_name = "ID")]
    owner: Option<String>,
    /// That this token made, tok_…
    #[arg(long, value_name = "ID")]
    created_by: Option<String>,
    /// Neither made nor used for so long: 90d
    #[arg(long, value_name = "TIME")]
    unused_for: Option<String>,
    /// That expire within so long: 7d
    #[arg(long, value_name = "TIME")]
    expires_within: Option<String>,
    /// With this text in the name or the description
    #[arg(short, long = "search", value_name = "TEXT")]
    q: Option<String>,
    /// With these labels: `env=prod,team!=x`, `env in (a,b)`, `env`, `!env`; may be repeated
    #[arg(long = "label", value_name = "SELECTOR")]
    labels: Vec<String>,
}

impl FilterArgs {
    /// Those of a query.
    pub(super) fn parameters(&self) -> Vec<(&'static str, Option<String>)> {
        // Each of them has to be met.
        let labels = (!self.labels.is_empty()).then(|| self.labels.join(","));
        vec![
            ("account", self.account.clone()),
            ("below", self.below.then(|| "true".to_owned())),
            ("state", self.state.clone()),
            ("kind", self.kind.clone()),
            ("owner", self.owner.clone()),
            ("created_by", self.created_by.clone()),
            ("unused_for", self.unused_for.clone()),
            ("expires_within", self.expires_within.clone()),
            ("q", self.q.clone()),
            ("label", labels),
        ]
    }

    /// The same as the fields of a body.
    pub(super) fn fields(&self) -> Map<String, Value> {
        let given = self.parameters().into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let value = |name: &str, text: String| if name == "below" { Value::Bool(true) } else { Value::String(text) };
        given.map(|(name, text)| (name.clone(), value(&name, text))).collect()
    }
}
