//! What YClients tells us: from its arrival to what became of it.

use std::time::Duration;

use frontdesk_actors::records::DeadReason;

use super::catalog::{LONG_SECONDS, Metric, number};

const HANDLED: Metric = Metric::counter("frontdesk_webhooks_handled_total", "Stored webhooks acted on, by result");
const DATA: Metric = Metric::counter("frontdesk_webhooks_data_handled_total", "Data events acted on, by resource");
const LAG: Metric =
    Metric::histogram("frontdesk_webhooks_data_lag_seconds", LONG_SECONDS, "From the arrival of a data event until it was acted on");
const DEAD: Metric = Metric::counter("frontdesk_webhooks_dead_total", "Webhooks given up, by reason: they wait among the dead letters");

const WAITING: Metric = Metric::gauge("frontdesk_webhooks_waiting", "Webhooks not acted on yet; counted up to 1,000");
const OLDEST: Metric =
    Metric::gauge("frontdesk_webhooks_oldest_seconds", "Age of the oldest webhook not acted on yet; 0 when there is none");
const DEAD_LETTERS: Metric =
    Metric::gauge("frontdesk_webhooks_dead_letters", "Webhooks that were given up and wait for an operator; counted up to 1,000");

pub(super) const ALL: &[Metric] = &[HANDLED, DATA, LAG, DEAD, WAITING, OLDEST, DEAD_LETTERS];

/// The inbox at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inbox {
    /// Not acted on yet.
    pub waiting: usize,
    /// Age of the oldest of them.
    pub oldest: Duration,
    /// Given up.
    pub dead: usize,
}

/// The inbox was looked at.
pub fn inbox_measured(inbox: Inbox) {
    WAITING.set(number(inbox.waiting));
    OLDEST.set(inbox.oldest.as_secs_f64());
    DEAD_LETTERS.set(number(inbox.dead));
}

pub(super) fn begin() {
    for result in ["done", "failed"] {
        HANDLED.add_with(&[("result", result)], 0);
    }
    for reason in [DeadReason::Failed, DeadReason::Crashed, DeadReason::Unreadable] {
        DEAD.add_with(&[("reason", reason.name())], 0);
    }
}

pub(super) fn handled(ok: bool) {
    HANDLED.count_with(&[("result", if ok { "done" } else { "failed" })]);
}

pub(super) fn data_handled(resource: &'static str, waited: Duration) {
    DATA.count_with(&[("resource", resource)]);
    LAG.observe(waited);
}

pub(super) fn dead(reason: DeadReason) {
    DEAD.count_with(&[("reason", reason.name())]);
}
