//! What WhatsApp allows the linked accounts, and what the protocol clients count on their links.

use frontdesk_actors::view::{LimitKind, LinkNumbers};

use super::catalog::{self, Metric};

/// From what an idle client holds to one that remembers thousands of chats.
const MEMORY: &[f64] = &[256.0, 1024.0, 4096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0, 4_194_304.0];

const LIMITED: Metric = Metric::gauge("frontdesk_sessions_limited", "Sessions whose account WhatsApp limits towards new people, by kind");
const BYTES: Metric = Metric::counter("frontdesk_links_bytes_total", "Bytes on links, by direction; sampled with the probe");
const FRAMES: Metric = Metric::counter("frontdesk_links_frames_total", "Frames on links, by direction; sampled with the probe");
const MESSAGES: Metric = Metric::counter("frontdesk_links_messages_total", "Messages on links, by direction; sampled with the probe");
const EVENTS_DROPPED: Metric =
    Metric::counter("frontdesk_links_events_dropped_total", "Events the protocol clients could not hand over; sampled with the probe");
const RESENDS: Metric =
    Metric::counter("frontdesk_links_resends_throttled_total", "Repeated sends the protocol clients held back; sampled with the probe");
const HELD: Metric =
    Metric::histogram("frontdesk_links_memory_bytes", MEMORY, "What one client's caches hold by its own estimate, per probe");

pub(super) const ALL: &[Metric] = &[LIMITED, BYTES, FRAMES, MESSAGES, EVENTS_DROPPED, RESENDS, HELD];

const BOTH_WAYS: [Metric; 3] = [BYTES, FRAMES, MESSAGES];

pub(super) fn begin() {
    for kind in LimitKind::ALL {
        LIMITED.change_with(&[("kind", kind.name())], 0.0);
    }
    for metric in BOTH_WAYS {
        for direction in ["received", "sent"] {
            metric.add_with(&[("direction", direction)], 0);
        }
    }
    EVENTS_DROPPED.appear();
    RESENDS.appear();
}

pub(super) fn limited(kind: LimitKind, limited: bool) {
    LIMITED.change_with(&[("kind", kind.name())], if limited { 1.0 } else { -1.0 });
}

/// What came on top since the link's last sample.
pub(super) fn measured(numbers: &LinkNumbers) {
    let received = [numbers.bytes_received, numbers.frames_received, numbers.messages_received];
    let sent = [numbers.bytes_sent, numbers.frames_sent, numbers.messages_sent];
    for ((metric, received), sent) in BOTH_WAYS.iter().zip(received).zip(sent) {
        metric.add_with(&[("direction", "received")], received);
        metric.add_with(&[("direction", "sent")], sent);
    }
    EVENTS_DROPPED.add(numbers.events_dropped);
    RESENDS.add(numbers.resends_throttled);
    if numbers.memory_bytes > 0 {
        HELD.observe(catalog::bytes(numbers.memory_bytes));
    }
}
