//! Which tokens a worker refused over a limit: kept by the worker, folded by the control path. An allowed
//! request costs nothing here.

use std::collections::HashMap;

use crate::model::{Timestamp, TokenId};

/// Tokens between two hand-overs (worst case 1,024 × 40 bytes); of further ones nothing is told.
const MOST: usize = 1_024;

/// Refusals since the last hand-over.
#[derive(Default)]
pub struct LimitCounts(HashMap<TokenId, Limited>);

/// How often one token was refused, and when first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limited {
    pub refused: u64,
    pub first: Timestamp,
}

impl LimitCounts {
    pub fn note(&mut self, token: TokenId, at: Timestamp) {
        if let Some(limited) = self.0.get_mut(&token) {
            limited.refused += 1;
        } else if self.0.len() < MOST {
            self.0.insert(token, Limited { refused: 1, first: at });
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Hands over what was counted, and begins anew.
    pub fn take(&mut self) -> Vec<(TokenId, Limited)> {
        self.0.drain().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_add_up_and_memory_is_bounded() {
        let (id, mut counts) = (TokenId::fresh(), LimitCounts::default());
        counts.note(id, Timestamp::from_millis(5));
        counts.note(id, Timestamp::from_millis(9));
        assert_eq!(counts.take(), [(id, Limited { refused: 2, first: Timestamp::from_millis(5) })]);
        (0..2 * MOST).for_each(|_| counts.note(TokenId::fresh(), Timestamp::from_millis(1)));
        assert_eq!(counts.take().len(), MOST);
    }
}
