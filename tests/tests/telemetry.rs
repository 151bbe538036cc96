//! Spans across nodes, metrics and lines of the log, as a small collector gets them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use nexus_tests::binary;
use nexus_tests::node::Node;
use serde_json::Value;

/// Far above the second for which spans wait for company.
const PATIENCE: Duration = Duration::from_secs(60);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// A collector that answers every request and hands on what it holds: spans, metrics and lines of the log (their kind first),
/// with the name of the node that sent them.
fn collector() -> (String, Receiver<Sent>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("it is bound"));
    let (sender, sent) = sync_channel(10_000);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
            let (mut line, mut length, mut head) = (String::new(), 0, String::new());
            while reader.read_line(&mut line).unwrap_or(0) > 2 {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a length");
                }
                head.push_str(&line);
                line.clear();
            }
            let kind = KINDS.iter().find(|kind| head.starts_with(&format!("POST {} HTTP/1.1\r\n", kind.path)));
            let kind = kind.unwrap_or_else(|| panic!("{head}"));
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("the body");
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").expect("an answer");
            for (node, one) in sent_in(&serde_json::from_slice(&body).expect("JSON"), kind) {
                if sender.send((kind.path, node, one)).is_err() {
                    return;
                }
            }
        }
    });
    (endpoint, sent)
}

/// Where it came, the node, and what it is.
type Sent = (&'static str, String, Value);

/// What OTLP calls the parts of a request.
struct Kind {
    path: &'static str,
    resources: &'static str,
    scopes: &'static str,
    ones: &'static str,
}

const KINDS: [Kind; 3] = [
    Kind { path: TRACES, resources: "resourceSpans", scopes: "scopeSpans", ones: "spans" },
    Kind { path: METRICS, resources: "resourceMetrics", scopes: "scopeMetrics", ones: "metrics" },
    Kind { path: LOGS, resources: "resourceLogs", scopes: "scopeLogs", ones: "logRecords" },
];
const TRACES: &str = "/v1/traces";
const METRICS: &str = "/v1/metrics";
const LOGS: &str = "/v1/logs";

fn sent_in(request: &Value, kind: &Kind) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for resource in request[kind.resources].as_array().expect("a list") {
        let node = attribute(&resource["resource"], "service.instance.id").expect("a node says who it is");
        for scope in resource[kind.scopes].as_array().expect("a list") {
            all.extend(scope[kind.ones].as_array().expect("a list").iter().map(|one| (node.clone(), one.clone())));
        }
    }
    all
}

fn attribute(of: &Value, name: &str) -> Option<String> {
    let found = of["attributes"].as_array()?.iter().find(|attribute| attribute["key"] == name)?;
    found["value"].as_object()?.values().next()?.as_str().map(str::to_owned)
}

fn node(home: &Path, name: &str, endpoint: &str, extra: &[&str]) -> Node {
    std::fs::create_dir(home).expect("a new folder");
    let settings = format!("[telemetry]\notlp = \"{endpoint}\"\nmetrics_every = \"1s\"\n");
    std::fs::write(home.join("nexus.toml"), settings).expect("a file");
    Node::start(home, &[&["--name", name, "--slots", "2"], extra].concat())
}

/// Waits until `is_there` holds for what has arrived of a kind.
fn gather(sent: &Receiver<Sent>, path: &str, is_there: impl Fn(&[(String, Value)]) -> bool) -> Vec<(String, Value)> {
    let (mut all, begun) = (Vec::new(), Instant::now());
    while !is_there(&all) {
        let left = PATIENCE.saturating_sub(begun.elapsed());
        match sent.recv_timeout(left) {
            Ok((kind, node, one)) if kind == path => all.push((node, one)),
            Ok(_) => {}
            Err(_) => panic!("these arrived at {path}, and not those that were waited for: {all:#?}"),
        }
    }
    all
}

fn named<'a>(all: &'a [(String, Value)], name: &str) -> Vec<&'a (String, Value)> {
    all.iter().filter(|(_, span)| span["name"] == name).collect()
}

#[test]
fn a_request_is_one_trace_over_its_nodes_and_a_job_is_one_of_its_own() {
    let (endpoint, spans) = collector();
    let folder = tempfile::tempdir().unwrap();
    let first = node(&folder.path().join("first"), "first", &endpoint, &[]);
    let token = first.json(&["token", "create"])["token"].as_str().unwrap().to_owned();
    let home = folder.path().join("second");
    let second = node(&home, "second", &endpoint, &["--join", &first.address(), "--token", &token]);
    let program = folder.path().join("squares.mcode");
    std::fs::write(&program, "function main(task_index: int)\n    task_index * task_index\nend\n").unwrap();
    // Asked of the node that does not lead, from within a trace of the user's own.
    let asked = Command::new(binary::nexus())
        .env("NEXUS_HOME", &home)
        .env("TRACEPARENT", format!("00-{TRACE}-{PARENT}-01"))
        .args(["--json", "submit", "--array", "0..8", "--wait"])
        .arg(&program)
        .output()
        .unwrap();
    assert!(asked.status.success(), "{asked:?}");
    // Each node sends its own spans when it likes.
    let all = gather(&spans, TRACES, |all| {
        let is_told = |name: &str, by: &str| named(all, name).iter().any(|(node, _)| node == by);
        let request = is_told("submit", "second") && is_told("relayed request", "first") && is_told("commit", "first");
        request && is_told("accepted", "first") && named(all, "job").len() == 1 && named(all, "attempt").len() == 8
    });

    // The request: from the user's trace to the node that was asked, and from there to the leader.
    let submits = named(&all, "submit");
    let (_, at_second) = submits.iter().find(|(node, _)| node == "second").expect("it was asked of the second");
    assert_eq!((&at_second["traceId"], &at_second["parentSpanId"]), (&TRACE.into(), &PARENT.into()));
    let relayed = named(&all, "relayed request").into_iter().find(|(_, span)| span["traceId"] == TRACE);
    let (at, span) = relayed.expect("it was handed to the leader");
    assert_eq!((at.as_str(), &span["parentSpanId"]), ("first", &at_second["spanId"]));
    assert!(named(&all, "commit").iter().any(|(at, commit)| at == "first" && commit["traceId"] == TRACE), "{all:#?}");

    // The job: a trace of its own, to which the request is linked.
    let (leader, job) = named(&all, "job")[0];
    assert_eq!((leader.as_str(), attribute(job, "nexus.outcome").as_deref()), ("first", Some("succeeded")));
    assert_ne!(job["traceId"], TRACE);
    assert!(job.get("parentSpanId").is_none(), "it is the first of its trace: {job}");
    let (_, accepted) = named(&all, "accepted")[0];
    assert_eq!((&accepted["traceId"], &accepted["parentSpanId"]), (&job["traceId"], &job["spanId"]));
    assert_eq!(accepted["links"][0]["traceId"], TRACE);
    let attempts = named(&all, "attempt");
    for (_, attempt) in &attempts {
        assert_eq!((&attempt["traceId"], &attempt["parentSpanId"]), (&job["traceId"], &job["spanId"]), "{attempt}");
        assert_eq!(attribute(attempt, "nexus.outcome").as_deref(), Some("succeeded"));
        let time = |name: &str, of: &Value| of[name].as_str().unwrap().parse::<u128>().unwrap();
        assert!(time("startTimeUnixNano", attempt) <= time("endTimeUnixNano", attempt), "{attempt}");
    }
    let mut tasks: Vec<String> = attempts.iter().filter_map(|(_, attempt)| attribute(attempt, "nexus.task")).collect();
    tasks.sort();
    assert_eq!(tasks, ["0", "1", "2", "3", "4", "5", "6", "7"]);
    drop(second);
}

/// The value of a metric, for a node where it has one for each.
fn value(metric: &Value, node: Option<&str>) -> Option<u64> {
    let points = metric["gauge"]["dataPoints"].as_array()?;
    let of = points.iter().find(|point| attribute(point, "node").as_deref() == node)?;
    of["asInt"].as_str()?.parse().ok()
}

#[test]
fn a_collector_gets_the_numbers_of_the_metrics_page_and_the_lines_of_the_log() {
    let (endpoint, sent) = collector();
    let folder = tempfile::tempdir().unwrap();
    let node = node(&folder.path().join("home"), "alone", &endpoint, &[]);
    // A task that waits: there are no slots for three at once.
    node.json(&["submit", "--array", "0..3", "--", "/bin/sh", "-c", "sleep 1000"]);
    let all = gather(&sent, METRICS, |all| {
        let named = |name: &str| named(all, name).into_iter().map(|(_, metric)| metric);
        named("nexus.tasks_queued").any(|queued| value(queued, None) == Some(1))
            && named("nexus.node_tasks_running").any(|running| value(running, Some("alone")) == Some(2))
    });
    assert!(all.iter().all(|(node, _)| node == "alone"));
    let latest = |name: &str| named(&all, name).last().map(|(_, metric)| metric.clone()).expect("it was sent");
    assert_eq!(value(&latest("nexus.node_slots"), Some("alone")), Some(2));
    assert_eq!(value(&latest("nexus.leader_known"), None), Some(1));
    assert_eq!(latest("nexus.node_memory_bytes")["unit"], "By");

    // A node that was killed says at its next start what it was lost with.
    let mut killed = node;
    killed.kill();
    let home = folder.path().join("home");
    let node = Node::start(&home, &["--name", "alone", "--slots", "2"]);
    let lost = "a worker has ended with what it had begun";
    node.says(lost);
    let lines = gather(&sent, LOGS, |all| all.iter().any(|(_, line)| line["body"]["stringValue"] == lost));
    let (_, line) = lines.iter().find(|(_, line)| line["body"]["stringValue"] == lost).expect("it was seen");
    assert_eq!((&line["severityText"], &line["severityNumber"]), (&"WARN".into(), &13.into()));
    assert_eq!(attribute(line, "attempts").as_deref(), Some("2"), "{line}");
    assert!(line["timeUnixNano"].is_string() || line["observedTimeUnixNano"].is_string(), "{line}");
}

#[test]
fn a_collector_gets_only_the_kinds_that_it_is_to_get() {
    let (endpoint, sent) = collector();
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    std::fs::create_dir(&home).unwrap();
    let settings = format!("[telemetry]\notlp = \"{endpoint}\"\nsignals = [\"traces\"]\nmetrics_every = \"1s\"\n");
    std::fs::write(home.join("nexus.toml"), settings).unwrap();
    let node = Node::start(&home, &[]);
    node.json(&["submit", "--wait", "--", "/bin/sleep", "2"]);
    node.json(&["node", "stop"]);
    let (code, said) = node.wait();
    assert_eq!(code, Some(0), "{said}");
    let kinds: Vec<&str> = sent.try_iter().map(|(kind, ..)| kind).collect();
    assert!(kinds.contains(&TRACES) && kinds.iter().all(|kind| *kind == TRACES), "{kinds:?}");
}

#[test]
fn a_collector_that_is_not_there_costs_its_spans_and_nothing_else() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let node = node(&folder.path().join("home"), "alone", &format!("http://{closed}"), &[]);
    assert_eq!(node.json(&["submit", "--wait", "--", "/bin/true"])["state"], "succeeded");
    node.says("spans did not reach the collector");
    let wrong = folder.path().join("wrong");
    std::fs::create_dir(&wrong).unwrap();
    std::fs::write(wrong.join("nexus.toml"), "[telemetry]\notlp = \"https://collector\"\n").unwrap();
    let Err(said) = Node::try_start(&wrong, &[]) else { panic!("TLS is not spoken") };
    assert!(said.contains("http://127.0.0.1:4318"), "{said}");
}
