//! A gateway that ends and comes back on the same directory.

use std::collections::BTreeMap;
use std::process::Command;

use keygate::app;
use keygate::config;
use tempfile::TempDir;

use super::gateway::Gateway;

impl Gateway {
    /// Stops, and starts again with what was stored; the ports are others then.
    #[track_caller]
    pub fn restart(&mut self) {
        self.halt();
        self.resume();
    }

    /// Ends, and comes back twice: as it was, and with a changed configuration on a copy of what was stored.
    #[track_caller]
    pub fn split(mut self, change: impl FnOnce(&str) -> String) -> (Self, Self) {
        self.halt();
        let directory = TempDir::new().expect("a temporary directory");
        let copied = Command::new("cp").arg("-a").arg(self.directory.path().join(".")).arg(directory.path()).status();
        assert!(copied.is_ok_and(|status| status.success()), "the store is copied");
        let path = directory.path().join("keygate.toml");
        let text = std::fs::read_to_string(&path).expect("the configuration");
        std::fs::write(&path, change(&text)).expect("a writable directory");
        let (clock, admin, proxy) = (self.clock.clone(), self.admin.clone(), self.proxy);
        let mut other = Self { inner: None, clock, admin, proxy, directory };
        self.resume();
        other.resume();
        (self, other)
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
        self.proxy = super::gateway::tcp(inner.proxy());
        self.admin.address = super::gateway::tcp(inner.admin());
        *self.inner() = Some(inner);
    }
}
