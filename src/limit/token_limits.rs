//! The limiters of tokens: one for each distinct quota, shared by the tokens that have it.

use std::sync::Arc;

use dashmap::DashMap;

use super::keyed::KeyedLimiter;
use crate::model::Quota;

/// Finds the limiter for a token's quota. Asked when a token is loaded, not on a request.
///
/// Holds one limiter for each quota that some cached token has; [`TokenLimits::prune`] drops the rest.
#[derive(Default)]
pub struct TokenLimits {
    default: Option<Quota>,
    by_quota: DashMap<Quota, Arc<KeyedLimiter>>,
}

impl TokenLimits {
    /// `default` holds for tokens without a limit of their own; `None`: they are unlimited.
    pub fn new(default: Option<Quota>) -> Self {
        Self { default, by_quota: DashMap::new() }
    }

    pub fn of(&self, own: Option<Quota>) -> Option<Arc<KeyedLimiter>> {
        let quota = own.or(self.default)?;
        Some(Arc::clone(&self.by_quota.entry(quota).or_insert_with(|| Arc::new(KeyedLimiter::new(quota)))))
    }

    /// Forgets idle keys, and limiters that no cached token refers to and that count nobody.
    pub fn prune(&self) {
        self.by_quota.retain(|_, limiter| {
            limiter.prune();
            Arc::strong_count(limiter) > 1 || limiter.keys() > 0
        });
    }
}
