//! Modules of WebAssembly through the binary: called by hand, by programs and by jobs, their limits, and what is refused.

use std::path::{Path, PathBuf};

use nexus_tests::cluster::Cluster;
use serde_json::{Value, json};

/// A component with a function for each kind of value, and one for each way to end.
const SHAPES: &str = include_str!("../../engine/wasm/src/shapes.wat");

const MANIFEST: &str = r#"
name = "shapes"
version = "1.0.0"
kind = "wasm"
entry = ["shapes.wasm"]

[limits]
memory_mib = 16
fuel = 100000000
wall_seconds = 30

[functions.area]
parameters = ["w: scalar", "h: scalar"]
returns = "scalar"
[functions.same_text]
parameters = ["text: string"]
returns = "string"
[functions.same_list]
parameters = ["items: list"]
returns = "list"
[functions.same_tensor]
parameters = ["t: tensor[f32, n]"]
returns = "tensor[f32, n]"
[functions.same_int]
parameters = ["x: int"]
returns = "int"
[functions.root]
parameters = ["x: scalar"]
returns = "scalar"
[functions.spin]
returns = "none"
[functions.grow]
returns = "none"
[functions.crash]
returns = "none"
"#;

const USE: &str = r#"import module("shapes") as shapes
function main()
    t = shapes.same_tensor(tensor.ones(2))
    return [shapes.area(2, 3.5), map(x => shapes.area(x, 2), [2, 3]), t, shapes.same_text("größer")]
end
"#;

fn expected() -> Value {
    json!([7.0, [4.0, 6.0], {"dtype": "f32", "shape": [2], "data": [1, 1]}, "größer"])
}

/// A folder with the module and programs, and a home.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Place { folder: tempfile::tempdir().expect("a temporary folder can be made") };
        std::fs::create_dir_all(place.source()).expect("a folder can be made");
        place.write("vxor.toml", MANIFEST.as_bytes());
        place.component(SHAPES);
        place
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn source(&self) -> PathBuf {
        self.folder.path().join("shapes")
    }

    fn write(&self, name: &str, content: &[u8]) {
        std::fs::write(self.source().join(name), content).expect("a file can be written");
    }

    /// A component, or a core module, of its text.
    fn component(&self, text: &str) {
        self.write("shapes.wasm", &wat::parse_str(text).expect("the text is WebAssembly"));
    }

    fn nexus(&self, home: &Path, arguments: &[&str]) -> (Option<i32>, Value) {
        let output = nexus_tests::binary::run(home, arguments.iter().chain(&["--json"]));
        let text = String::from_utf8_lossy(&output.stdout);
        let error = String::from_utf8_lossy(&output.stderr);
        let document = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{arguments:?}: {text} {error}"));
        (output.status.code(), document)
    }

    fn add(&self) -> (Option<i32>, Value) {
        self.nexus(&self.home(), &["module", "add", &self.source().display().to_string()])
    }

    fn call(&self, function: &str, arguments: &[&str]) -> (Option<i32>, Value) {
        self.nexus(&self.home(), &[&["module", "run", "shapes", function], arguments].concat())
    }

    /// The code of the error of a refused `module add`, with its message and help in one text.
    fn refused(&self) -> (String, String) {
        let (code, error) = self.add();
        assert_eq!(code, Some(2), "{error}");
        let text = |key: &str| error["error"][key].as_str().unwrap_or_default().to_owned();
        assert_eq!(self.nexus(&self.home(), &["module", "list"]).1["modules"], json!([]), "nothing is added");
        (text("code"), format!("{} / {}", text("message"), text("help")))
    }

    fn program(&self, text: &str) -> String {
        let path = self.folder.path().join("program.mcode");
        std::fs::write(&path, text).expect("a file can be written");
        path.display().to_string()
    }
}

/// Code and message of an error.
fn said(document: &Value) -> (&str, &str) {
    let text = |key: &str| document["error"][key].as_str().unwrap_or_default();
    (text("code"), text("message"))
}

#[test]
fn a_component_is_added_listed_and_called() {
    let place = Place::new();
    let (code, added) = place.add();
    assert_eq!((code, &added["kind"]), (Some(0), &"wasm".into()), "{added}");
    let (_, listed) = place.nexus(&place.home(), &["module", "list"]);
    assert_eq!(listed["modules"][0]["functions"][0], "area(w: scalar, h: scalar) -> scalar", "{listed}");
    for (function, arguments, value) in [
        ("area", &["2", "3.5"][..], json!(7.0)),
        ("same_text", &["words"], json!("words")),
        ("same_list", &["[1.5, -2.0]"], json!([1.5, -2.0])),
        ("same_int", &["-9"], json!(-9)),
        ("root", &["9"], json!(3.0)),
    ] {
        let (code, called) = place.call(function, arguments);
        assert_eq!((code, &called["result"]), (Some(0), &value), "{function}: {called}");
    }
    let (code, failed) = place.call("root", &["-1"]);
    assert_eq!((code, said(&failed)), (Some(1), ("NX0555", "`root` of module shapes failed: no")), "{failed}");
    let (code, misfit) = place.call("same_list", &["[true]"]);
    let message = "`same_list` of module shapes: argument 1 of `same-list`: item 1: a value of kind bool is no f64";
    assert_eq!((code, said(&misfit)), (Some(2), ("NX0554", message)), "{misfit}");
}

#[test]
fn a_program_calls_a_component_at_every_level() {
    let place = Place::new();
    place.add();
    let program = place.program(USE);
    for level in ["0", "2"] {
        let (code, done) = place.nexus(&place.home(), &["run", &program, "--jit", level]);
        assert_eq!((code, &done["result"]), (Some(0), &expected()), "{done}");
    }
    let crash = place.program("import module(\"shapes\") as s\nfunction f()\n    s.crash()\nend\nf()\n");
    let (code, failed) = place.nexus(&place.home(), &["run", &crash]);
    assert_eq!((code, &failed["error"]["line"]), (Some(1), &3.into()), "{failed}");
    let message = "`crash` of module shapes: it was ended: wasm `unreachable` instruction executed (in `inner`, called by \
                   `crash`)";
    let (found, text) = said(&failed);
    assert!(found == "MC0417" && text.contains(message), "{failed}");
}

#[test]
fn components_travel_with_jobs_to_nodes_that_have_none() {
    let cluster = Cluster::of(2);
    let place = Place::new();
    let source = place.source().display().to_string();
    assert_eq!(place.nexus(&cluster.home(0), &["module", "add", &source]).0, Some(0));
    let program = place.program(USE);
    let done = cluster.node(0).json(&["submit", "--wait", "--require", "node=n1", &program]);
    assert_eq!((&done["state"], &done["result"]), (&"succeeded".into(), &expected()), "{done}");
    assert!(!cluster.home(1).join("modules").exists(), "it is the job's, not the node's");
}

#[test]
fn each_limit_ends_a_call_with_its_place_and_what_to_write() {
    let place = Place::new();
    place.add();
    for (function, message, help) in [
        ("spin", "`spin` of module shapes: it used up its fuel of 100000000 (in `spin`)", "`fuel` below [limits]"),
        ("grow", "`grow` of module shapes: it asked for more memory than its 16 MiB (in `grow`)", "`memory_mib` below"),
    ] {
        let (code, ended) = place.call(function, &[]);
        assert_eq!((code, said(&ended)), (Some(1), ("NX0555", message)), "{ended}");
        assert!(ended["error"]["help"].as_str().is_some_and(|said| said.starts_with(help)), "{ended}");
    }
    let long = MANIFEST.replace("fuel = 100000000", "fuel = 1000000000000000");
    place.write("vxor.toml", long.replace("wall_seconds = 30", "wall_seconds = 1").as_bytes());
    place.add();
    let (code, ended) = place.call("spin", &[]);
    assert_eq!((code, said(&ended).0), (Some(4), "NX0555"), "{ended}");
    assert!(said(&ended).1.contains("did not answer within 1 s"), "{ended}");
}

#[test]
fn what_is_no_component_or_asks_for_something_is_refused_when_it_is_added() {
    let place = Place::new();
    let refused = |said: &str| {
        let (code, text) = place.refused();
        assert_eq!(code, "NX0551", "{text}");
        assert!(text.contains(said), "{text}");
    };
    place.write("shapes.wasm", b"#!/bin/sh\necho garbage\n");
    refused("`shapes.wasm` of module shapes: it is no WebAssembly");
    let mut damaged = wat::parse_str(SHAPES).expect("the text is WebAssembly");
    damaged[100..140].fill(0xff);
    place.write("shapes.wasm", &damaged);
    refused("it is no valid component");
    place.component("(module (func (export \"area\") (param f64 f64) (result f64) local.get 0))");
    refused("it is a core module of WebAssembly and no component / make a component of it: `wasm-tools component new");
    let import = "(component (import \"wasi:cli/stdin@0.2.0\" (instance (export \"get\" (func (result u32))))))";
    place.component(import);
    refused("it imports wasi:cli/stdin@0.2.0, and a module is given nothing / build it without WASI");
    place.component("(component)");
    refused("it exports no function `area` for `area(w: scalar, h: scalar) -> scalar`; it exports no function");
    std::fs::remove_file(place.source().join("shapes.wasm")).expect("it is there");
    refused("there is no such file");
    place.component(SHAPES);
    place.write("vxor.toml", MANIFEST.replace("h: scalar", "h: int").as_bytes());
    refused(
        "vxor.toml says `area(w: scalar, h: int) -> scalar`, which is `area: func(f64, s64) -> f64` in WIT; it exports \
         `area: func(f64, f64) -> f64`",
    );
    place.write("vxor.toml", MANIFEST.replace("[limits]", "capabilities = [\"network\"]\n[limits]").as_bytes());
    refused("has no capabilities: it is given nothing");
}
