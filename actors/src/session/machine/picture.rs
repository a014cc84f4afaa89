//! What is shown and what is stored of a session.

use super::{Effect, Machine, Snapshot};
use crate::records::{Desired, SessionRecord};
use crate::view::{NextStep, PasskeyStage, SessionState, SessionView, StateReason};

impl Machine {
    pub(super) fn snapshot(&self) -> Snapshot {
        let view = SessionView {
            state: self.state,
            since: self.since,
            reason: self.shown_reason(),
            retry_at: self.retry_at,
            action: self.next_step(),
            qr: if self.state == SessionState::AwaitingScan { self.qr.clone() } else { None },
            pairing: self.pairing.clone(),
            passkey: self.passkey.clone(),
            rounds_used: self.rounds_used,
            own: self.own.clone(),
            limits: self.account.limits,
            link: self.account.tally.shown.clone(),
            generation: self.generation,
            calm: self.calm,
        };
        Snapshot { view, linked: self.own.is_some(), link_gone: self.at_rest() }
    }

    /// While a code is awaited, what went wrong with the last try matters more than why the link is as it is.
    fn shown_reason(&self) -> Option<StateReason> {
        match self.state {
            SessionState::Connecting | SessionState::AwaitingScan | SessionState::AwaitingCode | SessionState::Backoff => {
                self.trouble.or(self.reason)
            }
            SessionState::Idle
            | SessionState::AwaitingPasskey
            | SessionState::Pairing
            | SessionState::Online
            | SessionState::Deaf
            | SessionState::Replaced
            | SessionState::LoggedOut
            | SessionState::Banned
            | SessionState::Outdated
            | SessionState::Parked => self.reason,
        }
    }

    fn next_step(&self) -> Option<NextStep> {
        match self.state {
            SessionState::Idle => Some(self.next_step_when_idle()),
            SessionState::AwaitingScan => Some(NextStep::ScanQr),
            SessionState::AwaitingCode => Some(NextStep::EnterCode),
            SessionState::AwaitingPasskey => Some(self.next_step_with_passkey()),
            SessionState::Connecting | SessionState::Pairing | SessionState::Backoff | SessionState::Deaf => Some(NextStep::Wait),
            SessionState::Online => None,
            SessionState::Replaced => Some(NextStep::Reconnect),
            SessionState::LoggedOut => Some(NextStep::RequestQr),
            SessionState::Banned if self.not_before.is_some() => Some(NextStep::Wait),
            SessionState::Banned | SessionState::Outdated | SessionState::Parked => Some(NextStep::ContactSupport),
        }
    }

    fn next_step_with_passkey(&self) -> NextStep {
        match self.passkey.as_ref().map(|passkey| passkey.stage) {
            Some(PasskeyStage::Requested) | None => NextStep::UsePasskey,
            Some(PasskeyStage::Comparing) => NextStep::CompareCodes,
            Some(PasskeyStage::Checking | PasskeyStage::Confirming) => NextStep::Wait,
        }
    }

    fn next_step_when_idle(&self) -> NextStep {
        match self.reason {
            Some(StateReason::QrExhausted) if self.rounds_used >= self.settings.qr_rounds => NextStep::UsePairingCode,
            Some(StateReason::Frozen | StateReason::Uninstalled) => NextStep::StartOver,
            Some(StateReason::Stopped) if self.own.is_some() => NextStep::Reconnect,
            Some(_) | None => NextStep::RequestQr,
        }
    }

    /// Adds the effect that makes the step's outcome durable, if anything worth it changed.
    pub(super) fn persist(&mut self, effects: &mut Vec<Effect>) {
        let record = self.record();
        if std::mem::take(&mut self.erase) {
            self.stored.clone_from(&record);
            effects.push(Effect::EraseCredentials(record));
        } else if record != self.stored
            && let Some(record) = record
        {
            self.stored = Some(record.clone());
            effects.push(Effect::Persist(record));
        }
    }

    /// The record as it should be stored now. Losses and reconnects of a linked session change nothing: after a restart it is dialled anyway.
    fn record(&self) -> Option<SessionRecord> {
        let (state, reason) = match self.state {
            SessionState::Replaced | SessionState::LoggedOut | SessionState::Banned | SessionState::Outdated => (self.state, self.reason),
            SessionState::Idle if self.own.is_some() || self.stopped_on_purpose() => (SessionState::Idle, self.reason),
            SessionState::Online => (SessionState::Online, None),
            SessionState::Idle
            | SessionState::Connecting
            | SessionState::AwaitingScan
            | SessionState::AwaitingCode
            | SessionState::AwaitingPasskey
            | SessionState::Pairing
            | SessionState::Backoff
            | SessionState::Deaf
            | SessionState::Parked => match (&self.own, &self.stored) {
                (Some(_), Some(stored)) if stored.state == SessionState::Online => (SessionState::Online, None),
                (Some(_), _) => (SessionState::Connecting, None),
                (None, Some(stored)) if stored.own.is_none() => return Some(stored.clone()),
                (None, Some(_)) => (SessionState::Idle, None),
                (None, None) => return None,
            },
        };
        let same = self.stored.as_ref().filter(|stored| stored.state == state && stored.reason == reason);
        Some(SessionRecord {
            company_id: self.company,
            desired: self.desired,
            state,
            reason,
            since: same.map_or(self.since, |stored| stored.since),
            not_before: self.not_before,
            own: self.own.clone(),
            probed_at: self.replaced_probed,
        })
    }

    fn stopped_on_purpose(&self) -> bool {
        self.desired == Desired::Stopped && matches!(self.reason, Some(StateReason::Frozen | StateReason::Stopped))
    }
}
