//! Every metric of the server: names, units, labels, buckets, help. Logic never touches the `metrics` crate: it publishes
//! [`Fact`]s, and [`MetricsSink`] counts them here. Labels come from closed sets; never a company, salon, phone or raw path.

#![expect(clippy::disallowed_macros, reason = "the one file that records metrics; everyone else publishes facts")]

use std::sync::Arc;
use std::time::Duration;

use frontdesk_actors::events::{ActivationResult, Fact, FunnelStep};
use frontdesk_actors::ports::{EventSink, LinkEnd, LossKind};
use frontdesk_actors::view::SessionState;
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

const SESSIONS: &str = "frontdesk_sessions";
const LINKS_DIALLED: &str = "frontdesk_links_dialled_total";
const LINKS_ENDED: &str = "frontdesk_links_ended_total";
const DIAL_WAIT: &str = "frontdesk_links_dial_wait_seconds";
const FUNNEL: &str = "frontdesk_onboarding_steps_total";
const FIRST_QR: &str = "frontdesk_onboarding_first_qr_seconds";
const SCAN_TO_ONLINE: &str = "frontdesk_onboarding_scan_to_online_seconds";
const ACTIVATION_CALLS: &str = "frontdesk_activation_calls_total";
const ACTIVATION_SECONDS: &str = "frontdesk_activation_call_seconds";
const ACTIVATIONS_ENDED: &str = "frontdesk_activations_ended_total";
const RESTARTS: &str = "frontdesk_actors_restarts_total";
const PARKED: &str = "frontdesk_actors_parked_total";
const WEBHOOKS_HANDLED: &str = "frontdesk_webhooks_handled_total";
const WEBHOOKS_DATA: &str = "frontdesk_webhooks_data_handled_total";
const WEBHOOKS_LAG: &str = "frontdesk_webhooks_data_lag_seconds";
const WEBHOOKS_DEAD: &str = "frontdesk_webhooks_dead_total";
const COMMITS_FAILED: &str = "frontdesk_actors_commits_failed_total";
const STORE_COMMIT: &str = "frontdesk_store_commit_seconds";
const STORE_BATCH: &str = "frontdesk_store_commit_keys";
const STORE_FAILURES: &str = "frontdesk_store_commit_failures_total";
const STORE_WAITING: &str = "frontdesk_store_waiting_requests";
const STORE_OVERLOADED: &str = "frontdesk_store_overloaded_total";
const YCLIENTS_CALLS: &str = "frontdesk_yclients_calls_total";
const YCLIENTS_SECONDS: &str = "frontdesk_yclients_call_seconds";
const HTTP_SECONDS: &str = "frontdesk_http_request_seconds";
const SOCKETS_OPEN: &str = "frontdesk_sockets_open";
const SOCKETS_REFUSED: &str = "frontdesk_sockets_refused_total";

/// From a millisecond to a minute: everything a person waits for here.
const SECONDS_BUCKETS: [f64; 14] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];

/// Keys in one group commit.
const BATCH_BUCKETS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 64.0, 256.0, 1024.0, 4096.0];

/// Installs the process-wide recorder. Must run before the first metric is touched.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .set_buckets(&SECONDS_BUCKETS)?
        .set_buckets_for_metric(Matcher::Full(STORE_BATCH.to_owned()), &BATCH_BUCKETS)?
        .install_recorder()?;
    describe();
    for state in SessionState::ALL {
        metrics::gauge!(SESSIONS, "state" => state.name()).set(0.0);
    }
    Ok(handle)
}

fn describe() {
    describe_gauge!(SESSIONS, "Sessions with a running actor, by state");
    describe_counter!(LINKS_DIALLED, "Links begun");
    describe_counter!(LINKS_ENDED, "Links ended, by reason");
    describe_histogram!(DIAL_WAIT, Unit::Seconds, "Wait for a dial permit");
    describe_counter!(FUNNEL, "Onboarding steps reached, once per registration");
    describe_histogram!(FIRST_QR, Unit::Seconds, "From the wish for a code to the first code");
    describe_histogram!(SCAN_TO_ONLINE, Unit::Seconds, "From the phone's consent to the open session");
    describe_counter!(ACTIVATION_CALLS, "Activation calls to YClients, by result");
    describe_histogram!(ACTIVATION_SECONDS, Unit::Seconds, "Duration of an activation call");
    describe_counter!(ACTIVATIONS_ENDED, "Activations ended, by result");
    describe_counter!(RESTARTS, "Actors started again after a crash, by level");
    describe_counter!(PARKED, "Companies parked after too many crashes");
    describe_counter!(WEBHOOKS_HANDLED, "Stored webhooks acted on, by result");
    describe_counter!(WEBHOOKS_DATA, "Data events acted on, by resource");
    describe_histogram!(WEBHOOKS_LAG, Unit::Seconds, "From the arrival of a data event until it was acted on");
    describe_counter!(WEBHOOKS_DEAD, "Webhooks given up, by reason: they wait among the dead letters");
    describe_counter!(COMMITS_FAILED, "Commits that failed in an actor's hands");
    describe_histogram!(STORE_COMMIT, Unit::Seconds, "One group commit, synced");
    describe_histogram!(STORE_BATCH, "Keys written in one group commit");
    describe_counter!(STORE_FAILURES, "Group commits that failed");
    describe_gauge!(STORE_WAITING, "Requests waiting for the store's writer after its last commit");
    describe_counter!(STORE_OVERLOADED, "Writes refused because too many were waiting");
    describe_counter!(YCLIENTS_CALLS, "Calls to YClients, by endpoint and class of answer");
    describe_histogram!(YCLIENTS_SECONDS, Unit::Seconds, "Duration of a call to YClients");
    describe_histogram!(HTTP_SECONDS, Unit::Seconds, "HTTP requests, by route, method and class of status");
    describe_gauge!(SOCKETS_OPEN, "Open Socket.IO sockets");
    describe_counter!(SOCKETS_REFUSED, "Socket.IO connections refused, by code");
}

/// One HTTP request was answered. `route` is the matched pattern, never the raw path.
pub fn http_request(route: &str, method: &'static str, status: u16, took: Duration) {
    metrics::histogram!(HTTP_SECONDS, "route" => route.to_owned(), "method" => method, "status" => status_class(status)).record(took);
}

/// One call to YClients ended; `status` 0 = no answer.
pub fn yclients_call(endpoint: &'static str, status: u16, took: Duration) {
    metrics::counter!(YCLIENTS_CALLS, "endpoint" => endpoint, "result" => status_class(status)).increment(1);
    metrics::histogram!(YCLIENTS_SECONDS, "endpoint" => endpoint).record(took);
}

/// One group commit became durable: keys written, requests still waiting, time.
pub fn store_committed(keys: usize, waiting: usize, took: Duration) {
    metrics::histogram!(STORE_COMMIT).record(took);
    metrics::histogram!(STORE_BATCH).record(u32::try_from(keys).unwrap_or(u32::MAX));
    metrics::gauge!(STORE_WAITING).set(u32::try_from(waiting).unwrap_or(u32::MAX));
}

/// A commit failed: the store refuses everything from now on.
pub fn store_failed() {
    metrics::counter!(STORE_FAILURES).increment(1);
}

/// A write was refused because too many were waiting.
pub fn store_overloaded() {
    metrics::counter!(STORE_OVERLOADED).increment(1);
}

/// A socket was opened (`+1`) or closed (`-1`).
pub fn sockets_changed(by: f64) {
    metrics::gauge!(SOCKETS_OPEN).increment(by);
}

/// A socket was refused with this code of the closed set.
pub fn socket_refused(code: &'static str) {
    metrics::counter!(SOCKETS_REFUSED, "code" => code).increment(1);
}

fn status_class(status: u16) -> &'static str {
    match status {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        500..=599 => "5xx",
        _ => "none",
    }
}

/// Counts facts. Cheap to clone.
#[derive(Debug, Clone, Copy, Default)]
pub struct MetricsSink;

impl EventSink for MetricsSink {
    fn publish(&self, fact: &Fact) {
        match fact {
            Fact::SessionMoved { from, to, .. } => moved(*from, Some(*to)),
            Fact::SessionForgotten { last, .. } => moved(Some(*last), None),
            Fact::LinkDialled { waited, .. } => {
                metrics::counter!(LINKS_DIALLED).increment(1);
                metrics::histogram!(DIAL_WAIT).record(*waited);
            }
            Fact::LinkEnded { end, .. } => metrics::counter!(LINKS_ENDED, "reason" => end_name(*end)).increment(1),
            Fact::FunnelStep { step, .. } => metrics::counter!(FUNNEL, "step" => step_name(*step)).increment(1),
            Fact::FirstQr { after, .. } => metrics::histogram!(FIRST_QR).record(*after),
            Fact::PairedToOnline { after, .. } => metrics::histogram!(SCAN_TO_ONLINE).record(*after),
            Fact::ActivationCalled { result, took, .. } => {
                metrics::counter!(ACTIVATION_CALLS, "result" => result_name(*result)).increment(1);
                metrics::histogram!(ACTIVATION_SECONDS).record(*took);
            }
            Fact::ActivationEnded { active, .. } => {
                let result = if *active { "active" } else { "failed" };
                metrics::counter!(ACTIVATIONS_ENDED, "result" => result).increment(1);
            }
            Fact::SessionRestarted { .. } => metrics::counter!(RESTARTS, "level" => "session").increment(1),
            Fact::CompanyRestarted { .. } => metrics::counter!(RESTARTS, "level" => "company").increment(1),
            Fact::Parked { .. } => metrics::counter!(PARKED).increment(1),
            Fact::WebhookHandled { ok, .. } => {
                let result = if *ok { "done" } else { "failed" };
                metrics::counter!(WEBHOOKS_HANDLED, "result" => result).increment(1);
            }
            Fact::DataHandled { resource, waited, .. } => {
                metrics::counter!(WEBHOOKS_DATA, "resource" => *resource).increment(1);
                metrics::histogram!(WEBHOOKS_LAG).record(*waited);
            }
            Fact::WebhookDead { reason, .. } => metrics::counter!(WEBHOOKS_DEAD, "reason" => reason.name()).increment(1),
            Fact::CommitFailed { .. } => metrics::counter!(COMMITS_FAILED).increment(1),
        }
    }
}

fn moved(from: Option<SessionState>, to: Option<SessionState>) {
    if let Some(from) = from {
        metrics::gauge!(SESSIONS, "state" => from.name()).decrement(1.0);
    }
    if let Some(to) = to {
        metrics::gauge!(SESSIONS, "state" => to.name()).increment(1.0);
    }
}

fn end_name(end: LinkEnd) -> &'static str {
    match end {
        LinkEnd::Closed => "closed",
        LinkEnd::Lost(LossKind::Dial) => "dial_failed",
        LinkEnd::Lost(LossKind::Disconnected) => "disconnected",
        LinkEnd::Lost(LossKind::Service) => "service_error",
        LinkEnd::Lost(LossKind::Silent) => "silent",
        LinkEnd::Lost(LossKind::Proxy) => "proxy_failed",
        LinkEnd::RestartRequired => "restart_required",
        LinkEnd::QrExhausted => "qr_exhausted",
        LinkEnd::Replaced => "replaced",
        LinkEnd::LoggedOut => "logged_out",
        LinkEnd::Banned { .. } => "banned",
        LinkEnd::Locked => "locked",
        LinkEnd::Outdated => "outdated",
        LinkEnd::StorageFailed => "storage_failed",
        LinkEnd::Crashed => "crashed",
    }
}

fn step_name(step: FunnelStep) -> &'static str {
    match step {
        FunnelStep::Redirected => "redirected",
        FunnelStep::PageOpened => "page_opened",
        FunnelStep::QrShown => "qr_shown",
        FunnelStep::Paired => "paired",
        FunnelStep::Online => "online",
        FunnelStep::Active => "active",
    }
}

fn result_name(result: ActivationResult) -> &'static str {
    match result {
        ActivationResult::Success => "success",
        ActivationResult::AlreadyActive => "already_active",
        ActivationResult::StatusAsked => "status_asked",
        ActivationResult::Retry => "retry",
        ActivationResult::Refused => "refused",
    }
}

/// The sink as the actors take it.
pub fn sink() -> Arc<dyn EventSink> {
    Arc::new(MetricsSink)
}
