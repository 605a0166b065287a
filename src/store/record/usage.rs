//! The written form of a token's usage.

use serde::{Deserialize, Serialize};

use super::{Problem, Stored, read, write};
use crate::model::{Timestamp, Usage};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UsageRecord {
    requests: u64,
    last_used: Option<i64>,
}

impl Stored for Usage {
    fn encode(&self) -> Vec<u8> {
        write(1, &UsageRecord { requests: self.requests, last_used: self.last_used.map(Timestamp::millis) })
    }

    fn decode(bytes: &[u8]) -> Result<Self, Problem> {
        let record: UsageRecord = read(bytes)?;
        Ok(Usage { requests: record.requests, last_used: record.last_used.map(Timestamp::from_millis) })
    }
}
