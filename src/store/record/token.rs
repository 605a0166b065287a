//! The written form of a token.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::bytes::{Bytes, Whole};
use super::rotation::RotationRecord;
use super::{Problem, Stored, named, read, write};
use crate::model::{
    Access, AccountId, Digest, Filters, Grants, Kind, Labels, Quota, ResourceName, Revision, State, Timestamp, Token,
    TokenId, UserId,
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenRecord {
    id: Bytes<16>,
    account: Bytes<16>,
    kind: String,
    name: String,
    description: String,
    /// Resource and the four bits of its access.
    grants: Vec<(String, u8)>,
    state: StateRecord,
    not_before: Option<i64>,
    expires: Option<i64>,
    rate_limit: Option<QuotaRecord>,
    created: i64,
    created_by: Option<Bytes<16>>,
    hint: String,
    digest: Bytes<32>,
    revision: u64,
    // From version 2 on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<Bytes<16>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    filters: Vec<(String, Vec<String>)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<Whole>,
    // From version 3 on; both or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    old_digest: Option<Bytes<32>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rotation: Option<RotationRecord>,
    // From version 3 on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    labels: Vec<(String, String)>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum StateRecord {
    Active,
    Disabled,
    Revoked { at: i64 },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct QuotaRecord {
    requests: u32,
    window_ns: u64,
}

impl Stored for Token {
    fn encode(&self) -> Vec<u8> {
        let record = TokenRecord {
            id: Bytes(self.id.to_bytes()),
            account: Bytes(self.account.to_bytes()),
            kind: self.kind.name().to_owned(),
            name: self.name.clone(),
            description: self.description.clone(),
            grants: grants_record(&self.grants),
            state: StateRecord::of(self.state),
            not_before: self.not_before.map(Timestamp::millis),
            expires: self.expires.map(Timestamp::millis),
            rate_limit: self.rate_limit.map(QuotaRecord::of),
            created: self.created.millis(),
            created_by: self.created_by.map(|id| Bytes(id.to_bytes())),
            hint: self.hint.clone(),
            digest: Bytes(*self.digest.as_bytes()),
            revision: self.revision.0,
            roles: self.roles.iter().map(ToString::to_string).collect(),
            user: self.user.map(|id| Bytes(id.to_bytes())),
            filters: self.filters.iter().map(|(key, values)| (key.to_owned(), values.to_vec())).collect(),
            sealed: self.sealed.clone().map(Whole),
            old_digest: self.rotation.as_ref().map(|rotation| Bytes(*rotation.old.digest.as_bytes())),
            rotation: self.rotation.as_deref().map(RotationRecord::of),
            labels: labels_record(&self.labels),
        };
        write(first_version(self), &record)
    }

    fn decode(bytes: &[u8]) -> Result<Self, Problem> {
        let record: TokenRecord = read(bytes)?;
        Ok(Token {
            id: TokenId::from_bytes(record.id.0),
            account: AccountId::from_bytes(record.account.0),
            kind: Kind::from_name(&record.kind)
                .ok_or_else(|| Problem::Contents(format!("`{}` is no kind of token", record.kind)))?,
            name: record.name,
            description: record.description,
            grants: grants(record.grants)?,
            state: record.state.state(),
            not_before: record.not_before.map(Timestamp::from_millis),
            expires: record.expires.map(Timestamp::from_millis),
            rate_limit: record.rate_limit.map(QuotaRecord::quota).transpose()?,
            created: Timestamp::from_millis(record.created),
            created_by: record.created_by.map(|id| TokenId::from_bytes(id.0)),
            hint: record.hint,
            digest: Digest::from_bytes(record.digest.0),
            revision: Revision(record.revision),
            roles: record.roles.iter().map(|name| named(name)).collect::<Result<_, _>>()?,
            user: record.user.map(|id| UserId::from_bytes(id.0)),
            filters: Filters::new(record.filters)
                .map_err(|error| Problem::Contents(format!("its filters: {error}")))?,
            sealed: record.sealed.map(|sealed| sealed.0),
            rotation: match (record.rotation, record.old_digest) {
                (None, None) => None,
                (Some(rotation), Some(digest)) => Some(Box::new(rotation.rotation(Digest::from_bytes(digest.0))?)),
                _ => {
                    return Err(Problem::Contents(
                        "it has a rotation without an old digest, or the reverse".to_owned(),
                    ));
                }
            },
            labels: labels(record.labels)?,
        })
    }
}

/// The first version that can say what is said.
fn first_version(token: &Token) -> u8 {
    let Token { roles, user, filters, sealed, rotation, labels, .. } = token;
    match () {
        () if rotation.is_some() || !labels.is_empty() => 3,
        () if !roles.is_empty() || user.is_some() || !filters.is_empty() || sealed.is_some() => 2,
        () => 1,
    }
}

pub(super) fn labels_record(labels: &Labels) -> Vec<(String, String)> {
    labels.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

pub(super) fn labels(entries: Vec<(String, String)>) -> Result<Labels, Problem> {
    Labels::new(entries).map_err(|error| Problem::Contents(format!("its labels: {error}")))
}

pub(super) fn grants_record(grants: &Grants) -> Vec<(String, u8)> {
    grants.iter().map(|(name, access)| (name.as_str().to_owned(), access.bits())).collect()
}

pub(super) fn grants(entries: Vec<(String, u8)>) -> Result<Grants, Problem> {
    let entries: Vec<_> = entries
        .into_iter()
        .map(|(name, bits)| {
            let name: ResourceName = name.parse().map_err(|error| Problem::Contents(format!("{error}")))?;
            let access = Access::from_bits(bits)
                .ok_or_else(|| Problem::Contents(format!("{bits} stands for no access on {name}")))?;
            Ok((name, access))
        })
        .collect::<Result<_, Problem>>()?;
    Ok(Grants::new(entries))
}

impl StateRecord {
    fn of(state: State) -> Self {
        match state {
            State::Active => Self::Active,
            State::Disabled => Self::Disabled,
            State::Revoked { at } => Self::Revoked { at: at.millis() },
        }
    }

    fn state(self) -> State {
        match self {
            Self::Active => State::Active,
            Self::Disabled => State::Disabled,
            Self::Revoked { at } => State::Revoked { at: Timestamp::from_millis(at) },
        }
    }
}

impl QuotaRecord {
    fn of(quota: Quota) -> Self {
        let window_ns = u64::try_from(quota.window().as_nanos()).expect("a window is 31 days at most");
        Self { requests: quota.requests().get(), window_ns }
    }

    fn quota(self) -> Result<Quota, Problem> {
        Quota::new(self.requests, Duration::from_nanos(self.window_ns))
            .map_err(|error| Problem::Contents(error.to_string()))
    }
}
