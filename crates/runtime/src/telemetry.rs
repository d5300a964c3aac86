//! Logs, traces and metrics of the process. Trace context travels in the events' `traceparent`, whether or not traces
//! are exported, so that one trace leads from the engine's event to the verification.

use std::io::IsTerminal;

use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::WithExportConfig;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use overseer_contract::{Event, TraceParent};
use overseer_model::ServiceName;
use serde::Deserialize;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetryConfig {
    pub log_format: LogFormat,
    /// Which lines are logged, as `RUST_LOG` writes it, for example `info,overseer_executor=debug`.
    pub log_filter: String,
    /// OTLP over gRPC, for example `http://127.0.0.1:4317`; empty exports nothing.
    pub otlp_endpoint: String,
}

#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    #[error("invalid telemetry.log_filter: expected a filter such as `info`")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    #[error("invalid telemetry.otlp_endpoint: expected an address such as http://127.0.0.1:4317")]
    Endpoint(#[source] opentelemetry_otlp::ExporterBuildError),
}

/// Keeps the exporter alive; flushed by [`Telemetry::shutdown`].
pub struct Telemetry(SdkTracerProvider);

impl Telemetry {
    /// Starts logs, traces and metrics of this process. Call once, inside the runtime.
    ///
    /// # Errors
    /// When the filter or the endpoint does not parse.
    pub fn start(config: &TelemetryConfig) -> Result<Self, TelemetryError> {
        let filter = EnvFilter::try_new(&config.log_filter).map_err(TelemetryError::Filter)?;
        // What is counted before the first look at /metrics counts too.
        crate::host::recorder();
        let mut provider =
            SdkTracerProvider::builder().with_resource(Resource::builder().with_service_name("overseer").build());
        if !config.otlp_endpoint.is_empty() {
            let exporter = opentelemetry_otlp::SpanExporter::builder()
                .with_tonic()
                .with_endpoint(&config.otlp_endpoint)
                .build()
                .map_err(TelemetryError::Endpoint)?;
            provider = provider.with_batch_exporter(exporter);
        }
        let provider = provider.build();
        let lines = match config.log_format {
            LogFormat::Text => {
                let colours = std::io::stderr().is_terminal();
                tracing_subscriber::fmt::layer().with_ansi(colours).with_writer(std::io::stderr).boxed()
            }
            LogFormat::Json => tracing_subscriber::fmt::layer().json().with_writer(std::io::stderr).boxed(),
        };
        let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("overseer"));
        // A second start, as in tests of one process, keeps the first subscriber.
        let _first = tracing_subscriber::registry().with(filter).with(lines).with(spans).try_init();
        Ok(Self(provider))
    }

    pub fn shutdown(self) {
        if let Err(error) = self.0.shutdown() {
            tracing::debug!(%error, "some traces were not exported");
        }
    }
}

struct Carrier(Option<String>);

impl Injector for Carrier {
    fn set(&mut self, key: &str, value: String) {
        if key == "traceparent" {
            self.0 = Some(value);
        }
    }
}
impl Extractor for Carrier {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.as_deref().filter(|_| key == "traceparent")
    }
    fn keys(&self) -> Vec<&str> {
        vec!["traceparent"]
    }
}

/// The current span's context, for the events that it causes.
#[must_use]
pub fn current_trace() -> Option<TraceParent> {
    let mut carrier = Carrier(None);
    TraceContextPropagator::new().inject_context(&Span::current().context(), &mut carrier);
    carrier.0.and_then(|text| text.parse().ok())
}

/// Makes `span` a part of the trace.
pub fn continue_trace(span: &Span, trace: Option<&TraceParent>) {
    if let Some(trace) = trace {
        let parent = TraceContextPropagator::new().extract(&Carrier(Some(trace.to_string())));
        // Fails only when nobody traces.
        let _untraced = span.set_parent(parent);
    }
}

/// The span of handling one event.
pub(crate) fn span_of(event: &Event, service: ServiceName) -> Span {
    let span = tracing::info_span!("event", %service, kind = %event.kind, event = %event.id);
    continue_trace(&span, event.trace.as_ref());
    span
}
