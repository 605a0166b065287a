//! The written form of records: loss-free, with a name for each field. Times are milliseconds since 1970
//! UTC. A field that is unknown here is refused, since it may be one that narrows what a token may do.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::error::Flaw;
use super::note_form::NoteForm;
use super::rotation_form::RotationForm;
use super::seal;
use super::user_form::UserForm;
use crate::model::{
    Account, AccountState, Day, Digest, Filters, Grants, Kind, Labels, Quota, Revision, SecretUse, Seen, State,
    Timestamp, Token, Usage,
};
use crate::store::{Record, hex};

/// One line behind the header.
#[expect(clippy::large_enum_variant, reason = "all but one are records")]
pub(super) enum Line {
    Record(Record),
    /// The number of this line, which is the last.
    End(u64),
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LineForm {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<AccountForm>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<UserForm>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    note: Option<NoteForm>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    token: Option<TokenForm>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    usage: Option<UsageForm>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end: Option<EndForm>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AccountForm {
    id: String,
    parent: Option<String>,
    name: String,
    state: AccountStateForm,
    visible_to_parent: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ceiling: Option<BTreeMap<String, String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    plan: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    created: i64,
    revision: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AccountStateForm {
    Active,
    Suspended,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenForm {
    id: String,
    account: String,
    kind: String,
    name: String,
    description: String,
    grants: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    filters: BTreeMap<String, Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    labels: BTreeMap<String, String>,
    state: StateForm,
    not_before: Option<i64>,
    expires: Option<i64>,
    rate_limit: Option<QuotaForm>,
    created: i64,
    created_by: Option<String>,
    hint: String,
    digest: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rotation: Option<RotationForm>,
    revision: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum StateForm {
    Active,
    Disabled,
    Revoked { at: i64 },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct QuotaForm {
    requests: u32,
    window_ns: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UsageForm {
    requests: u64,
    last_used: Option<i64>,
    /// Days since 1970-01-01, with their requests.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    days: Vec<(u32, u64)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    routes: Vec<SeenForm>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    peers: Vec<SeenForm>,
    /// Numbers of the token's texts, with their requests and their last use.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    secrets: Vec<(u32, u64, i64)>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SeenForm {
    what: String,
    requests: u64,
    last: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EndForm {
    lines: u64,
}

impl Line {
    pub(super) fn read(line: &[u8]) -> Result<Self, Flaw> {
        let LineForm { account, user, note, token, usage, end } = seal::unseal(line)?;
        match (account, user, note, token, usage, end) {
            (None, Some(user), None, None, None, None) => Ok(Self::Record(Record::User(user.user()?))),
            (Some(account), None, None, None, None, None) => Ok(Self::Record(Record::Account(account.account()?))),
            (None, None, Some(note), None, None, None) => Ok(Self::Record(Record::Note(note.note()?))),
            (None, None, None, Some(token), usage, None) => {
                let usage = usage.map(UsageForm::usage).transpose()?.unwrap_or_default();
                Ok(Self::Record(Record::Token(token.token()?, usage)))
            }
            (None, None, None, None, None, Some(end)) => Ok(Self::End(end.lines)),
            _ => {
                let forms = "an `account`, a `user`, a `note`, a `token` with its `usage`, or the `end`";
                Err(Flaw::Form(format!("a line is {forms}")))
            }
        }
    }
}

pub(super) fn write(record: &Record, into: &mut Vec<u8>) {
    let form = match record {
        Record::Account(account) => LineForm { account: Some(AccountForm::of(account)), ..LineForm::default() },
        Record::User(user) => LineForm { user: Some(UserForm::of(user)), ..LineForm::default() },
        Record::Note(note) => LineForm { note: Some(NoteForm::of(note)), ..LineForm::default() },
        Record::Token(token, usage) => LineForm {
            token: Some(TokenForm::of(token)),
            usage: (*usage != Usage::default()).then(|| UsageForm::of(usage)),
            ..LineForm::default()
        },
    };
    seal::seal(&form, into);
}

pub(super) fn write_end(lines: u64, into: &mut Vec<u8>) {
    seal::seal(&LineForm { end: Some(EndForm { lines }), ..LineForm::default() }, into);
}

/// What `text` says in the field of that name.
pub(super) fn parsed<T: std::str::FromStr<Err: Display>>(field: &str, text: &str) -> Result<T, Flaw> {
    text.parse().map_err(|error| Flaw::Form(format!("`{field}`: {error}")))
}

impl AccountForm {
    fn of(account: &Account) -> Self {
        Self {
            id: account.id.to_string(),
            parent: account.parent.map(|id| id.to_string()),
            name: account.name.clone(),
            state: match account.state {
                AccountState::Active => AccountStateForm::Active,
                AccountState::Suspended => AccountStateForm::Suspended,
            },
            visible_to_parent: account.visible_to_parent,
            ceiling: account.ceiling.as_ref().map(grants_form),
            plan: account.plan.as_ref().map(ToString::to_string),
            policy: account.policy.as_ref().map(ToString::to_string),
            labels: labels_form(&account.labels),
            created: account.created.millis(),
            revision: account.revision.0,
        }
    }

    fn account(self) -> Result<Account, Flaw> {
        Ok(Account {
            id: parsed("id", &self.id)?,
            parent: self.parent.map(|id| parsed("parent", &id)).transpose()?,
            name: self.name,
            state: match self.state {
                AccountStateForm::Active => AccountState::Active,
                AccountStateForm::Suspended => AccountState::Suspended,
            },
            visible_to_parent: self.visible_to_parent,
            ceiling: self.ceiling.map(grants).transpose()?,
            plan: self.plan.map(|plan| parsed("plan", &plan)).transpose()?,
            policy: self.policy.map(|policy| parsed("policy", &policy)).transpose()?,
            labels: labels(self.labels)?,
            created: Timestamp::from_millis(self.created),
            revision: Revision(self.revision),
        })
    }
}

impl TokenForm {
    fn of(token: &Token) -> Self {
        Self {
            id: token.id.to_string(),
            account: token.account.to_string(),
            kind: token.kind.name().to_owned(),
            name: token.name.clone(),
            description: token.description.clone(),
            grants: grants_form(&token.grants),
            roles: token.roles.iter().map(ToString::to_string).collect(),
            user: token.user.map(|id| id.to_string()),
            filters: token.filters.iter().map(|(key, values)| (key.to_owned(), values.to_vec())).collect(),
            sealed: token.sealed.as_deref().map(hex::encode),
            labels: labels_form(&token.labels),
            state: match token.state {
                State::Active => StateForm::Active,
                State::Disabled => StateForm::Disabled,
                State::Revoked { at } => StateForm::Revoked { at: at.millis() },
            },
            not_before: token.not_before.map(Timestamp::millis),
            expires: token.expires.map(Timestamp::millis),
            rate_limit: token.rate_limit.map(QuotaForm::of),
            created: token.created.millis(),
            created_by: token.created_by.map(|id| id.to_string()),
            hint: token.hint.clone(),
            digest: hex::encode(token.digest.as_bytes()),
            rotation: token.rotation.as_deref().map(RotationForm::of),
            revision: token.revision.0,
        }
    }

    fn token(self) -> Result<Token, Flaw> {
        let kind = Kind::from_name(&self.kind)
            .ok_or_else(|| Flaw::Form(format!("`kind`: `{}` is no kind of token", self.kind)))?;
        Ok(Token {
            id: parsed("id", &self.id)?,
            account: parsed("account", &self.account)?,
            kind,
            name: self.name,
            description: self.description,
            grants: grants(self.grants)?,
            roles: self.roles.iter().map(|name| parsed("roles", name)).collect::<Result<_, _>>()?,
            user: self.user.map(|id| parsed("user", &id)).transpose()?,
            filters: Filters::new(self.filters).map_err(|error| Flaw::Form(format!("`filters`: {error}")))?,
            sealed: self.sealed.map(|sealed| bytes("sealed", &sealed)).transpose()?,
            labels: labels(self.labels)?,
            state: match self.state {
                StateForm::Active => State::Active,
                StateForm::Disabled => State::Disabled,
                StateForm::Revoked { at } => State::Revoked { at: Timestamp::from_millis(at) },
            },
            not_before: self.not_before.map(Timestamp::from_millis),
            expires: self.expires.map(Timestamp::from_millis),
            rate_limit: self.rate_limit.map(QuotaForm::quota).transpose()?,
            created: Timestamp::from_millis(self.created),
            created_by: self.created_by.map(|id| parsed("created_by", &id)).transpose()?,
            hint: self.hint,
            digest: digest("digest", &self.digest)?,
            rotation: self.rotation.map(|rotation| rotation.rotation().map(Box::new)).transpose()?,
            revision: Revision(self.revision),
        })
    }
}

pub(super) fn digest(field: &str, text: &str) -> Result<Digest, Flaw> {
    let digest = hex::decode(text).map(Digest::from_bytes);
    digest.ok_or_else(|| Flaw::Form(format!("`{field}`: a digest is 64 hexadecimal digits in lower case")))
}

pub(super) fn bytes(field: &str, text: &str) -> Result<Box<[u8]>, Flaw> {
    hex::decode_all(text).ok_or_else(|| Flaw::Form(format!("`{field}`: no pairs of hexadecimal digits in lower case")))
}

fn grants_form(grants: &Grants) -> BTreeMap<String, String> {
    grants.iter().map(|(name, access)| (name.to_string(), access.to_string())).collect()
}

fn grants(entries: BTreeMap<String, String>) -> Result<Grants, Flaw> {
    let entry = |(name, access): (String, String)| Ok((parsed("grants", &name)?, parsed("grants", &access)?));
    Ok(Grants::new(entries.into_iter().map(entry).collect::<Result<Vec<_>, Flaw>>()?))
}

fn labels_form(labels: &Labels) -> BTreeMap<String, String> {
    labels.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn labels(entries: BTreeMap<String, String>) -> Result<Labels, Flaw> {
    Labels::new(entries).map_err(|error| Flaw::Form(format!("`labels`: {error}")))
}

impl QuotaForm {
    fn of(quota: Quota) -> Self {
        let window_ns = u64::try_from(quota.window().as_nanos()).expect("a window is 31 days at most");
        Self { requests: quota.requests().get(), window_ns }
    }

    fn quota(self) -> Result<Quota, Flaw> {
        Quota::new(self.requests, Duration::from_nanos(self.window_ns))
            .map_err(|error| Flaw::Form(format!("`rate_limit`: {error}")))
    }
}

impl UsageForm {
    fn of(usage: &Usage) -> Self {
        Self {
            requests: usage.requests,
            last_used: usage.last_used.map(Timestamp::millis),
            days: usage.days.iter().map(|(Day(day), requests)| (*day, *requests)).collect(),
            routes: usage.routes.iter().map(SeenForm::of).collect(),
            peers: usage.peers.iter().map(SeenForm::of).collect(),
            secrets: usage.secrets.iter().map(|used| (used.number, used.requests, used.last.millis())).collect(),
        }
    }

    fn usage(self) -> Result<Usage, Flaw> {
        let Self { requests, last_used, days, routes, peers, secrets } = self;
        let secret = |(number, requests, last)| SecretUse { number, requests, last: Timestamp::from_millis(last) };
        let peer = |form: SeenForm| {
            let what = form.what.parse().map_err(|error| Flaw::Form(format!("`peers`: {error}")))?;
            Ok(Seen { what, requests: form.requests, last: Timestamp::from_millis(form.last) })
        };
        let route = |form: SeenForm| Seen {
            what: form.what.into(),
            requests: form.requests,
            last: Timestamp::from_millis(form.last),
        };
        Ok(Usage {
            requests,
            last_used: last_used.map(Timestamp::from_millis),
            days: days.into_iter().map(|(day, requests)| (Day(day), requests)).collect(),
            routes: routes.into_iter().map(route).collect(),
            peers: peers.into_iter().map(peer).collect::<Result<_, _>>()?,
            secrets: secrets.into_iter().map(secret).collect(),
        })
    }
}

impl SeenForm {
    fn of<T: ToString>(seen: &Seen<T>) -> Self {
        Self { what: seen.what.to_string(), requests: seen.requests, last: seen.last.millis() }
    }
}
