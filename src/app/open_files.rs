//! How many files may be open: as many as the system lets be, because each connection takes one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::parts;
use crate::config;

/// One for the client, and one for the upstream.
const OF_A_CONNECTION: u64 = 2;

/// What this process may have, and what its connections may need.
#[derive(Debug, Clone, Copy)]
pub struct OpenFiles {
    /// `None`: there is no limit.
    pub limit: Option<u64>,
    pub needed: u64,
}

impl OpenFiles {
    /// Raises the limit as far as may be without rights. What it is at first, usually 1,024, is for programs that
    /// cannot do with more.
    pub fn raise(server: &config::Server) -> Self {
        let before = getrlimit(Resource::Nofile);
        let most = Rlimit { current: before.maximum, maximum: before.maximum };
        // Where that is refused, it is what it was.
        let now = setrlimit(Resource::Nofile, most).map_or(before, |()| most);
        let connections = parts::worker_count(server).saturating_mul(server.max_connections) as u64;
        Self { limit: now.current, needed: connections.saturating_mul(OF_A_CONNECTION) }
    }

    /// Whether `server.max_connections` promises more than there can be.
    pub fn are_few(&self) -> bool {
        self.limit.is_some_and(|limit| limit < self.needed)
    }
}
