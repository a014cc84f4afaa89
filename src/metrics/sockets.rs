//! Socket.IO.

use super::catalog::Metric;

const OPEN: Metric = Metric::gauge("frontdesk_sockets_open", "Open Socket.IO sockets");
const REFUSED: Metric = Metric::counter("frontdesk_sockets_refused_total", "Socket.IO connections refused, by code");

pub(super) const ALL: &[Metric] = &[OPEN, REFUSED];

/// Every code of a refusal.
const CODES: [&str; 6] = ["AUTH_REQUIRED", "AUTH_INVALID", "AUTH_EXPIRED", "ORIGIN_REFUSED", "RATE_LIMITED", "UNAVAILABLE"];

pub(super) fn begin() {
    OPEN.change(0.0);
    for code in CODES {
        REFUSED.add_with(&[("code", code)], 0);
    }
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
