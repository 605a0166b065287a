//! The written form of a token's usage.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Problem, Stored, named, read, write};
use crate::model::{Day, SecretUse, Seen, Timestamp, Usage};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UsageRecord {
    requests: u64,
    last_used: Option<i64>,
    // From version 2 on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    days: Vec<(u32, u64)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    routes: Vec<(String, u64, i64)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    peers: Vec<(String, u64, i64)>,
    // From version 3 on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    secrets: Vec<(u32, u64, i64)>,
}

impl Stored for Usage {
    fn encode(&self) -> Vec<u8> {
        let plain = self.days.is_empty() && self.routes.is_empty() && self.peers.is_empty();
        let version = match () {
            () if !self.secrets.is_empty() => 3,
            () if plain => 1,
            () => 2,
        };
        let record = UsageRecord {
            requests: self.requests,
            last_used: self.last_used.map(Timestamp::millis),
            days: self.days.iter().map(|(Day(day), requests)| (*day, *requests)).collect(),
            routes: self.routes.iter().map(written).collect(),
            peers: self.peers.iter().map(written).collect(),
            secrets: self.secrets.iter().map(|used| (used.number, used.requests, used.last.millis())).collect(),
        };
        write(version, &record)
    }

    fn decode(bytes: &[u8]) -> Result<Self, Problem> {
        let UsageRecord { requests, last_used, days, routes, peers, secrets } = read(bytes)?;
        let secret = |(number, requests, last)| SecretUse { number, requests, last: Timestamp::from_millis(last) };
        let peer = |(what, requests, last): (String, u64, i64)| {
            Ok(Seen { what: named::<IpAddr>(&what)?, requests, last: Timestamp::from_millis(last) })
        };
        let route = |(what, requests, last): (String, u64, i64)| Seen {
            what: what.into(),
            requests,
            last: Timestamp::from_millis(last),
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

fn written<T: ToString>(seen: &Seen<T>) -> (String, u64, i64) {
    (seen.what.to_string(), seen.requests, seen.last.millis())
}
