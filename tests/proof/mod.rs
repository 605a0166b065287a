//! What the embedded store is proved with. `tests/it` runs it in a size for every change, `tests/soak` in
//! one for a release; both give the sizes, and nothing here knows which of them asks.

pub mod change;
pub mod contents;
pub mod corruption;
pub mod damage;
pub mod kill;
pub mod records;
pub mod specimen;
