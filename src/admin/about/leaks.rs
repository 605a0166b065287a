//! What is said of the calls about leaked tokens.

use serde_json::{Value, json};
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Type};
use utoipa::openapi::{Ref, RefOr, Required, Schema};

use super::samples::page;
use super::{Answer, Content, JSON, Operation, Schemas, Tag, named};
use crate::admin::wire::asked::{AlertedText, LeakReport};
use crate::admin::wire::{Feedback, Judged};
use crate::problem::code;

const HASH: &str = "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9";

pub(in crate::admin) static REPORT: Operation = Operation::read(
    "reportLeaks",
    Tag::Leaks,
    "Report texts of tokens that were found",
    Answer::page_of::<Judged>(202, "What each of them is, in the order of the report.", || {
        page(json!({"label": "true_positive"}))
    }),
)
.text(
    "From a scanner of one's own. Whose token it is does not matter: who has its text may report it. What the policy of \
     the token's account says is done: it is disabled, revoked, or only told of.",
)
.body(Content::json::<LeakReport>(|| {
    json!({"leaks": [{"token": "kg_svc_…", "url": "https://git.example.org/app/blob/main/.env", "source": "commit"}]})
}))
.problems(&[&code::LEAKS_BUSY]);

pub(in crate::admin) static GITHUB: Operation = Operation::read(
    "takeGithubAlert",
    Tag::Leaks,
    "Take an alert of GitHub's secret scanning",
    Answer::of(
        200,
        "What each text is, in the form of GitHub's feedback.",
        Content { media: JSON, schema: list::<Feedback>, example: || {
            json!([{"token_hash": HASH, "token_type": "keygate", "label": "false_positive"}])
        } },
    ),
)
.text(
    "In the contract of its secret scanning partners. The signature, ECDSA with P-256 and SHA-256 over the bytes of the \
     body, stands in the place of a token; `leaks.github_keys` says whose keys are believed.",
)
.takes(&[signature])
.body(Content { media: JSON, schema: list::<AlertedText>, example: alert })
.problems(&[&code::LEAKS_OFF, &code::BAD_SIGNATURE, &code::KEYS_UNAVAILABLE, &code::LEAKS_BUSY]);

fn alert() -> Value {
    json!([{"token": "kg_svc_…", "type": "keygate", "url": "https://github.com/o/r/blob/x/.env", "source": "content"}])
}

fn signature() -> Vec<Parameter> {
    let header = |name: &str, text: &str| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::True)
            .description(Some(text))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
            .build()
    };
    vec![
        header("GITHUB-PUBLIC-KEY-IDENTIFIER", "Which key the body is signed with."),
        header("GITHUB-PUBLIC-KEY-SIGNATURE", "The signature, in DER and Base64."),
    ]
}

fn list<T: utoipa::ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    let of = match named::<T>(schemas) {
        RefOr::Ref(item) => item,
        RefOr::T(_) => Ref::from_schema_name(T::name()),
    };
    RefOr::T(Schema::from(ArrayBuilder::new().items(of)))
}
