//! What happens when, drawn from a seed before anything happens.

use std::fmt;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

/// Faults a second, over all salons.
const PER_SECOND: f64 = 8.0;

/// One fault at one moment.
pub struct Deed {
    pub at: Duration,
    /// `None`: everyone.
    pub salon: Option<usize>,
    pub fault: Value,
}

impl Deed {
    /// Does the service keep this link for itself afterwards?
    pub fn freezes(&self) -> bool {
        self.fault["fault"] == "half_open" || self.fault["quiet"] == true
    }
}

/// What was done to one salon that does not pass by itself.
#[derive(Debug, Default)]
pub struct Fate {
    /// The phone removed the device.
    pub removed: bool,
    /// How often another client took the device over.
    pub taken: usize,
}

pub struct Plan {
    seed: u64,
    pub salons: usize,
    pub lasts: Duration,
    pub deeds: Vec<Deed>,
}

impl Plan {
    pub fn from_environment() -> Self {
        let seed = environment("CHAOS_SEED").unwrap_or_else(rand::random);
        let seconds = environment("CHAOS_SECONDS").unwrap_or(60);
        let salons = environment("CHAOS_SALONS").and_then(|salons| usize::try_from(salons).ok()).unwrap_or(200);
        Self::drawn(seed, salons.max(1), Duration::from_secs(seconds))
    }

    fn drawn(seed: u64, salons: usize, lasts: Duration) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        let count = (lasts.as_secs_f64() * PER_SECOND) as usize;
        let mut moments: Vec<f64> = (0..count).map(|_| random.random_range(0.0..1.0)).collect();
        moments.sort_by(f64::total_cmp);
        let deeds = moments.into_iter().map(|moment| {
            let (fault, everyone) = fault(&mut random);
            let salon = random.random_range(0..salons);
            Deed { at: lasts.mul_f64(moment), salon: (!everyone).then_some(salon), fault }
        });
        Self { seed, salons, lasts, deeds: deeds.collect() }
    }

    pub fn fate(&self, salon: usize) -> Fate {
        let own = self.deeds.iter().filter(|deed| deed.salon == Some(salon));
        own.fold(Fate::default(), |fate, deed| match deed.fault["fault"].as_str() {
            Some("logged_out") => Fate { removed: true, ..fate },
            Some("replaced") => Fate { taken: fate.taken + 1, ..fate },
            _ => fate,
        })
    }
}

/// How to play it again.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, salons, lasts, deeds } = self;
        let seconds = lasts.as_secs();
        write!(f, "CHAOS_SEED={seed} CHAOS_SECONDS={seconds} CHAOS_SALONS={salons} ({} faults)", deeds.len())
    }
}

/// A fault, and whether it hits everyone.
fn fault(random: &mut StdRng) -> (Value, bool) {
    let lasts = random.random_range(500..4000);
    let errors = [408, 428, 429, 500, 503, 515];
    let code = errors[random.random_range(0..errors.len())];
    let one = |fault: &str| json!({ "fault": fault });
    let fault = match random.random_range(0..100) {
        0..22 => one("drop"),
        22..40 => json!({ "fault": "stream_error", "code": code }),
        40..44 => json!({ "fault": "stream_error", "code": 503, "keep_open": true }),
        44..50 => one("bad_frame"),
        50..55 => one("half_frame"),
        55..57 => json!({ "fault": "half_frame", "quiet": true }),
        57..60 => one("half_open"),
        60..66 => json!({ "fault": "silence", "duration_ms": lasts }),
        66..72 => json!({ "fault": "slow", "ms": lasts / 10, "duration_ms": lasts }),
        72..78 => json!({ "fault": "refuse_connections", "duration_ms": lasts }),
        78..82 => json!({ "fault": "close_mid_handshake", "count": 1 }),
        82..86 => json!({ "fault": "login_failure", "code": if lasts % 2 == 0 { 500 } else { 503 } }),
        86..89 => one("bad_node"),
        89..92 => one("bad_zlib"),
        92..94 => json!({ "fault": "big_frame", "bytes": 200_000 }),
        94..96 => one("replaced"),
        96..98 => one("logged_out"),
        98 => return (json!({ "fault": "outage", "duration_ms": lasts }), true),
        _ => return (json!({ "fault": "refuse_upgrade", "code": 503, "count": 20 }), true),
    };
    (fault, false)
}

#[expect(clippy::disallowed_methods, reason = "the test's own settings, not the server's")]
fn environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {text:?}")))
}

#[test]
fn chaos_of_one_seed_is_the_same_every_time() {
    let play = || {
        let plan = Plan::drawn(42, 200, Duration::from_secs(60));
        let deeds: Vec<String> = plan.deeds.iter().map(|deed| format!("{:?} {:?} {}", deed.at, deed.salon, deed.fault)).collect();
        (deeds.len(), deeds.join("\n"))
    };
    assert_eq!(play(), play());
    assert_eq!(play().0, 480);
}
