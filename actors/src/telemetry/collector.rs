//! The way to a collector: OTLP over HTTP, on the thread that gathers the spans. Without TLS: a collector beside the node
//! takes the spans further.

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
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

use super::otlp;

/// A collector that takes longer has lost its spans.
const PATIENCE: Duration = Duration::from_secs(5);
/// The most of an answer that is read.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// The port of OTLP over HTTP where none is given.
const PORT: u16 = 4318;
/// Where traces are taken.
const PATH: &str = "/v1/traces";

/// A collector.
#[derive(Debug)]
pub(super) struct Collector {
    /// `HOST:PORT`.
    authority: String,
    runtime: Mutex<Runtime>,
    resource: Resource,
}

impl Collector {
    /// The collector at `http://HOST[:PORT]`.
    pub(super) fn at(endpoint: &str) -> Result<Self, String> {
        let wrong = || format!("`{endpoint}` is no address of a collector: write it like http://127.0.0.1:{PORT}");
        let rest = endpoint.strip_prefix("http://").ok_or_else(wrong)?.trim_end_matches('/');
        let authority: Authority = rest.parse().map_err(|_| wrong())?;
        let authority = match authority.port_u16() {
            Some(_) => authority.to_string(),
            None => format!("{authority}:{PORT}"),
        };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())?;
        Ok(Collector { authority, runtime: Mutex::new(runtime), resource: Resource::builder_empty().build() })
    }
}

/// Sends a body; the error says why the collector does not have it.
async fn post(authority: &str, body: String) -> Result<(), Box<dyn Error + Send + Sync>> {
    let stream = TcpStream::connect(authority).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::post(PATH)
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

impl SpanExporter for Collector {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let body = otlp::request(&self.resource, &batch).to_string();
        // One batch at a time, on a thread that does nothing else.
        let runtime = self.runtime.lock().unwrap_or_else(PoisonError::into_inner);
        let sent = runtime.block_on(async { tokio::time::timeout(PATIENCE, post(&self.authority, body)).await });
        let why = match sent {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it did not answer in time".to_owned(),
        };
        tracing::warn!(collector = %self.authority, spans = batch.len(), %why, "spans did not reach the collector");
        Err(OTelSdkError::InternalFailure(why))
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
            assert_eq!(Collector::at(endpoint).map(|collector| collector.authority), Ok(authority.to_owned()));
        }
        for wrong in ["", "localhost:4318", "https://collector", "http://", "http://a/b", "http://a b"] {
            let message = Collector::at(wrong).map(|collector| collector.authority).unwrap_err();
            assert!(message.contains("http://127.0.0.1:4318"), "{wrong}: {message}");
        }
    }
}
