//! A gateway that ends and comes back on the same directory.

use std::collections::BTreeMap;

use keygate::app;
use keygate::config;

use super::gateway::Gateway;

impl Gateway {
    /// Stops, and starts again with what was stored; the ports are others then.
    #[track_caller]
    pub fn restart(&mut self) {
        self.halt();
        self.resume();
    }

    /// Stops, until [`Gateway::resume`].
    #[track_caller]
    pub fn halt(&mut self) {
        let stopped = self.inner().take().expect("a gateway runs").stop();
        stopped.unwrap_or_else(|error| panic!("{error}"));
    }

    /// Starts again with what was stored.
    #[track_caller]
    pub fn resume(&mut self) {
        let path = self.directory.path().join("keygate.toml");
        let loaded = config::load(&path, &BTreeMap::new()).unwrap_or_else(|problems| panic!("{problems}"));
        let inner = app::Gateway::start(loaded.settings, self.clock.clone()).unwrap_or_else(|error| panic!("{error}"));
        self.proxy = inner.proxy_address();
        self.admin.address = inner.admin_address();
        *self.inner() = Some(inner);
    }
}
