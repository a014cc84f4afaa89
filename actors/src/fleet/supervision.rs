//! The fleet as supervisor: one company's crash restarts that company only, within a budget; a drain ends all of them, bottom-up.

use std::time::Duration;

use chrono::TimeDelta;
use ractor::{ActorId, ActorProcessingErr};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::DrainReport;
use super::actor::{Drain, FleetMsg, Root};
use crate::company::picture::Outage;
use crate::company::{CompanyMsg, picture};
use crate::events::Fact;
use crate::ids::CompanyId;
use crate::restart::Verdict;
use crate::task::OwnedTimer;
use crate::view::{LimitKind, SessionState, StateReason};

impl Root {
    /// The supervision event of a company's actor.
    pub(super) fn company_ended(&mut self, actor: ActorId, error: Option<&ActorProcessingErr>) {
        let Some(id) = self.actors.remove(&actor) else { return };
        if let Some(entry) = self.companies.get(&id) {
            entry.actor.send_replace(None);
            let (last, limits) = (entry.view.borrow().session.state, entry.view.borrow().session.limits);
            self.ports.events.publish(&Fact::SessionForgotten { company: id, last });
            for kind in LimitKind::ALL.into_iter().filter(|kind| limits.has(*kind)) {
                self.ports.events.publish(&Fact::SessionLimited { company: id, kind, limited: false });
            }
        }
        match &mut self.draining {
            Some(drain) => {
                drain.stopped += 1;
                if self.actors.is_empty() {
                    self.drained();
                }
            }
            None => {
                if let Some(error) = error {
                    tracing::error!(company.id = %id, error = %error, "a company's actor crashed");
                }
                self.company_crashed(id);
            }
        }
    }

    pub(super) fn company_crashed(&mut self, id: CompanyId) {
        let Some(entry) = self.companies.get_mut(&id) else { return };
        let now = self.ports.clock.now();
        let outage = match entry.budget.crashed(Instant::now(), now) {
            Verdict::Restart(after) => {
                entry.restart = Some(OwnedTimer::start(&self.myself, after, FleetMsg::RestartDue(id)));
                Outage::Until(now + TimeDelta::from_std(after).unwrap_or_default())
            }
            Verdict::Park => {
                entry.parked = true;
                Outage::Parked(StateReason::CrashedTooOften)
            }
        };
        entry.view.send_modify(|view| {
            view.session = picture::session_down(&view.session, outage, now);
            view.restarts.company = entry.budget.shown();
        });
        if entry.parked {
            tracing::error!(company.id = %id, "the company crashed too often and is parked until somebody acts");
            let salon = entry.handle.salon_id();
            let reason = entry.view.borrow().session.reason;
            let moved = Fact::SessionMoved { company: id, salon, from: None, to: SessionState::Parked, reason };
            self.ports.events.publish(&moved);
            self.ports.events.publish(&Fact::Parked { company: id });
        }
    }

    pub(super) async fn restart(&mut self, id: CompanyId) {
        let Some(entry) = self.companies.get_mut(&id) else { return };
        if entry.restart.take().is_some() && self.draining.is_none() {
            self.ports.events.publish(&Fact::CompanyRestarted { company: id });
            self.start(id, None).await;
        }
    }

    pub(super) async fn unpark(&mut self, id: CompanyId) {
        let Some(entry) = self.companies.get_mut(&id) else { return };
        let down = entry.parked || entry.restart.is_some();
        if !down || self.draining.is_some() {
            return;
        }
        if std::mem::take(&mut entry.parked) {
            self.ports.events.publish(&Fact::SessionForgotten { company: id, last: SessionState::Parked });
        }
        entry.restart = None;
        entry.budget.refill();
        entry.view.send_modify(|view| view.restarts.company = entry.budget.shown());
        self.start(id, None).await;
    }

    /// Bottom-up: sessions close their links, companies end after them, the fleet after those, or when the grace period is over.
    pub(super) fn drain(&mut self, grace: Duration, reply: oneshot::Sender<DrainReport>) {
        if let Some(drain) = &mut self.draining {
            drain.reply = Some(reply);
            return;
        }
        let grace = OwnedTimer::start(&self.myself, grace, FleetMsg::GraceOver);
        self.draining = Some(Drain { reply: Some(reply), stopped: 0, _grace: grace });
        for entry in self.companies.values_mut() {
            entry.restart = None;
            if let Some(actor) = entry.actor.borrow().as_ref() {
                let _ = actor.send_message(CompanyMsg::Drain);
            }
        }
        if self.actors.is_empty() {
            self.drained();
        }
    }

    pub(super) fn drained(&mut self) {
        let Some(drain) = &mut self.draining else { return };
        let report = DrainReport { stopped: drain.stopped, orphaned: self.actors.len() };
        if report.orphaned > 0 {
            tracing::warn!(orphaned = report.orphaned, "not every company stopped within the grace period");
        }
        if let Some(reply) = drain.reply.take() {
            let _ = reply.send(report);
        }
        self.myself.stop(None);
    }
}
