//! Socket.IO.

use super::catalog::Metric;

const OPEN: Metric = Metric::gauge("frontdesk_sockets_open", "Open Socket.IO sockets");
const REFUSED: Metric = Metric::counter("frontdesk_sockets_refused_total", "Socket.IO connections refused, by code");
const EVENTS: Metric = Metric::counter("frontdesk_sockets_events_total", "Events handed to sockets, by name");
const ENDED: Metric = Metric::counter(
    "frontdesk_sockets_ended_total",
    "Sockets that we ended ourselves or found closed when there was something to tell, by reason",
);

pub(super) const ALL: &[Metric] = &[OPEN, REFUSED, EVENTS, ENDED];

/// Every code of a refusal.
const CODES: [&str; 6] = ["AUTH_REQUIRED", "AUTH_INVALID", "AUTH_EXPIRED", "ORIGIN_REFUSED", "RATE_LIMITED", "UNAVAILABLE"];

pub(super) fn begin() {
    OPEN.change(0.0);
    for code in CODES {
        REFUSED.add_with(&[("code", code)], 0);
    }
    for event in ["session-state", "qr-update", "whatsapp-connected"] {
        EVENTS.add_with(&[("event", event)], 0);
    }
    for reason in ["token_expired", "company_gone", "not_reading", "closed"] {
        ENDED.add_with(&[("reason", reason)], 0);
    }
}

/// An event was handed to a socket.
pub fn socket_told(event: &'static str) {
    EVENTS.count_with(&[("event", event)]);
}

/// A socket was ended for this reason of a closed set.
pub fn socket_ended(reason: &'static str) {
    ENDED.count_with(&[("reason", reason)]);
}

/// A socket was opened (`+1`) or closed (`-1`).
pub fn sockets_changed(by: f64) {
    OPEN.change(by);
}

/// A socket was refused with this code of the closed set.
pub fn socket_refused(code: &'static str) {
    REFUSED.count_with(&[("code", code)]);
}

#[cfg(test)]
mod tests {
    use crate::realtime::RefusalCode;

    #[test]
    fn every_code_is_shown_from_the_start() {
        assert_eq!(super::CODES, RefusalCode::ALL.map(RefusalCode::name));
    }
}
