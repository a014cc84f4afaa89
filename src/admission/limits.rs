//! Token buckets with a bound on how many keys they remember.

use std::fmt;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use thiserror::Error;

/// Keys one bucket remembers: about 10 MB at most.
const MAX_KEYS: usize = 100_000;

/// When a bucket is full, further keys share this many slots until the next sweep: a flood of addresses costs no memory.
const SHARED_SLOTS: u64 = 4096;

/// How many per minute, and at most at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate(NonZeroU32);

impl Rate {
    /// `count` at once, refilled evenly over a minute.
    pub(super) const fn per_minute(count: u32) -> Self {
        Self(NonZeroU32::new(count).expect("rates are constants above zero"))
    }
}

/// Refused for now, with what the client needs to do better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("too many requests")]
pub struct Limited {
    /// How many are allowed per minute.
    pub limit: u32,
    /// The next one is allowed after this.
    pub retry_after: Duration,
    /// All are allowed again after this.
    pub reset_after: Duration,
}

/// Where a request comes from. One IPv6 subscriber owns a whole /64, so that counts as one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Source(IpAddr);

impl Source {
    /// The source of an address.
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(IpAddr::V4(address)),
            IpAddr::V6(address) => Self(IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Slot<K> {
    Own(K),
    Shared(u64),
}

type Limiter<K, C> = RateLimiter<Slot<K>, DashMapStateStore<Slot<K>>, C, NoOpMiddleware<<C as Clock>::Instant>>;

/// One rate, kept per key.
pub(super) struct Bucket<K: Hash + Eq + Clone, C: Clock + Clone = DefaultClock> {
    rate: Rate,
    max_keys: usize,
    clock: C,
    hasher: RandomState,
    limiter: Limiter<K, C>,
}

impl<K: Hash + Eq + Clone> Bucket<K> {
    /// Empty, on the machine's clock.
    pub(super) fn new(rate: Rate) -> Self {
        Self::with_clock(rate, MAX_KEYS, DefaultClock::default())
    }
}

impl<K: Hash + Eq + Clone, C: Clock + Clone> Bucket<K, C> {
    fn with_clock(rate: Rate, max_keys: usize, clock: C) -> Self {
        let limiter = RateLimiter::new(Quota::per_minute(rate.0), DashMapStateStore::default(), clock.clone());
        Self { rate, max_keys, clock, hasher: RandomState::new(), limiter }
    }

    /// Takes one, or says when there will be one.
    pub(super) fn take(&self, key: K) -> Result<(), Limited> {
        self.take_all(key, NonZeroU32::MIN)
    }

    /// Takes so many at once, or none and says when there will be as many. More than there ever are: never.
    pub(super) fn take_all(&self, key: K, count: NonZeroU32) -> Result<(), Limited> {
        let slot =
            if self.limiter.len() < self.max_keys { Slot::Own(key) } else { Slot::Shared(self.hasher.hash_one(&key) % SHARED_SLOTS) };
        match self.limiter.check_key_n(&slot, count) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(refusal)) => Err(self.refused(refusal.wait_time_from(self.clock.now()))),
            Err(_more_than_the_bucket) => Err(self.refused(Duration::from_secs(60))),
        }
    }

    fn refused(&self, retry_after: Duration) -> Limited {
        let limit = self.rate.0.get();
        Limited { limit, retry_after, reset_after: retry_after + Duration::from_secs(60) * (limit - 1) / limit }
    }

    /// Forgets every key that has its full share again.
    pub(super) fn sweep(&self) {
        self.limiter.retain_recent();
        self.limiter.shrink_to_fit();
    }
}

impl<K: Hash + Eq + Clone, C: Clock + Clone> fmt::Debug for Bucket<K, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bucket({} per minute, {} keys)", self.rate.0, self.limiter.len())
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    #[test]
    fn a_used_up_bucket_refills_evenly() {
        let clock = FakeRelativeClock::default();
        let bucket = Bucket::with_clock(Rate::per_minute(60), 100, clock.clone());
        for _ in 0..60 {
            bucket.take("a").unwrap();
        }
        let limited = bucket.take("a").unwrap_err();
        assert_eq!(limited.retry_after, Duration::from_secs(1));
        assert_eq!(limited.reset_after, Duration::from_secs(60));
        clock.advance(Duration::from_secs(1));
        bucket.take("a").unwrap();
        bucket.take("a").unwrap_err();
    }

    #[test]
    fn who_asks_for_many_at_once_gets_all_or_keeps_what_is_left_and_is_told_when() {
        let clock = FakeRelativeClock::default();
        let bucket = Bucket::with_clock(Rate::per_minute(60), 100, clock.clone());
        let many = |count| NonZeroU32::new(count).unwrap();
        bucket.take_all("a", many(40)).unwrap();
        let limited = bucket.take_all("a", many(40)).unwrap_err();
        assert_eq!(limited.retry_after, Duration::from_secs(20));
        bucket.take_all("a", many(20)).unwrap();
        clock.advance(Duration::from_secs(40));
        bucket.take_all("a", many(40)).unwrap();
        assert_eq!(bucket.take_all("b", many(61)).unwrap_err().retry_after, Duration::from_secs(60));
        bucket.take_all("b", many(60)).unwrap();
    }

    #[test]
    fn a_flood_of_keys_is_bounded_and_still_limited() {
        let clock = FakeRelativeClock::default();
        let bucket = Bucket::with_clock(Rate::per_minute(1), 10, clock.clone());
        let refused = (0..100_000_u32).filter(|key| bucket.take(*key).is_err()).count();
        assert!(bucket.limiter.len() <= 10 + usize::try_from(SHARED_SLOTS).unwrap());
        assert!(refused > 90_000, "only {refused} were refused");
    }

    #[test]
    fn a_sweep_forgets_who_has_been_quiet_and_nobody_else() {
        let clock = FakeRelativeClock::default();
        let bucket = Bucket::with_clock(Rate::per_minute(1), 1000, clock.clone());
        bucket.take("quiet").unwrap();
        clock.advance(Duration::from_secs(121));
        bucket.take("busy").unwrap();
        bucket.sweep();
        assert_eq!(bucket.limiter.len(), 1);
        bucket.take("busy").unwrap_err();
    }

    #[test]
    fn an_ipv6_subscriber_is_one_source() {
        let source = |text: &str| Source::of(text.parse().unwrap());
        assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff::9"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
    }
}
