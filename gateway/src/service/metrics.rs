//! Counters, declared once: Prometheus at `/metrics`, health at `/healthz`.

use std::convert::Infallible;
use std::net::SocketAddr;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus::{Encoder, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// Scrapes served at the same time; more wait.
const CONNECTIONS: usize = 8;

/// Every figure the daemon counts. Cloning shares the counters.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    /// Unsolicited NOTIFYs by the status they were answered with.
    pub notify: IntCounterVec,
    /// Lamps now on, FXS ports and PBX users together.
    pub lamps_on: IntGauge,
    /// Lamps by state: off, on.
    pub lamps: [IntGauge; 2],
    /// Mailboxes in the table.
    pub mailboxes: IntGauge,
    /// When the oldest and the newest state in the table were heard, seconds since 1970; 0 while it is empty.
    pub heard: [IntGauge; 2],
    /// MWI operations on a trunk or SMDI line by outcome, and by what the PBX gave as its cause.
    pub trunk_operations: IntCounterVec,
    /// States that wait for a trunk.
    pub queue_depth: IntGaugeVec,
    /// 1 while a trunk's data link is established.
    pub trunk_up: IntGaugeVec,
    /// 1 while an SMDI line is open.
    pub smdi_up: IntGaugeVec,
    /// What SMDI lines brought: calls, refusals, unreadable.
    pub smdi_heard: IntCounterVec,
    /// SIP messages received.
    pub sip_received: IntCounter,
    /// SIP messages sent.
    pub sip_sent: IntCounter,
    /// Calls.
    pub calls: CallMetrics,
    notify_ok: IntCounter,
}

/// What is counted of calls. Every label has few values: kinds of legs, reasons of ours, 128 causes of Q.850.
#[derive(Debug, Clone)]
pub struct CallMetrics {
    /// Calls under way, those that ring and those being dialled with them.
    pub active: IntGauge,
    /// Legs of calls: line, office, trunk, sip.
    pub legs: [IntGauge; 4],
    /// Calls that have ended, by whether they were answered and by cause.
    pub ended: IntCounterVec,
    /// Calls that were not let in: threshold, spike, stopped, max-conn.
    pub refused: IntCounterVec,
}

impl Metrics {
    /// Registers every figure.
    ///
    /// # Errors
    /// When prometheus refuses a name, which a test would show.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let counters =
            |name: &str, help: &str, labels: &[&str]| -> Result<IntCounterVec, prometheus::Error> {
                let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
                registry.register(Box::new(counter.clone()))?;
                Ok(counter)
            };
        let counter = |name: &str, help: &str, label: &str| counters(name, help, &[label]);
        let gauges = |name: &str, help: &str, label: &str| -> Result<IntGaugeVec, prometheus::Error> {
            let gauge = IntGaugeVec::new(Opts::new(name, help), &[label])?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let gauge = |name: &str, help: &str| -> Result<IntGauge, prometheus::Error> {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let sip_messages = counter("tipring_sip_messages_total", "SIP messages", "direction")?;
        let notify = counter("tipring_mwi_notify_total", "MWI NOTIFY requests by SIP status", "status")?;
        let lamps = gauges("tipring_mwi_lamps", "Message waiting lamps by state", "state")?;
        let heard = gauges(
            "tipring_mwi_heard_timestamp_seconds",
            "When the oldest and the newest mailbox state were heard",
            "which",
        )?;
        let legs = gauges("tipring_call_legs", "Legs of calls by kind", "kind")?;
        let calls = CallMetrics {
            active: gauge("tipring_calls", "Calls under way")?,
            legs: ["line", "office", "trunk", "sip"].map(|kind| legs.with_label_values(&[kind])),
            ended: counters(
                "tipring_calls_ended_total",
                "Calls that have ended, by answer and cause",
                &["answered", "cause"],
            )?,
            refused: counter("tipring_calls_refused_total", "Calls that were not let in", "reason")?,
        };
        Ok(Self {
            calls,
            lamps: ["off", "on"].map(|state| lamps.with_label_values(&[state])),
            heard: ["oldest", "newest"].map(|which| heard.with_label_values(&[which])),
            smdi_up: gauges("tipring_smdi_up", "1 while the SMDI line is open", "line")?,
            smdi_heard: counters(
                "tipring_smdi_heard_total",
                "Messages heard on SMDI lines",
                &["line", "what"],
            )?,
            notify_ok: notify.with_label_values(&["200"]),
            notify,
            lamps_on: gauge("tipring_mwi_lamps_on", "Message waiting lamps that are on")?,
            mailboxes: gauge("tipring_mwi_mailboxes", "Mailboxes in the table")?,
            trunk_operations: counters(
                "tipring_mwi_trunk_operations_total",
                "MWI operations on trunks and SMDI lines by outcome and cause",
                &["outcome", "cause"],
            )?,
            queue_depth: gauges("tipring_mwi_queue_depth", "States waiting for a trunk", "trunk")?,
            trunk_up: gauges("tipring_trunk_up", "1 while the data link is established", "trunk")?,
            sip_received: sip_messages.with_label_values(&["received"]),
            sip_sent: sip_messages.with_label_values(&["sent"]),
            registry,
        })
    }

    /// Counts an answered NOTIFY.
    pub fn count_notify(&self, status: u16) {
        match status {
            200 => self.notify_ok.inc(),
            other => self.notify.with_label_values(&[other.to_string().as_str()]).inc(),
        }
    }

    /// The text a scrape gets.
    #[must_use]
    pub fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        // Writing to a Vec and well-formed families cannot fail; an empty page would show if it did.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        text
    }
}

/// Serves `/metrics` and `/healthz` until the task is aborted.
///
/// # Errors
/// What the system says when the address cannot be bound.
pub async fn serve(address: SocketAddr, metrics: Metrics) -> std::io::Result<(SocketAddr, JoinHandle<()>)> {
    let listener = TcpListener::bind(address).await?;
    let bound = listener.local_addr()?;
    Ok((bound, tokio::spawn(accept(listener, metrics))))
}

async fn accept(listener: TcpListener, metrics: Metrics) {
    let free = std::sync::Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = free.clone().acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "metrics: accept");
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                continue;
            }
        };
        let metrics = metrics.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let response = answer(&metrics, &request);
                async move { Ok::<_, Infallible>(response) }
            });
            let served = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(std::time::Duration::from_secs(5))
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            if let Err(error) = served {
                tracing::debug!(%error, "metrics connection");
            }
            drop(permit);
        });
    }
}

fn answer(metrics: &Metrics, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET, "/metrics") => (StatusCode::OK, "text/plain; version=0.0.4", metrics.text()),
        (&Method::GET, "/healthz") => (StatusCode::OK, "text/plain", b"ok\n".to_vec()),
        (&Method::GET, _) => {
            (StatusCode::NOT_FOUND, "text/plain", b"expected /metrics or /healthz\n".to_vec())
        }
        _ => (StatusCode::METHOD_NOT_ALLOWED, "text/plain", b"expected GET\n".to_vec()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    response
}
