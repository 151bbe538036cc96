//! What a `vxor.toml` may say, and what is said of one that cannot be used.

use super::*;

const GOOD: &str = r#"
name = "shapes"
version = "1.2.0"
kind = "process"
entry = ["sh", "main.sh"]
capabilities = ["read:/data", "network", "env:LANG"]

[limits]
memory_mib = 64
wall_seconds = 2

[functions.area]
parameters = ["w: scalar", "h: scalar"]
returns = "scalar"
"#;

#[test]
fn a_manifest_is_read_whole() {
    let manifest = Manifest::parse(GOOD).unwrap();
    assert_eq!((manifest.name.as_str(), manifest.version.as_str()), ("shapes", "1.2.0"));
    assert_eq!(manifest.entry, ["sh", "main.sh"]);
    let capabilities: Vec<String> = manifest.capabilities.iter().map(ToString::to_string).collect();
    assert_eq!(capabilities, ["network", "env:LANG", "read:/data"]);
    let limits = Limits { memory_mib: 64, wall: Duration::from_secs(2), ..Limits::default() };
    assert_eq!(manifest.limits, limits);
    assert_eq!(manifest.function("area").unwrap().to_string(), "area(w: scalar, h: scalar) -> scalar");
}

#[test]
fn what_is_wrong_has_its_place_and_what_to_write() {
    for (from, to, at, message, help) in [
        ("name = \"shapes\"", "", None, "it has no `name`", "write name ="),
        ("\"shapes\"", "\"../x\"", Some("\"../x\""), "cannot be the name", "letters, digits"),
        ("\"process\"", "\"exe\"", Some("\"exe\""), "no kind `exe`", "process"),
        ("[\"sh\", \"main.sh\"]", "[]", Some("[]"), "names no program", "write entry"),
        ("[\"sh\", \"main.sh\"]", "\"sh\"", Some("\"sh\""), "a list of texts", "write entry"),
        ("\"network\"", "\"root\"", Some("\"root\""), "`root` is no capability", "network"),
        ("read:/data", "read:data", Some("\"read:data\""), "is no capability", "read:/path"),
        ("memory_mib = 64", "memory_mib = 1", Some("1"), "from 16 to", "memory_mib = 256"),
        ("memory_mib", "memory", Some("memory"), "no `memory` here", "memory_mib"),
        ("w: scalar", "w: float", Some("\"w: float\""), "`float` is not a type", "parameters"),
        ("w: scalar", "w", Some("\"w\""), "has no type", "parameters"),
        ("h: scalar", "w: scalar", Some("\"w: scalar\""), "two parameters", "parameters"),
        ("returns = \"scalar\"", "", None, "has no `returns`", "returns ="),
        ("entry =", "entrie =", Some("entrie"), "no `entrie` here", "entry"),
        ("kind = ", "kind ", None, "", "TOML"),
    ] {
        let text = GOOD.replacen(from, to, 1);
        let error = Manifest::parse(&text).map(|_| ()).unwrap_err();
        assert!(error.message.contains(message) && error.help.contains(help), "{to}: {error:?}");
        if let Some(at) = at {
            assert_eq!(error.place.map(|place| &text[place]), Some(at), "{to}");
        }
    }
}

const WASM: &str = r#"
name = "shapes"
version = "1"
kind = "wasm"
entry = ["in/shapes.wasm"]
[limits]
memory_mib = 64
fuel = 5000
[functions.area]
returns = "none"
"#;

#[test]
fn webassembly_has_fuel_one_file_and_no_capabilities() {
    let manifest = Manifest::parse(WASM).unwrap();
    assert_eq!((manifest.kind, manifest.limits.fuel, manifest.limits.memory_mib), (Kind::Wasm, 5000, 64));
    for (from, to, at, message) in [
        ("[\"in/shapes.wasm\"]", "[\"../shapes.wasm\"]", "[\"../shapes.wasm\"]", "no one file"),
        ("[\"in/shapes.wasm\"]", "[\"/shapes.wasm\"]", "[\"/shapes.wasm\"]", "no one file"),
        ("[\"in/shapes.wasm\"]", "[\"wasmtime\", \"a\"]", "[\"wasmtime\", \"a\"]", "no one file"),
        ("[limits]", "capabilities = [\"network\"]\n[limits]", "[\"network\"]", "it is given nothing"),
        ("fuel = 5000", "fuel = 0", "0", "`fuel` is a whole number from 1"),
        ("fuel", "open_files", "open_files", "no `open_files` here"),
        ("memory_mib = 64", "memory_mib = 4097", "4097", "from 16 to 4096"),
        ("\"wasm\"", "\"process\"", "fuel", "no `fuel` here"),
    ] {
        let text = WASM.replacen(from, to, 1);
        let error = Manifest::parse(&text).map(|_| ()).unwrap_err();
        assert!(error.message.contains(message), "{to}: {error:?}");
        assert_eq!(error.place.map(|place| &text[place]), Some(at), "{to}");
    }
}
