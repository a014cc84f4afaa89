//! How much of everything is measured.

use std::time::Duration;

use crate::options::{Figure, Options};

/// How much of everything.
#[derive(Debug, Clone)]
pub struct Plan {
    pub runs: usize,
    /// Salons of the time to the first QR code, per run.
    pub visits: usize,
    /// Sessions for slopes: few and many.
    pub few: usize,
    pub many: usize,
    /// Companies of the start-up.
    pub stored: u64,
    /// Sessions of the fleet, and of Baileys beside it.
    pub fleet: usize,
    pub baileys: usize,
    /// Sessions that are held, and for how long.
    pub held: usize,
    pub holding: Duration,
    /// How long an idle process is watched.
    pub idle: Duration,
    pub intake: Intake,
    /// Connections of strangers at the same time, how often they come, and how long they stay.
    pub strangers: usize,
    pub visits_of_strangers: usize,
    pub staying: Duration,
    /// Memory is read when it has not moved for this long.
    pub still: Duration,
    /// How long the store and the raw disk are written to, per run.
    pub writing: Duration,
    /// No figure takes longer.
    limit: Duration,
}

/// The webhooks.
#[derive(Debug, Clone)]
pub struct Intake {
    pub salons: usize,
    pub per_second: u32,
    /// How long they come, and how long to the yardstick, which falls behind and has to be waited for.
    pub lasting: Duration,
    pub lasting_beside: Duration,
    /// How often the server is killed under them, and how long each of its lives lasts at most.
    pub kills: usize,
    pub life: Duration,
}

impl Plan {
    pub fn of(options: &Options) -> Self {
        let mut plan = if options.quick { Self::quick() } else { Self::whole() };
        plan.fleet = options.fleet.unwrap_or(plan.fleet).max(plan.few + 1);
        plan.baileys = options.baileys.unwrap_or(plan.baileys.min(plan.fleet)).max(plan.few + 1);
        plan.held = options.held.unwrap_or(plan.held);
        plan
    }

    /// No figure may take longer.
    pub fn limit(&self, figure: Figure) -> Duration {
        match figure {
            Figure::Held => self.limit * 5 + self.holding,
            Figure::Fleet => self.limit * 4,
            Figure::Intake => self.limit * 2,
            Figure::FirstQr
            | Figure::Restart
            | Figure::Memory
            | Figure::Startup
            | Figure::Strangers
            | Figure::Console
            | Figure::Commits
            | Figure::Size => self.limit,
        }
    }

    /// Shows that everything works.
    fn quick() -> Self {
        Self {
            runs: 1,
            visits: 5,
            few: 1,
            many: 4,
            stored: 100,
            fleet: 4,
            baileys: 3,
            held: 5,
            holding: Duration::from_secs(3),
            idle: Duration::from_secs(2),
            intake: Intake {
                salons: 10,
                per_second: 100,
                lasting: Duration::from_secs(2),
                lasting_beside: Duration::from_secs(1),
                kills: 2,
                life: Duration::from_secs(1),
            },
            strangers: 50,
            visits_of_strangers: 2,
            staying: Duration::from_secs(2),
            still: Duration::from_secs(1),
            writing: Duration::from_millis(300),
            limit: Duration::from_secs(120),
        }
    }

    fn whole() -> Self {
        Self {
            runs: 5,
            visits: 200,
            few: 20,
            many: 200,
            stored: 10_000,
            fleet: 1_000,
            baileys: 1_000,
            held: 10_000,
            holding: Duration::from_secs(600),
            idle: Duration::from_secs(60),
            intake: Intake {
                salons: 1_000,
                per_second: 2_000,
                lasting: Duration::from_secs(60),
                lasting_beside: Duration::from_secs(20),
                kills: 10,
                life: Duration::from_secs(6),
            },
            strangers: 10_000,
            visits_of_strangers: 5,
            staying: Duration::from_secs(30),
            still: Duration::from_secs(12),
            writing: Duration::from_secs(3),
            limit: Duration::from_secs(900),
        }
    }
}
