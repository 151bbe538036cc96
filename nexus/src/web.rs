//! A node's web page: what the cluster does, for a browser at `/`, for Prometheus at `/metrics`, for supervisors at
//! `/healthz` and `/readyz`, and as the documents of `--json` below `/api`.
//!
//! It looks and changes nothing: whoever can reach the port sees jobs and nodes, and no results, logs or inputs. On a
//! loopback address it answers only requests that name a loopback host, so that no page of elsewhere reads it through a
//! browser whose name server lies. `nexus node start` drives it.

mod metrics;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, Request as HttpRequest, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response as HttpResponse};
use axum::routing::get;
use nexus_actors::onlooker::Onlooker;
use nexus_config::Http;
use nexus_model::JobId;
use nexus_wire::{Refusal, Request, Response, StatusView};
use serde::Serialize;

use crate::cli::{codes, now_ms};
use crate::health;
use crate::output::json::{ErrorDocument, ErrorFacts, JobDocument, JobsDocument, NodeNames, StatusDocument, document};

/// How long the cluster may take to answer before a probe is told that it does not.
const PATIENCE: Duration = Duration::from_secs(5);
/// Jobs that the page lists.
const JOBS: u32 = 50;
/// The page needs nothing from elsewhere, and may ask nobody but this node.
const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; frame-ancestors 'none'";
/// The page.
const PAGE: &str = include_str!("web/page.html");

/// Takes the port. `None` where there is to be no page.
///
/// # Errors
/// What the system says of the address, where somebody chose it.
pub(crate) fn listen(http: Http) -> io::Result<Option<TcpListener>> {
    let listener = match http {
        Http::Off => return Ok(None),
        Http::At(address) => TcpListener::bind(address)?,
        Http::Preferably(address) => match TcpListener::bind(address) {
            Ok(listener) => listener,
            Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?,
        },
    };
    listener.set_nonblocking(true)?;
    Ok(Some(listener))
}

/// Answers on `listener` for as long as the tokio runtime that this is called in.
pub(crate) fn serve(listener: TcpListener, onlooker: Onlooker) -> io::Result<()> {
    let address = listener.local_addr()?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let router = router(onlooker, address);
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, router).await {
            tracing::warn!(%error, "the web page ended");
        }
    });
    Ok(())
}

fn router(onlooker: Onlooker, address: SocketAddr) -> Router {
    let known: Arc<str> = if address.ip().is_loopback() { "loopback" } else { "any" }.into();
    Router::new()
        .route("/", get(async || ([(CONTENT_TYPE, "text/html; charset=utf-8")], PAGE)))
        .route("/healthz", get(healthy))
        .route("/readyz", get(ready))
        .route("/metrics", get(measured))
        .route("/api/status", get(status))
        .route("/api/jobs", get(jobs))
        .route("/api/jobs/{id}", get(job))
        .fallback(async || Absence::of("there is nothing here; see /, /api/status, /api/jobs, /metrics"))
        .with_state(onlooker)
        .layer(from_fn_with_state(known, guarded))
}

/// Lets in what names this machine, and says on every answer what a browser may do with it.
async fn guarded(State(known): State<Arc<str>>, request: HttpRequest, next: Next) -> HttpResponse {
    if &*known == "loopback" && !names_loopback(request.headers()) {
        return (StatusCode::FORBIDDEN, "this page answers to localhost only\n").into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn names_loopback(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(HOST).and_then(|host| host.to_str().ok()) else { return false };
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

/// An answer that could not be had, as the document that every command prints for an error.
struct Absence {
    status: StatusCode,
    code: String,
    message: String,
    help: Option<String>,
}

impl Absence {
    fn of(message: &str) -> Absence {
        Absence {
            status: StatusCode::NOT_FOUND,
            code: codes::NO_SUCH_PAGE.to_owned(),
            message: message.to_owned(),
            help: None,
        }
    }
}

impl From<Refusal> for Absence {
    fn from(refusal: Refusal) -> Absence {
        let status = match refusal.code.as_str() {
            "NX0101" => StatusCode::NOT_FOUND,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        Absence { status, code: refusal.code, message: refusal.message, help: refusal.help }
    }
}

impl IntoResponse for Absence {
    fn into_response(self) -> HttpResponse {
        let error = ErrorFacts::new(&self.code, &self.message, self.help.as_deref());
        (self.status, json(&ErrorDocument { error, others: Vec::new() })).into_response()
    }
}

async fn ask(onlooker: &Onlooker, request: Request) -> Result<Response, Absence> {
    match tokio::time::timeout(PATIENCE, onlooker.request(request)).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Absence {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: codes::PAGE_WAITS.to_owned(),
            message: format!("the cluster did not answer within {} s", PATIENCE.as_secs()),
            help: None,
        }),
    }
}

async fn cluster(onlooker: &Onlooker) -> Result<StatusView, Absence> {
    match ask(onlooker, Request::GetStatus).await? {
        Response::Status(mut status) => {
            if status.leader.is_some() {
                health::read(onlooker.request(health::request())).await.fill_in_status(&mut status);
            }
            Ok(*status)
        }
        _ => Err(Absence::of("the node's answer does not fit the question")),
    }
}

/// The process answers. Whether it is of use to anybody, `/readyz` says.
async fn healthy() -> &'static str {
    "ok\n"
}

/// The node's cluster takes work.
async fn ready(State(onlooker): State<Onlooker>) -> Result<&'static str, Absence> {
    match cluster(&onlooker).await?.leader {
        Some(_) => Ok("ready\n"),
        None => Err(Absence {
            status: StatusCode::SERVICE_UNAVAILABLE,
            code: codes::PAGE_WAITS.to_owned(),
            message: "the cluster has no leader".to_owned(),
            help: Some("`nexus status` shows which nodes are down".to_owned()),
        }),
    }
}

async fn measured(State(onlooker): State<Onlooker>) -> Result<HttpResponse, Absence> {
    let text = metrics::text(&cluster(&onlooker).await?);
    Ok(([(CONTENT_TYPE, metrics::CONTENT)], text).into_response())
}

async fn status(State(onlooker): State<Onlooker>) -> Result<HttpResponse, Absence> {
    Ok(json(&StatusDocument::of(&cluster(&onlooker).await?, now_ms())))
}

async fn jobs(State(onlooker): State<Onlooker>) -> Result<HttpResponse, Absence> {
    let names = names(&onlooker).await;
    match ask(&onlooker, Request::ListJobs { limit: JOBS, before: None }).await? {
        Response::Jobs(found) => {
            let jobs = found.iter().map(|job| JobDocument::of(job, &names, now_ms())).collect();
            Ok(json(&JobsDocument { jobs }))
        }
        _ => Err(Absence::of("the node's answer does not fit the question")),
    }
}

async fn job(State(onlooker): State<Onlooker>, Path(id): Path<String>) -> Result<HttpResponse, Absence> {
    let Ok(id) = id.trim_start_matches("job-").parse() else {
        return Err(Absence::of("a job is named by its number, as in /api/jobs/17"));
    };
    let names = names(&onlooker).await;
    match ask(&onlooker, Request::ShowJob(JobId(id))).await? {
        Response::Job(view) => Ok(json(&JobDocument::of(&view, &names, now_ms()))),
        _ => Err(Absence::of("the node's answer does not fit the question")),
    }
}

/// A document as the commands print it with `--json`.
fn json<T: Serialize>(facts: &T) -> HttpResponse {
    ([(CONTENT_TYPE, "application/json")], document(facts)).into_response()
}

/// The nodes' names; ids stand for them where they cannot be had.
async fn names(onlooker: &Onlooker) -> NodeNames {
    match ask(onlooker, Request::ListNodes).await {
        Ok(Response::Nodes(nodes)) => NodeNames::of(&nodes),
        Ok(_) | Err(_) => NodeNames::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_loopback() {
        let named = |host: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static(host));
            names_loopback(&headers)
        };
        for host in ["localhost", "LOCALHOST:4748", "127.0.0.1:4748", "127.9.9.9", "[::1]:4748", "[::1]"] {
            assert!(named(host), "{host}");
        }
        for host in ["evil.example", "evil.example:4748", "localhost.evil.example", "192.168.1.20:4748", "", "["] {
            assert!(!named(host), "{host}");
        }
        assert!(!names_loopback(&HeaderMap::new()));
    }

    #[test]
    fn a_preferred_port_that_is_taken_gives_way_and_a_chosen_one_does_not() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let other = listen(Http::Preferably(address)).unwrap().expect("a page");
        assert_ne!(other.local_addr().unwrap(), address);
        assert!(listen(Http::At(address)).is_err());
        assert!(listen(Http::Off).unwrap().is_none());
    }

    #[test]
    fn the_page_asks_nobody_else() {
        for word in ["http://", "https://", "src=", "@import"] {
            assert!(!PAGE.contains(word), "{word}");
        }
    }
}
