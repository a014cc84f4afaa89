//! Who guesses keys is locked out: a few wrong ones from one address within a while, and even the right one is refused from there for a while.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::limits::{Limited, Source};

/// Wrong keys within [`WINDOW`] that are still a slip of the finger.
const SLIPS: u32 = 10;

/// A slip is forgotten after this; a lock lasts this long from the last guess before it.
const WINDOW: Duration = Duration::from_secs(15 * 60);

/// Sources remembered by themselves; a flood of further ones shares [`SHARED`] slots.
const MAX_SOURCES: usize = 10_000;
const SHARED: u64 = 1_024;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Slot {
    Own(Source),
    Shared(u64),
}

#[derive(Debug, Clone, Copy)]
struct Guesses {
    count: u32,
    last: Instant,
}

/// Guesses by source. The channel serves as a shared cell; nobody waits on it.
pub(super) struct Lockout {
    hasher: RandomState,
    book: watch::Sender<HashMap<Slot, Guesses>>,
}

impl Default for Lockout {
    fn default() -> Self {
        Self { hasher: RandomState::new(), book: watch::Sender::new(HashMap::new()) }
    }
}

impl Lockout {
    /// May this source try a key? Only its own guesses count: keys are too long to be found by a flood, which must not keep the right one out.
    pub(super) fn check(&self, source: Source) -> Result<(), Limited> {
        self.book.borrow().get(&Slot::Own(source)).map_or(Ok(()), unlocked)
    }

    /// A wrong key came from this source. `Err`: too many did, from there or from the flood it is part of.
    pub(super) fn guessed(&self, source: Source) -> Result<(), Limited> {
        let mut allowed = Ok(());
        self.book.send_if_modified(|book| {
            let own = Slot::Own(source);
            let slot =
                if book.len() < MAX_SOURCES || book.contains_key(&own) { own } else { Slot::Shared(self.hasher.hash_one(source) % SHARED) };
            let now = Instant::now();
            let guesses = book.entry(slot).or_insert(Guesses { count: 0, last: now });
            allowed = unlocked(guesses);
            if allowed.is_ok() {
                let count = if now - guesses.last >= WINDOW { 0 } else { guesses.count };
                *guesses = Guesses { count: count + 1, last: now };
            }
            false
        });
        allowed
    }

    /// Forgets who has been quiet.
    pub(super) fn sweep(&self) {
        self.book.send_if_modified(|book| {
            book.retain(|_, guesses| guesses.last.elapsed() < WINDOW);
            book.shrink_to_fit();
            false
        });
    }
}

fn unlocked(guesses: &Guesses) -> Result<(), Limited> {
    let left = WINDOW.saturating_sub(guesses.last.elapsed());
    if guesses.count < SLIPS || left.is_zero() { Ok(()) } else { Err(Limited { limit: SLIPS, retry_after: left, reset_after: left }) }
}

impl fmt::Debug for Lockout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lockout({} sources)", self.book.borrow().len())
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv6Addr};

    use super::*;

    fn source(n: u128) -> Source {
        Source::of(IpAddr::V6(Ipv6Addr::from_bits(n << 64)))
    }

    #[tokio::test(start_paused = true)]
    async fn the_eleventh_guess_is_refused_for_a_quarter_of_an_hour_and_only_from_there() {
        let lockout = Lockout::default();
        for _ in 0..SLIPS {
            lockout.check(source(1)).unwrap();
            lockout.guessed(source(1)).unwrap();
        }
        assert_eq!(lockout.check(source(1)).unwrap_err().retry_after, WINDOW);
        lockout.check(source(2)).unwrap();
        tokio::time::advance(WINDOW).await;
        lockout.check(source(1)).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn slips_far_apart_lock_nobody_out() {
        let lockout = Lockout::default();
        for _ in 0..5 * SLIPS {
            lockout.guessed(source(1)).unwrap();
            lockout.check(source(1)).unwrap();
            tokio::time::advance(WINDOW).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_addresses_costs_bounded_memory_is_told_to_wait_and_keeps_nobody_from_trying() {
        let lockout = Lockout::default();
        for n in 0..u128::from(SHARED) * 40 {
            let _ = lockout.guessed(source(n));
        }
        assert!(lockout.book.borrow().len() <= MAX_SOURCES + SHARED as usize);
        let newcomers = || (1_000_000..1_001_000).map(source);
        assert!(newcomers().all(|newcomer| lockout.check(newcomer).is_ok()));
        let refused = newcomers().filter(|newcomer| lockout.guessed(*newcomer).is_err()).count();
        assert!(refused > 900, "{refused} of 1000 newcomers' guesses in a flood are refused");
        tokio::time::advance(WINDOW).await;
        lockout.sweep();
        assert_eq!(lockout.book.borrow().len(), 0);
    }
}
