//! What a session decides: a pure machine. Inputs in, effects out, no clock, no randomness, no I/O of its own.
//!
//! ```text
//!             ShowQr / viewer / code wish                 grant, Qr              Paired
//!   Idle ────────────────────────────▶ Connecting ─────────▶ AwaitingScan ───────────▶ Pairing ──┐
//!    ▲  ▲                                ▲ │  │ │               │  ▲    │                │       │
//!    │  └─ QrExhausted, owner left ──────┼─┼──┼─┼───────────────┤  │    └▶ AwaitingPasskey       │
//!    │                                   │ │  │ │               ▼  │                    │        │
//!    │                       wait is over│ │  │ │          AwaitingCode ───── Paired ───┤        │
//!    │                                   │ │  │ │                                       │ 515    │ Online
//!    │                    ┌── lost ──────┼─┘  │ └─────────── Online ──────────┐         │ (once) │
//!    │                    ▼              │    │                               ▼         ▼        │
//!    │                 Backoff ──────────┤    │     2 probes unanswered     Online ◀────┴────────┘
//!    │                 Deaf ─────────────┘    │   Deaf ◀──────────────────────┤
//!    │                                        ▼                               ▼
//!    └─ Stop (frozen, removed, stopped)    Replaced · LoggedOut · Banned · Outdated · Parked
//! ```
//!
//! What must hold, and the property tests check:
//! - a final state (bottom right) is left only by the owner, an operator, or a moment it named itself (`retry_at`);
//! - waits between dials grow with each loss, up to a limit, and only a link that stayed up for a while makes them short again;
//! - `Online` only after an `Online` fact of the present link; what an older link says is dropped;
//! - one link at a time: nothing is opened before the last one ended or was dropped;
//! - what has to survive is persisted before it is published; once paired, `desired = Online` comes first.

mod account;
mod links;
mod passkey;
mod picture;
mod restore;
#[cfg(test)]
mod tests;
mod wishes;
mod words;

pub(crate) use restore::Origin;
pub(crate) use words::{Effect, Input, Moment, Note, Snapshot, Timer, TimerKind, Wish};

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::ids::{CompanyId, Generation, OwnIdentity, Phone};
use crate::ports::LinkCommand;
use crate::records::{Desired, SessionRecord};
use crate::restart::full_jitter;
use crate::settings::FleetSettings;
use crate::view::{Calm, PairingView, PasskeyView, QrView, SessionState, StateReason};

use account::Account;

/// How long a link may take to close in good order before it is dropped. The protocol client flushes for up to 5 s twice.
const CLOSE_WITHIN: Duration = Duration::from_secs(10);
/// Probes without an answer, one after the other, that make a session deaf.
const DEAF_AFTER: u32 = 2;
/// A link that is taken over again within this is not probed again: two programs that take turns would go on for ever.
const REPLACED_AGAIN_WITHIN: Duration = Duration::from_secs(24 * 3600);
/// Whoever was banned together comes back spread over a tenth of the ban, at most this.
const BAN_SPREAD_AT_MOST: Duration = Duration::from_secs(60);

/// The place for the one link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    /// No link, no wish for one.
    Free,
    /// Waiting for the fleet's permit.
    Queued,
    /// A link of the present generation runs.
    Open,
    /// It was told to close.
    Closing {
        /// Dial again when it is gone.
        then_dial: bool,
        /// Forget the credentials when it is gone.
        then_erase: bool,
    },
}

/// A pairing code that somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
struct WantedCode {
    phone: Phone,
    /// The present link was asked.
    asked: bool,
}

/// The machine. One per session actor; lives as long as that.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    company: CompanyId,
    settings: Arc<FleetSettings>,
    state: SessionState,
    reason: Option<StateReason>,
    since: DateTime<Utc>,
    retry_at: Option<DateTime<Utc>>,
    not_before: Option<DateTime<Utc>>,
    desired: Desired,
    own: Option<OwnIdentity>,
    slot: Slot,
    generation: Generation,
    viewers: bool,
    rounds_used: u32,
    qr: Option<QrView>,
    pairing: Option<PairingView>,
    passkey: Option<PasskeyView>,
    wanted: Option<WantedCode>,
    /// For which phone this unpaired device asked WhatsApp for a code.
    code_for: Option<Phone>,
    /// What went wrong when the owner last tried to link; shown until the next try gets further.
    trouble: Option<StateReason>,
    account: Account,
    /// Losses since the last stable time: the exponent of the backoff.
    losses: u32,
    /// The one immediate reconnect after 515 is used up until the link was stable, or the next `Paired`.
    restarted: bool,
    /// When the one probe after `Replaced` was made; stored, and forgotten when somebody took the link back or with the credentials.
    replaced_probed: Option<DateTime<Utc>>,
    /// See [`Calm`].
    calm: Option<Calm>,
    unanswered: u32,
    asked_at: Option<DateTime<Utc>>,
    paired_at: Option<DateTime<Utc>>,
    /// The link that said `Paired`.
    paired_on: Option<Generation>,
    draining: bool,
    timers: BTreeMap<TimerKind, u64>,
    timer_number: u64,
    stored: Option<SessionRecord>,
    shown: Option<Snapshot>,
    /// Of the present step only.
    actions: Vec<Effect>,
    notes: Vec<Note>,
    erase: bool,
}

impl Machine {
    /// Takes one input and tells what must be done about it.
    pub(crate) fn step(&mut self, input: Input, at: Moment) -> Vec<Effect> {
        match input {
            Input::Begin => self.begin(at),
            Input::Wish(wish) if !self.draining => self.wish(wish, at),
            Input::Wish(_) => {}
            Input::DialGranted => self.granted(),
            Input::Fact(generation, fact) if generation == self.generation => self.fact(fact, at),
            Input::Ended(generation, end) if generation == self.generation => self.ended(end, at),
            Input::Fact(_, _) | Input::Ended(_, _) => {}
            Input::Due(timer) if self.timers.get(&timer.kind) == Some(&timer.number) => {
                self.timers.remove(&timer.kind);
                self.due(timer.kind, at);
            }
            Input::Due(_) => {}
        }
        self.finish()
    }

    /// Does the shell still hold a use for a dial permit?
    pub(crate) fn dialling(&self) -> bool {
        self.slot == Slot::Open && matches!(self.state, SessionState::Connecting | SessionState::Pairing)
    }

    /// The present or last link.
    pub(crate) fn generation(&self) -> Generation {
        self.generation
    }

    /// Does WhatsApp answer?
    pub(crate) fn answers(&self) -> bool {
        self.state == SessionState::Online
    }

    /// Do credentials exist?
    pub(crate) fn linked(&self) -> bool {
        self.own.is_some()
    }

    /// No link is open or closing.
    pub(crate) fn at_rest(&self) -> bool {
        matches!(self.slot, Slot::Free | Slot::Queued)
    }

    /// Nothing runs and nothing will: the actor may stop.
    pub(crate) fn drained(&self) -> bool {
        self.draining && self.slot == Slot::Free
    }

    fn enter(&mut self, state: SessionState, reason: Option<StateReason>, now: DateTime<Utc>) {
        let online_since = self.since;
        if state != self.state || reason != self.reason {
            self.since = now;
        }
        if !matches!(state, SessionState::AwaitingScan | SessionState::AwaitingCode | SessionState::AwaitingPasskey) {
            self.qr = None;
        }
        if state != SessionState::AwaitingCode {
            self.pairing = None;
        }
        if state != SessionState::AwaitingPasskey {
            self.passkey = None;
        }
        if state == SessionState::Idle || state.is_final() {
            self.wanted = None;
            self.trouble = None;
        }
        self.consider_calm(state, online_since, now);
        self.state = state;
        self.reason = reason;
        self.retry_at = None;
    }

    /// A linked session that falls from `Online` has a moment to come back before people hear of it.
    fn consider_calm(&mut self, next: SessionState, online_since: DateTime<Utc>, now: DateTime<Utc>) {
        let passing = matches!(next, SessionState::Connecting | SessionState::Backoff | SessionState::Deaf) && self.own.is_some();
        if !passing || self.draining {
            self.calm = None;
            self.clear(TimerKind::Calm);
        } else if self.state == SessionState::Online && !self.settings.flap_grace.is_zero() {
            self.calm = Some(Calm { online_since, until: later(now, self.settings.flap_grace) });
            self.set(TimerKind::Calm, self.settings.flap_grace);
        }
    }

    /// Goes for a new link, as soon as the old one is gone and the fleet permits.
    fn dial(&mut self, state: SessionState, reason: Option<StateReason>, now: DateTime<Utc>) {
        self.clear(TimerKind::Backoff);
        self.clear(TimerKind::ReplacedProbe);
        self.clear(TimerKind::BanOver);
        self.clear(TimerKind::RetryOutdated);
        self.enter(state, reason, now);
        match &mut self.slot {
            Slot::Free => {
                self.slot = Slot::Queued;
                self.actions.push(Effect::RequestDial);
            }
            Slot::Closing { then_dial, .. } => *then_dial = true,
            Slot::Queued | Slot::Open => {}
        }
    }

    fn granted(&mut self) {
        if self.slot != Slot::Queued || self.draining {
            return;
        }
        self.generation = self.generation.next();
        self.slot = Slot::Open;
        self.account.tally.dialled();
        self.actions.push(Effect::OpenLink(self.generation));
        self.set(TimerKind::Connect, self.settings.connect_timeout);
    }

    /// Asks the link to close; it is dropped when it does not.
    fn close(&mut self, command: LinkCommand, then_erase: bool) {
        for kind in std::mem::take(&mut self.timers).into_keys() {
            self.actions.push(Effect::ClearTimer(kind));
        }
        self.wanted = None;
        self.calm = None;
        self.slot = match self.slot {
            Slot::Free | Slot::Queued => Slot::Free,
            Slot::Open => {
                self.actions.push(Effect::Command(command));
                Slot::Closing { then_dial: false, then_erase }
            }
            Slot::Closing { then_erase: erase, .. } => Slot::Closing { then_dial: false, then_erase: erase || then_erase },
        };
        if self.slot != Slot::Free {
            self.set(TimerKind::Close, CLOSE_WITHIN);
        }
    }

    /// Waits before the next dial, longer after each loss.
    fn wait(&mut self, state: SessionState, reason: Option<StateReason>, at: Moment) {
        let delay = full_jitter(self.settings.backoff_min, self.settings.backoff_max, self.losses, at.dice);
        self.losses = self.losses.saturating_add(1);
        self.enter(state, reason, at.now);
        self.retry_at = Some(later(at.now, delay));
        self.set(TimerKind::Backoff, delay);
    }

    fn set(&mut self, kind: TimerKind, after: Duration) {
        self.timer_number += 1;
        self.timers.insert(kind, self.timer_number);
        self.actions.push(Effect::SetTimer(Timer { kind, number: self.timer_number }, after));
    }

    fn clear(&mut self, kind: TimerKind) {
        if self.timers.remove(&kind).is_some() {
            self.actions.push(Effect::ClearTimer(kind));
        }
    }

    /// An unpaired link without viewers is given up after a while, whatever brought it about.
    fn watch_unpaired(&mut self) {
        let alive = matches!(self.slot, Slot::Queued | Slot::Open) || self.state == SessionState::Backoff;
        if self.own.is_some() || !alive {
            self.clear(TimerKind::Linger);
        } else if !self.viewers && !self.timers.contains_key(&TimerKind::Linger) {
            self.set(TimerKind::Linger, self.settings.unpaired_linger);
        }
    }

    /// Puts the step's effects in order: durable, visible, everything else.
    fn finish(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        if !self.draining {
            self.persist(&mut effects);
            self.watch_unpaired();
        }
        let snapshot = self.snapshot();
        if self.shown.as_ref() != Some(&snapshot) {
            self.shown = Some(snapshot.clone());
            effects.push(Effect::Publish(Box::new(snapshot)));
        }
        effects.append(&mut self.actions);
        effects.extend(self.notes.drain(..).map(Effect::Note));
        effects
    }
}

/// `now + wait`, as far as dates go.
fn later(now: DateTime<Utc>, wait: Duration) -> DateTime<Utc> {
    let wait = TimeDelta::from_std(wait).unwrap_or(TimeDelta::MAX);
    now.checked_add_signed(wait).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Time from `start` to `end`, zero when the wall clock went back.
fn between(start: DateTime<Utc>, end: DateTime<Utc>) -> Duration {
    (end - start).to_std().unwrap_or_default()
}
