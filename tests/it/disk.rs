//! What the disk does to a gateway: no room, errors, and the order in which things reach it.

mod faults;
mod full;
mod order;
