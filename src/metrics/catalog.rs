//! What a metric is: a name, a kind, a unit, words. Declared once as a constant, recorded through its methods, so that nothing is recorded that
//! is not declared.

#![expect(clippy::disallowed_macros, reason = "the one file that touches the recorder; everyone else declares a Metric here")]

use metrics::{IntoLabels, Unit, describe_counter, describe_gauge, describe_histogram};

/// What a person or a probe waits for: from a millisecond to a minute.
pub(super) const SECONDS: &[f64] = &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0];

/// What takes as long as people and outages take: from a tenth of a second to a day.
pub(super) const LONG_SECONDS: &[f64] = &[0.1, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0, 600.0, 3600.0, 21_600.0, 86_400.0];

/// Things counted in one go.
pub(super) const COUNTS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 64.0, 256.0, 1024.0, 4096.0];

/// How a metric moves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    /// Only up; its name ends in `_total`.
    Counter,
    /// Up and down.
    Gauge,
    /// Counted into these buckets.
    Histogram(&'static [f64]),
}

/// One metric. Labels are given when it is recorded and come from closed sets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) help: &'static str,
}

/// No labels.
const NONE: [(&str, &str); 0] = [];

impl Metric {
    pub(super) const fn counter(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Counter, help }
    }

    pub(super) const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self { name, kind: Kind::Gauge, help }
    }

    pub(super) const fn histogram(name: &'static str, buckets: &'static [f64], help: &'static str) -> Self {
        Self { name, kind: Kind::Histogram(buckets), help }
    }

    /// The unit is the name's: `_seconds`, `_bytes`, or things.
    fn unit(&self) -> Unit {
        let name = self.name.trim_end_matches("_total");
        if name.ends_with("_seconds") {
            Unit::Seconds
        } else if name.ends_with("_bytes") {
            Unit::Bytes
        } else {
            Unit::Count
        }
    }

    /// Tells the recorder what it is.
    pub(super) fn describe(&self) {
        match self.kind {
            Kind::Counter => describe_counter!(self.name, self.unit(), self.help),
            Kind::Gauge => describe_gauge!(self.name, self.unit(), self.help),
            Kind::Histogram(_) => describe_histogram!(self.name, self.unit(), self.help),
        }
    }

    /// One more.
    pub(super) fn count(&self) {
        self.count_with(&NONE);
    }

    /// So many more.
    pub(super) fn add(&self, by: u64) {
        self.add_with(&NONE, by);
    }

    /// One more with labels.
    pub(super) fn count_with(&self, labels: impl IntoLabels) {
        self.add_with(labels, 1);
    }

    /// The series is there from now on, so that its first event is an increase that Prometheus sees.
    pub(super) fn appear(&self) {
        self.add_with(&NONE, 0);
    }

    /// So many more with labels; 0 makes the series appear.
    pub(super) fn add_with(&self, labels: impl IntoLabels, by: u64) {
        metrics::counter!(self.name, labels.into_labels()).increment(by);
    }

    /// A count that somebody else keeps.
    pub(super) fn total(&self, value: u64) {
        self.total_with(&NONE, value);
    }

    /// A count that somebody else keeps, with labels.
    pub(super) fn total_with(&self, labels: impl IntoLabels, value: u64) {
        metrics::counter!(self.name, labels.into_labels()).absolute(value);
    }

    /// The present value.
    pub(super) fn set(&self, value: f64) {
        self.set_with(&NONE, value);
    }

    /// The present value with labels.
    pub(super) fn set_with(&self, labels: impl IntoLabels, value: f64) {
        metrics::gauge!(self.name, labels.into_labels()).set(value);
    }

    /// Up or down by so much.
    pub(super) fn change(&self, by: f64) {
        self.change_with(&NONE, by);
    }

    /// Up or down by so much, with labels.
    pub(super) fn change_with(&self, labels: impl IntoLabels, by: f64) {
        metrics::gauge!(self.name, labels.into_labels()).increment(by);
    }

    /// One measurement.
    pub(super) fn observe(&self, value: impl metrics::IntoF64) {
        self.observe_with(&NONE, value);
    }

    /// One measurement with labels.
    pub(super) fn observe_with(&self, labels: impl IntoLabels, value: impl metrics::IntoF64) {
        metrics::histogram!(self.name, labels.into_labels()).record(value);
    }
}

/// A count as a gauge takes it. Counts here stay far below the 2^53 up to which it is exact.
pub(super) fn number(count: usize) -> f64 {
    count as f64
}

/// As [`number`].
pub(super) fn bytes(count: u64) -> f64 {
    count as f64
}
