//! Requests and connections of the listeners.

use std::time::Duration;

use metrics::SharedString;

use super::catalog::{Metric, number};

/// Few, because there are as many series as routes: around the 50 ms that an answer may take, and the longest waits of ours.
const BUCKETS: &[f64] = &[0.005, 0.025, 0.05, 0.25, 1.0, 2.5, 15.0];

const REQUESTS: Metric = Metric::counter("frontdesk_http_requests_total", "HTTP requests answered, by route, method and class of status");
const SECONDS: Metric = Metric::histogram("frontdesk_http_request_seconds", BUCKETS, "Duration of HTTP requests, by route");
const LIMITED: Metric = Metric::counter("frontdesk_http_limited_total", "Requests answered 429, by route");

const CONNECTIONS: Metric = Metric::gauge(
    "frontdesk_http_connections_open",
    "Open connections, upgraded ones included, by listener; counted when one comes or goes",
);
const REFUSED: Metric =
    Metric::counter("frontdesk_http_connections_refused_total", "Connections closed at once because too many were open, by listener");

pub(super) const ALL: &[Metric] = &[REQUESTS, SECONDS, LIMITED, CONNECTIONS, REFUSED];

pub(super) fn begin() {
    for listener in ["public", "ops"] {
        CONNECTIONS.change_with(&[("listener", listener)], 0.0);
        REFUSED.add_with(&[("listener", listener)], 0);
    }
    LIMITED.add_with(&[("route", "unmatched")], 0);
}

/// One HTTP request was answered. `route` is the matched pattern, never the raw path.
pub fn http_request(route: &str, method: &'static str, status: u16, took: Duration) {
    let route = SharedString::from_owned(route.to_owned());
    if status == 429 {
        LIMITED.count_with(&[("route", route.clone())]);
    }
    SECONDS.observe_with(&[("route", route.clone())], took);
    REQUESTS.count_with(&[("route", route), ("method", method.into()), ("status", status_class(status).into())]);
}

/// This many connections of a listener are open.
pub fn connections_open(listener: &'static str, open: usize) {
    CONNECTIONS.set_with(&[("listener", listener)], number(open));
}

/// A connection found no place.
pub fn connection_refused(listener: &'static str) {
    REFUSED.count_with(&[("listener", listener)]);
}

pub(super) fn status_class(status: u16) -> &'static str {
    match status {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        500..=599 => "5xx",
        _ => "none",
    }
}
