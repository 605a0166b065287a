//! What the writer lets others know: what of the log is on the disk, and whether it takes more.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::error::Unrecorded;
use super::files::Segment;

#[derive(Default)]
pub(super) struct Published(Mutex<State>);

#[derive(Default)]
struct State {
    segments: Vec<Segment>,
    /// How much of the last one is on the disk.
    len: u64,
    full: Option<Unrecorded>,
    /// For good.
    fence: Option<Unrecorded>,
    /// Something was not written in time. It passes if the writer comes back.
    stalled: Option<Unrecorded>,
}

impl Published {
    /// A log that is only read, for this reason.
    pub(super) fn broken(segments: Vec<Segment>, why: String) -> Self {
        let len = segments.last().and_then(|last| last.path.metadata().ok()).map_or(0, |found| found.len());
        let state = State { segments, len, fence: Some(Unrecorded::Failed(why)), ..State::default() };
        Self(Mutex::new(state))
    }

    pub(super) fn set(&self, segments: Vec<Segment>, len: u64) {
        let mut state = self.state();
        (state.segments, state.len, state.stalled) = (segments, len, None);
    }

    /// Every segment, and how much of the last one may be read.
    pub(super) fn extent(&self) -> (Vec<Segment>, u64) {
        let state = self.state();
        (state.segments.clone(), state.len)
    }

    pub(super) fn health(&self) -> Result<(), Unrecorded> {
        let state = self.state();
        let why = [&state.fence, &state.stalled, &state.full].into_iter().flatten().next();
        why.map_or(Ok(()), |why| Err(why.clone()))
    }

    pub(super) fn fenced(&self) -> Option<Unrecorded> {
        self.state().fence.clone()
    }

    pub(super) fn full(&self) -> Option<Unrecorded> {
        self.state().full.clone()
    }

    /// There is no room. Told once each time.
    pub(super) fn fill(&self, why: &str) -> Unrecorded {
        let mut state = self.state();
        let full = state.full.get_or_insert_with(|| {
            tracing::error!(event = "audit_full", why, "the audit log has no room: changes are refused");
            Unrecorded::Full(why.to_owned())
        });
        full.clone()
    }

    pub(super) fn empty(&self) {
        if self.state().full.take().is_some() {
            tracing::info!(event = "audit_has_room", "the audit log has room again");
        }
    }

    /// Nothing is written from now on; the first reason counts.
    pub(super) fn fence(&self, why: &str) -> Unrecorded {
        let mut state = self.state();
        let fence = state.fence.get_or_insert_with(|| {
            tracing::error!(
                event = "audit_fenced",
                why,
                "nothing more is written to the audit log: changes are refused"
            );
            Unrecorded::Failed(format!("restart keygate once it is mended: {why}"))
        });
        fence.clone()
    }

    pub(super) fn stall(&self, seconds: u64) -> Unrecorded {
        let mut state = self.state();
        let why = Unrecorded::Failed(format!("an entry was not on the disk after {seconds} s"));
        state.stalled.get_or_insert(why).clone()
    }

    /// No code of others runs under the lock, so a poisoned one is still consistent.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
