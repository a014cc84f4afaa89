//! The passkey step: between the phone's consent and the pairing, for accounts that want it.
//!
//! ```text
//! Requested ──response──▶ Checking ──code──▶ Comparing ──confirm──▶ Confirming ──▶ Pairing
//!     │                      │                  │                       │
//!     └──────────────────────┴──── failed, too late, cancelled ─────────┴─────────▶ a fresh link, with codes to scan
//! ```
//!
//! After a failure the link is made anew: the protocol client and the phone may disagree on how far they had come.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::{Effect, Machine, Note, TimerKind, later};
use crate::events::PasskeyStep;
use crate::ids::Secret;
use crate::ports::{LinkCommand, PasskeyAssertion, PasskeyFailure};
use crate::view::{PasskeyStage, PasskeyView, SessionState, StateReason};

impl Machine {
    pub(super) fn passkey_requested(&mut self, options: Secret, valid_for: Duration, now: DateTime<Utc>) {
        if self.own.is_some() || self.paired_on == Some(self.generation) {
            return;
        }
        if self.wanted.is_some() {
            self.code_failed(false);
        }
        self.trouble = None;
        self.clear(TimerKind::CodeOver);
        self.enter(SessionState::AwaitingPasskey, None, now);
        let expires_at = later(now, valid_for);
        self.passkey = Some(PasskeyView { stage: PasskeyStage::Requested, options, code: None, expires_at });
        self.set(TimerKind::Connect, valid_for);
        self.notes.push(Note::Passkey(PasskeyStep::Requested));
    }

    /// What the owner's passkey answered goes to WhatsApp, once per request.
    pub(super) fn passkey_response(&mut self, assertion: PasskeyAssertion) {
        if self.passkey_moves(PasskeyStage::Requested, PasskeyStage::Checking) {
            self.actions.push(Effect::Command(LinkCommand::PasskeyResponse(assertion)));
            self.notes.push(Note::Passkey(PasskeyStep::Answered));
        }
    }

    pub(super) fn passkey_code(&mut self, code: Secret) {
        if self.passkey_moves(PasskeyStage::Checking, PasskeyStage::Comparing)
            && let Some(passkey) = &mut self.passkey
        {
            passkey.code = Some(code);
        }
    }

    pub(super) fn passkey_confirmed(&mut self) {
        if self.passkey_moves(PasskeyStage::Comparing, PasskeyStage::Confirming) {
            self.actions.push(Effect::Command(LinkCommand::PasskeyConfirm));
            self.notes.push(Note::Passkey(PasskeyStep::Confirmed));
        }
    }

    fn passkey_moves(&mut self, from: PasskeyStage, to: PasskeyStage) -> bool {
        match &mut self.passkey {
            Some(passkey) if passkey.stage == from => {
                passkey.stage = to;
                true
            }
            Some(_) | None => false,
        }
    }

    /// Back to codes, and the page says why.
    pub(super) fn passkey_failed(&mut self, failure: PasskeyFailure, now: DateTime<Utc>) {
        if self.own.is_some() {
            return; // the phone was quicker
        }
        self.passkey_missed(failure);
        self.start_anew(now, false);
    }

    /// Remembers and counts why there is no link.
    pub(super) fn passkey_missed(&mut self, failure: PasskeyFailure) {
        self.trouble = Some(match failure {
            PasskeyFailure::Refused => StateReason::PasskeyRefused,
            PasskeyFailure::Broken => StateReason::PasskeyBroken,
            PasskeyFailure::TimedOut => StateReason::PasskeyTimedOut,
        });
        self.notes.push(Note::Passkey(PasskeyStep::Failed(failure)));
    }

    /// Ends the present link and begins another; with `forget` as a device that WhatsApp has never seen.
    pub(super) fn start_anew(&mut self, now: DateTime<Utc>, forget: bool) {
        self.close(LinkCommand::Close, forget);
        self.dial(SessionState::Connecting, None, now);
    }
}
