//! Traces to a collector over OTLP, when one is named: each span of ours with its fields, as protobuf over HTTP. Why so: docs/adr/0006-traces.md.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::registry::LookupSpan;
use url::Url;

/// A collector that takes longer does not get these spans.
const SENT_WITHIN: Duration = Duration::from_secs(10);

/// How long the end of the process waits for the last spans.
const FINISHED_WITHIN: Duration = Duration::from_secs(3);

/// A collector's answer is a few bytes.
const ANSWER_BYTES: u64 = 64 * 1024;

/// The traces of the process; empty when no collector is named. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Traces(Option<SdkTracerProvider>);

impl Traces {
    /// Sends what is left. Blocks for some seconds at most.
    pub fn finish(&self) {
        let left = self.0.as_ref().map(|provider| provider.shutdown_with_timeout(FINISHED_WITHIN));
        if let Some(Err(error)) = left {
            tracing::warn!(%error, "the last traces could not be sent");
        }
    }
}

/// The layer that gives our spans to the collector at this address, and the way to its end.
pub(super) fn layer<S>(collector: &Url) -> Result<(impl Layer<S>, Traces), opentelemetry_otlp::ExporterBuildError>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(Sender::new())
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(collector.as_str())
        .with_timeout(SENT_WITHIN)
        .build()?;
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let resource = Resource::builder().with_service_name("frontdesk").with_attribute(version).build();
    // Batches of bounded size, from a thread of its own; what does not fit is dropped, never waited for.
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("frontdesk")).with_location(false).with_threads(false);
    Ok((layer, Traces(Some(provider))))
}

/// Sends from the exporter's own thread, which runs no async runtime: so it blocks there.
#[derive(Debug)]
struct Sender(ureq::Agent);

impl Sender {
    fn new() -> Self {
        let config = ureq::Agent::config_builder().timeout_global(Some(SENT_WITHIN)).http_status_as_error(false).proxy(None);
        Self(config.build().into())
    }
}

#[async_trait]
impl HttpClient for Sender {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (head, body) = request.into_parts();
        let answer = self.0.run(Request::from_parts(head, body.to_vec()))?;
        let (head, mut body) = answer.into_parts();
        let body = body.with_config().limit(ANSWER_BYTES).read_to_vec()?;
        Ok(Response::from_parts(head, body.into()))
    }
}
