//! What the disk does to a gateway: no room, errors, power cuts, and the order in which things reach it.
//!
//! `full` and `power` mount file systems of their own, for which one has to be root.

mod faults;
mod full;
mod order;
mod power;
