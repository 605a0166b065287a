//! Request ids: UUID version 7, made without a system call.

use http::HeaderValue;

use crate::model::Timestamp;

/// Makes ids. One for each worker.
///
/// The random part comes from a fast generator that was seeded by the operating system's: ids must
/// differ, and nobody needs to be unable to guess one.
pub(super) struct RequestIds(fastrand::Rng);

impl RequestIds {
    pub(super) fn new() -> Self {
        Self(fastrand::Rng::new())
    }

    pub(super) fn next(&mut self, now: Timestamp) -> HeaderValue {
        let mut random = [0; 10];
        self.0.fill(&mut random);
        let millis = u64::try_from(now.millis()).unwrap_or(0);
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        HeaderValue::from_str(id.hyphenated().encode_lower(&mut text)).expect("hexadecimal digits and hyphens")
    }
}
