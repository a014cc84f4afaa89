//! What people and the company want, state by state.

use chrono::{DateTime, Utc};

use super::{Effect, Machine, Moment, Note, Slot, TimerKind, WantedCode, Wish};
use crate::ids::Phone;
use crate::ports::LinkCommand;
use crate::records::Desired;
use crate::view::{SessionState, StateReason};

impl Machine {
    pub(super) fn wish(&mut self, wish: Wish, at: Moment) {
        match wish {
            Wish::ShowQr => self.show_qr(at.now),
            Wish::PairingCode(phone) => self.pairing_code(phone, at.now),
            Wish::CancelPairing => self.cancel_pairing(at.now),
            Wish::PasskeyResponse(assertion) => self.passkey_response(assertion),
            Wish::PasskeyConfirm => self.passkey_confirmed(),
            Wish::Viewers(true) => {
                self.viewers = true;
                self.viewer_came(at.now);
            }
            Wish::Viewers(false) => {
                self.viewers = false;
                self.linger();
            }
            Wish::Reconnect => self.reconnect(at),
            Wish::Restart => self.restart(at),
            Wish::Renew => self.renew(at),
            Wish::Stop(reason) => self.stop(reason, at.now),
            Wish::LogOut => self.log_out(at.now),
            Wish::Drain => self.drain(at.now),
        }
    }

    fn show_qr(&mut self, now: DateTime<Utc>) {
        if self.own.is_some() {
            return;
        }
        match self.state {
            SessionState::Idle | SessionState::LoggedOut => self.start(now),
            SessionState::Connecting
            | SessionState::AwaitingScan
            | SessionState::AwaitingCode
            | SessionState::AwaitingPasskey
            | SessionState::Pairing
            | SessionState::Backoff
            | SessionState::Deaf => self.linger(),
            SessionState::Online | SessionState::Replaced | SessionState::Banned | SessionState::Outdated | SessionState::Parked => {}
        }
    }

    /// Begins an unpaired link.
    fn start(&mut self, now: DateTime<Utc>) {
        self.asked_at = Some(now);
        self.dial(SessionState::Connecting, None, now);
    }

    /// Restarts the time an unpaired link is kept without viewers.
    fn linger(&mut self) {
        let alive = self.slot != Slot::Free || self.state == SessionState::Backoff;
        if self.own.is_none() && !self.viewers && alive {
            self.set(TimerKind::Linger, self.settings.unpaired_linger);
        }
    }

    /// A page opened: an unpaired session that nobody stopped shows codes. One that ran out of codes waits for the button.
    pub(super) fn viewer_came(&mut self, now: DateTime<Utc>) {
        self.clear(TimerKind::Linger);
        let untouched = matches!(self.reason, None | Some(StateReason::OwnerLeft));
        if self.own.is_none() && self.state == SessionState::Idle && untouched {
            self.start(now);
        }
    }

    fn pairing_code(&mut self, phone: Phone, now: DateTime<Utc>) {
        if self.own.is_some() {
            self.notes.push(Note::PairingCodeFailed { throttled: false });
            return;
        }
        self.forget_other_phone(&phone, now);
        match self.state {
            SessionState::Idle | SessionState::LoggedOut => {
                self.wanted = Some(WantedCode { phone, asked: false });
                self.start(now);
            }
            SessionState::Connecting | SessionState::Backoff | SessionState::Deaf => {
                self.wanted = Some(WantedCode { phone, asked: false });
                self.linger();
            }
            SessionState::AwaitingScan | SessionState::AwaitingCode => {
                self.wanted = Some(WantedCode { phone, asked: false });
                self.ask_for_code();
                self.linger();
            }
            // Another way out of the passkey step, for instance with a phone that has none.
            SessionState::AwaitingPasskey => {
                self.start_anew(now, false);
                self.wanted = Some(WantedCode { phone, asked: false });
            }
            SessionState::Pairing
            | SessionState::Online
            | SessionState::Replaced
            | SessionState::Banned
            | SessionState::Outdated
            | SessionState::Parked => self.notes.push(Note::PairingCodeFailed { throttled: false }),
        }
    }

    /// What this device agreed on with one phone must not meet another: for another phone it begins as a device nobody knows.
    fn forget_other_phone(&mut self, phone: &Phone, now: DateTime<Utc>) {
        if self.code_for.as_ref().is_none_or(|before| before == phone) {
            return;
        }
        self.code_for = None;
        match self.slot {
            Slot::Free | Slot::Queued => self.forget_credentials(),
            Slot::Open => self.start_anew(now, true),
            Slot::Closing { then_dial, .. } => self.slot = Slot::Closing { then_dial, then_erase: true },
        }
    }

    /// Passes the wish for a code to the link, once per link.
    pub(super) fn ask_for_code(&mut self) {
        if let Some(wanted) = &mut self.wanted
            && !wanted.asked
            && self.slot == Slot::Open
        {
            wanted.asked = true;
            self.code_for = Some(wanted.phone.clone());
            self.actions.push(Effect::Command(LinkCommand::RequestPairingCode(wanted.phone.clone())));
        }
    }

    fn cancel_pairing(&mut self, now: DateTime<Utc>) {
        self.trouble = None;
        if self.state == SessionState::AwaitingPasskey {
            return self.start_anew(now, false);
        }
        let asked = self.wanted.take().is_some_and(|wanted| wanted.asked);
        if (asked || self.pairing.is_some()) && self.slot == Slot::Open {
            self.actions.push(Effect::Command(LinkCommand::CancelPairing));
        }
        if self.state == SessionState::AwaitingCode {
            self.back_to_qr(now);
        }
    }

    /// Shows the code that is still good, or waits for the next one.
    pub(super) fn back_to_qr(&mut self, now: DateTime<Utc>) {
        self.clear(TimerKind::CodeOver);
        let good = self.qr.as_ref().is_some_and(|qr| qr.expires_at > now);
        if good {
            self.enter(SessionState::AwaitingScan, None, now);
        } else {
            self.enter(SessionState::Connecting, None, now);
            self.set(TimerKind::Connect, self.settings.connect_timeout);
        }
    }

    fn reconnect(&mut self, at: Moment) {
        let now = at.now;
        match self.state {
            SessionState::Replaced | SessionState::Outdated | SessionState::Parked => self.take_back(at),
            SessionState::Banned if self.not_before.is_none_or(|until| until <= now) => self.take_back(at),
            SessionState::Backoff | SessionState::Deaf => self.take_back(at),
            SessionState::Idle if self.own.is_some() && self.reason == Some(StateReason::Stopped) => self.take_back(at),
            SessionState::Banned
            | SessionState::Idle
            | SessionState::Connecting
            | SessionState::AwaitingScan
            | SessionState::AwaitingCode
            | SessionState::AwaitingPasskey
            | SessionState::Pairing
            | SessionState::Online
            | SessionState::LoggedOut => {}
        }
    }

    /// A fresh link for what runs; what waits or rests is taken back, as far as that is allowed.
    fn restart(&mut self, at: Moment) {
        match self.state {
            SessionState::Connecting
            | SessionState::AwaitingScan
            | SessionState::AwaitingCode
            | SessionState::AwaitingPasskey
            | SessionState::Pairing
            | SessionState::Online => {
                self.close(LinkCommand::Close, false);
                self.dial(SessionState::Connecting, None, at.now);
            }
            SessionState::Idle
            | SessionState::Backoff
            | SessionState::Deaf
            | SessionState::Replaced
            | SessionState::LoggedOut
            | SessionState::Banned
            | SessionState::Outdated
            | SessionState::Parked => self.reconnect(at),
        }
    }

    fn take_back(&mut self, at: Moment) {
        let now = at.now;
        self.replaced_probed = None;
        if self.own.is_some() {
            self.desired = Desired::Online;
        }
        match self.not_before {
            // Stopping and starting again is no way around a ban.
            Some(until) if until > now => {
                self.enter(SessionState::Banned, Some(StateReason::TemporaryBan), now);
                self.await_end_of_ban(until, at);
            }
            Some(_) | None => self.dial(SessionState::Connecting, None, now),
        }
    }

    fn renew(&mut self, at: Moment) {
        let now = at.now;
        self.rounds_used = 0;
        match (self.state, self.own.is_some()) {
            (SessionState::Idle, true) => self.take_back(at),
            (SessionState::Idle | SessionState::LoggedOut, false) => {
                self.enter(SessionState::Idle, None, now);
                if self.viewers {
                    self.viewer_came(now);
                }
            }
            (_, _) => {}
        }
    }

    fn stop(&mut self, reason: StateReason, now: DateTime<Utc>) {
        let removed = reason == StateReason::Uninstalled;
        // A removed app must not stay in the phone's list of linked devices.
        let farewell = if removed && self.state == SessionState::Online { LinkCommand::LogOut } else { LinkCommand::Close };
        self.close(farewell, false);
        self.desired = Desired::Stopped;
        self.rounds_used = 0;
        if removed {
            // The company erases record and credentials itself, together with its own.
            self.own = None;
            self.stored = None;
            self.limits_void();
        }
        self.enter(SessionState::Idle, Some(reason), now);
    }

    fn log_out(&mut self, now: DateTime<Utc>) {
        if self.own.is_none() {
            return;
        }
        self.close(LinkCommand::LogOut, true);
        self.desired = Desired::Stopped;
        self.enter(SessionState::LoggedOut, Some(StateReason::Stopped), now);
        if self.slot == Slot::Free {
            self.forget_credentials();
        }
    }

    pub(super) fn forget_credentials(&mut self) {
        self.own = None;
        self.code_for = None;
        self.replaced_probed = None;
        self.limits_void();
        self.desired = Desired::Stopped;
        self.erase = true;
    }

    fn drain(&mut self, now: DateTime<Utc>) {
        self.draining = true;
        self.close(LinkCommand::Close, false);
        if !self.state.is_final() {
            let state = if self.own.is_some() { SessionState::Connecting } else { SessionState::Idle };
            self.enter(state, None, now);
        }
    }
}
