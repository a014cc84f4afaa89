//! Every metric of the server: names, units, labels, buckets, help; one file per area. Logic never touches the `metrics` crate: it publishes
//! [`Fact`]s or calls an observer, and they are counted here. Labels come from closed sets; never a company, salon, phone or raw path.
//!
//! A new metric is a constant in its area's file, in that file's `ALL`, and recorded by a function or a fact there. Counters with labels are set
//! to 0 at the start, so that dashboards and alerts see the first event.

mod actors;
mod backups;
mod catalog;
mod http;
mod linking;
mod links;
mod onboarding;
mod process;
mod sessions;
mod sockets;
mod store;
#[cfg(test)]
mod tests;
mod webhooks;
mod yclients;

use std::sync::Arc;

use frontdesk_actors::events::Fact;
use frontdesk_actors::ports::EventSink;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

use catalog::{Kind, Metric};

pub use actors::{Fleet, fleet_measured};
pub use backups::{backup_failed, backup_found, backup_made};
pub use http::{connection_refused, connections_open, http_request};
pub use process::{read_runtimes, ready, task_fell, timer_was_late};
pub use sockets::{socket_ended, socket_refused, socket_told, sockets_changed};
pub use store::{Commit, DiskUse, disk_measured, store_committed, store_copied, store_failed, store_loaded, store_overloaded};
pub use webhooks::{Inbox, inbox_measured};
pub use yclients::{yclients_breaker, yclients_call, yclients_repeated, yclients_waited, yclients_waiting};

/// Every metric of ours, by area.
fn catalog() -> impl Iterator<Item = &'static Metric> {
    let areas: [&'static [Metric]; 12] = [
        sessions::ALL,
        links::ALL,
        onboarding::ALL,
        linking::ALL,
        webhooks::ALL,
        yclients::ALL,
        http::ALL,
        sockets::ALL,
        store::ALL,
        backups::ALL,
        actors::ALL,
        process::ALL,
    ];
    areas.into_iter().flatten()
}

/// The names of all metrics of ours, as scraped, without the suffixes of histograms.
pub fn names() -> impl Iterator<Item = &'static str> {
    catalog().map(|metric| metric.name)
}

/// Installs the process-wide recorder. Must run before the first metric is touched.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = builder()?.install_recorder()?;
    begin();
    Ok(handle)
}

fn builder() -> Result<PrometheusBuilder, BuildError> {
    let mut builder = PrometheusBuilder::new().set_buckets(catalog::SECONDS)?;
    for metric in catalog() {
        if let Kind::Histogram(buckets) = metric.kind {
            builder = builder.set_buckets_for_metric(Matcher::Full(metric.name.to_owned()), buckets)?;
        }
    }
    Ok(builder)
}

/// Describes everything and shows what is 0.
fn begin() {
    catalog().for_each(Metric::describe);
    sessions::begin();
    links::begin();
    onboarding::begin();
    linking::begin();
    webhooks::begin();
    yclients::begin();
    http::begin();
    sockets::begin();
    store::begin();
    backups::begin();
    actors::begin();
    process::begin();
}

/// Counts facts. Cheap to clone.
#[derive(Debug, Clone, Copy, Default)]
pub struct MetricsSink;

impl EventSink for MetricsSink {
    fn publish(&self, fact: &Fact) {
        match fact {
            Fact::SessionMoved { from, to, .. } => sessions::moved(*from, Some(*to)),
            Fact::WasDeaf { lasted, .. } => sessions::was_deaf(*lasted),
            Fact::CameBack { after, .. } => sessions::came_back(*after),
            Fact::SessionForgotten { last, .. } => sessions::moved(Some(*last), None),
            Fact::LinkDialled { waited, .. } => sessions::dialled(*waited),
            Fact::LinkEnded { end, .. } => sessions::link_ended(*end),
            Fact::LinkMeasured { numbers, .. } => links::measured(numbers),
            Fact::SessionLimited { kind, limited, .. } => links::limited(*kind, *limited),
            Fact::PasskeyMoved { step, .. } => linking::passkey(*step),
            Fact::PairingRefused { .. } => linking::refused(),
            Fact::PairingCodeFailed { throttled, .. } => linking::code_failed(*throttled),
            Fact::FunnelStep { step, .. } => onboarding::step(*step),
            Fact::FirstQr { after, .. } => onboarding::first_qr(*after),
            Fact::PairedToOnline { after, .. } => onboarding::scan_to_online(*after),
            Fact::ActivationCalled { result, took, .. } => onboarding::activation_called(*result, *took),
            Fact::ActivationEnded { active, .. } => onboarding::activation_ended(*active),
            Fact::SessionRestarted { .. } => actors::restarted("session"),
            Fact::CompanyRestarted { .. } => actors::restarted("company"),
            Fact::Parked { .. } => actors::parked(),
            Fact::WebhookHandled { ok, .. } => webhooks::handled(*ok),
            Fact::DataHandled { resource, waited, .. } => webhooks::data_handled(resource, *waited),
            Fact::WebhookDead { reason, .. } => webhooks::dead(*reason),
            Fact::Reconciled { result, everybody } => yclients::reconciled(*result, *everybody),
            Fact::InstallationDiffers { remedy, done } => yclients::installation_differs(*remedy, *done),
            Fact::CommitFailed { .. } => actors::commit_failed(),
        }
    }
}

/// The sink as the actors take it.
pub fn sink() -> Arc<dyn EventSink> {
    Arc::new(MetricsSink)
}
