//! What links say, how they end, and what timers make of it.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{DEAF_AFTER, Effect, Machine, Moment, Note, REPLACED_AGAIN_WITHIN, Slot, TimerKind, between, later};
use crate::ids::{OwnIdentity, Phone, Secret};
use crate::ports::{LinkCommand, LinkEnd, LinkFact, LossKind, PasskeyFailure};
use crate::records::Desired;
use crate::view::{PairingView, QrView, SessionState, StateReason};

impl Machine {
    pub(super) fn fact(&mut self, fact: LinkFact, at: Moment) {
        match (self.slot, fact) {
            (Slot::Open | Slot::Closing { .. }, LinkFact::Measured(sample)) => self.measured(sample),
            (Slot::Open, fact) => self.fact_of_open_link(fact, at),
            // The owner scanned in the very moment the link was given up for want of viewers: the credentials exist, so use them.
            (Slot::Closing { .. }, LinkFact::Paired(own)) if self.reason == Some(StateReason::OwnerLeft) && !self.draining => {
                self.paired(own, at.now);
                self.dial(SessionState::Pairing, None, at.now);
            }
            (Slot::Closing { .. } | Slot::Free | Slot::Queued, _) => {}
        }
    }

    fn fact_of_open_link(&mut self, fact: LinkFact, at: Moment) {
        let now = at.now;
        match fact {
            LinkFact::Qr { text, valid_for, attempt } => self.qr_shown(text, valid_for, attempt, now),
            LinkFact::PairingCode { code, phone, valid_for } => self.code_shown(code, phone, valid_for, now),
            LinkFact::PairingCodeFailed { throttled } => self.code_failed(throttled),
            LinkFact::PasskeyRequested { options, valid_for } => self.passkey_requested(options, valid_for, now),
            LinkFact::PasskeyCode(code) => self.passkey_code(code),
            LinkFact::PasskeyFailed(failure) => self.passkey_failed(failure, now),
            LinkFact::Paired(own) => self.paired(own, now),
            LinkFact::PairingRefused => self.pairing_refused(),
            LinkFact::Online(own) => self.online(own, now),
            LinkFact::Timelock(lock) => self.timelock_told(lock, now),
            LinkFact::NewChatCap(cap) => self.cap_told(cap, now),
            LinkFact::Measured(sample) => self.measured(sample),
            LinkFact::Doubtful => self.doubted(),
            LinkFact::ProbeAnswered => self.probe_answered(),
            LinkFact::ProbeUnanswered => self.unanswered(at),
        }
    }

    pub(super) fn code_failed(&mut self, throttled: bool) {
        self.wanted = None;
        self.notes.push(Note::PairingCodeFailed { throttled });
    }

    fn pairing_refused(&mut self) {
        if self.own.is_none() {
            self.trouble = Some(StateReason::PairingRefused);
        }
        self.notes.push(Note::PairingRefused);
    }

    fn code_shown(&mut self, code: Secret, phone: Phone, valid_for: Duration, now: DateTime<Utc>) {
        // The phone was quicker than the code.
        if self.own.is_some() || self.state == SessionState::AwaitingPasskey {
            return;
        }
        self.wanted = None;
        self.enter(SessionState::AwaitingCode, None, now);
        self.pairing = Some(PairingView { code, phone, expires_at: later(now, valid_for) });
        self.set(TimerKind::CodeOver, valid_for);
        self.set(TimerKind::Connect, valid_for.saturating_add(self.settings.connect_timeout));
        self.notes.push(Note::PairingCodeShown);
    }

    fn qr_shown(&mut self, text: Secret, valid_for: Duration, attempt: u32, now: DateTime<Utc>) {
        if self.state == SessionState::Online || self.paired_on == Some(self.generation) {
            return; // a code that was on its way when the phone accepted
        }
        if self.own.take().is_some() {
            // WhatsApp offers codes only to a device without credentials: ours are gone.
            self.desired = Desired::Stopped;
        }
        let qr = QrView { text, attempt, expires_at: later(now, valid_for) };
        // A code to type and the passkey step outlive the codes to scan that go on beside them.
        if !matches!(self.state, SessionState::AwaitingCode | SessionState::AwaitingPasskey) {
            self.enter(SessionState::AwaitingScan, None, now);
            self.set(TimerKind::Connect, valid_for.saturating_add(self.settings.connect_timeout));
        }
        self.qr = Some(qr);
        if attempt == 1 {
            self.notes.push(Note::RoundShown);
        }
        if let Some(asked) = self.asked_at.take() {
            self.notes.push(Note::FirstQr(between(asked, now)));
        }
        self.ask_for_code();
    }

    fn paired(&mut self, own: OwnIdentity, now: DateTime<Utc>) {
        self.own = Some(own);
        self.desired = Desired::Online;
        self.rounds_used = 0;
        self.restarted = false;
        self.wanted = None;
        self.code_for = None;
        self.trouble = None;
        self.limits_void();
        self.asked_at = None;
        self.paired_at = Some(now);
        self.paired_on = Some(self.generation);
        // It may have been online, if the service is out of its mind: what belongs to that is over.
        for kind in [TimerKind::CodeOver, TimerKind::Stable, TimerKind::Probe, TimerKind::Answer] {
            self.clear(kind);
        }
        self.enter(SessionState::Pairing, None, now);
        if self.slot == Slot::Open {
            self.set(TimerKind::Connect, self.settings.connect_timeout);
        }
        self.notes.push(Note::Paired);
    }

    fn online(&mut self, own: OwnIdentity, now: DateTime<Utc>) {
        self.own = Some(own);
        self.desired = Desired::Online;
        if self.state == SessionState::Online {
            return;
        }
        self.rounds_used = 0;
        self.unanswered = 0;
        self.wanted = None;
        self.asked_at = None;
        self.not_before = None;
        self.limits_unasked();
        self.clear(TimerKind::CodeOver);
        self.clear(TimerKind::Connect);
        self.enter(SessionState::Online, None, now);
        self.set(TimerKind::Stable, self.settings.stable_after);
        self.set(TimerKind::Probe, self.settings.probe_every);
        if let Some(paired) = self.paired_at.take() {
            self.notes.push(Note::PairedToOnline(between(paired, now)));
        }
    }

    fn probe_answered(&mut self) {
        if self.state == SessionState::Online {
            self.unanswered = 0;
            self.clear(TimerKind::Answer);
            self.set(TimerKind::Probe, self.settings.probe_every);
        }
    }

    /// Probes now instead of when it is due; a probe under way is enough.
    fn doubted(&mut self) {
        if self.state == SessionState::Online && !self.timers.contains_key(&TimerKind::Answer) {
            self.probe();
        }
    }

    fn probe(&mut self) {
        self.clear(TimerKind::Probe);
        self.actions.push(Effect::Command(LinkCommand::Probe));
        self.set(TimerKind::Answer, self.settings.answer_within);
    }

    fn unanswered(&mut self, at: Moment) {
        if self.state != SessionState::Online {
            return;
        }
        self.unanswered += 1;
        if self.unanswered < DEAF_AFTER {
            self.probe();
        } else {
            self.cut_off(LinkEnd::Lost(LossKind::Silent));
            self.wait(SessionState::Deaf, Some(StateReason::NotAnswering), at);
        }
    }

    /// Drops a link that no longer deserves a farewell.
    fn cut_off(&mut self, end: LinkEnd) {
        self.actions.push(Effect::DropLink);
        self.link_gone(end);
    }

    fn link_gone(&mut self, end: LinkEnd) {
        self.slot = Slot::Free;
        let of_the_link = [
            TimerKind::Connect,
            TimerKind::Stable,
            TimerKind::Probe,
            TimerKind::Answer,
            TimerKind::CodeOver,
            TimerKind::Unlock,
            TimerKind::Close,
        ];
        for kind in of_the_link {
            self.clear(kind);
        }
        if let Some(wanted) = &mut self.wanted {
            wanted.asked = false;
        }
        self.account.tally.ended(end);
        self.notes.push(Note::LinkEnded(self.generation, end));
    }

    pub(super) fn ended(&mut self, end: LinkEnd, at: Moment) {
        match self.slot {
            Slot::Free | Slot::Queued => {}
            Slot::Open => {
                self.link_gone(end);
                self.after(end, at);
            }
            Slot::Closing { then_dial, then_erase } => {
                self.link_gone(end);
                self.closed(end, then_dial, then_erase, at.now);
            }
        }
    }

    /// The link we told to close is gone.
    fn closed(&mut self, end: LinkEnd, then_dial: bool, then_erase: bool, now: DateTime<Utc>) {
        let void = end == LinkEnd::LoggedOut && self.own.is_some();
        if then_erase || void {
            self.forget_credentials();
        }
        if self.draining || !then_dial {
            return;
        }
        if void {
            self.enter(SessionState::LoggedOut, Some(StateReason::DeviceRemoved), now);
        } else {
            self.dial(self.state, self.reason, now);
        }
    }

    /// What follows when a link ended that was not told to.
    fn after(&mut self, end: LinkEnd, at: Moment) {
        match end {
            LinkEnd::Closed => self.lost(Some(StateReason::NetworkLost), at),
            LinkEnd::Lost(kind) => self.lost(Some(reason_of(kind)), at),
            LinkEnd::RestartRequired if !self.restarted => self.restart_at_once(at),
            LinkEnd::RestartRequired => self.lost(Some(StateReason::RestartRequired), at),
            LinkEnd::QrExhausted => self.exhausted(at),
            LinkEnd::Replaced => self.replaced(at),
            LinkEnd::LoggedOut => {
                self.enter(SessionState::LoggedOut, Some(StateReason::DeviceRemoved), at.now);
                self.forget_credentials();
            }
            LinkEnd::Banned { expires_in } => self.banned(StateReason::TemporaryBan, expires_in, at),
            LinkEnd::Locked => self.banned(StateReason::AccountLocked, None, at),
            LinkEnd::Outdated => {
                self.enter(SessionState::Outdated, Some(StateReason::ClientOutdated), at.now);
                self.await_newer_version(self.settings.outdated_retry_after, at);
            }
            LinkEnd::StorageFailed => self.lost(Some(StateReason::StoreFailed), at),
            LinkEnd::Crashed => self.lost(None, at),
        }
    }

    fn lost(&mut self, reason: Option<StateReason>, at: Moment) {
        let wanted = self.own.is_some() || self.viewers || self.timers.contains_key(&TimerKind::Linger);
        if wanted {
            self.wait(SessionState::Backoff, reason, at);
        } else {
            self.enter(SessionState::Idle, Some(StateReason::OwnerLeft), at.now);
        }
    }

    /// 515, as after every pairing: again at once, but only once, or a service that always says so would be dialled in a loop.
    fn restart_at_once(&mut self, at: Moment) {
        self.restarted = true;
        let pairing = self.state == SessionState::Pairing;
        let state = if pairing { SessionState::Pairing } else { SessionState::Connecting };
        self.dial(state, Some(StateReason::RestartRequired), at.now);
    }

    fn exhausted(&mut self, at: Moment) {
        if self.own.is_some() {
            return self.lost(Some(StateReason::ServiceUnavailable), at);
        }
        if self.state == SessionState::AwaitingPasskey {
            // The owner did scan, but WhatsApp waits for a passkey no longer than it shows codes.
            self.passkey_missed(PasskeyFailure::TimedOut);
            return self.dial(SessionState::Connecting, None, at.now);
        }
        self.rounds_used = self.rounds_used.saturating_add(1);
        self.wanted = None;
        self.enter(SessionState::Idle, Some(StateReason::QrExhausted), at.now);
    }

    fn replaced(&mut self, at: Moment) {
        self.enter(SessionState::Replaced, Some(StateReason::StreamReplaced), at.now);
        if !self.probed_lately(at.now) {
            self.await_probe(self.settings.replaced_probe_after, at.now);
        }
    }

    /// Two programs that take turns must not go on for ever, across restarts neither.
    pub(super) fn probed_lately(&self, now: DateTime<Utc>) -> bool {
        self.replaced_probed.is_some_and(|probed| between(probed, now) < REPLACED_AGAIN_WITHIN)
    }

    fn banned(&mut self, reason: StateReason, expires_in: Option<Duration>, at: Moment) {
        self.enter(SessionState::Banned, Some(reason), at.now);
        self.not_before = expires_in.map(|left| later(at.now, left));
        if let Some(until) = self.not_before {
            self.await_end_of_ban(until, at);
        }
    }

    pub(super) fn due(&mut self, kind: TimerKind, at: Moment) {
        match kind {
            TimerKind::Connect if self.state == SessionState::AwaitingPasskey => self.passkey_failed(PasskeyFailure::TimedOut, at.now),
            TimerKind::Connect => {
                self.cut_off(LinkEnd::Lost(LossKind::Silent));
                self.lost(Some(StateReason::ConnectTimeout), at);
            }
            TimerKind::Backoff | TimerKind::BanOver => self.dial(SessionState::Connecting, None, at.now),
            TimerKind::RetryOutdated => self.dial(SessionState::Connecting, Some(StateReason::ClientOutdated), at.now),
            TimerKind::Stable => {
                self.losses = 0;
                self.restarted = false;
            }
            TimerKind::Calm => self.calm = None,
            TimerKind::Probe | TimerKind::Unlock => self.probe(),
            TimerKind::Answer => self.unanswered(at),
            TimerKind::CodeOver => self.back_to_qr(at.now),
            TimerKind::Linger => self.owner_left(at.now),
            TimerKind::Close => {
                self.actions.push(Effect::DropLink);
                self.ended(LinkEnd::Closed, at);
            }
            TimerKind::ReplacedProbe => {
                self.replaced_probed = Some(at.now);
                self.dial(SessionState::Connecting, Some(StateReason::StreamReplaced), at.now);
            }
        }
    }

    fn owner_left(&mut self, now: DateTime<Utc>) {
        if self.own.is_none() && !self.viewers {
            self.close(LinkCommand::Close, false);
            self.enter(SessionState::Idle, Some(StateReason::OwnerLeft), now);
        }
    }
}

fn reason_of(kind: LossKind) -> StateReason {
    match kind {
        LossKind::Dial | LossKind::Disconnected => StateReason::NetworkLost,
        LossKind::Service => StateReason::ServiceUnavailable,
        LossKind::Silent => StateReason::ConnectTimeout,
        LossKind::Proxy => StateReason::ProxyFailed,
    }
}
