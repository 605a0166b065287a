//! Refusals in the description: which codes an endpoint can answer, and a response for each status.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::path::ParameterIn;
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, Type};
use utoipa::openapi::{Content, ContentBuilder, Ref, RefOr, Response, ResponseBuilder, Schema};

use super::Operation;
use crate::admin::door;
use crate::admin::endpoint::{Endpoint, Right};
use crate::problem::CONTENT_TYPE;
use crate::problem::code::{self, Code, Told};

const IF_MATCH: &str = "If-Match";
const IDEMPOTENCY_KEY: &str = "Idempotency-Key";

/// What a credential can be refused with.
const CREDENTIAL: [&Code; 13] = [
    &code::MISSING_CREDENTIAL,
    &code::MALFORMED_CREDENTIAL,
    &code::SEVERAL_CREDENTIALS,
    &code::INVALID_TOKEN,
    &code::TOKEN_DISABLED,
    &code::TOKEN_REVOKED,
    &code::TOKEN_EXPIRED,
    &code::TOKEN_NOT_YET_VALID,
    &code::TOKEN_ROTATED,
    &code::ACCOUNT_SUSPENDED,
    &code::OWNER_INACTIVE,
    &code::FILTER_NOT_ENFORCED,
    &code::STORE_UNAVAILABLE,
];
const BODY: [&Code; 5] =
    [&code::NOT_JSON, &code::BODY_TOO_LARGE, &code::BODY_INCOMPLETE, &code::MALFORMED_JSON, &code::INVALID_FIELDS];
const FORM_BODY: [&Code; 4] = [&code::NOT_A_FORM, &code::BODY_TOO_LARGE, &code::BODY_INCOMPLETE, &code::INVALID_FORM];
const REPEATED: [&Code; 4] = [
    &code::IDEMPOTENCY_KEY_INVALID,
    &code::IDEMPOTENCY_IN_PROGRESS,
    &code::IDEMPOTENCY_KEY_REUSED,
    &code::IDEMPOTENCY_OBJECT_GONE,
];
const CHANGE: [&Code; 3] = [&code::CONFLICT, &code::STORE_UNAVAILABLE, &code::STORE_FULL];

/// Every code that the endpoint can answer, in the order of statuses.
pub(in crate::admin) fn codes(endpoint: &Endpoint) -> Vec<&'static Code> {
    let Operation { body, problems, changes, .. } = endpoint.about;
    let mut codes: Vec<&Code> = vec![&code::INTERNAL, &code::OTHER_HOST, &code::MISDIRECTED];
    match endpoint.right {
        Right::Open => {}
        Right::Any => codes.extend(CREDENTIAL),
        Right::Needs { .. } | Right::OpenOrNeeds { .. } => {
            codes.extend(CREDENTIAL);
            codes.push(&code::INSUFFICIENT_SCOPE);
        }
        Right::NeedsRoot { .. } => {
            codes.extend(CREDENTIAL);
            codes.extend([&code::INSUFFICIENT_SCOPE, &code::ROOT_ONLY]);
        }
    }
    if matches!(endpoint.right, Right::OpenOrNeeds { .. }) {
        codes.retain(|code| code.name != code::MISSING_CREDENTIAL.name);
    }
    match body {
        None => {}
        Some(body) if body.media == super::FORM => codes.extend(FORM_BODY),
        Some(_) => codes.extend(BODY),
    }
    if endpoint.about.parameters().any(|parameter| parameter.parameter_in == ParameterIn::Query) {
        codes.push(&code::INVALID_QUERY);
    }
    if endpoint.about.parameters().any(|parameter| parameter.name == IF_MATCH) {
        codes.push(&code::PRECONDITION_FAILED);
    }
    if endpoint.about.parameters().any(|parameter| parameter.name == IDEMPOTENCY_KEY) {
        codes.extend(REPEATED);
    }
    if !door::is_probe(Some(endpoint.path)) {
        codes.push(&code::RATE_LIMITED);
    }
    if endpoint.path.contains('{') {
        codes.push(&code::NOT_FOUND);
    }
    if *changes {
        codes.extend(CHANGE);
    }
    if endpoint.audit.is_some() {
        codes.extend([&code::AUDIT_UNAVAILABLE, &code::AUDIT_FULL]);
    }
    codes.extend(*problems);
    let mut seen = BTreeSet::new();
    codes.retain(|code| seen.insert(code.name));
    codes.sort_by_key(|code| code.status);
    codes
}

/// A response for each status.
pub(super) fn responses(endpoint: &Endpoint) -> impl Iterator<Item = (u16, Response)> {
    let mut by_status: BTreeMap<u16, Vec<&Code>> = BTreeMap::new();
    for code in codes(endpoint) {
        by_status.entry(code.status).or_default().push(code);
    }
    by_status.into_iter().map(|(status, codes)| (status, response(&codes)))
}

fn response(codes: &[&Code]) -> Response {
    let lines: Vec<_> = codes.iter().map(|code| format!("- `{}`: {}", code.name, code.meaning)).collect();
    let mut response = ResponseBuilder::new().description(lines.join("\n")).content(CONTENT_TYPE, content(codes));
    if codes.iter().any(|code| code.challenge != Told::Nothing) {
        response = response.header_ref("WWW-Authenticate", Ref::new("#/components/headers/WWW-Authenticate"));
    }
    if codes.iter().any(|code| [429, 503, 507].contains(&code.status)) {
        response = response.header_ref("Retry-After", Ref::new("#/components/headers/Retry-After"));
    }
    response.build()
}

/// A problem with one of these codes.
fn content(codes: &[&Code]) -> Content {
    let names = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(codes.iter().map(|code| code.name)));
    let narrowed = ObjectBuilder::new().schema_type(Type::Object).property("code", names);
    let schema = AllOfBuilder::new().item(Ref::from_schema_name("Problem")).item(narrowed);
    let example = |code: &&Code| (code.name, RefOr::Ref(Ref::new(format!("#/components/examples/{}", code.name))));
    ContentBuilder::new()
        .schema(Some(Schema::from(schema)))
        .examples_from_iter(
            codes.iter().map(example).collect::<Vec<(&str, RefOr<utoipa::openapi::example::Example>)>>(),
        )
        .build()
}

/// An example of each code.
pub(super) fn examples() -> impl Iterator<Item = (&'static str, utoipa::openapi::example::Example)> {
    code::all().filter(|code| code.by != code::By::Proxy).map(|code| {
        let id = "019aba72-5f9c-7c1e-8f3a-0a54cf6a1c7e";
        let mut value = json!({
            "type": format!("urn:keygate:problem:{}", code.name),
            "title": code.title,
            "status": code.status,
            "detail": code.meaning,
            "instance": format!("urn:uuid:{id}"),
            "code": code.name,
            "request_id": id,
        });
        if [422].contains(&code.status) || code.name == code::INVALID_QUERY.name {
            value["errors"] = json!([{"field": "name", "message": "has 101 characters; at most 100 are allowed"}]);
        }
        (code.name, ExampleBuilder::new().summary(code.title).value(Some(value)).build())
    })
}
