//! YClients counts calls per address: 5 in a second and 200 in a minute, for all salons together.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::DefaultClock;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Jitter, Quota, RateLimiter};

/// Waiters leave a little apart, so that a burst does not arrive as one.
const JITTER: Duration = Duration::from_millis(20);

/// A call that found no place within this is not sent at all; whoever asked retries later.
const MAX_WAIT: Duration = Duration::from_secs(30);

type Bucket = RateLimiter<NotKeyed, InMemoryState, DefaultClock>;

/// The budget of this process. A bucket that is `None` does not limit (sandbox only).
pub(super) struct Limiter {
    second: Option<Bucket>,
    minute: Option<Bucket>,
}

/// No place was free in time.
pub(super) struct NoPlace;

impl Limiter {
    pub(super) fn new(per_second: Option<NonZeroU32>, per_minute: Option<NonZeroU32>) -> Self {
        Self {
            second: per_second.map(|calls| RateLimiter::direct(Quota::per_second(calls))),
            minute: per_minute.map(|calls| RateLimiter::direct(Quota::per_minute(calls))),
        }
    }

    /// Waits for a place, but not for ever.
    pub(super) async fn admit(&self) -> Result<(), NoPlace> {
        tokio::time::timeout(MAX_WAIT, self.places()).await.map_err(|_| NoPlace)
    }

    async fn places(&self) {
        for bucket in [&self.minute, &self.second].into_iter().flatten() {
            bucket.until_ready_with_jitter(Jitter::up_to(JITTER)).await;
        }
    }
}
