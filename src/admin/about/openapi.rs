//! The description of the whole API, made of the table of endpoints (OpenAPI 3.1).

use std::collections::BTreeMap;
use std::sync::LazyLock;

use utoipa::ToSchema;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::link::LinkBuilder;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, Parameter, PathItem, PathsBuilder};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{ComponentsBuilder, ObjectBuilder, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::tag::TagBuilder;
use utoipa::openapi::{
    ContentBuilder, InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, Required, Response,
    ResponseBuilder, ResponsesBuilder, ServerBuilder,
};

use super::{Answer, Content, ETAG, Operation, Schemas, Tag, problems, subject};
use crate::admin::door;
use crate::admin::endpoint::{ENDPOINTS, Endpoint, Right};
use crate::admin::wire::terms;
use crate::problem::Problem;

const TEXT: &str = include_str!("openapi.md");
/// The name of the security scheme.
const TOKEN: &str = "token";

/// The description as JSON, as it is served and stands in `docs/openapi.json`.
pub fn description() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let mut text = describe().to_pretty_json().expect("a description is texts and numbers");
        text.push('\n');
        text
    });
    &TEXT
}

pub(super) fn describe() -> OpenApi {
    let mut schemas = Schemas::new();
    let operations: Vec<_> = ENDPOINTS.iter().map(|endpoint| (endpoint, operation(endpoint, &mut schemas))).collect();
    let mut shared = BTreeMap::new();
    let operations = share(operations, &mut shared);
    let mut paths = PathsBuilder::new();
    for (endpoint, operation) in operations {
        paths = paths.path(endpoint.path, PathItem::new(method(endpoint), operation));
    }
    Problem::schemas(&mut schemas);
    schemas.push((Problem::name().into_owned(), <Problem as utoipa::PartialSchema>::schema()));
    // Those of parameters too, which are not collected.
    schemas.extend(terms::all());
    schemas.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut components = ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .responses_from_iter(shared)
        .security_scheme(TOKEN, SecurityScheme::Http(bearer()));
    for (name, example) in problems::examples() {
        components = components.example(name, example);
    }
    for (name, text) in HEADERS {
        components = components.header(name, header(text));
    }
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Keygate management API")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(TEXT))
                .license(Some(
                    LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build(),
                )),
        )
        .servers(Some([ServerBuilder::new().url("/").description(Some("The listener that serves this")).build()]))
        .tags(Some(Tag::ALL.map(|tag| TagBuilder::new().name(tag.name()).description(Some(tag.text())).build())))
        .paths(paths)
        .components(Some(components.build()))
        .build()
}

/// Headers that several answers have.
const HEADERS: [(&str, &str); 5] = [
    ("RateLimit", "How many calls are left (`r`), and in how many seconds there is another one (`t`)."),
    (
        "RateLimit-Policy",
        "How many calls (`q`) within how many seconds (`w`) there can be of the token or the address.",
    ),
    ("Retry-After", "After how many seconds it is worth trying again."),
    ("WWW-Authenticate", "What credential is needed, and what is wrong with the one that was sent (RFC 6750)."),
    ("X-Request-Id", "The request's id, which is also in the gateway's log."),
];

fn bearer() -> Http {
    let mut scheme = Http::new(HttpAuthScheme::Bearer);
    scheme.description = Some("A token of the gateway, as `Authorization: Bearer <token>`.".to_owned());
    scheme
}

fn header(text: &str) -> utoipa::openapi::Header {
    let text_of_it = ObjectBuilder::new().schema_type(Type::String);
    HeaderBuilder::new().description(Some(text)).schema(Some(text_of_it.build())).build()
}

fn method(endpoint: &Endpoint) -> HttpMethod {
    match endpoint.method.as_str() {
        "POST" => HttpMethod::Post,
        "PUT" => HttpMethod::Put,
        "PATCH" => HttpMethod::Patch,
        "DELETE" => HttpMethod::Delete,
        _ => HttpMethod::Get,
    }
}

fn operation(endpoint: &Endpoint, schemas: &mut Schemas) -> utoipa::openapi::path::Operation {
    let about = endpoint.about;
    let mut responses = ResponsesBuilder::new()
        .response(about.answer.status.to_string(), noted(answer(&about.answer, schemas), endpoint));
    if about.parameters().any(|parameter| parameter.name == "If-None-Match") {
        let known = Answer::empty(304, "The object is as the client knows it.").headers(&[ETAG]);
        responses = responses.response("304", noted(answer(&known, schemas), endpoint));
    }
    for (status, response) in problems::responses(endpoint) {
        responses = responses.response(status.to_string(), noted(response, endpoint));
    }
    let parameters = parameters(endpoint);
    let mut operation = OperationBuilder::new()
        .operation_id(Some(about.id))
        .tag(about.tag.name())
        .summary(Some(about.summary))
        .description(Some(words(about, endpoint.right)))
        .parameters(Some(parameters).filter(|parameters| !parameters.is_empty()))
        .responses(responses);
    if let Some(body) = &about.body {
        let body = RequestBodyBuilder::new()
            .required(Some(if about.optional { Required::False } else { Required::True }))
            .content(body.media, content(body, schemas));
        operation = operation.request_body(Some(body.build()));
    }
    let with_token = || SecurityRequirement::new::<_, [&str; 0], &str>(TOKEN, []);
    operation = match endpoint.right {
        Right::Open => operation.securities(Some([])),
        Right::OpenOrNeeds { .. } => operation.securities(Some([SecurityRequirement::default(), with_token()])),
        _ => operation.security(with_token()),
    };
    operation.build()
}

fn parameters(endpoint: &Endpoint) -> Vec<Parameter> {
    subject::parameters(endpoint.path).chain(endpoint.about.parameters()).collect()
}

/// The operation's text, and which right it takes.
fn words(about: &Operation, right: Right) -> String {
    let right = match right {
        Right::Open => "Takes no token.".to_owned(),
        Right::Any => "Takes a token in force, whatever it may do.".to_owned(),
        Right::Needs { resource, action } => format!("Takes the right `{resource}: {}`.", action.name()),
        Right::OpenOrNeeds { resource, action } => {
            format!("Takes no token; a token that is presented needs the right `{resource}: {}`.", action.name())
        }
        Right::NeedsRoot { resource, action } => {
            format!("Takes the right `{resource}: {}` and a token of the root account.", action.name())
        }
    };
    if about.text.is_empty() { right } else { format!("{}\n\n{right}", about.text) }
}

fn answer(answer: &Answer, schemas: &mut Schemas) -> Response {
    let mut response = ResponseBuilder::new().description(answer.text);
    if let Some(body) = &answer.content {
        response = response.content(body.media, content(body, schemas));
    }
    for (name, text) in answer.headers {
        response = response.header(*name, header(text));
    }
    for link in answer.links {
        let mut built = LinkBuilder::new().operation_id(link.operation);
        for (name, place) in link.parameters {
            built = built.parameter(*name, *place);
        }
        response = response.link(link.operation, built.build());
    }
    response.build()
}

/// With the headers that all answers have: those of the quota not where there is none.
fn noted(mut response: Response, endpoint: &Endpoint) -> Response {
    let counted = !door::is_probe(Some(endpoint.path));
    for name in ["X-Request-Id", "RateLimit-Policy", "RateLimit"].into_iter().take(if counted { 3 } else { 1 }) {
        response.headers.insert(name.to_owned(), RefOr::Ref(Ref::new(format!("#/components/headers/{name}"))));
    }
    response
}

fn content(content: &Content, schemas: &mut Schemas) -> utoipa::openapi::Content {
    ContentBuilder::new().schema(Some((content.schema)(schemas))).example(Some((content.example)())).build()
}

type Described<'a> = Vec<(&'a Endpoint, utoipa::openapi::path::Operation)>;

/// Puts the refusals that most operations have among the components, one a status, and refers to them.
fn share<'a>(mut operations: Described<'a>, shared: &mut BTreeMap<String, RefOr<Response>>) -> Described<'a> {
    let mut counts: BTreeMap<(String, String), (usize, Response)> = BTreeMap::new();
    for (_, operation) in &operations {
        for (status, response) in &operation.responses.responses {
            if let RefOr::T(response) = response
                && !status.starts_with('2')
            {
                counts.entry((status.clone(), response.description.clone())).or_insert((0, response.clone())).0 += 1;
            }
        }
    }
    let mut most: BTreeMap<String, (usize, Response)> = BTreeMap::new();
    for ((status, _), (count, response)) in counts {
        let known = most.get(&status).map_or(1, |(known, _)| *known);
        if count > known {
            most.insert(status, (count, response));
        }
    }
    for (_, operation) in &mut operations {
        for (status, response) in &mut operation.responses.responses {
            if let RefOr::T(own) = &*response
                && most.get(status).is_some_and(|(_, usual)| usual == own)
            {
                *response = RefOr::Ref(Ref::from_response_name(format!("Refused{status}")));
            }
        }
    }
    shared.extend(most.into_iter().map(|(status, (_, response))| (format!("Refused{status}"), RefOr::T(response))));
    operations
}
