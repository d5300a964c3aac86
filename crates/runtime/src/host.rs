//! The port of a process: liveness, readiness, metrics, and whatever routes it is given; HTTP/1.1 and HTTP/2 without
//! TLS on one socket.

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::sync::OnceLock;
use std::time::Duration;

use axum::Router;
use axum::extract::RawQuery;
use axum::response::IntoResponse;
use axum::routing::get;
use http::StatusCode;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::service::BuildError;
use crate::{Health, RunError};

/// How long requests in hand may take once the end was asked for: shorter than the 10 s after which `docker stop` kills.
const DRAIN: Duration = Duration::from_secs(8);

/// # Errors
/// When the address is taken or not this machine's.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, BuildError> {
    TcpListener::bind(address).await.map_err(|source| BuildError::Bind { address, source })
}

/// Serves until `stop` fires; requests in hand are finished, but for those whose reader stalls.
///
/// # Errors
/// When the socket fails.
pub async fn serve(
    listener: TcpListener,
    routes: Router,
    health: Health,
    stop: CancellationToken,
) -> Result<(), RunError> {
    let own = Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(move |query| ready(health.clone(), query)))
        .route("/metrics", get(|| async { recorder().render() }));
    let listener = axum::serve::ListenerExt::tap_io(listener, |socket| {
        // Small answers must not wait for more.
        let _best_effort = socket.set_nodelay(true);
    });
    let served = axum::serve(listener, own.merge(routes).into_make_service_with_connect_info::<SocketAddr>())
        .with_graceful_shutdown(stop.clone().cancelled_owned())
        .into_future();
    let late = async {
        stop.cancelled().await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        served = served => served.map_err(|source| RunError::Task { name: "host", source: source.into() }),
        () = late => {
            tracing::info!("responses cut off: their readers stalled");
            Ok(())
        }
    }
}

async fn ready(health: Health, RawQuery(query): RawQuery) -> impl IntoResponse {
    let ready = health.is_ready();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let verbose = query.as_deref().is_some_and(|query| query.split('&').any(|part| part == "verbose"));
    let text = match (verbose, ready) {
        (true, _) => health.report(),
        (false, true) => "ok\n".to_owned(),
        (false, false) => "waiting\n".to_owned(),
    };
    (status, text)
}

/// The process's metrics; the first call begins to record.
pub(crate) fn recorder() -> &'static PrometheusHandle {
    static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();
    RECORDER.get_or_init(|| {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        // Fails only where another recorder was installed, as in a test process.
        let _first = metrics::set_global_recorder(recorder);
        handle
    })
}
