//! Rate limits: how often a token, or all callers of a route together, may ask.

mod keyed;
mod token_limits;
mod told;

pub use keyed::{KeyedLimiter, LimitKey};
pub use token_limits::TokenLimits;
pub use told::{Left, ToldLimiter};
