//! The fleet at a glance, kept by the server itself: in which state every session is, and what happened in the last 24 hours, in steps of five
//! minutes. Useful without Grafana; the console shows it.
//!
//! ```text
//! facts of the actors ──▶ Pulse ─┬─ states of sessions, now          rebuilt by the actors after a start
//!                                └─ ring of 288 slots ──▶ store      each slot as it fills, so that a restart forgets minutes, not the day
//! ```

mod ring;

use std::collections::HashMap;
use std::sync::Arc;

use chrono::Utc;
use frontdesk_actors::events::{Fact, FunnelStep};
use frontdesk_actors::ids::CompanyId;
use frontdesk_actors::operators::PulseSlot;
use frontdesk_actors::ports::{EventSink, LinkEnd, OperatorRecords, RecordsError};
use frontdesk_actors::view::{SessionState, StateReason};
use tokio::sync::watch;

use ring::Ring;

/// Where one session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Its state.
    pub state: SessionState,
    /// Why.
    pub reason: Option<StateReason>,
}

/// A session nobody runs: it is linked to nothing and waits for nobody.
const DORMANT: Standing = Standing { state: SessionState::Idle, reason: None };

/// All sessions and the last day. Cheap to clone.
#[derive(Clone)]
pub struct Pulse(Arc<watch::Sender<Beat>>);

#[derive(Debug)]
struct Beat {
    sessions: HashMap<CompanyId, Standing>,
    counts: [usize; SessionState::ALL.len()],
    ring: Ring,
}

impl Pulse {
    /// With what the store remembers of the last day.
    pub async fn open(records: &dyn OperatorRecords) -> Result<Self, RecordsError> {
        let now = Utc::now();
        let ring = Ring::new(records.pulse(Ring::first_slot(now)).await?);
        Ok(Self(Arc::new(watch::Sender::new(Beat { sessions: HashMap::new(), counts: [0; SessionState::ALL.len()], ring }))))
    }

    /// Where a session stands.
    pub fn standing(&self, company: CompanyId) -> Standing {
        self.0.borrow().sessions.get(&company).copied().unwrap_or(DORMANT)
    }

    /// Looks up many sessions at one moment.
    pub fn standings<T>(&self, look: impl FnOnce(&dyn Fn(CompanyId) -> Standing) -> T) -> T {
        let beat = self.0.borrow();
        look(&|company| beat.sessions.get(&company).copied().unwrap_or(DORMANT))
    }

    /// Sessions with an actor, by state.
    pub fn counts(&self) -> Vec<(SessionState, usize)> {
        SessionState::ALL.into_iter().zip(self.0.borrow().counts).collect()
    }

    /// The last 24 hours, oldest first, quiet steps included.
    pub fn day(&self) -> Vec<PulseSlot> {
        let beat = self.0.borrow();
        beat.ring.day(Utc::now(), beat.online())
    }

    /// Told whenever something happened; may skip.
    pub fn watch(&self) -> Changes {
        Changes(self.0.subscribe())
    }

    /// Stores what is new since the last time. A failure costs nothing but a gap after a restart.
    pub async fn keep(&self, records: &dyn OperatorRecords) {
        let fresh = self.0.borrow().ring.unsaved();
        if fresh.is_empty() {
            return;
        }
        if let Err(error) = records.put_pulse(fresh.clone(), Ring::first_slot(Utc::now())).await {
            tracing::warn!(%error, "the figures of the last minutes could not be stored");
            return;
        }
        self.0.send_if_modified(|beat| {
            beat.ring.saved(&fresh);
            false
        });
    }
}

/// Tells that something happened.
pub struct Changes(watch::Receiver<Beat>);

impl Changes {
    /// Something happened since the last call; `false`: nothing will ever happen again.
    pub async fn next(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }
}

impl EventSink for Pulse {
    fn publish(&self, fact: &Fact) {
        self.0.send_modify(|beat| beat.note(fact));
    }
}

impl Beat {
    fn online(&self) -> u32 {
        u32::try_from(self.count(SessionState::Online)).unwrap_or(u32::MAX)
    }

    fn count(&self, state: SessionState) -> usize {
        SessionState::ALL.into_iter().zip(self.counts).find(|(known, _)| *known == state).map_or(0, |(_, count)| count)
    }

    /// Facts that neither a list nor a chart shows change nothing here.
    fn note(&mut self, fact: &Fact) {
        if let Fact::SessionMoved { company, to, reason, .. } = fact {
            self.stands(*company, Some(Standing { state: *to, reason: *reason }));
        }
        if let Fact::SessionForgotten { company, .. } = fact {
            self.stands(*company, None);
        }
        let online = self.online();
        count(self.ring.slot(Utc::now(), online), fact);
    }

    fn stands(&mut self, company: CompanyId, standing: Option<Standing>) {
        let before = match standing {
            Some(standing) => self.sessions.insert(company, standing),
            None => self.sessions.remove(&company),
        };
        for (state, count) in SessionState::ALL.into_iter().zip(&mut self.counts) {
            *count += usize::from(standing.is_some_and(|standing| standing.state == state));
            *count -= usize::from(before.is_some_and(|before| before.state == state));
        }
    }
}

fn count(slot: &mut PulseSlot, fact: &Fact) {
    if let Fact::FunnelStep { step, .. } = fact {
        *match step {
            FunnelStep::Redirected => &mut slot.redirected,
            FunnelStep::PageOpened => &mut slot.page_opened,
            FunnelStep::QrShown => &mut slot.qr_shown,
            FunnelStep::Paired => &mut slot.paired,
            FunnelStep::Online => &mut slot.online,
            FunnelStep::Active => &mut slot.active,
        } += 1;
    }
    if let Fact::LinkEnded { end, .. } = fact {
        slot.links_lost += u32::from(matches!(end, LinkEnd::Lost(_)));
    }
    if let Fact::SessionMoved { to, from, .. } = fact {
        slot.sessions_ended += u32::from(to.is_final() && from.is_some_and(|from| !from.is_final()));
    }
    if let Fact::FirstQr { after, .. } = fact {
        slot.first_qrs += 1;
        slot.first_qr_ms = slot.first_qr_ms.saturating_add(u64::try_from(after.as_millis()).unwrap_or(u64::MAX));
    }
    if let Fact::ActivationEnded { active: false, .. } = fact {
        slot.activations_failed += 1;
    }
    if let Fact::WebhookHandled { ok, .. } = fact {
        *if *ok { &mut slot.webhooks } else { &mut slot.webhooks_failed } += 1;
    }
    if matches!(fact, Fact::SessionRestarted { .. } | Fact::CompanyRestarted { .. }) {
        slot.restarts += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use frontdesk_actors::ids::SalonId;
    use frontdesk_actors::testing::MemoryOperators;

    use super::*;

    fn company(id: u64) -> CompanyId {
        CompanyId::try_from(id).unwrap()
    }

    fn moved(id: u64, from: Option<SessionState>, to: SessionState) -> Fact {
        let salon = SalonId::try_from(id).unwrap();
        Fact::SessionMoved { company: company(id), salon, from, to, reason: Some(StateReason::NetworkLost) }
    }

    fn counted(pulse: &Pulse, state: SessionState) -> usize {
        pulse.counts().into_iter().find(|(known, _)| *known == state).unwrap().1
    }

    #[tokio::test]
    async fn states_are_counted_as_sessions_move_and_vanish() {
        let pulse = Pulse::open(&MemoryOperators::new()).await.unwrap();
        pulse.publish(&moved(1, None, SessionState::Connecting));
        pulse.publish(&moved(2, None, SessionState::Online));
        pulse.publish(&moved(1, Some(SessionState::Connecting), SessionState::Online));
        assert_eq!((counted(&pulse, SessionState::Online), counted(&pulse, SessionState::Connecting)), (2, 0));
        pulse.publish(&Fact::SessionForgotten { company: company(2), last: SessionState::Online });
        assert_eq!(counted(&pulse, SessionState::Online), 1);
        assert_eq!(pulse.standing(company(1)).state, SessionState::Online);
        assert_eq!(pulse.standing(company(2)), DORMANT);
        assert_eq!(pulse.day().last().unwrap().online_now, 1);
    }

    #[tokio::test]
    async fn a_day_is_remembered_over_a_restart() {
        let records = MemoryOperators::new();
        let pulse = Pulse::open(&records).await.unwrap();
        pulse.publish(&Fact::FunnelStep { company: company(1), step: FunnelStep::QrShown });
        pulse.publish(&Fact::FirstQr { company: company(1), after: Duration::from_millis(700) });
        pulse.publish(&moved(1, Some(SessionState::Online), SessionState::LoggedOut));
        pulse.keep(&records).await;
        pulse.publish(&Fact::FunnelStep { company: company(1), step: FunnelStep::QrShown });
        pulse.keep(&records).await;
        let day = Pulse::open(&records).await.unwrap().day();
        let sum = |pick: fn(&PulseSlot) -> u64| day.iter().map(pick).sum::<u64>();
        assert_eq!(sum(|slot| slot.qr_shown.into()), 2);
        assert_eq!((sum(|slot| slot.first_qrs.into()), sum(|slot| slot.first_qr_ms)), (1, 700));
        assert_eq!(sum(|slot| slot.sessions_ended.into()), 1);
        assert!((287..=289).contains(&day.len()), "{}", day.len());
    }
}
