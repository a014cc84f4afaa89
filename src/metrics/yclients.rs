//! What we ask YClients.

use std::time::Duration;

use super::catalog::{Metric, SECONDS};
use super::http::status_class;

const CALLS: Metric = Metric::counter("frontdesk_yclients_calls_total", "Calls to YClients, by endpoint and class of answer");
const CALL_SECONDS: Metric = Metric::histogram("frontdesk_yclients_call_seconds", SECONDS, "Duration of a call to YClients, by endpoint");

pub(super) const ALL: &[Metric] = &[CALLS, CALL_SECONDS];

pub(super) fn begin() {}

/// One call to YClients ended; `status` 0 = no answer.
pub fn yclients_call(endpoint: &'static str, status: u16, took: Duration) {
    CALLS.count_with(&[("endpoint", endpoint), ("result", status_class(status))]);
    CALL_SECONDS.observe_with(&[("endpoint", endpoint)], took);
}
