//! `keygate token reveal`: a token's text once more, where the policy keeps a copy of it.

use clap::Args;
use serde_json::Value;

use super::super::client::Client;
use super::super::exit::Exit;
use super::super::failure::Failure;
use super::super::terminal::Terminal;
use super::create::{CreateShape, shape};
use super::token_id;
use crate::model::TokenId;

#[derive(Debug, Args)]
pub(in crate::cli) struct RevealArgs {
    /// The token's id, tok_…
    id: String,
    #[arg(short, long, value_enum, default_value_t = CreateShape::Raw)]
    pub(in crate::cli) output: CreateShape,
}

impl RevealArgs {
    pub(super) fn id(&self) -> Result<TokenId, Failure> {
        token_id(&self.id)
    }
}

pub(super) fn reveal(
    id: TokenId,
    args: &RevealArgs,
    client: &Client,
    terminal: &mut Terminal<'_>,
) -> Result<Exit, Failure> {
    let answer: Value = client.post(&format!("/v1/tokens/{id}/reveal"), None)?;
    let Some(secret) = answer["token"].as_str() else {
        return Err(
            Failure::failed("the admin API sent no token").hint("is this the admin API of keygate? see --admin-url")
        );
    };
    terminal.print(&shape(args.output, &answer, secret, terminal.frame())).map(|()| Exit::Ok)
}
