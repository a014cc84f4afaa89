//! Once a day, and when asked: what YClients says about the installations, against what we have. A lost webhook cannot leave a salon running that
//! removed the app, nor one stopped that has paid again (YClients sends no event for that at all).
//!
//! ```text
//! schedule, or Reconciler::run_now ─▶ task ─┬─ round.rs   the list, then each company's status, behind everybody else in the limiter's queue
//!                                           ├─ rules.rs   what a difference means (pure)
//!                                           └─ fleet      what is to be done, as an event in the company's inbox
//! ```
//!
//! Nothing here changes a company by itself: an event goes into its inbox like any webhook, durably and in order, and the company decides.

mod report;
mod round;
mod rules;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::fleet::FleetHandle;
use crate::ids::SalonId;
use crate::ports::Ports;
use crate::task::OwnedTask;
use round::{Round, Scope};

pub use report::{Difference, ReconcileReport, ReconcileResult, ReconcileStatus, Trigger};
pub use rules::Remedy;

/// Wishes that may wait; more are the same wish.
const WISHES: usize = 16;

/// When a round could not be finished, the next one comes after this.
const AGAIN: Duration = Duration::from_secs(15 * 60);

/// When to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReconcileSettings {
    /// Between two rounds over everybody. `None` = only when asked.
    pub every: Option<Duration>,
    /// The first one comes this long after the start.
    pub first_after: Duration,
    /// Between two looks at the frozen ones, for which YClients sends no event when they are paid. `None` = only with everybody.
    pub frozen_every: Option<Duration>,
}

impl Default for ReconcileSettings {
    fn default() -> Self {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        Self { every: Some(hours(24)), first_after: Duration::from_secs(600), frozen_every: Some(hours(1)) }
    }
}

/// A wish for a round.
#[derive(Debug, Clone, Copy)]
enum Wish {
    Everybody,
    One(SalonId),
}

/// The way to the reconciliation. Cheap to clone; its task ends with the last clone.
#[derive(Clone)]
pub struct Reconciler {
    wishes: mpsc::Sender<Wish>,
    status: watch::Receiver<ReconcileStatus>,
    _task: Arc<OwnedTask>,
}

impl Reconciler {
    /// Starts the schedule.
    pub fn start(fleet: FleetHandle, ports: Ports, settings: ReconcileSettings) -> Self {
        let (wishes, wished) = mpsc::channel(WISHES);
        let (shown, status) = watch::channel(ReconcileStatus::default());
        let keeper = Keeper { fleet, ports, settings, shown };
        let span = tracing::info_span!(parent: None, "reconcile");
        let task = OwnedTask::spawn(keeper.keep(wished).instrument(span), |outcome| {
            if outcome.is_none() {
                tracing::error!("the reconciliation's task ended; installations are compared again after the next start");
            }
        });
        Self { wishes, status, _task: Arc::new(task) }
    }

    /// Wishes a round over everybody, beginning at once or right after the present one. `false`: it is wished for already, or it ended.
    pub fn run_now(&self) -> bool {
        self.wishes.try_send(Wish::Everybody).is_ok()
    }

    /// Wishes a look at one salon: after a payment was reported, or when something looks odd.
    pub fn look_at(&self, salon: SalonId) -> bool {
        self.wishes.try_send(Wish::One(salon)).is_ok()
    }

    /// What runs, what came out last, when the next one is due.
    pub fn status(&self) -> ReconcileStatus {
        self.status.borrow().clone()
    }

    /// For those who ask for rounds and reports, and must not keep it running.
    pub fn weak(&self) -> Reconciliations {
        Reconciliations { wishes: self.wishes.downgrade(), status: self.status.clone() }
    }

    /// Every later status, for those who wait for one.
    pub fn watch(&self) -> watch::Receiver<ReconcileStatus> {
        self.status.clone()
    }
}

/// The way to the reconciliation for those who don't keep it running.
#[derive(Clone)]
pub struct Reconciliations {
    wishes: mpsc::WeakSender<Wish>,
    status: watch::Receiver<ReconcileStatus>,
}

impl Reconciliations {
    /// As [`Reconciler::run_now`]; `false` after its end, too.
    pub fn run_now(&self) -> bool {
        self.wishes.upgrade().is_some_and(|wishes| wishes.try_send(Wish::Everybody).is_ok())
    }

    /// As [`Reconciler::status`].
    pub fn status(&self) -> ReconcileStatus {
        self.status.borrow().clone()
    }
}

/// The task's memory.
struct Keeper {
    fleet: FleetHandle,
    ports: Ports,
    settings: ReconcileSettings,
    shown: watch::Sender<ReconcileStatus>,
}

/// What the schedule waits for.
struct Schedule {
    everybody: Option<Instant>,
    frozen: Option<Instant>,
}

impl Schedule {
    fn next(&self) -> Option<(Instant, Trigger)> {
        let everybody = self.everybody.map(|at| (at, Trigger::Schedule));
        let frozen = self.frozen.map(|at| (at, Trigger::Frozen));
        [everybody, frozen].into_iter().flatten().min_by_key(|(at, _)| *at)
    }
}

impl Keeper {
    async fn keep(self, mut wished: mpsc::Receiver<Wish>) {
        let now = Instant::now();
        let mut schedule = Schedule {
            everybody: self.settings.every.map(|_| now + self.settings.first_after),
            frozen: self.settings.frozen_every.map(|every| now + every),
        };
        loop {
            let next = schedule.next();
            self.announce(next.map(|(at, _)| at));
            let wish = match next {
                Some((at, trigger)) => match tokio::time::timeout_at(at, wished.recv()).await {
                    Ok(wish) => wish.map(of_wish),
                    Err(_due) => Some(of_trigger(trigger)),
                },
                None => wished.recv().await.map(of_wish),
            };
            let Some((trigger, scope)) = wish else { return };
            let finished = self.run(trigger, scope).await;
            self.reschedule(&mut schedule, scope, finished);
        }
    }

    /// One round; `false` when it could not be finished.
    async fn run(&self, trigger: Trigger, scope: Scope) -> bool {
        let began = self.ports.clock.now();
        self.shown.send_modify(|status| status.running_since = Some(began));
        let round = Round { fleet: &self.fleet, ports: &self.ports, partner: self.ports.partner.clone().unhurried(), trigger, scope };
        let report = round.run(began).await;
        let finished = report.result.is_finished();
        report.tell(self.ports.events.as_ref(), scope == Scope::Everybody);
        self.shown.send_modify(|status| {
            status.running_since = None;
            if scope == Scope::Everybody {
                status.last = Some(report);
            } else {
                status.last_partial = Some(report);
            }
        });
        finished
    }

    fn reschedule(&self, schedule: &mut Schedule, scope: Scope, finished: bool) {
        let now = Instant::now();
        match scope {
            Scope::Everybody => {
                schedule.everybody = self.settings.every.map(|every| now + if finished { every } else { every.min(AGAIN) });
                schedule.frozen = self.settings.frozen_every.map(|every| now + every);
            }
            Scope::Frozen => schedule.frozen = self.settings.frozen_every.map(|every| now + every),
            Scope::One(_) => {}
        }
    }

    fn announce(&self, next: Option<Instant>) {
        let wait = next.map(|at| at.saturating_duration_since(Instant::now()));
        let at = wait.and_then(|wait| chrono::TimeDelta::from_std(wait).ok()).map(|wait| self.ports.clock.now() + wait);
        self.shown.send_modify(|status| status.next_at = at);
    }
}

fn of_wish(wish: Wish) -> (Trigger, Scope) {
    match wish {
        Wish::Everybody => (Trigger::Asked, Scope::Everybody),
        Wish::One(salon) => (Trigger::Asked, Scope::One(salon)),
    }
}

fn of_trigger(trigger: Trigger) -> (Trigger, Scope) {
    match trigger {
        Trigger::Schedule | Trigger::Asked => (trigger, Scope::Everybody),
        Trigger::Frozen => (trigger, Scope::Frozen),
    }
}
