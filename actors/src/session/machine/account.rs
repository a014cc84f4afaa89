//! What a link tells about the account and about itself, besides its state: limits, and numbers.

use chrono::{DateTime, Utc};

use super::{Machine, Note, TimerKind, between};
use crate::ports::LinkEnd;
use crate::view::{Limits, LinkNumbers, LinkView, NewChatCap, SessionState, Timelock};

/// Numbers of the session's links, and the last sample of the present one.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) shown: LinkView,
    sample: LinkNumbers,
}

/// What is known of the linked account and of the links to it.
#[derive(Debug, Clone, Default)]
pub(super) struct Account {
    pub(super) limits: Limits,
    pub(super) tally: Tally,
}

impl Tally {
    pub(super) fn dialled(&mut self) {
        self.shown.dialled = self.shown.dialled.saturating_add(1);
        self.sample = LinkNumbers::default();
    }

    pub(super) fn ended(&mut self, end: LinkEnd) {
        let name = end.name();
        *self.shown.ended.entry(name).or_default() += 1;
        self.shown.last_end = Some(name);
        self.shown.numbers.memory_bytes = 0;
    }

    /// Adds a sample of the present link; returns what is new in it.
    fn measured(&mut self, sample: LinkNumbers) -> LinkNumbers {
        let news = sample.since(&self.sample);
        self.sample = sample;
        self.shown.numbers = self.shown.numbers.plus(&news);
        news
    }
}

impl Machine {
    pub(super) fn measured(&mut self, sample: LinkNumbers) {
        let news = self.account.tally.measured(sample);
        self.notes.push(Note::Measured(news));
    }

    /// The lock on first messages, as WhatsApp tells it. `None` = there is none.
    pub(super) fn timelock_told(&mut self, lock: Option<Timelock>, now: DateTime<Utc>) {
        if self.own.is_some() {
            self.account.limits.timelock = lock;
            self.account.limits.known = true;
            self.await_unlock(now);
        }
    }

    pub(super) fn cap_told(&mut self, cap: Option<NewChatCap>, now: DateTime<Utc>) {
        if self.own.is_some() {
            self.account.limits.cap = cap;
            self.await_unlock(now);
        }
    }

    /// When a lock should be over, WhatsApp is asked whether it is: it alone ends it.
    fn await_unlock(&mut self, now: DateTime<Utc>) {
        match self.account.limits.unlock_at() {
            Some(at) if at > now && self.state == SessionState::Online => self.set(TimerKind::Unlock, between(now, at)),
            Some(_) | None => self.clear(TimerKind::Unlock),
        }
    }

    /// A new link must ask again; until then the last known limits hold.
    pub(super) fn limits_unasked(&mut self) {
        self.account.limits.known = false;
    }

    /// Another account, or none.
    pub(super) fn limits_void(&mut self) {
        self.account.limits = Limits::default();
    }
}
