//! Numbers of a session's links.

use std::collections::BTreeMap;

/// What the protocol client counted on one link, or several added up. Monotonic on a link, but for `memory_bytes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkNumbers {
    /// Bytes from WhatsApp, encrypted, with frame headers.
    pub bytes_received: u64,
    /// Bytes to WhatsApp.
    pub bytes_sent: u64,
    /// Frames from WhatsApp.
    pub frames_received: u64,
    /// Frames to WhatsApp.
    pub frames_sent: u64,
    /// Messages decrypted.
    pub messages_received: u64,
    /// Messages sent.
    pub messages_sent: u64,
    /// Events the client could not hand to us.
    pub events_dropped: u64,
    /// Repeated sends the client held back.
    pub resends_throttled: u64,
    /// What the client's caches hold, by its own estimate. Of the present link only; never added up.
    pub memory_bytes: u64,
}

impl LinkNumbers {
    /// What came on top since `before`, an older sample of the same link.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        self.with(before, u64::saturating_sub)
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, more: &Self) -> Self {
        more.with(self, u64::saturating_add)
    }

    /// Joins field by field; the memory is this one's.
    fn with(&self, other: &Self, join: fn(u64, u64) -> u64) -> Self {
        Self {
            bytes_received: join(self.bytes_received, other.bytes_received),
            bytes_sent: join(self.bytes_sent, other.bytes_sent),
            frames_received: join(self.frames_received, other.frames_received),
            frames_sent: join(self.frames_sent, other.frames_sent),
            messages_received: join(self.messages_received, other.messages_received),
            messages_sent: join(self.messages_sent, other.messages_sent),
            events_dropped: join(self.events_dropped, other.events_dropped),
            resends_throttled: join(self.resends_throttled, other.resends_throttled),
            memory_bytes: self.memory_bytes,
        }
    }
}

/// The links of a session since its actor started.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinkView {
    /// Links begun.
    pub dialled: u64,
    /// How the ended ones ended, by [`crate::ports::LinkEnd::name`].
    pub ended: BTreeMap<&'static str, u64>,
    /// How the last one ended.
    pub last_end: Option<&'static str>,
    /// Added up over all of them, as of the last sample.
    pub numbers: LinkNumbers,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_adds_what_came_on_top_and_the_memory_is_the_last_one() {
        let first = LinkNumbers { bytes_sent: 10, frames_sent: 1, memory_bytes: 500, ..LinkNumbers::default() };
        let second = LinkNumbers { bytes_sent: 25, frames_sent: 3, memory_bytes: 400, ..LinkNumbers::default() };
        let on_top = second.since(&first);
        assert_eq!((on_top.bytes_sent, on_top.frames_sent, on_top.memory_bytes), (15, 2, 400));
        assert_eq!(first.plus(&on_top), second);
    }
}
