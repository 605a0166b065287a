//! What each endpoint is described with: words for those who call it, the types of its bodies with examples,
//! and the problems that it can answer. `GET /openapi.json` is made from this and from the table of endpoints,
//! so an endpoint cannot be added without its description. Tests compare the two with what handlers do.

pub(super) mod accounts;
pub(super) mod audit;
pub(super) mod gateway;
pub(super) mod leaks;
pub(super) mod members;
mod openapi;
pub(super) mod presented;
mod problems;
pub(super) mod reference;
pub(super) mod rotation;
mod samples;
pub(super) mod sessions;
mod subject;
pub(super) mod tokens;
pub(super) mod users;
pub(super) mod webhooks;

use serde_json::Value;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::{AnyOfBuilder, ArrayBuilder};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{IntoParams, PartialSchema, ToSchema};

pub use self::openapi::description;
#[cfg(test)]
pub(super) use self::problems::codes;
use crate::admin::wire::Page;
use crate::problem::code::Code;

/// What is said of one endpoint, beside its method, its path and its right.
pub(super) struct Operation {
    /// `operationId`: what generated clients call it.
    pub(super) id: &'static str,
    pub(super) tag: Tag,
    pub(super) summary: &'static str,
    /// Markdown.
    pub(super) text: &'static str,
    /// Of the query and the headers.
    pub(super) parameters: &'static [fn() -> Vec<Parameter>],
    pub(super) body: Option<Content>,
    /// Whether the body may be left out.
    pub(super) optional: bool,
    pub(super) answer: Answer,
    /// Besides those that come with the right, the parameters and the body.
    pub(super) problems: &'static [&'static Code],
    /// Whether it changes what the store has.
    pub(super) changes: bool,
}

/// Operations that belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    Tokens,
    Accounts,
    Members,
    Users,
    Sessions,
    Decisions,
    Audit,
    Webhooks,
    Leaks,
    Gateway,
}

/// An answer that is no refusal.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) text: &'static str,
    pub(super) content: Option<Content>,
    /// Name and meaning of headers that it has besides those that every answer has.
    pub(super) headers: &'static [(&'static str, &'static str)],
    pub(super) links: &'static [Link],
}

/// A body: its media type, what it is made of, and an example of it.
pub(super) struct Content {
    pub(super) media: &'static str,
    pub(super) schema: fn(&mut Schemas) -> RefOr<Schema>,
    pub(super) example: fn() -> Value,
}

/// What can be done with the object of an answer: an operation, and where its parameters stand in the answer.
pub(super) struct Link {
    pub(super) operation: &'static str,
    pub(super) parameters: &'static [(&'static str, &'static str)],
}

/// Named schemas, as they are collected.
pub(super) type Schemas = Vec<(String, RefOr<Schema>)>;

pub(super) const JSON: &str = "application/json";
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// The answer of an object, or of its creation.
pub(super) const ETAG: (&str, &str) = ("ETag", "The object as it is now, for `If-Match` and `If-None-Match`.");
/// The answer of what can come again.
pub(super) const REPLAYED: (&str, &str) =
    ("Idempotency-Replayed", "`true` where a request with the same `Idempotency-Key` made this before.");
/// The answer of a creation.
pub(super) const LOCATION: (&str, &str) = ("Location", "Where the new object is.");

impl Operation {
    pub(super) const fn read(id: &'static str, tag: Tag, summary: &'static str, answer: Answer) -> Self {
        let (text, body) = ("", None);
        Self { id, tag, summary, text, parameters: &[], body, optional: false, answer, problems: &[], changes: false }
    }

    pub(super) const fn change(id: &'static str, tag: Tag, summary: &'static str, answer: Answer) -> Self {
        let mut operation = Self::read(id, tag, summary, answer);
        operation.changes = true;
        operation
    }

    pub(super) const fn text(mut self, text: &'static str) -> Self {
        self.text = text;
        self
    }

    pub(super) const fn takes(mut self, parameters: &'static [fn() -> Vec<Parameter>]) -> Self {
        self.parameters = parameters;
        self
    }

    pub(super) const fn body(mut self, body: Content) -> Self {
        self.body = Some(body);
        self
    }

    /// A body that may be left out.
    pub(super) const fn optional_body(mut self, body: Content) -> Self {
        self.optional = true;
        self.body(body)
    }

    /// Of the query and the headers.
    pub(super) fn parameters(&self) -> impl Iterator<Item = Parameter> {
        self.parameters.iter().flat_map(|list| list())
    }

    pub(super) const fn problems(mut self, problems: &'static [&'static Code]) -> Self {
        self.problems = problems;
        self
    }
}

impl Answer {
    /// JSON of this type.
    pub(super) const fn json<T: ToSchema>(status: u16, text: &'static str, example: fn() -> Value) -> Self {
        Self::of(status, text, Content::json::<T>(example))
    }

    /// JSON of this type, or of those of its fields that were asked for.
    pub(super) const fn parts<T: ToSchema>(text: &'static str, example: fn() -> Value) -> Self {
        Self::of(200, text, Content { media: JSON, schema: projected::<T>, example })
    }

    /// The same for a part of a list of these.
    pub(super) const fn page_of_parts<T: ToSchema>(text: &'static str, example: fn() -> Value) -> Self {
        Self::of(200, text, Content { media: JSON, schema: projected_page::<T>, example })
    }

    /// A part of a list of these.
    pub(super) const fn page<T: ToSchema>(text: &'static str, example: fn() -> Value) -> Self {
        Self::page_of::<T>(200, text, example)
    }

    /// The same with another status.
    pub(super) const fn page_of<T: ToSchema>(status: u16, text: &'static str, example: fn() -> Value) -> Self {
        Self::of(status, text, Content { media: JSON, schema: page::<T>, example })
    }

    pub(super) const fn of(status: u16, text: &'static str, content: Content) -> Self {
        Self { status, text, content: Some(content), headers: &[], links: &[] }
    }

    /// 204.
    pub(super) const fn nothing(text: &'static str) -> Self {
        Self::empty(204, text)
    }

    /// Without a body.
    pub(super) const fn empty(status: u16, text: &'static str) -> Self {
        Self { status, text, content: None, headers: &[], links: &[] }
    }

    pub(super) const fn headers(mut self, headers: &'static [(&'static str, &'static str)]) -> Self {
        self.headers = headers;
        self
    }

    pub(super) const fn links(mut self, links: &'static [Link]) -> Self {
        self.links = links;
        self
    }
}

impl Content {
    pub(super) const fn json<T: ToSchema>(example: fn() -> Value) -> Self {
        Self { media: JSON, schema: named::<T>, example }
    }

    /// A form of this type.
    pub(super) const fn form<T: ToSchema>(example: fn() -> Value) -> Self {
        Self { media: FORM, schema: named::<T>, example }
    }

    /// Text that is no JSON.
    pub(super) const fn text(media: &'static str, example: fn() -> Value) -> Self {
        Self { media, schema: inline::<String>, example }
    }
}

/// The parameters of a query or headers that a type describes.
pub(super) fn parameters<T: IntoParams>() -> Vec<Parameter> {
    T::into_params(|| Some(ParameterIn::Query))
}

/// A reference to the type's schema, which is put among the named ones with all that it is made of.
fn named<T: ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    let name = T::name().into_owned();
    T::schemas(schemas);
    schemas.push((name.clone(), T::schema()));
    RefOr::Ref(Ref::from_schema_name(name))
}

/// The same for a part of a list, which is named by what is in it.
fn page<T: ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    let name = format!("{}Page", T::name());
    Page::<T>::schemas(schemas);
    schemas.push((T::name().into_owned(), T::schema()));
    schemas.push((name.clone(), Page::<T>::schema()));
    RefOr::Ref(Ref::from_schema_name(name))
}

/// The whole, or a part of it: a schema of the same fields, none of which has to be there.
fn projected<T: ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    let whole = named::<T>(schemas);
    either(whole, RefOr::Ref(Ref::from_schema_name(part_of::<T>(schemas))))
}

fn projected_page<T: ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    let whole = page::<T>(schemas);
    let (part, name) = (part_of::<T>(schemas), format!("{}FieldsPage", T::name()));
    let mut of_parts = Page::<T>::schema();
    if let RefOr::T(Schema::Object(page)) = &mut of_parts {
        let items = ArrayBuilder::new().items(Ref::from_schema_name(part));
        page.properties.insert("items".to_owned(), items.into());
    }
    schemas.push((name.clone(), of_parts));
    either(whole, RefOr::Ref(Ref::from_schema_name(name)))
}

fn part_of<T: ToSchema>(schemas: &mut Schemas) -> String {
    let (name, mut part) = (format!("{}Fields", T::name()), T::schema());
    if let RefOr::T(Schema::Object(object)) = &mut part {
        object.required.clear();
        object.description = Some("Those fields that were asked for with `fields`.".to_owned());
    }
    schemas.push((name.clone(), part));
    name
}

fn either(whole: RefOr<Schema>, part: RefOr<Schema>) -> RefOr<Schema> {
    RefOr::T(Schema::from(AnyOfBuilder::new().item(whole).item(part)))
}

fn inline<T: ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    T::schemas(schemas);
    T::schema()
}

impl Tag {
    pub(super) const ALL: [Tag; 10] = [
        Tag::Tokens,
        Tag::Accounts,
        Tag::Members,
        Tag::Users,
        Tag::Sessions,
        Tag::Decisions,
        Tag::Audit,
        Tag::Webhooks,
        Tag::Leaks,
        Tag::Gateway,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Tag::Tokens => "tokens",
            Tag::Accounts => "accounts",
            Tag::Members => "members",
            Tag::Users => "users",
            Tag::Sessions => "sessions",
            Tag::Decisions => "decisions",
            Tag::Audit => "audit",
            Tag::Webhooks => "webhooks",
            Tag::Leaks => "leaks",
            Tag::Gateway => "gateway",
        }
    }

    pub(super) const fn text(self) -> &'static str {
        match self {
            Tag::Tokens => "Credentials of the API behind the gateway, and of this one: made, shown, changed, ended.",
            Tag::Accounts => "Who owns tokens. Accounts form a tree, and a token reaches those below its own.",
            Tag::Members => "Which users may act in an account, and as what.",
            Tag::Users => "People, their passwords and their invitations.",
            Tag::Sessions => "Logins: tokens that last as long as somebody is logged in.",
            Tag::Decisions => "Who a token is, and why a request is let through or not.",
            Tag::Audit => "What was done, by whom, to what and from where.",
            Tag::Webhooks => "Who is told of events, and what could not be delivered. Made in the configuration.",
            Tag::Leaks => "Texts of tokens that somebody found where they do not belong.",
            Tag::Gateway => "Probes, metrics, backups, and this description.",
        }
    }
}
