//! The company as supervisor of its session: one_for_one, a budget of restarts, then parked until a person acts. Parked at once when the store refuses
//! the session's record.

use chrono::TimeDelta;
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef};
use tokio::time::Instant;

use super::actor::CompanyMsg;
use super::desk::Desk;
use super::picture::{self, Outage};
use crate::events::Fact;
use crate::records::{CompanyRecord, IntegrationStatus, SessionRecord};
use crate::restart::Verdict;
use crate::session::machine::{Snapshot, Wish};
use crate::session::{Session, SessionArgs, SessionMsg, Unstorable};
use crate::task::OwnedTimer;
use crate::view::StateReason;

/// The session's actor, as its supervisor sees it.
pub(super) enum Child {
    /// Not started yet.
    None,
    /// Runs.
    Running {
        /// The way to it.
        actor: ActorRef<SessionMsg>,
        /// Its number; reports of another number are late.
        epoch: u64,
    },
    /// Crashed; will be started again when the timer is due.
    Down {
        /// Number of the crashed one.
        epoch: u64,
        /// When it is due.
        _again: OwnedTimer,
    },
    /// Crashed too often, or can't be stored.
    Parked {
        /// Number of the crashed one.
        epoch: u64,
    },
}

impl Child {
    pub(super) fn tell(&self, wish: Wish) -> bool {
        match self {
            Self::Running { actor, .. } => actor.send_message(SessionMsg::Wish(wish)).is_ok(),
            Self::None | Self::Down { .. } | Self::Parked { .. } => false,
        }
    }

    pub(super) fn epoch(&self) -> u64 {
        match self {
            Self::None => 0,
            Self::Running { epoch, .. } | Self::Down { epoch, .. } | Self::Parked { epoch } => *epoch,
        }
    }

    fn is(&self, id: ActorId) -> bool {
        matches!(self, Self::Running { actor, .. } if actor.get_id() == id)
    }
}

/// How a session's actor ended.
#[derive(Debug, Clone, Copy)]
enum Fall {
    /// It may do better next time.
    Crashed,
    /// See [`Unstorable`].
    Unstorable,
}

impl Fall {
    /// Why it is parked.
    fn reason(self) -> StateReason {
        match self {
            Self::Crashed => StateReason::CrashedTooOften,
            Self::Unstorable => StateReason::StoreFailed,
        }
    }
}

/// Why the company's session may not run, if so.
pub(super) fn held(record: &CompanyRecord) -> Option<StateReason> {
    match record.integration_status {
        IntegrationStatus::Frozen => Some(StateReason::Frozen),
        IntegrationStatus::Uninstalled => Some(StateReason::Uninstalled),
        IntegrationStatus::Pending
        | IntegrationStatus::PendingWhatsapp
        | IntegrationStatus::Activating
        | IntegrationStatus::Active
        | IntegrationStatus::ActivationFailed => (!record.flags.whatsapp_enabled).then_some(StateReason::Stopped),
    }
}

impl Desk {
    /// Why the session may not run: by the record, or because it is being stopped for what the record will say.
    pub(super) fn held(&self) -> Option<StateReason> {
        self.stopping_for().or_else(|| self.record.as_ref().and_then(held))
    }

    /// Starts the session's actor on what is stored.
    pub(super) async fn start_session(&mut self, stored: Option<SessionRecord>) {
        let epoch = self.child.epoch() + 1;
        // Paid again, but a crash came between our record of that and the session's.
        let thawed = self.held().is_none() && stored.as_ref().is_some_and(|record| record.reason == Some(StateReason::Frozen));
        let args = SessionArgs {
            company_id: self.args.company_id,
            salon_id: self.args.salon_id,
            company: self.myself.clone(),
            epoch,
            fleet: self.args.fleet.clone(),
            ports: self.args.ports.clone(),
            settings: self.args.settings.clone(),
            stored,
            held: self.held(),
            generation: self.snapshot.view.generation,
            viewers: self.args.presence.watched(),
        };
        match Actor::spawn_linked(None, Session, args, self.myself.get_cell()).await {
            Ok((actor, _)) => {
                self.child = Child::Running { actor, epoch };
                if self.draining {
                    self.wish(Wish::Drain);
                } else if thawed {
                    self.wish(Wish::Renew);
                }
            }
            Err(error) => {
                tracing::error!(error = %error, "the session's actor does not start");
                self.session_crashed(epoch, Fall::Crashed);
            }
        }
    }

    /// The supervision event of the session's actor.
    pub(super) async fn session_ended(&mut self, id: ActorId, error: Option<&ActorProcessingErr>) {
        if !self.child.is(id) {
            return;
        }
        if self.draining {
            self.child = Child::None;
            self.myself.stop(None);
            return;
        }
        if let Some(error) = error {
            tracing::error!(error = %error, "the session's actor crashed");
        }
        let unstorable = error.is_some_and(|error| error.is::<Unstorable>());
        self.session_crashed(self.child.epoch(), if unstorable { Fall::Unstorable } else { Fall::Crashed });
        self.codes.fail();
        // Its link died with it: whoever waits for the session to stop may go on.
        self.session_stopped().await;
        self.settle().await;
    }

    fn session_crashed(&mut self, epoch: u64, fall: Fall) {
        let now = self.args.ports.clock.now();
        let verdict = match fall {
            Fall::Crashed => self.budget.crashed(Instant::now(), now),
            Fall::Unstorable => self.budget.park(),
        };
        let outage = match verdict {
            Verdict::Restart(after) => {
                let again = OwnedTimer::start(&self.myself, after, CompanyMsg::SessionDue);
                self.child = Child::Down { epoch, _again: again };
                Outage::Until(now + TimeDelta::from_std(after).unwrap_or_default())
            }
            Verdict::Park => {
                self.child = Child::Parked { epoch };
                tracing::error!(reason = ?fall.reason(), "the session is parked until somebody acts");
                self.publish(&Fact::Parked { company: self.args.company_id });
                Outage::Parked(fall.reason())
            }
        };
        let view = picture::session_down(&self.snapshot.view, outage, now);
        self.snapshot = Snapshot { view, linked: self.snapshot.linked, link_gone: true };
        self.session_moved();
    }

    pub(super) async fn start_session_again(&mut self) {
        if !matches!(self.child, Child::Down { .. }) || self.draining {
            return;
        }
        match self.args.ports.records.company(self.args.company_id).await {
            Ok(stored) => {
                self.publish(&Fact::SessionRestarted { company: self.args.company_id });
                self.start_session(stored.and_then(|stored| stored.session)).await;
            }
            Err(error) => {
                tracing::error!(error = %error, "the session can't be loaded; trying again");
                let again = OwnedTimer::start(&self.myself, crate::session::COMMIT_AGAIN.1, CompanyMsg::SessionDue);
                self.child = Child::Down { epoch: self.child.epoch(), _again: again };
            }
        }
        self.settle().await;
    }

    /// A person acts on a parked session: it gets a full budget and another try.
    pub(super) async fn unpark(&mut self) -> bool {
        let Child::Parked { epoch } = self.child else { return false };
        self.budget.refill();
        let again = OwnedTimer::start(&self.myself, std::time::Duration::ZERO, CompanyMsg::SessionDue);
        self.child = Child::Down { epoch, _again: again };
        true
    }
}
