//! YClients' limits per IP address: 5 requests per second and 200 per minute. A switch, off at the start.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    time::Duration,
};

use tokio::time::Instant;

const PER_SECOND: usize = 5;
const PER_MINUTE: usize = 200;
/// All of 127.0.0.0/8 could call; the quietest gives way.
const MAX_ADDRESSES: usize = 1_000;

/// The times of the requests let through, per address.
#[derive(Debug, Default)]
pub struct Limiter {
    on: bool,
    seen: HashMap<IpAddr, VecDeque<Instant>>,
}

impl Limiter {
    /// Switches the limits on or off; either way counting starts anew.
    pub fn switch(&mut self, on: bool) {
        self.on = on;
        self.seen.clear();
    }

    /// Whether the limits apply.
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// Lets a request through, or not. One that is refused doesn't count.
    pub fn admit(&mut self, from: IpAddr, now: Instant) -> bool {
        if !self.on {
            return true;
        }
        if !self.seen.contains_key(&from) && self.seen.len() >= MAX_ADDRESSES {
            self.forget_the_quietest();
        }
        let times = self.seen.entry(from).or_default();
        let ago = |age: Duration| move |time: &&Instant| now.duration_since(**time) < age;
        while times.front().is_some_and(|time| !ago(Duration::from_secs(60))(&time)) {
            times.pop_front();
        }
        let last_second = times.iter().rev().take_while(ago(Duration::from_secs(1))).count();
        let admitted = times.len() < PER_MINUTE && last_second < PER_SECOND;
        if admitted {
            times.push_back(now);
        }
        admitted
    }

    fn forget_the_quietest(&mut self) {
        let quietest = self.seen.iter().min_by_key(|(_, times)| times.back().copied()).map(|(address, _)| *address);
        if let Some(address) = quietest {
            self.seen.remove(&address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn five_a_second_and_two_hundred_a_minute_pass() {
        let (mut limiter, start) = (Limiter::default(), Instant::now());
        assert!((0..1_000).all(|_| limiter.admit(HERE, start)), "off at the start");
        limiter.switch(true);
        assert_eq!((0..10).filter(|_| limiter.admit(HERE, start)).count(), 5);
        let after = |ms| start + Duration::from_millis(ms);
        let in_a_minute = (1..59).map(|second| (0..9).filter(|_| limiter.admit(HERE, after(second * 1_000))).count());
        assert_eq!(in_a_minute.sum::<usize>(), 195);
        assert!(limiter.admit(HERE, after(60_001)));
    }
}
