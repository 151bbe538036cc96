//! Components made of text: what is called, what ends a call, and what is refused.

use nexus_model::{DType, TensorData, Value};

use crate::{Component, Limits, WasmError};

const SHAPES: &str = include_str!("shapes.wat");
const LIMITS: Limits = Limits { fuel: 10_000_000, memory_bytes: 4 << 20 };

fn compiled(text: &str) -> Result<Component, WasmError> {
    Component::compile(&wat::parse_str(text).unwrap(), LIMITS)
}

fn call(function: &str, arguments: &[Value]) -> Result<Value, WasmError> {
    compiled(SHAPES).unwrap().call(function, arguments)
}

fn said(function: &str, arguments: &[Value]) -> String {
    call(function, arguments).unwrap_err().to_string()
}

#[test]
fn values_of_every_kind_go_there_and_back() {
    let floats: Vec<u8> = [1.5f32, f32::INFINITY, -0.0].iter().flat_map(|number| number.to_le_bytes()).collect();
    let tensor = Value::Tensor(TensorData::new(DType::F32, vec![3, 1], floats).unwrap());
    let list = |items: &[f64]| Value::List(items.iter().map(|item| Value::Scalar(*item)).collect());
    for (function, value) in [
        ("same_text", Value::String("größer".to_owned())),
        ("same_text", Value::String(String::new())),
        ("same_list", list(&[1.0, -2.5])),
        ("same_list", list(&[])),
        ("same_tensor", tensor),
        ("same_int", Value::Int(i64::MIN)),
        ("same_large", Value::Int(i64::MAX)),
        ("same_byte", Value::Int(255)),
        ("same_bool", Value::Bool(true)),
    ] {
        assert_eq!(call(function, std::slice::from_ref(&value)), Ok(value), "{function}");
    }
    assert_eq!(call("area", &[Value::Int(2), Value::Scalar(3.5)]), Ok(Value::Scalar(7.0)));
    assert_eq!(call("area", &[Value::Int(2), Value::String("Infinity".into())]), Ok(Value::Scalar(f64::INFINITY)));
    assert_eq!(call("nothing", &[]), Ok(Value::None));
}

#[test]
fn a_call_begins_with_fresh_memory() {
    let component = compiled(SHAPES).unwrap();
    let text = Value::String("x".repeat(3 << 20));
    for _ in 0..3 {
        assert_eq!(component.call("same_text", std::slice::from_ref(&text)), Ok(text.clone()));
    }
}

#[test]
fn the_error_of_a_result_is_what_the_function_says() {
    assert_eq!(call("root", &[Value::Scalar(9.0)]), Ok(Value::Scalar(3.0)));
    assert_eq!(call("root", &[Value::Scalar(-1.0)]), Err(WasmError::Failed("no".to_owned())));
}

#[test]
fn what_ends_a_call_has_its_place() {
    let spin = "it used up its fuel of 10000000 (in `spin`)";
    assert_eq!(said("spin", &[]), spin);
    assert_eq!(said("grow", &[]), "it asked for more memory than its 4 MiB (in `grow`)");
    let crash = "it was ended: wasm `unreachable` instruction executed (in `inner`, called by `crash`)";
    assert_eq!(said("crash", &[]), crash);
    assert!(said("deep", &[]).starts_with("it was ended: call stack exhausted (in `deep`, called by `deep`"));
    let large = Value::String("x".repeat(5 << 20));
    assert!(matches!(call("same_text", &[large]), Err(WasmError::OutOfMemory { .. })), "arguments count as well");
}

#[test]
fn fuel_ends_a_call_at_the_same_place_every_time() {
    let bytes = wat::parse_str(SHAPES).unwrap();
    let enough = |fuel| {
        let component = Component::compile(&bytes, Limits { fuel, ..LIMITS }).unwrap();
        component.call("area", &[Value::Int(1), Value::Int(1)]).is_ok()
    };
    let least = (0..1000).find(|fuel| enough(*fuel)).unwrap();
    assert!((1..100).contains(&least) && enough(least) && !enough(least - 1), "{least}");
}

#[test]
fn arguments_that_do_not_fit_are_refused_before_anything_runs() {
    for (function, arguments, reason) in [
        ("area", vec![Value::Int(1)], "`area` takes 2 arguments, not 1"),
        ("area", vec![Value::Int(1), Value::Bool(true)], "argument 2 of `area`: a value of kind bool is no f64"),
        ("same-byte", vec![Value::Int(1)], "it exports no function `same-byte`; it exports area, same-text"),
        ("same_byte", vec![Value::Int(256)], "argument 1 of `same-byte`: 256 is out of the range of u8"),
        ("same_large", vec![Value::Int(-1)], "-1 is out of the range of u64"),
        ("same_list", vec![Value::List(vec![Value::None])], "item 1: a value of kind none is no f64"),
        ("same_tensor", vec![Value::Int(1)], "is no record { shape: list<u64>, data: list<f32> }"),
        ("colour_of", vec![Value::Int(1)], "`colour_of` has the type `enum`, which no value has"),
    ] {
        let error = said(function, &arguments);
        assert!(error.contains(reason), "{function}: {error}");
    }
    assert!(said("same_large", &[Value::Int(i64::MIN)]).contains("range of u64"));
}

#[test]
fn an_interface_is_told_in_the_words_of_wit() {
    let component = compiled(SHAPES).unwrap();
    let function = |name: &str| {
        let function = component.interface().functions.iter().find(|function| function.name == name).unwrap();
        let types: Vec<String> = function.parameters.iter().chain(&function.returns).map(ToString::to_string).collect();
        (types.join("; "), function.can_fail)
    };
    assert_eq!(function("area"), ("f64; f64; f64".to_owned(), false));
    assert_eq!(function("root"), ("f64; f64".to_owned(), true));
    let tensor = "record { shape: list<u64>, data: list<f32> }";
    assert_eq!(function("same-tensor").0, format!("{tensor}; {tensor}"));
    assert_eq!(component.interface().imports, Vec::<String>::new());
}

#[test]
fn what_is_no_component_is_refused() {
    let refused = |bytes: &[u8]| Component::compile(bytes, LIMITS).map(|_| ()).unwrap_err();
    assert_eq!(refused(b""), WasmError::NotWasm);
    assert_eq!(refused(b"#!/bin/sh"), WasmError::NotWasm);
    assert_eq!(refused(&wat::parse_str("(module)").unwrap()), WasmError::CoreModule);
    let whole = wat::parse_str(SHAPES).unwrap();
    for end in (4..whole.len()).step_by(97) {
        assert!(matches!(refused(&whole[..end]), WasmError::Invalid(_)), "{end}");
    }
    let mut damaged = whole.clone();
    damaged[20..40].fill(0xff);
    assert!(matches!(refused(&damaged), WasmError::Invalid(_)));
}

#[test]
fn what_imports_functions_is_not_called() {
    let text = "(component
        (import \"wasi:cli/environment@0.2.0\" (instance (export \"get\" (func (result u32)))))
        (import \"types\" (instance (type $t (record (field \"x\" u32))) (export \"t\" (type (eq $t))))))";
    let component = compiled(text).unwrap();
    assert_eq!(component.interface().imports, ["wasi:cli/environment@0.2.0"], "types alone are given");
    let refused = component.call("f", &[]).unwrap_err().to_string();
    assert_eq!(refused, "it imports wasi:cli/environment@0.2.0, and a module is given nothing");
}

#[test]
fn memory_of_several_memories_counts_together() {
    let text = "(component
        (core module $m (memory 40) (func (export \"f\")))
        (core instance (instantiate $m))
        (core instance $i (instantiate $m))
        (func (export \"f\") (canon lift (core func $i \"f\"))))";
    let refused = compiled(text).unwrap().call("f", &[]).unwrap_err();
    assert!(matches!(refused, WasmError::OutOfMemory { .. }), "{refused}");
}
