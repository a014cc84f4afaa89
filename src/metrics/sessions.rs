//! Sessions and their links.

use std::time::Duration;

use frontdesk_actors::ports::LinkEnd;
use frontdesk_actors::view::SessionState;

use super::catalog::{LONG_SECONDS, Metric, SECONDS};

const SESSIONS: Metric = Metric::gauge("frontdesk_sessions", "Sessions with a running actor, by state");
const DIALLED: Metric = Metric::counter("frontdesk_links_dialled_total", "Links begun");
const ENDED: Metric = Metric::counter("frontdesk_links_ended_total", "Links ended, by reason");
const DIAL_WAIT: Metric = Metric::histogram("frontdesk_links_dial_wait_seconds", SECONDS, "Wait for a dial permit");
const DEAF: Metric =
    Metric::histogram("frontdesk_sessions_deaf_seconds", LONG_SECONDS, "How long sessions were known to be deaf, until their next link");
const RECOVERY: Metric =
    Metric::histogram("frontdesk_sessions_recovery_seconds", LONG_SECONDS, "From the loss of a session until it is online again by itself");

pub(super) const ALL: &[Metric] = &[SESSIONS, DIALLED, ENDED, DIAL_WAIT, DEAF, RECOVERY];

/// Every reason a link can end for, as a label.
const END_REASONS: [&str; 15] = [
    "closed",
    "dial_failed",
    "disconnected",
    "service_error",
    "silent",
    "proxy_failed",
    "restart_required",
    "qr_exhausted",
    "replaced",
    "logged_out",
    "banned",
    "locked",
    "outdated",
    "storage_failed",
    "crashed",
];

pub(super) fn begin() {
    for state in SessionState::ALL {
        SESSIONS.change_with(&[("state", state.name())], 0.0);
    }
    DIALLED.appear();
    for reason in END_REASONS {
        ENDED.add_with(&[("reason", reason)], 0);
    }
}

pub(super) fn moved(from: Option<SessionState>, to: Option<SessionState>) {
    if let Some(from) = from {
        SESSIONS.change_with(&[("state", from.name())], -1.0);
    }
    if let Some(to) = to {
        SESSIONS.change_with(&[("state", to.name())], 1.0);
    }
}

pub(super) fn was_deaf(lasted: Duration) {
    DEAF.observe(lasted);
}

pub(super) fn came_back(after: Duration) {
    RECOVERY.observe(after);
}

pub(super) fn dialled(waited: Duration) {
    DIALLED.count();
    DIAL_WAIT.observe(waited);
}

pub(super) fn link_ended(end: LinkEnd) {
    ENDED.count_with(&[("reason", end.name())]);
}

#[cfg(test)]
mod tests {
    use frontdesk_actors::ports::LossKind;

    use super::*;

    #[test]
    fn every_reason_is_shown_from_the_start() {
        let losses = [LossKind::Dial, LossKind::Disconnected, LossKind::Service, LossKind::Silent, LossKind::Proxy];
        let others = [
            LinkEnd::Closed,
            LinkEnd::RestartRequired,
            LinkEnd::QrExhausted,
            LinkEnd::Replaced,
            LinkEnd::LoggedOut,
            LinkEnd::Banned { expires_in: None },
            LinkEnd::Locked,
            LinkEnd::Outdated,
            LinkEnd::StorageFailed,
            LinkEnd::Crashed,
        ];
        for end in losses.map(LinkEnd::Lost).into_iter().chain(others) {
            assert!(END_REASONS.contains(&end.name()), "{end:?}");
        }
    }
}
