//! What the codec reads and writes, on scripts of bytes; and beside hyper's client, which reads the same.

mod beside_hyper;
mod reading;
mod script;
mod writing;
