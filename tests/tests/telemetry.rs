//! Spans across nodes, as a small collector gets them.

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

/// A collector that answers every request and hands on what it holds: spans with the name of the node that sent them.
fn collector() -> (String, Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("it is bound"));
    let (sender, spans) = sync_channel(10_000);
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
            assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("the body");
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").expect("an answer");
            for (node, span) in sent(&serde_json::from_slice(&body).expect("JSON")) {
                if sender.send((node, span)).is_err() {
                    return;
                }
            }
        }
    });
    (endpoint, spans)
}

fn sent(request: &Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for resource in request["resourceSpans"].as_array().expect("a list") {
        let node = attribute(&resource["resource"], "service.instance.id").expect("a node says who it is");
        for scope in resource["scopeSpans"].as_array().expect("a list") {
            all.extend(scope["spans"].as_array().expect("a list").iter().map(|span| (node.clone(), span.clone())));
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
    std::fs::write(home.join("nexus.toml"), format!("[telemetry]\notlp = \"{endpoint}\"\n")).expect("a file");
    Node::start(home, &[&["--name", name, "--slots", "2"], extra].concat())
}

/// Waits until `is_there` holds for what has arrived.
fn gather(spans: &Receiver<(String, Value)>, is_there: impl Fn(&[(String, Value)]) -> bool) -> Vec<(String, Value)> {
    let (mut all, begun) = (Vec::new(), Instant::now());
    while !is_there(&all) {
        let left = PATIENCE.saturating_sub(begun.elapsed());
        match spans.recv_timeout(left) {
            Ok(span) => all.push(span),
            Err(_) => panic!("these spans arrived, and not those that were waited for: {all:#?}"),
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
    let all = gather(&spans, |all| named(all, "job").len() == 1 && named(all, "attempt").len() == 8);

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
