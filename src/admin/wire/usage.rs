//! What a token was used for, as the API shows it.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::terms;
use crate::admin::expiry;
use crate::model::{Day, Timestamp, Token, Usage};

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Usage)]
pub(in crate::admin) struct UsageRecord {
    #[schema(value_type = terms::TokenId)]
    id: String,
    requests: u64,
    #[schema(required, value_type = Option<terms::Moment>)]
    last_used: Option<String>,
    /// The length of time of the policy's check before a deletion; null: there is none.
    #[schema(required)]
    window: Option<String>,
    /// Whether it was used within that time.
    in_use: bool,
    /// Of the last 35 days, those on which it was used.
    days: Vec<DayRecord>,
    /// At most 16, the last used first.
    routes: Vec<RouteRecord>,
    /// At most 16, the last seen first. IPv6 addresses as their networks of 64 bits.
    peers: Vec<PeerRecord>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageOfDay)]
struct DayRecord {
    /// In UTC: `2026-11-24`.
    day: String,
    requests: u64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageByRoute)]
struct RouteRecord {
    route: String,
    requests: u64,
    #[schema(value_type = terms::Moment)]
    last_used: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsageByPeer)]
struct PeerRecord {
    peer: String,
    requests: u64,
    #[schema(value_type = terms::Moment)]
    last_used: String,
}

impl UsageRecord {
    pub(in crate::admin) fn new(token: &Token, usage: &Usage, window: Option<Duration>, now: Timestamp) -> Self {
        let within = |window: Duration| usage.last_used.is_some_and(|last| last.plus(window) > now);
        let day = |(day, requests): &(Day, u64)| DayRecord { day: date(*day), requests: *requests };
        // A token that nobody uses any more has old days in its record.
        let oldest = Day::of(now).0.saturating_sub(Usage::DAYS - 1);
        let routes = usage.routes.iter().map(|seen| RouteRecord {
            route: seen.what.to_string(),
            requests: seen.requests,
            last_used: seen.last.to_string(),
        });
        let peers = usage.peers.iter().map(|seen| PeerRecord {
            peer: seen.what.to_string(),
            requests: seen.requests,
            last_used: seen.last.to_string(),
        });
        Self {
            id: token.id.to_string(),
            requests: usage.requests,
            last_used: usage.last_used.map(|at| at.to_string()),
            window: window.map(expiry::spell),
            in_use: window.is_some_and(within),
            days: usage.days.iter().filter(|(Day(day), _)| *day >= oldest).map(day).collect(),
            routes: routes.collect(),
            peers: peers.collect(),
        }
    }
}

fn date(day: Day) -> String {
    let start = day.start().to_string();
    start.split('T').next().unwrap_or_default().to_owned()
}
