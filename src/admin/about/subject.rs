//! The parameters of a path: what stands where `{id}` and its like do.

use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::ObjectBuilder;

use crate::admin::wire::terms;
use crate::model::{AccountId, TokenId, UserId};

/// What a text looks like.
type Look = fn() -> ObjectBuilder;

/// What a parameter is, by the segment before it: what it looks like, and what is said of it.
const SUBJECTS: [(&str, Look, &str); 7] = [
    ("tokens", || terms::id(TokenId::PREFIX), "The token's id."),
    ("accounts", || terms::id(AccountId::PREFIX), "The account's id."),
    ("members", || terms::id(UserId::PREFIX), "The user's id."),
    ("users", || terms::id(UserId::PREFIX), "The user's id."),
    ("sessions", || terms::id(TokenId::PREFIX), "The session's id."),
    ("webhooks", terms::webhook, "The webhook's name."),
    ("dead", terms::message, "The message's id."),
];

/// The parameters of a path pattern. A segment that is not in the table is a mistake that a test finds.
pub(super) fn parameters(path: &str) -> impl Iterator<Item = Parameter> {
    let segments: Vec<&str> = path.split('/').collect();
    let pairs: Vec<(&str, &str)> = segments.windows(2).map(|pair| (pair[0], pair[1])).collect();
    pairs.into_iter().filter_map(|(before, segment)| {
        let name = segment.strip_prefix('{')?.strip_suffix('}')?;
        let (_, schema, text) = SUBJECTS.iter().find(|(of, ..)| *of == before)?;
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(Some(*text))
            .schema(Some(schema()));
        Some(parameter.build())
    })
}
