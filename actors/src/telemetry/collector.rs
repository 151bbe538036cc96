//! The way to a collector: OTLP over HTTP, on the threads that gather spans and lines of the log. Without TLS: a collector
//! beside the node takes them further.

use std::error::Error;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::http::uri::Authority;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::logs::{LogBatch, LogExporter};
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

use super::{logs, otlp};

/// A collector that takes longer has lost what was sent.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most of an answer that is read.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// The port of OTLP over HTTP where none is given.
const PORT: u16 = 4318;

/// Where a collector is: `HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address(String);

impl Address {
    /// The collector at `http://HOST[:PORT]`.
    pub(super) fn of(endpoint: &str) -> Result<Self, String> {
        let wrong = || format!("`{endpoint}` is no address of a collector: write it like http://127.0.0.1:{PORT}");
        let rest = endpoint.strip_prefix("http://").ok_or_else(wrong)?.trim_end_matches('/');
        let authority: Authority = rest.parse().map_err(|_| wrong())?;
        Ok(Address(match authority.port_u16() {
            Some(_) => authority.to_string(),
            None => format!("{authority}:{PORT}"),
        }))
    }

    /// Sends `count` of `what` to `path`. What does not arrive is lost, and the log says so.
    pub(super) async fn send(&self, path: &str, (what, count): (&str, usize), body: &Value) -> Result<(), String> {
        let why = match tokio::time::timeout(PATIENCE, post(&self.0, path, body.to_string())).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it did not answer in time".to_owned(),
        };
        tracing::warn!(collector = %self.0, count, %why, "{what} did not reach the collector");
        Err(why)
    }
}

/// Sends what the library gathers on threads of its own.
#[derive(Debug)]
pub(super) struct Exporter {
    address: Address,
    runtime: Mutex<Runtime>,
    resource: Resource,
}

impl Exporter {
    /// To the collector at `address`.
    pub(super) fn to(address: &Address) -> Result<Self, String> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
        let (address, resource) = (address.clone(), Resource::builder_empty().build());
        Ok(Exporter { address, runtime: Mutex::new(runtime), resource })
    }

    /// One batch at a time, on a thread that does nothing else.
    fn export(&self, path: &str, what: (&str, usize), body: &Value) -> OTelSdkResult {
        let runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        runtime.block_on(self.address.send(path, what, body)).map_err(OTelSdkError::InternalFailure)
    }
}

/// Sends a body; the error says why the collector does not have it.
async fn post(authority: &str, path: &str, body: String) -> Result<(), Box<dyn Error + Send + Sync>> {
    let stream = TcpStream::connect(authority).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::post(path)
        .header(HOST, authority)
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))?;
    let exchange = async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await?.to_bytes();
        match head.status {
            StatusCode::OK | StatusCode::ACCEPTED => Ok(()),
            status => Err(format!("it answered {status}: {}", String::from_utf8_lossy(&body)).into()),
        }
    };
    // Whoever waits for the answer drives the connection, which ends with the wait.
    tokio::select! {
        biased;
        answer = exchange => answer,
        ended = connection => Err(ended.err().map_or_else(|| "it hung up".into(), Into::into)),
    }
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.export("/v1/traces", ("spans", batch.len()), &otlp::request(&self.resource, &batch))
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.clone();
    }
}

impl LogExporter for Exporter {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let (body, count) = logs::request(&self.resource, &batch);
        self.export("/v1/logs", ("lines of the log", count), &body)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.clone();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_host_with_or_without_a_port() {
        for (endpoint, authority) in [
            ("http://127.0.0.1:9999", "127.0.0.1:9999"),
            ("http://collector/", "collector:4318"),
            ("http://[::1]", "[::1]:4318"),
        ] {
            assert_eq!(Address::of(endpoint), Ok(Address(authority.to_owned())));
        }
        for wrong in ["", "localhost:4318", "https://collector", "http://", "http://a/b", "http://a b"] {
            let message = Address::of(wrong).unwrap_err();
            assert!(message.contains("http://127.0.0.1:4318"), "{wrong}: {message}");
        }
    }
}
