//! The parameters of a path: what stands where `{id}` and its like do.

use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};

use crate::admin::wire::terms;
use crate::model::{AccountId, TokenId, UserId};

/// What a parameter is the id of, by the segment before it: the ids' prefix, and a noun.
const SUBJECTS: [(&str, &str, &str); 5] = [
    ("tokens", TokenId::PREFIX, "token"),
    ("accounts", AccountId::PREFIX, "account"),
    ("members", UserId::PREFIX, "user"),
    ("users", UserId::PREFIX, "user"),
    ("sessions", TokenId::PREFIX, "session"),
];

/// The parameters of a path pattern. A segment that is not in the table is a mistake that a test finds.
pub(super) fn parameters(path: &str) -> impl Iterator<Item = Parameter> {
    let segments: Vec<&str> = path.split('/').collect();
    let pairs: Vec<(&str, &str)> = segments.windows(2).map(|pair| (pair[0], pair[1])).collect();
    pairs.into_iter().filter_map(|(before, segment)| {
        let name = segment.strip_prefix('{')?.strip_suffix('}')?;
        let (_, prefix, noun) = SUBJECTS.iter().find(|(of, ..)| *of == before)?;
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(Some(format!("The {noun}'s id.")))
            .schema(Some(terms::id(prefix)));
        Some(parameter.build())
    })
}
