//! How a session begins: what the record says is shown again, what should be online is dialled.

use super::account::Account;
use super::{BAN_SPREAD_AT_MOST, Machine, Moment, Slot, TimerKind, between};
use crate::ids::{CompanyId, Generation, OwnIdentity};
use crate::records::{Desired, SessionRecord};
use crate::settings::FleetSettings;
use crate::view::{SessionState, StateReason};

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

/// What a session begins with.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// Whose.
    pub company: CompanyId,
    /// Limits and times.
    pub settings: Arc<FleetSettings>,
    /// What was stored.
    pub stored: Option<SessionRecord>,
    /// Credentials that exist although no record says so: a crash came between pairing and our record of it.
    pub credentials: Option<OwnIdentity>,
    /// Why the session may not run (frozen, removed, stopped); nothing is dialled then.
    pub held: Option<StateReason>,
    /// The last link's number: the next one is higher.
    pub generation: Generation,
    /// Somebody looks at the page.
    pub viewers: bool,
    /// Wall clock.
    pub now: DateTime<Utc>,
}

/// Whose credentials there are when a session begins.
struct Identity {
    own: Option<OwnIdentity>,
    /// They were found without a record of them.
    found: bool,
    /// A log-out was decided, and the process ended before its link did: it is finished now.
    erase: bool,
}

fn identity(stored: Option<&SessionRecord>, credentials: Option<OwnIdentity>) -> Identity {
    let recorded = stored.and_then(|record| record.own.clone());
    let logged_out = stored.is_some_and(|record| record.state == SessionState::LoggedOut && record.reason == Some(StateReason::Stopped));
    if logged_out {
        return Identity { own: None, found: false, erase: recorded.is_some() || credentials.is_some() };
    }
    let found = recorded.is_none() && credentials.is_some();
    Identity { own: recorded.or(credentials), found, erase: false }
}

/// What is shown at first: why it is held, or the final state or rest that was stored; anything else begins anew.
fn first_picture(origin: &Origin, found: bool) -> (SessionState, Option<StateReason>, DateTime<Utc>) {
    let stored = origin.stored.as_ref().filter(|_| !found);
    let kept = stored.filter(|record| record.state.is_final() || record.state == SessionState::Idle);
    match (origin.held, kept) {
        (Some(held), _) => (SessionState::Idle, Some(held), origin.now),
        (None, Some(record)) => (record.state, record.reason, record.since),
        (None, None) => (SessionState::Idle, None, origin.now),
    }
}

/// Whether it should be open: as it was stored, or because credentials were found; never while it is held.
fn first_wish(origin: &Origin, found: bool) -> Desired {
    let wanted = found || origin.stored.as_ref().is_some_and(|record| record.desired == Desired::Online);
    if wanted && origin.held.is_none() { Desired::Online } else { Desired::Stopped }
}

impl Machine {
    /// A session before its first step, which must be `Begin`.
    pub(crate) fn new(origin: Origin) -> Self {
        let Identity { own, found, erase } = identity(origin.stored.as_ref(), origin.credentials.clone());
        let (state, reason, since) = first_picture(&origin, found);
        Self {
            company: origin.company,
            state,
            reason,
            since,
            retry_at: None,
            not_before: origin.stored.as_ref().and_then(|record| record.not_before),
            desired: first_wish(&origin, found),
            own,
            slot: Slot::Free,
            generation: origin.generation,
            viewers: origin.viewers,
            rounds_used: 0,
            qr: None,
            pairing: None,
            passkey: None,
            wanted: None,
            code_for: None,
            trouble: None,
            account: Account::default(),
            losses: 0,
            restarted: false,
            replaced_probed: origin.stored.as_ref().and_then(|record| record.probed_at),
            calm: None,
            unanswered: 0,
            asked_at: None,
            paired_at: None,
            paired_on: None,
            draining: false,
            timers: BTreeMap::new(),
            timer_number: 0,
            settings: origin.settings,
            stored: origin.stored,
            shown: None,
            actions: Vec::new(),
            notes: Vec::new(),
            erase,
        }
    }

    pub(super) fn begin(&mut self, at: Moment) {
        match self.state {
            SessionState::Replaced => self.resume_replaced(at),
            SessionState::Banned => self.resume_banned(at),
            SessionState::Outdated => self.resume_outdated(at),
            SessionState::LoggedOut => {}
            SessionState::Idle
            | SessionState::Connecting
            | SessionState::AwaitingScan
            | SessionState::AwaitingCode
            | SessionState::AwaitingPasskey
            | SessionState::Pairing
            | SessionState::Online
            | SessionState::Backoff
            | SessionState::Deaf
            | SessionState::Parked => self.resume(at),
        }
    }

    /// Dials what should be online; shows a code to whoever looks already.
    fn resume(&mut self, at: Moment) {
        if self.desired == Desired::Online {
            self.dial(SessionState::Connecting, None, at.now);
        } else if self.viewers {
            self.viewer_came(at.now);
        }
    }

    /// Keeps the appointment of the one probe, unless it was made before, or the moment passed while the process was down.
    fn resume_replaced(&mut self, at: Moment) {
        if self.probed_lately(at.now) {
            return;
        }
        let waited = between(self.since, at.now);
        match self.settings.replaced_probe_after.checked_sub(waited) {
            Some(left) => self.await_probe(left, at.now),
            None => self.replaced_probed = Some(at.now),
        }
    }

    /// An appointment that passed while the process was down is kept now: the update that cures it may be why it was down.
    fn resume_outdated(&mut self, at: Moment) {
        let left = self.settings.outdated_retry_after.saturating_sub(between(self.since, at.now));
        self.await_newer_version(left, at);
    }

    fn resume_banned(&mut self, at: Moment) {
        match self.not_before {
            Some(until) if until <= at.now && self.own.is_none() => {
                self.enter(SessionState::Idle, None, at.now);
                self.resume(at);
            }
            Some(until) if until <= at.now => self.dial(SessionState::Connecting, None, at.now),
            Some(until) => self.await_end_of_ban(until, at),
            None => {}
        }
    }

    pub(super) fn await_probe(&mut self, left: Duration, now: DateTime<Utc>) {
        self.retry_at = Some(super::later(now, left));
        self.set(TimerKind::ReplacedProbe, left);
    }

    pub(super) fn await_newer_version(&mut self, left: Duration, at: Moment) {
        let wait = left.mul_f64(1.0 + at.dice.clamp(0.0, 1.0) / 4.0);
        self.retry_at = Some(super::later(at.now, wait));
        self.set(TimerKind::RetryOutdated, wait);
    }

    /// A little later than the end, so that those who were banned together don't come back together.
    pub(super) fn await_end_of_ban(&mut self, until: DateTime<Utc>, at: Moment) {
        let left = between(at.now, until);
        let late = (left / 10).min(BAN_SPREAD_AT_MOST).mul_f64(at.dice.clamp(0.0, 1.0));
        self.retry_at = Some(super::later(until, late));
        self.set(TimerKind::BanOver, left.saturating_add(late));
    }
}
