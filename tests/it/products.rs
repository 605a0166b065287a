//! Five products' tokens, each on its preset: one file a product, one test a row of what it documents, named
//! after the row.

mod apono;
mod autheona;
mod cockpit;
mod logzio;
mod stage;
mod tagoio;
