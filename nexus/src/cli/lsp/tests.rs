//! The language server as an editor sees it: messages in, messages out.

use std::io::BufReader;

use serde_json::{Value, json};

use super::{Received, Server, receive, send, serve};
use crate::cli::error::Exit;
use crate::cli::session::Session;

const URI: &str = "file:///nowhere/a.mcode";
const TEXT: &str = "function area(w: scalar, h)\n    return w * h\nend\n\nfunction main()\n    x = tensor.ones(2, 3)\n    \
                    y = area(1.0, 2)\n    return x\nend\n";

fn request(id: u64, method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

fn session() -> &'static Session {
    Box::leak(Box::new(Session::new(None)))
}

fn opened(text: &str) -> (Server<'static, Session>, Vec<Value>) {
    let mut server = Server::new(session());
    let params = json!({"textDocument": {"uri": URI, "languageId": "mcode", "version": 1, "text": text}});
    let said = server.handle(&json!({"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": params}));
    (server, said)
}

fn asked(server: &mut Server<'static, Session>, method: &str, line: u32, character: u32) -> Value {
    let params = json!({"textDocument": {"uri": URI}, "position": {"line": line, "character": character}});
    let mut answers = server.handle(&request(1, method, &params));
    assert_eq!(answers.len(), 1);
    answers.remove(0)["result"].take()
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let (mut server, said) = opened("x = tensor.ones(2, 3)\ny = x @ tensor.ones(2, 3)\n");
    let told = &said[0]["params"]["diagnostics"];
    assert_eq!(told[0]["code"], "MC0203");
    assert_eq!(told[0]["range"], json!({"start": {"line": 1, "character": 4}, "end": {"line": 1, "character": 25}}));
    assert!(told[0]["message"].as_str().is_some_and(|m| m.contains("inner sizes are 3 and 2")), "{told}");
    let change = json!({"textDocument": {"uri": URI}, "contentChanges": [{"text": "x = 1\n"}]});
    let said = server.handle(&json!({"method": "textDocument/didChange", "params": change}));
    assert_eq!(said[0]["params"]["diagnostics"], json!([]));
}

#[test]
fn hovering_shows_shapes_signatures_and_texts() {
    let (mut server, said) = opened(TEXT);
    assert_eq!(said[0]["params"]["diagnostics"], json!([]));
    let mut hover = |line, column| {
        let found = asked(&mut server, "textDocument/hover", line, column);
        found["contents"]["value"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(hover(7, 11), "```mcode\nx: f32[2, 3]\n```");
    assert_eq!(hover(1, 11), "```mcode\nw: scalar\n```");
    assert_eq!(hover(6, 9), "```mcode\nfunction area(w: scalar, h)\n```");
    assert!(hover(5, 16).starts_with("```mcode\ntensor.ones(shape"), "{}", hover(5, 16));
    assert_eq!(hover(3, 0), "");
}

#[test]
fn functions_of_what_is_imported_are_shown_and_completed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("ours.mcode"), "function third(x: int) -> int\n    return x // 3\nend\n")
        .unwrap();
    let uri = format!("file://{}", folder.path().join("main.mcode").display());
    let mut server = Server::new(session());
    let text = "import \"ours.mcode\" as ours\nx = ours.third(9)\ny = ours.\n";
    let opened = json!({"textDocument": {"uri": uri, "languageId": "mcode", "version": 1, "text": text}});
    server.handle(&json!({"jsonrpc": "2.0", "method": "textDocument/didOpen", "params": opened}));
    let mut asked = |method: &str, line: u32, character: u32| {
        let params = json!({"textDocument": {"uri": uri}, "position": {"line": line, "character": character}});
        server.handle(&request(1, method, &params)).remove(0)["result"].take()
    };
    let hover = asked("textDocument/hover", 1, 11);
    assert_eq!(hover["contents"]["value"], "```mcode\nfunction third(x: int) -> int\n```", "{hover}");
    let members = asked("textDocument/completion", 2, 9);
    assert_eq!((members[0]["label"].as_str(), members.as_array().map(Vec::len)), (Some("third"), Some(1)), "{members}");
    let all = asked("textDocument/completion", 2, 0);
    assert!(all.as_array().is_some_and(|all| all.iter().any(|item| item["label"] == "ours")), "{all}");
}

#[test]
fn names_lead_to_where_they_are_defined() {
    let (mut server, _) = opened(TEXT);
    let mut line_of = |line, column| {
        let found = asked(&mut server, "textDocument/definition", line, column);
        found["range"]["start"].clone()
    };
    assert_eq!(line_of(7, 11), json!({"line": 5, "character": 4}));
    assert_eq!(line_of(6, 10), json!({"line": 0, "character": 9}));
    assert_eq!(line_of(1, 15), json!({"line": 0, "character": 25}));
    assert_eq!(line_of(5, 16), Value::Null);
}

#[test]
fn completions_are_what_is_visible() {
    let (mut server, _) = opened("function main()\n    width = 3\n    return tensor.\nend\nw = 1\n");
    let labels = |found: Value| -> Vec<String> {
        let items = found.as_array().expect("a list").iter();
        items.map(|item| item["label"].as_str().unwrap_or_default().to_owned()).collect()
    };
    let members = labels(asked(&mut server, "textDocument/completion", 2, 18));
    assert!(members.contains(&"ones".to_owned()) && !members.contains(&"width".to_owned()), "{members:?}");
    let names = labels(asked(&mut server, "textDocument/completion", 1, 4));
    for name in ["width", "w", "main", "linalg", "len", "while"] {
        assert!(names.contains(&name.to_owned()), "{name}");
    }
}

#[test]
fn formatting_is_one_edit_or_none() {
    let (mut server, _) = opened("if true\nx=1\nend\n");
    let edits = asked(&mut server, "textDocument/formatting", 0, 0);
    assert_eq!(edits[0]["newText"], "if true\n    x = 1\nend\n");
    let (mut server, _) = opened("x = (\n");
    assert_eq!(asked(&mut server, "textDocument/formatting", 0, 0), Value::Null);
}

#[test]
fn odd_texts_have_their_places_in_utf_16_whatever_their_line_ends() {
    // Two characters of two units each, lines of Windows, and a line that is still being written.
    let (mut server, said) =
        opened("s = \"\u{1F600}\u{1F600}\"; x = tensor.ones(2, 3)\r\ny = x + 1.0  # gr\u{f6}\u{df}er\r\nz = (y,\r\n");
    let told = &said[0]["params"]["diagnostics"];
    assert_eq!(told.as_array().map(Vec::len), Some(1), "{told}");
    assert!(told[0]["range"]["start"]["line"].as_u64().is_some_and(|line| line >= 2), "{told}");
    let mut hover = |line, column| {
        let found = asked(&mut server, "textDocument/hover", line, column);
        found["contents"]["value"].as_str().unwrap_or_default().to_owned()
    };
    assert_eq!(hover(0, 12), "```mcode\nx: f32[2, 3]\n```");
    assert_eq!(hover(1, 4), "```mcode\nx: f32[2, 3]\n```");
    assert_eq!(hover(2, 5), "```mcode\ny: f32[2, 3]\n```");
    // Inside a character, behind the end of a line, behind the last line.
    assert_eq!([hover(0, 6), hover(1, 999), hover(99, 0)], ["", "", ""]);
    let found = asked(&mut server, "textDocument/definition", 1, 4);
    assert_eq!(found["range"]["start"], json!({"line": 0, "character": 12}));
    let (mut server, _) = opened("if true\r\nx=1\r\nend\r\n");
    let edits = asked(&mut server, "textDocument/formatting", 0, 0);
    assert_eq!(edits[0]["newText"], "if true\n    x = 1\nend\n");
    assert_eq!(edits[0]["range"]["end"]["line"], 3);
}

#[test]
fn messages_that_make_no_sense_are_answered_and_survived() {
    let (mut server, _) = opened(TEXT);
    for message in [json!(null), json!([1]), json!({"method": "x/y"}), json!({"method": "textDocument/didOpen"})] {
        server.handle(&message);
    }
    let answer = server.handle(&request(7, "x/y", &Value::Null)).remove(0);
    assert_eq!((&answer["id"], &answer["error"]["code"]), (&json!(7), &json!(-32601)));
    let answer = server.handle(&json!({"id": 8})).remove(0);
    assert_eq!(answer["error"]["code"], -32600);
    let position = json!({"textDocument": {"uri": URI}, "position": {"line": -1, "character": 1e99}});
    assert_eq!(server.handle(&request(9, "textDocument/hover", &position)).len(), 1);
}

#[test]
fn a_conversation_ends_in_order() {
    let mut bytes = Vec::new();
    for message in [
        request(1, "initialize", &json!({"capabilities": {}})),
        request(2, "shutdown", &Value::Null),
        json!({"jsonrpc": "2.0", "method": "exit"}),
    ] {
        send(&mut bytes, &message).unwrap();
    }
    let mut answers = Vec::new();
    assert!(serve(session(), &mut BufReader::new(bytes.as_slice()), &mut answers).is_ok());
    let mut answers = BufReader::new(answers.as_slice());
    let Received::Message(first) = receive(&mut answers).unwrap() else { panic!("an answer") };
    assert_eq!(first["result"]["capabilities"]["hoverProvider"], true);
    // An editor that goes away without a word is an error for whoever waits for the server.
    let error = serve(session(), &mut BufReader::new(&b""[..]), &mut Vec::new()).unwrap_err();
    assert_eq!(error.exit, Exit::ProgramFailed);
}
