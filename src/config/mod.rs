//! The configuration file: raw text in, resolved settings or a full list of problems out.

mod settings;

pub use settings::*;
