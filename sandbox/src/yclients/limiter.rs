//! YClients' limits per IP address: 5 requests per second and 200 per minute. A switch, off at the start; what arrives is counted either way.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    time::Duration,
};

use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const PER_SECOND: usize = 5;
const PER_MINUTE: usize = 200;
/// All of 127.0.0.0/8 could call; the quietest gives way.
const MAX_ADDRESSES: usize = 1_000;

/// More calls of one address within a minute are not counted on; only a sandbox without limits sees so many.
const MOST_TIMES: usize = 20_000;

/// The times of the requests that arrived, per address.
#[derive(Debug, Default)]
pub struct Limiter {
    on: bool,
    seen: HashMap<IpAddr, Times>,
    refused: u64,
    peaks: (usize, usize),
}

#[derive(Debug, Default)]
struct Times {
    /// Those let through: what is refused does not count.
    counted: VecDeque<Instant>,
    /// All of them.
    arrived: VecDeque<Instant>,
}

/// How long until the next one may come.
pub type RetryAfter = Duration;

impl Limiter {
    /// Switches the limits on or off; either way counting starts anew.
    pub fn switch(&mut self, on: bool) {
        *self = Self { on, ..Self::default() };
    }

    /// Whether the limits apply.
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// How many were refused.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// The most that arrived within a second and within a minute.
    pub fn peaks(&self) -> (usize, usize) {
        self.peaks
    }

    /// Lets a request through, or says when to come again. One that is refused doesn't count.
    pub fn admit(&mut self, from: IpAddr, now: Instant) -> Result<(), RetryAfter> {
        if !self.seen.contains_key(&from) && self.seen.len() >= MAX_ADDRESSES {
            self.forget_the_quietest();
        }
        let times = self.seen.entry(from).or_default();
        if times.arrived.len() >= MOST_TIMES {
            times.arrived.pop_front();
        }
        times.arrived.push_back(now);
        let (second, minute) = (within(&mut times.arrived, now, SECOND), within(&mut times.arrived, now, MINUTE));
        self.peaks = (self.peaks.0.max(second), self.peaks.1.max(minute));
        let again = [(SECOND, PER_SECOND), (MINUTE, PER_MINUTE)].into_iter().filter_map(|(window, limit)| {
            let count = within(&mut times.counted, now, window);
            let blocking = times.counted.len().checked_sub(limit).filter(|_| count >= limit)?;
            Some((times.counted[blocking] + window).duration_since(now))
        });
        match again.max().filter(|_| self.on) {
            Some(again) => {
                self.refused += 1;
                Err(again)
            }
            None => {
                times.counted.push_back(now);
                Ok(())
            }
        }
    }

    fn forget_the_quietest(&mut self) {
        let quietest = self.seen.iter().min_by_key(|(_, times)| times.arrived.back().copied()).map(|(address, _)| *address);
        if let Some(address) = quietest {
            self.seen.remove(&address);
        }
    }
}

/// How many are younger than the window; those older than a minute are dropped.
fn within(times: &mut VecDeque<Instant>, now: Instant, window: Duration) -> usize {
    while times.front().is_some_and(|time| now.duration_since(*time) >= MINUTE) {
        times.pop_front();
    }
    times.iter().rev().take_while(|time| now.duration_since(**time) < window).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn five_a_second_and_two_hundred_a_minute_pass() {
        let (mut limiter, start) = (Limiter::default(), Instant::now());
        assert!((0..1_000).all(|_| limiter.admit(HERE, start).is_ok()), "off at the start");
        assert_eq!(limiter.peaks(), (1_000, 1_000), "but counted");
        limiter.switch(true);
        assert_eq!((0..10).filter(|_| limiter.admit(HERE, start).is_ok()).count(), 5);
        assert_eq!((limiter.refused(), limiter.admit(HERE, start)), (5, Err(SECOND)));
        let after = |ms| start + Duration::from_millis(ms);
        let in_a_minute = (1..59).map(|second| (0..9).filter(|_| limiter.admit(HERE, after(second * 1_000)).is_ok()).count());
        assert_eq!(in_a_minute.sum::<usize>(), 195);
        assert_eq!(limiter.admit(HERE, after(59_000)), Err(Duration::from_millis(1_000)));
        assert!(limiter.admit(HERE, after(60_001)).is_ok());
    }
}
