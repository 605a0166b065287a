//! The terms that bodies are made of, as the description of the API says them: ids, moments, grants. What a
//! text may be is said as exactly as its reader takes it, and no more narrowly.
//!
//! None of them is ever made: a field of a body is a text or a map, and is described as one of these.

use std::borrow::Cow;

use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, ObjectBuilder, OneOfBuilder, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, Schema, SchemaFormat};
use utoipa::{PartialSchema, ToSchema};

use super::{AccountRecord, MemberRecord, TokenRecord, UserRecord};
use crate::admin::about::Schemas;
use crate::admin::{accounts, sessions, tokens, users};
use crate::audit::Outcome;
use crate::model::{
    AccountId as Account, Encoding, EventKind, ForeignHash, Kind as AnyKind, Standing as AnyStanding, TokenId as Token,
    UserId as User,
};

macro_rules! terms {
    ($($(#[doc = $doc:literal])* $name:ident = $schema:expr;)+) => {
        $($(#[doc = $doc])* pub(in crate::admin) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                RefOr::T($schema.description(Some(concat!($($doc),*).trim())).into())
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        })+

        /// All of them, with their names.
        pub(in crate::admin) fn all() -> Schemas {
            vec![$((stringify!($name).to_owned(), $name::schema())),+]
        }
    };
}

terms! {
    /// The id of a token.
    TokenId = id(Token::PREFIX);
    /// The id of an account.
    AccountId = id(Account::PREFIX);
    /// The id of a user.
    UserId = id(User::PREFIX);
    /// What happened to a token.
    EventType = one_of(&EventKind::ALL.map(EventKind::name));
    /// Ids of messages, or `all` of them.
    Messages = OneOfBuilder::new()
        .item(ArrayBuilder::new().items(text().build()).min_items(Some(1)).max_items(Some(1_000)))
        .item(one_of(&["all"]));
    /// A time in UTC (RFC 3339).
    Moment = text().format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))).examples(["2026-11-25T09:30:00.000Z"]);
    /// Resource to access: `none`, `read`, `write` (create and update), `full`, or actions joined by `+`. `*` is
    /// every resource of the API, `keygate.*` every one of this management API.
    Grants = object()
        .property_names(Some(resource().build()))
        .additional_properties(Some(AdditionalProperties::RefOr(access().into())))
        .examples([serde_json::json!({"devices": "read+write", "*": "read"})]);
    /// Which part of the data: key to values.
    Filters = object()
        .additional_properties(Some(AdditionalProperties::RefOr(ArrayBuilder::new().items(text().build()).into())))
        .examples([serde_json::json!({"region": ["eu", "us"]})]);
    /// Which part of the data: key to a value or to several.
    AskedFilters = object()
        .additional_properties(Some(AdditionalProperties::RefOr(one_or_several().into())))
        .examples([serde_json::json!({"region": "eu", "team": ["a", "b"]})]);
    /// What people sort by: key to value, in the syntax of Kubernetes.
    Labels = labels(text().pattern(Some(VALUE)).max_length(Some(63)));
    /// Labels to be set, or, where they are null, removed; those that are not named stay.
    LabelEdits = labels(text().schema_type(SchemaType::Array(vec![Type::String, Type::Null])).pattern(Some(VALUE)));
    /// A length of time: a number, and `s`, `m`, `h`, `d` or `w`.
    Length = text().pattern(Some("^[0-9]+[smhdw]$")).examples(["90d"]);
    /// A user's id, or `me`: the user for whom the caller stands.
    Owner = text().pattern(Some(format!("^(me|{}_[0-9A-Za-z]{{22}})$", User::PREFIX))).examples(["me"]);
    /// What a list of tokens is sorted by; with `-` before it, the other way round.
    TokenOrder = order(&tokens::orders());
    /// A field of a token.
    TokenField = one_of(&TokenRecord::FIELDS);
    /// By which a key's text was hashed.
    HashAlgorithm = one_of(&ForeignHash::ALL.map(ForeignHash::name));
    /// How a hash is written.
    HashEncoding = one_of(&Encoding::ALL.map(Encoding::name)).default(Some("hex".into()));
    /// What became of a key.
    ImportStatus = one_of(&["created", "exists", "refused"]);
    /// What a list of sessions is sorted by; with `-` before it, the other way round.
    SessionOrder = order(&sessions::orders());
    /// What a list of accounts is sorted by; with `-` before it, the other way round.
    AccountOrder = order(&accounts::ACCOUNTS.orders());
    /// A field of an account.
    AccountField = one_of(&AccountRecord::FIELDS);
    /// What a list of users or members is sorted by; with `-` before it, the other way round.
    UserOrder = order(&users::USERS.orders());
    /// A field of a user.
    UserField = one_of(&UserRecord::FIELDS);
    /// A field of a member.
    MemberField = one_of(&MemberRecord::FIELDS);
    /// True.
    Yes = flag(true);
    /// False.
    No = flag(false);
    /// The kind of a token.
    Kind = one_of(&AnyKind::ALL.map(AnyKind::name));
    /// The kind of a token that can be asked for: a session is begun by a login.
    MadeKind = one_of(&["personal", "service", "shared"]);
    /// What has become of a token, at the time of the answer.
    Standing = one_of(&AnyStanding::NAMES);
    /// Whether the tokens of an account, and of those below it, are let through.
    AccountState = one_of(&["active", "suspended"]);
    /// Whether a user can log in and its tokens are let through.
    UserState = one_of(&["active", "disabled"]);
    /// How an action ended.
    Outcomes = one_of(&Outcome::NAMES);
    /// That a token is in use is known.
    Use = one_of(&["use"]);
    /// Fields of an object, whichever it is.
    Members = object().additional_properties(Some(AdditionalProperties::FreeForm(true)));
}

/// An id: its prefix and 22 characters.
pub(in crate::admin) fn id(prefix: &str) -> ObjectBuilder {
    text().pattern(Some(format!("^{prefix}_[0-9A-Za-z]{{22}}$"))).examples([example_id(prefix)])
}

/// An id of a message.
pub(in crate::admin) const MESSAGE: &str = "msg_0123456789abcdef0123456789abcdef";

pub(in crate::admin) fn message() -> ObjectBuilder {
    text().pattern(Some("^msg_[0-9a-f]{32}$")).examples([MESSAGE])
}

/// Of a webhook, as the configuration has it.
pub(in crate::admin) fn webhook() -> ObjectBuilder {
    text().pattern(Some("^[A-Za-z0-9_.-]{1,64}$")).examples(["security"])
}

/// One that looks as an id does. Those of one kind are the same, so that examples fit together.
pub(in crate::admin) fn example_id(prefix: &str) -> String {
    format!("{prefix}_02DVhPTXLd2OJGUcjM8Hw{}", if prefix == "acc" { '1' } else { '2' })
}

/// What `sort` can say.
fn order(names: &[String]) -> ObjectBuilder {
    one_of(&names.iter().map(String::as_str).collect::<Vec<_>>()).default(Some("created".into()))
}

/// One of these texts.
fn one_of(names: &[&str]) -> ObjectBuilder {
    text().enum_values(Some(names.iter().copied()))
}

fn resource() -> ObjectBuilder {
    text().pattern(Some(r"^(\*|keygate\.\*|[a-z][a-z0-9_.-]{0,63})$"))
}

fn access() -> ObjectBuilder {
    let action = "(read|write|full|create|update|delete)";
    text().pattern(Some(format!(r"^(none|{action}(\+{action})*)$")))
}

fn one_or_several() -> OneOfBuilder {
    OneOfBuilder::new().item(text()).item(ArrayBuilder::new().items(text().build()).min_items(Some(1)))
}

/// What a label's value is, and the name in its key.
const VALUE: &str = "^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$";
const KEY: &str = "^([a-z0-9.-]+/)?[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$";

fn labels(value: ObjectBuilder) -> ObjectBuilder {
    object()
        .property_names(Some(text().pattern(Some(KEY)).build()))
        .additional_properties(Some(AdditionalProperties::RefOr(value.into())))
        .examples([serde_json::json!({"env": "prod", "team": "a"})])
}

fn flag(value: bool) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([value]))
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn object() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Object)
}
