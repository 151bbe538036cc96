//! What a real client said to `nexus lsp`, said again: `lsp/session.txt` holds the bytes that pygls sent when `lsp/client.py`
//! drove the server with it. The answers are those that the script checked.

use std::io::Write;
use std::process::{Command, Stdio};

use nexus_tests::binary::{nexus, root};
use serde_json::Value;

/// The messages of a stream of frames, whatever headers they have.
fn messages(mut bytes: &[u8]) -> Vec<Value> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a header ends");
        let header = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let length = header.lines().find_map(|line| line.strip_prefix("Content-Length: ")).expect("a length");
        let length: usize = length.trim().parse().expect("a number");
        let body = &bytes[end + 4..end + 4 + length];
        found.push(serde_json::from_slice(body).expect("JSON"));
        bytes = &bytes[end + 4 + length..];
    }
    found
}

/// What the server says to these bytes, and whether it ended well.
fn answered(session: &[u8]) -> (Vec<Value>, bool) {
    let mut server = Command::new(nexus())
        .arg("lsp")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the server starts");
    let mut stdin = server.stdin.take().expect("it was piped");
    let session = session.to_vec();
    // Answers are read while questions are asked: neither side may wait for the other.
    let writer = std::thread::spawn(move || stdin.write_all(&session));
    let output = server.wait_with_output().expect("the server ends");
    writer.join().expect("nothing panics").expect("the server reads to the end");
    (messages(&output.stdout), output.status.success())
}

#[test]
fn a_real_client_is_answered() {
    let session = std::fs::read(root().join("tests/lsp/session.txt")).expect("the session is there");
    let asked = messages(&session);
    let (said, ended_well) = answered(&session);
    assert!(ended_well, "{said:?}");
    let answers = |method: &str| -> Vec<&Value> {
        let ids: Vec<&Value> = asked.iter().filter(|m| m["method"] == method).map(|m| &m["id"]).collect();
        let answer = |id: &&Value| said.iter().find(|m| m["id"] == **id && m["method"].is_null());
        ids.iter().map(|id| &answer(id).expect("every question is answered")["result"]).collect()
    };
    let told: Vec<&Value> = said.iter().filter(|m| m["method"] == "textDocument/publishDiagnostics").collect();
    let codes: Vec<usize> = told.iter().map(|m| m["params"]["diagnostics"].as_array().map_or(0, Vec::len)).collect();
    assert_eq!(codes, [1, 0, 0], "one mistake, mended, closed");
    assert_eq!(told[0]["params"]["diagnostics"][0]["code"], "MC0203");

    let hovers = answers("textDocument/hover");
    let starts: Vec<bool> = hovers.iter().map(|hover| hover["contents"]["value"].is_string()).collect();
    assert_eq!(starts, [true, true, true, false]);
    assert_eq!(hovers[0]["contents"]["value"], "```mcode\ngröße: f32[2, 3]\n```");
    let places: Vec<&Value> =
        answers("textDocument/definition").iter().map(|found| &found["range"]["start"]["line"]).collect();
    assert_eq!(places, [&Value::from(6), &Value::from(1), &Value::from(1), &Value::Null]);
    let counts: Vec<usize> =
        answers("textDocument/completion").iter().map(|found| found.as_array().map_or(0, Vec::len)).collect();
    assert!(counts[0] > 50 && counts[1] > 50, "{counts:?}");
    let layout = answers("textDocument/formatting")[0][0]["newText"].as_str().expect("one edit");
    assert!(layout.contains("    y = x + 1\n"), "{layout}");
    assert_eq!(answers("shutdown"), [&Value::Null]);
}
