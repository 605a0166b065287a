//! Whether the gateway serves, and whether it takes changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::admin::Readiness;
use crate::audit::Audit;
use crate::store::{Impaired, Store};

pub(super) type Ready = Arc<dyn Fn() -> Readiness + Send + Sync>;

pub(super) fn readiness(store: Arc<dyn Store>, audit: Audit, stopping: Arc<AtomicBool>) -> Ready {
    Arc::new(move || match stopping.load(Ordering::SeqCst) {
        true => Readiness::NotReady("the gateway is stopping".to_owned()),
        false => match store.health() {
            // Changes are refused, and requests with tokens are none of its business.
            Ok(()) => audit.health().map_or_else(|why| Readiness::ReadOnly(why.to_string()), |()| Readiness::Ready),
            // It passes by itself, and taking the gateway out of service meanwhile would help nobody.
            Err(full @ Impaired::Full(_)) => Readiness::ReadOnly(full.to_string()),
            Err(impaired) => Readiness::NotReady(impaired.to_string()),
        },
    })
}
