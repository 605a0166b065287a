//! The whole API as its callers see it: requests in, answers out, on a store in memory.

mod accounts;
mod answers;
mod audit;
mod backup;
mod bulk;
mod conditions;
mod description;
mod explain;
mod labels;
mod lists;
mod policy;
mod presented;
mod quota;
mod reference;
mod relations;
mod rights;
mod rosters;
mod rotation;
mod schema;
mod sessions;
mod surface;
mod tokens;
mod tree;
mod users;
mod validation;
mod world;
