//! What WhatsApp allows an account towards people who never wrote to it. The session stays online; only first messages stop.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The limits of the linked account. Whoever sends asks [`Limits::cold_sends_allowed`] before a first message to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// WhatsApp has told them on the present link. Before that the last known ones are shown, and nobody may rely on their absence.
    pub known: bool,
    /// First messages are refused (463).
    pub timelock: Option<Timelock>,
    /// New chats count against a quota.
    pub cap: Option<NewChatCap>,
}

/// WhatsApp refuses first messages for a while (463, "reach-out timelock").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timelock {
    /// Until when, if told.
    pub ends_at: Option<DateTime<Utc>>,
}

/// A quota of new chats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewChatCap {
    /// How close it is.
    pub level: CapLevel,
    /// New chats of this period, if told.
    pub used: Option<u64>,
    /// Allowed in this period, if told.
    pub total: Option<u64>,
    /// When the next period begins, if told.
    pub renews_at: Option<DateTime<Utc>>,
}

/// How close the quota of new chats is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CapLevel {
    /// Far.
    None,
    /// WhatsApp warned.
    FirstWarning,
    /// WhatsApp warned again.
    SecondWarning,
    /// Used up: new chats are refused.
    Capped,
}

/// Kinds of limits, for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LimitKind {
    /// First messages are refused for a while.
    Timelock,
    /// WhatsApp warned that the quota of new chats is nearly used up.
    CapWarning,
    /// The quota of new chats is used up.
    Capped,
}

impl LimitKind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Timelock, Self::CapWarning, Self::Capped];

    /// The name in metric labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Timelock => "timelock",
            Self::CapWarning => "new_chat_warning",
            Self::Capped => "new_chat_cap",
        }
    }
}

impl Limits {
    /// May a first message be sent to somebody who never wrote? Not before WhatsApp has said so.
    pub fn cold_sends_allowed(&self) -> bool {
        self.known && !self.cold_sends_stopped()
    }

    /// WhatsApp refuses first messages now.
    pub fn cold_sends_stopped(&self) -> bool {
        self.has(LimitKind::Timelock) || self.has(LimitKind::Capped)
    }

    /// When first messages are possible again, if WhatsApp said so of everything that stops them.
    pub fn unlock_at(&self) -> Option<DateTime<Utc>> {
        let capped = self.cap.filter(|cap| cap.level == CapLevel::Capped);
        match (self.timelock, capped) {
            (Some(lock), Some(cap)) => Some(lock.ends_at?.max(cap.renews_at?)),
            (Some(lock), None) => lock.ends_at,
            (None, Some(cap)) => cap.renews_at,
            (None, None) => None,
        }
    }

    /// Is the account limited in this way?
    pub fn has(&self, kind: LimitKind) -> bool {
        match kind {
            LimitKind::Timelock => self.timelock.is_some(),
            LimitKind::CapWarning => self.cap.is_some_and(|cap| matches!(cap.level, CapLevel::FirstWarning | CapLevel::SecondWarning)),
            LimitKind::Capped => self.cap.is_some_and(|cap| cap.level == CapLevel::Capped),
        }
    }

    /// Limited in any way that is worth a word.
    pub fn any(&self) -> bool {
        LimitKind::ALL.into_iter().any(|kind| self.has(kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(seconds, 0)
    }

    fn cap(level: CapLevel, renews_at: Option<DateTime<Utc>>) -> Option<NewChatCap> {
        Some(NewChatCap { level, used: Some(5), total: Some(5), renews_at })
    }

    #[test]
    fn first_messages_stop_for_a_lock_and_for_a_used_up_quota_and_until_whatsapp_was_asked() {
        let lock = Some(Timelock { ends_at: at(100) });
        let cases = [
            (Limits::default(), false, false, None),
            (Limits { known: true, ..Limits::default() }, true, false, None),
            (Limits { known: true, timelock: lock, cap: None }, false, true, at(100)),
            (Limits { known: true, timelock: None, cap: cap(CapLevel::SecondWarning, at(200)) }, true, false, None),
            (Limits { known: true, timelock: None, cap: cap(CapLevel::Capped, at(200)) }, false, true, at(200)),
            (Limits { known: true, timelock: lock, cap: cap(CapLevel::Capped, at(200)) }, false, true, at(200)),
            (Limits { known: true, timelock: lock, cap: cap(CapLevel::Capped, None) }, false, true, None),
            (Limits { known: false, timelock: lock, cap: None }, false, true, at(100)),
        ];
        for (limits, allowed, stopped, unlock_at) in cases {
            let seen = (limits.cold_sends_allowed(), limits.cold_sends_stopped(), limits.unlock_at());
            assert_eq!(seen, (allowed, stopped, unlock_at), "{limits:?}");
        }
    }
}
