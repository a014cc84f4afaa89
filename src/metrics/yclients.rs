//! What we ask YClients, how long calls wait for their place, and what differs between its installations and ours.

use std::time::Duration;

use frontdesk_actors::reconcile::{ReconcileResult, Remedy};

use super::catalog::{Metric, SECONDS, number};
use super::http::status_class;

const CALLS: Metric =
    Metric::counter("frontdesk_yclients_calls_total", "Calls to YClients, by endpoint and class of answer; 429 is one of its own");
const CALL_SECONDS: Metric = Metric::histogram("frontdesk_yclients_call_seconds", SECONDS, "Duration of a call to YClients, by endpoint");
const REPEATED: Metric = Metric::counter("frontdesk_yclients_repeated_total", "Questions to YClients asked again, by endpoint");
const WAIT: Metric = Metric::histogram(
    "frontdesk_yclients_limiter_wait_seconds",
    SECONDS,
    "Wait of a call for its place within YClients' limits, by urgency",
);
const TURNED_AWAY: Metric =
    Metric::counter("frontdesk_yclients_turned_away_total", "Calls to YClients that were not made, by urgency and reason");
const WAITING: Metric = Metric::gauge("frontdesk_yclients_limiter_waiting", "Calls to YClients that wait for a place");
const BREAKER: Metric = Metric::gauge(
    "frontdesk_yclients_breaker_open",
    "1 while a base of YClients is left alone after failures, 0.5 while one call tries it",
);
const ROUNDS: Metric =
    Metric::counter("frontdesk_reconcile_rounds_total", "Comparisons of our installations with YClients', by scope and result");
const DONE_AT: Metric = Metric::gauge(
    "frontdesk_reconcile_last_done_timestamp_seconds",
    "When all installations were last compared with YClients', in seconds since 1970",
);
const DIFFERENCES: Metric = Metric::counter(
    "frontdesk_reconcile_differences_total",
    "Installations about which YClients and we differ, by remedy and whether it was done",
);

pub(super) const ALL: &[Metric] = &[CALLS, CALL_SECONDS, REPEATED, WAIT, TURNED_AWAY, WAITING, BREAKER, ROUNDS, DONE_AT, DIFFERENCES];

pub(super) fn begin() {
    WAITING.set(0.0);
    for base in ["marketplace", "api"] {
        BREAKER.set_with(&[("base", base)], 0.0);
    }
    for urgency in ["interactive", "onboarding", "operator", "background"] {
        for reason in ["full", "too_late", "broken"] {
            TURNED_AWAY.add_with(&[("urgency", urgency), ("reason", reason)], 0);
        }
    }
    for result in [ReconcileResult::Done, ReconcileResult::Incomplete, ReconcileResult::Failed] {
        ROUNDS.add_with(&[("scope", "everybody"), ("result", result.name())], 0);
    }
    for remedy in [Remedy::Uninstall, Remedy::Freeze, Remedy::Unfreeze] {
        DIFFERENCES.add_with(&[("remedy", remedy.name()), ("done", "yes")], 0);
    }
    for remedy in [Remedy::Report, Remedy::Withhold] {
        DIFFERENCES.add_with(&[("remedy", remedy.name()), ("done", "no")], 0);
    }
}

/// One call to YClients ended; `status` 0 = no answer.
pub fn yclients_call(endpoint: &'static str, status: u16, took: Duration) {
    let result = if status == 429 { "429" } else { status_class(status) };
    CALLS.count_with(&[("endpoint", endpoint), ("result", result)]);
    CALL_SECONDS.observe_with(&[("endpoint", endpoint)], took);
}

/// A question to YClients is asked again.
pub fn yclients_repeated(endpoint: &'static str) {
    REPEATED.count_with(&[("endpoint", endpoint)]);
}

/// A call found its place, or was turned away for this reason of a closed set.
pub fn yclients_waited(urgency: &'static str, turned_away: Option<&'static str>, waited: Duration) {
    match turned_away {
        None => WAIT.observe_with(&[("urgency", urgency)], waited),
        Some(reason) => TURNED_AWAY.count_with(&[("urgency", urgency), ("reason", reason)]),
    }
}

/// Calls that wait now.
pub fn yclients_waiting(calls: usize) {
    WAITING.set(number(calls));
}

/// How far the breaker of a base is open: 0, 0.5 or 1.
pub fn yclients_breaker(base: &'static str, open: f64) {
    BREAKER.set_with(&[("base", base)], open);
}

pub(super) fn reconciled(result: ReconcileResult, everybody: bool) {
    let scope = if everybody { "everybody" } else { "some" };
    ROUNDS.count_with(&[("scope", scope), ("result", result.name())]);
    if everybody && result == ReconcileResult::Done {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        DONE_AT.set(since_epoch.as_secs_f64());
    }
}

pub(super) fn installation_differs(remedy: Remedy, done: bool) {
    DIFFERENCES.count_with(&[("remedy", remedy.name()), ("done", if done { "yes" } else { "no" })]);
}
