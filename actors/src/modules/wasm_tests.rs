//! Which components fit a manifest, and what is said of those that do not.

use super::super::host::Export;
use super::*;
use crate::modules::{Kind, Manifest};

fn function(parameters: &str, returns: &str) -> Function {
    let text = format!(
        "name = \"m\"\nversion = \"1\"\nkind = \"wasm\"\nentry = [\"m.wasm\"]\n[functions.the_area]\n\
         parameters = [{parameters}]\nreturns = \"{returns}\"\n"
    );
    let manifest = Manifest::parse(&text).expect("it is a manifest");
    assert_eq!(manifest.kind, Kind::Wasm);
    manifest.functions[0].clone()
}

fn exports(parameters: &[&str], returns: Option<&str>) -> Exports {
    let export = Export {
        name: "the-area".to_owned(),
        parameters: parameters.iter().map(|ty| (*ty).to_owned()).collect(),
        returns: returns.map(str::to_owned),
        unsupported: None,
    };
    Exports { functions: vec![export], imports: Vec::new() }
}

#[test]
fn each_type_of_mcode_has_its_type_of_wit() {
    let f32s = "record { shape: list<u64>, data: list<f32> }";
    for (word, ty, fits) in [
        ("scalar", "f64", true),
        ("scalar", "f32", false),
        ("int", "s64", true),
        ("int", "s32", false),
        ("bool", "bool", true),
        ("string", "string", true),
        ("list", "list<f64>", true),
        ("list", "tuple<f64, string>", true),
        ("list", "option<f64>", false),
        ("record", "record { x: f64 }", true),
        ("record", f32s, false),
        ("tensor[f32, n]", f32s, true),
        ("tensor[f64, n]", f32s, false),
        ("any", "option<f64>", true),
    ] {
        let found = exports(&[ty], Some(ty)).misfit(&function(&format!("\"x: {word}\""), word));
        assert_eq!(found.is_none(), fits, "{word} {ty}: {found:?}");
    }
    assert_eq!(exports(&[], None).misfit(&function("", "none")), None);
    assert!(exports(&[], None).misfit(&function("", "int")).is_some());
    assert!(exports(&[], Some("s64")).misfit(&function("", "none")).is_some());
}

#[test]
fn a_component_that_differs_is_told_with_both_types() {
    let area = function("\"w: scalar\", \"t: tensor[f32, n]\"", "scalar");
    let said = exports(&["f64"], Some("f32")).misfit(&area).unwrap();
    assert_eq!(
        said,
        "vxor.toml says `the_area(w: scalar, t: tensor[f32, n]) -> scalar`, which is `the-area: func(f64, record { shape: \
         list<u64>, data: list<f32> }) -> f64` in WIT; it exports `the-area: func(f64) -> f32`"
    );
    let said = Exports::default().misfit(&area).unwrap();
    assert!(said.starts_with("it exports no function `the-area` for"), "{said}");
    for (word, says) in [("tensor", "`tensor`"), ("tensor[bf16]", "`tensor[bf16]`"), ("none", "`none`")] {
        let said = exports(&["f64"], None).misfit(&function(&format!("\"x: {word}\""), "none")).unwrap();
        assert!(said.contains(&format!("no type of WIT stands for {says} there")), "{said}");
    }
    let mut exports = exports(&["variant"], None);
    exports.functions[0].unsupported = Some("variant".to_owned());
    assert!(exports.misfit(&function("\"x: any\"", "none")).unwrap().contains("no value has the type `variant`"));
}

#[test]
fn exports_come_back_from_a_frame() {
    let mut told = exports(&["f64", "string"], Some("bool"));
    told.imports.push("wasi:io/poll@0.2.0".to_owned());
    assert_eq!(Exports::of(&told.value()), Ok(told));
    assert!(Exports::of(&Value::None).is_err());
    for (stop, word) in Stop::ALL {
        assert_eq!((stop.word(), Stop::of(word)), (word, Some(stop)));
    }
}
