//! The language server's decisions: a message in, answers out.
//!
//! It holds the open documents. It reads no files but those that a program imports, which the language does.

use std::collections::BTreeMap;

use nexus_mcode::{KEYWORDS, LibraryEntry};
use nexus_model::{Diagnostic, Severity};
use serde_json::{Value, json};

use super::documents::Document;
use crate::cli::language::Language;

/// The message is not JSON.
pub(super) const PARSE_ERROR: i64 = -32700;
const METHOD_NOT_FOUND: i64 = -32601;
const INVALID_REQUEST: i64 = -32600;
/// Documents that may be open at once; more is no person's editor.
const DOCUMENTS_MAX: usize = 1000;
/// How the protocol numbers kinds of completions and symbols.
const FUNCTION: u8 = 3;
const VARIABLE: u8 = 6;
const MODULE: u8 = 9;
const KEYWORD: u8 = 14;
const SYMBOL_FUNCTION: u8 = 12;

/// The server.
pub(super) struct Server<'a, L> {
    language: &'a L,
    documents: BTreeMap<String, Document>,
    library: Vec<LibraryEntry>,
    shut_down: bool,
    exited: bool,
}

/// The answer to a request that cannot be met.
pub(super) fn error(id: Value, code: i64, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}})
}

impl<'a, L: Language> Server<'a, L> {
    /// Nothing open.
    pub(super) fn new(language: &'a L) -> Self {
        Server { language, documents: BTreeMap::new(), library: language.library(), shut_down: false, exited: false }
    }

    /// Whether the editor said `exit`.
    pub(super) fn has_exited(&self) -> bool {
        self.exited
    }

    /// Whether the editor said `shutdown`.
    pub(super) fn was_shut_down(&self) -> bool {
        self.shut_down
    }

    /// What a message leads to.
    pub(super) fn handle(&mut self, message: &Value) -> Vec<Value> {
        let method = message["method"].as_str();
        let params = &message["params"];
        match (method, message.get("id")) {
            // An answer to something: this server asks nothing.
            (None, Some(id)) if message.get("result").is_none() && message.get("error").is_none() => {
                vec![error(id.clone(), INVALID_REQUEST, "a request needs a method")]
            }
            (None, _) => Vec::new(),
            (Some(method), None) => self.notified(method, params),
            (Some(_), Some(id)) if self.shut_down => {
                vec![error(id.clone(), INVALID_REQUEST, "the server is shut down")]
            }
            (Some(method), Some(id)) => vec![match self.answer(method, params) {
                Some(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
                None => error(id.clone(), METHOD_NOT_FOUND, &format!("`{method}` is not supported")),
            }],
        }
    }

    fn notified(&mut self, method: &str, params: &Value) -> Vec<Value> {
        let uri = params["textDocument"]["uri"].as_str().unwrap_or_default();
        match method {
            "exit" => self.exited = true,
            "textDocument/didOpen" => {
                return self.changed(uri, params["textDocument"]["text"].as_str().unwrap_or_default());
            }
            "textDocument/didChange" => {
                // Each change is the whole text; the last one counts.
                let changes = params["contentChanges"].as_array();
                if let Some(text) = changes.and_then(|changes| changes.last()?["text"].as_str()) {
                    return self.changed(uri, text);
                }
            }
            "textDocument/didClose" => {
                self.documents.remove(uri);
                return vec![published(uri, Vec::new())];
            }
            _ => {}
        }
        Vec::new()
    }

    fn changed(&mut self, uri: &str, text: &str) -> Vec<Value> {
        if self.documents.len() >= DOCUMENTS_MAX && !self.documents.contains_key(uri) {
            return Vec::new();
        }
        let document = Document::new(self.language, uri, text.to_owned());
        let diagnostics = document.inspection.diagnostics.iter().map(|d| diagnostic(d, &document, uri)).collect();
        self.documents.insert(uri.to_owned(), document);
        vec![published(uri, diagnostics)]
    }

    fn answer(&mut self, method: &str, params: &Value) -> Option<Value> {
        let uri = params["textDocument"]["uri"].as_str().unwrap_or_default();
        let document = self.documents.get(uri);
        let place = || document.map(|document| (document, document.offset(&params["position"])));
        Some(match method {
            "initialize" => capabilities(),
            "shutdown" => {
                self.shut_down = true;
                Value::Null
            }
            "textDocument/hover" => place().map_or(Value::Null, |(document, at)| hover(document, at)),
            "textDocument/definition" => place().map_or(Value::Null, |(document, at)| definition(document, at, uri)),
            "textDocument/completion" => place().map_or(Value::Null, |(document, at)| self.completions(document, at)),
            "textDocument/documentSymbol" => document.map_or(Value::Null, symbols),
            "textDocument/formatting" => document.map_or(Value::Null, |document| self.formatted(document)),
            _ => return None,
        })
    }

    /// What could stand behind the word at a place: members of its namespace, else everything that is visible.
    fn completions(&self, document: &Document, at: u32) -> Value {
        let word = document.word_before(at);
        if let Some((space, _)) = word.rsplit_once('.') {
            if let Some(functions) = document.inspection.imports.get(space) {
                return functions.iter().map(|(name, head)| completion(name, FUNCTION, head, "")).collect();
            }
            let members = self.library.iter().filter_map(|entry| {
                let (of, name) = entry.name.split_once('.')?;
                (of == space).then(|| completion(name, FUNCTION, &entry.signature, entry.doc))
            });
            return members.collect();
        }
        let mut items: BTreeMap<String, Value> = BTreeMap::new();
        for entry in &self.library {
            match entry.name.split_once('.') {
                None => items.insert(entry.name.into(), completion(entry.name, FUNCTION, &entry.signature, entry.doc)),
                Some((space, _)) => items.insert(space.into(), completion(space, MODULE, "", "")),
            };
        }
        for word in KEYWORDS {
            items.insert(word.to_owned(), completion(word, KEYWORD, "", ""));
        }
        for name in document.inspection.imports.keys() {
            items.insert(name.clone(), completion(name, MODULE, "", ""));
        }
        for function in &document.inspection.functions {
            items.insert(function.name.clone(), completion(&function.name, FUNCTION, &function.head, ""));
        }
        let scopes: Vec<_> = document.scopes_at(at).collect();
        for (name, ty) in scopes.into_iter().rev().flat_map(|scope| &scope.variables) {
            items.insert(name.clone(), completion(name, VARIABLE, &format!("{name}: {ty}"), ""));
        }
        items.into_values().collect()
    }

    /// One edit that replaces the text, where the layout is another; nothing where the program has an error.
    fn formatted(&self, document: &Document) -> Value {
        match self.language.formatted(&document.text) {
            Ok(text) if text != document.text => {
                let all = 0..document.text.len() as u32;
                json!([{"range": document.range(&all), "newText": text}])
            }
            Ok(_) => json!([]),
            Err(_) => Value::Null,
        }
    }
}

fn capabilities() -> Value {
    json!({
        "capabilities": {
            "positionEncoding": "utf-16",
            // Changes carry the whole text.
            "textDocumentSync": {"openClose": true, "change": 1},
            "hoverProvider": true,
            "definitionProvider": true,
            "completionProvider": {"triggerCharacters": ["."]},
            "documentSymbolProvider": true,
            "documentFormattingProvider": true,
        },
        "serverInfo": {"name": "nexus", "version": env!("CARGO_PKG_VERSION")},
    })
}

fn published(uri: &str, diagnostics: Vec<Value>) -> Value {
    json!({
        "jsonrpc": "2.0",
        "method": "textDocument/publishDiagnostics",
        "params": {"uri": uri, "diagnostics": diagnostics},
    })
}

fn diagnostic(found: &Diagnostic, document: &Document, uri: &str) -> Value {
    let imported = found.file.starts_with("import:");
    let mut message = found.message.clone();
    if let Some(label) = found.primary.as_ref().filter(|l| !l.text.is_empty()) {
        message.push_str(&format!("\n{}", label.text));
    }
    if let Some(help) = &found.help {
        message.push_str(&format!("\nhelp: {help}"));
    }
    let at = found.primary.as_ref().filter(|_| !imported).map_or(0..0, |l| l.span.start..l.span.end);
    if imported {
        message = format!("in {}: {message}", found.file);
    }
    let related: Vec<Value> = found
        .secondary
        .iter()
        .filter(|_| !imported)
        .map(|label| {
            let range = document.range(&(label.span.start..label.span.end));
            json!({"location": {"uri": uri, "range": range}, "message": label.text})
        })
        .collect();
    json!({
        "range": document.range(&at),
        "severity": if found.severity == Severity::Error { 1 } else { 2 },
        "code": found.code,
        "source": "nexus",
        "message": message,
        "relatedInformation": related,
    })
}

fn hover(document: &Document, at: u32) -> Value {
    let Some(name) = document.name_at(at) else { return Value::Null };
    let mut text = format!("```mcode\n{}\n```", name.signature);
    if !name.doc.is_empty() {
        text.push_str(&format!("\n\n{}", name.doc));
    }
    json!({"contents": {"kind": "markdown", "value": text}, "range": document.range(&name.range)})
}

fn definition(document: &Document, at: u32, uri: &str) -> Value {
    let place = document.name_at(at).and_then(|name| name.definition.as_ref());
    place.map_or(Value::Null, |range| json!({"uri": uri, "range": document.range(range)}))
}

fn completion(label: &str, kind: u8, detail: &str, doc: &str) -> Value {
    json!({"label": label, "kind": kind, "detail": detail, "documentation": doc})
}

fn symbols(document: &Document) -> Value {
    let functions = document.inspection.functions.iter();
    functions
        .map(|function| {
            json!({
                "name": function.name,
                "detail": function.head,
                "kind": SYMBOL_FUNCTION,
                "range": document.range(&function.range),
                "selectionRange": document.range(&function.name_range),
            })
        })
        .collect()
}
