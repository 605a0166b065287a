//! How long a tunnel may last: as long as its token would be let in anew.
//!
//! Nothing is asked on a request's way. Three times a second a worker looks at its tunnels: whether the
//! token's record may have changed (its digest's generation, one load), and what `authorize` says of it
//! now, which is a matter of memory and of some hundred nanoseconds. Only a record that may have changed
//! is looked up again.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};

use slab::Slab;

use super::tunnel::End;
use crate::auth::{self, Accounts, Bearer, Need, Principal, Verifier};
use crate::model::{AccountId, Action, ResourceName, Timestamp};
use crate::proxy::routes::Proxy;

/// Looks that a store may leave unanswered before a tunnel that may be revoked is closed: ten seconds.
const UNANSWERED: u32 = 33;

/// Not a generation: the record that a tunnel was opened with may have changed before the first look.
const NOT_DRAWN: u64 = u64::MAX;

/// The tunnels of one worker that depend on a token. Bounded by its connections and their streams.
#[derive(Default)]
pub(in crate::proxy) struct Leases(RefCell<Slab<Rc<Lease>>>);

/// What one tunnel depends on.
pub(in crate::proxy) struct Lease {
    principal: RefCell<Arc<Principal>>,
    /// What was told the upstream when the tunnel was opened; less than that, or for another, ends it.
    opened: Bearer,
    resource: ResourceName,
    action: Action,
    target: Option<AccountId>,
    /// Of the token's digest, before its record was read.
    generation: Cell<u64>,
    is_asking: Cell<bool>,
    unanswered: Cell<u32>,
    end: Cell<Option<End>>,
    waker: RefCell<Option<Waker>>,
}

/// Keeps a lease under watch.
pub(in crate::proxy) struct Held {
    leases: Rc<Leases>,
    lease: Rc<Lease>,
    key: usize,
}

impl Leases {
    pub(in crate::proxy) fn hold(self: &Rc<Self>, lease: Lease) -> Held {
        let lease = Rc::new(lease);
        let key = self.0.borrow_mut().insert(Rc::clone(&lease));
        Held { leases: Rc::clone(self), lease, key }
    }

    /// Looks at all of them.
    pub(in crate::proxy) fn look(&self, proxy: &Arc<Proxy>) {
        if self.0.borrow().is_empty() {
            return;
        }
        let now = proxy.clock.now().wall;
        // A waker may run code that drops a lease, so none is called while the slab is borrowed.
        let mut ended = Vec::new();
        for (_, lease) in self.0.borrow().iter() {
            lease.look(proxy, now);
            if lease.end.get().is_some() {
                ended.extend(lease.waker.borrow_mut().take());
            }
        }
        ended.into_iter().for_each(Waker::wake);
    }
}

impl Lease {
    pub(in crate::proxy) fn new(opened: Bearer, need: Need<'_>) -> Self {
        let Need { resource, action, target } = need;
        Self {
            principal: RefCell::new(Arc::clone(&opened.principal)),
            opened,
            resource: resource.clone(),
            action,
            target,
            generation: Cell::new(NOT_DRAWN),
            is_asking: Cell::new(false),
            unanswered: Cell::new(0),
            end: Cell::new(None),
            waker: RefCell::new(None),
        }
    }

    fn look(self: &Rc<Self>, proxy: &Arc<Proxy>, now: Timestamp) {
        if !self.is_current(&proxy.verifier) && !self.is_asking.replace(true) {
            let (lease, proxy) = (Rc::clone(self), Arc::clone(proxy));
            tokio::task::spawn_local(async move {
                lease.ask(&proxy.verifier).await;
                lease.is_asking.set(false);
            });
        }
        if !self.is_good(&proxy.accounts, now) {
            self.end.set(Some(End::Revoked));
        }
    }

    fn is_current(&self, verifier: &Verifier) -> bool {
        verifier.generation(self.principal.borrow().digest()) == self.generation.get()
    }

    async fn ask(&self, verifier: &Verifier) {
        let principal = Arc::clone(&self.principal.borrow());
        let generation = verifier.generation(principal.digest());
        match verifier.look_up_again(&principal).await {
            Ok(Some(found)) => {
                // Under another digest than before, the generation is that one's, and not drawn yet.
                let is_same = found.digest() == principal.digest();
                self.generation.set(if is_same { generation } else { NOT_DRAWN });
                self.principal.replace(found);
                self.unanswered.set(0);
            }
            Ok(None) => self.end.set(Some(End::Revoked)),
            // Neither a yes nor a no; but a tunnel that may be revoked does not outlast a long outage.
            Err(_) => {
                self.unanswered.set(self.unanswered.get() + 1);
                if self.unanswered.get() > UNANSWERED {
                    self.end.set(Some(End::Unverified));
                }
            }
        }
    }

    /// Whether the tunnel would be opened anew, with all that it was opened with.
    fn is_good(&self, accounts: &Accounts, now: Timestamp) -> bool {
        let principal = Arc::clone(&self.principal.borrow());
        let same_filter = principal.identity.filter == self.opened.principal.identity.filter;
        let same_account = principal.token.account == self.opened.principal.token.account;
        let need = Need { resource: &self.resource, action: self.action, target: self.target };
        let permit = auth::authorize(principal, need, accounts, now);
        let access = permit.ok().and_then(|permit| permit.bearer().map(|bearer| bearer.access));
        same_filter && same_account && access.is_some_and(|access| self.opened.access.within(access))
    }
}

impl Held {
    /// How the tunnel has to end; the task is woken when that is known.
    pub(super) fn poll_end(&self, cx: &Context<'_>) -> Option<End> {
        let mut waker = self.lease.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        self.lease.end.get()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.leases.0.borrow_mut().remove(self.key);
    }
}
