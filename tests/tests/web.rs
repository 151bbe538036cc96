//! A node's web page: what browsers, supervisors and Prometheus get, and what strangers do not.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use nexus_tests::node::Node;
use serde_json::Value;

/// The status, headers and body of an answer, asked for as `host`.
fn ask(address: &str, path: &str, host: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).expect("the page is served");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a stream takes a limit");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
        .expect("the node reads the question");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the node answers in time");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, head.to_lowercase(), body.to_owned())
}

fn page_of(node: &Node) -> String {
    let said = node.said();
    let at = said.split("web http://").nth(1).expect("the greeting names the page");
    at.split_whitespace().next().expect("an address follows").to_owned()
}

#[test]
fn a_node_shows_its_cluster_and_nothing_secret() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&folder.path().join("home"), &["--http", "127.0.0.1:0"]);
    let page = page_of(&node);
    let job = node.json(&["submit", "--wait", "--name", "<b>bold</b>", "--", "/bin/echo", "hello"])["job"].to_string();

    assert_eq!(ask(&page, "/healthz", "localhost").0, 200);
    assert_eq!(ask(&page, "/readyz", "localhost").2, "ready\n");
    let (status, head, body) = ask(&page, "/", "localhost");
    assert!(status == 200 && head.contains("content-security-policy: default-src 'none'"), "{head}");
    assert!(body.contains("<title>nexus</title>") && !body.contains("bold"), "names come as data, never as markup");

    let (_, head, metrics) = ask(&page, "/metrics", &page);
    assert!(head.contains("content-type: application/openmetrics-text"), "{head}");
    assert!(metrics.contains("\nnexus_leader_known 1\n") && metrics.ends_with("# EOF\n"), "{metrics}");

    let read = |path: &str| serde_json::from_str::<Value>(&ask(&page, path, "localhost").2).unwrap();
    assert_eq!(read("/api/status")["nodes"][0]["state"], "up");
    assert_eq!(read("/api/jobs")["jobs"][0]["name"], "<b>bold</b>");
    assert_eq!(read(&format!("/api/jobs/{job}"))["state"], "succeeded");
}

#[test]
fn what_does_not_exist_is_said_in_the_words_of_the_commands() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&folder.path().join("home"), &["--http", "127.0.0.1:0"]);
    let page = page_of(&node);
    for (path, expected) in [("/api/jobs/99", 404), ("/api/jobs/seven", 404), ("/etc/passwd", 404)] {
        let (status, _, body) = ask(&page, path, "localhost");
        let document: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, document["error"]["message"].is_string()), (expected, true), "{path}: {body}");
    }
}

#[test]
fn other_names_and_garbage_get_nothing_and_harm_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&folder.path().join("home"), &["--http", "127.0.0.1:0"]);
    let page = page_of(&node);
    assert_eq!(ask(&page, "/api/jobs", "evil.example").0, 403);
    let mut stream = TcpStream::connect(&page).unwrap();
    // The node may hang up in the middle of it.
    let _ = stream.write_all(&[0xff; 100_000]);
    drop(stream);
    assert_eq!(ask(&page, "/healthz", "localhost").0, 200);
}

#[test]
fn a_page_can_be_left_out_and_a_taken_address_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&folder.path().join("off"), &["--http", "off"]);
    assert!(!node.said().contains("web http"), "{}", node.said());
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let Err(said) = Node::try_start(&folder.path().join("taken"), &["--http", &address]) else {
        panic!("two programs share a port")
    };
    assert!(said.contains("NX0517") && said.contains("--http"), "{said}");
}
