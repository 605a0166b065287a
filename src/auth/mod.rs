//! Who sends a request, and may they: credential → token → principal → permit.

mod lifecycle;

pub use lifecycle::{Edit, LifecycleError, NewToken};
