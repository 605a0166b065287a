//! Rate limits: how often a token, or all callers of a route together, may ask.

mod keyed;
mod token_limits;

pub use keyed::{KeyedLimiter, LimitKey};
pub use token_limits::TokenLimits;
