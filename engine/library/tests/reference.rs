//! Results and gradients against what NumPy, SciPy and JAX give (`tests/reference.py` writes the file).
//!
//! Tolerance: 1e-10 relative to the size of the numbers, everything being f64.

use nexus_library::{Algebra, Item, Tape, Var, find};
use nexus_tensor::{Arg, Context, DType, Device, Tensor};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    value["data"].as_array().map(|data| data.iter().filter_map(Value::as_f64).collect()).unwrap_or_default()
}

fn shape(value: &Value) -> Vec<usize> {
    let sizes = value["shape"].as_array().map(|s| s.iter().filter_map(Value::as_u64).map(|n| n as usize).collect());
    sizes.unwrap_or_default()
}

fn item(ctx: &Context, value: &Value) -> Item {
    match value {
        Value::Object(fields) if fields.contains_key("list") => {
            Item::List(value["list"].as_array().expect("a list").iter().map(|v| item(ctx, v)).collect())
        }
        Value::Object(_) => {
            let dtype = if value["bool"] == true { DType::Bool } else { DType::F64 };
            let tensor = Tensor::from_f64s(ctx, dtype, &shape(value), &numbers(value)).expect("it fits");
            Item::Var(Var::Plain(Arg::Tensor(tensor)))
        }
        Value::String(text) => Item::Other(Arg::Str(text.as_str().into())),
        Value::Bool(b) => Item::Other(Arg::Bool(*b)),
        Value::Number(n) => Item::from(Arg::Int(n.as_i64().expect("whole"))),
        _ => Item::Other(Arg::None),
    }
}

/// The numbers of a result, and its shape.
fn read(ctx: &Context, var: &Var) -> (Vec<usize>, Vec<f64>) {
    match var.plain() {
        Arg::Tensor(t) => (t.shape().to_vec(), t.to_f64s(ctx).expect("it is there")),
        Arg::Scalar(x) => (Vec::new(), vec![*x]),
        other => panic!("no number: {other:?}"),
    }
}

fn close(name: &str, what: &str, found: (Vec<usize>, Vec<f64>), expected: &Value) {
    assert_eq!(found.0, shape(expected), "{name}: shape of the {what}");
    for (i, (x, y)) in found.1.iter().zip(numbers(expected)).enumerate() {
        assert!((x - y).abs() <= 1e-10 * y.abs().max(1.0), "{name}: element {i} of the {what}: {x}, expected {y}");
    }
}

#[test]
fn results_and_gradients_are_those_of_numpy_and_jax() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("fixtures/reference.json")).unwrap();
    let ctx = Context::new(Device::cpu());
    let algebra = Algebra::new(&ctx);
    for case in &cases {
        let name = case["op"].as_str().unwrap();
        let op = find(name).unwrap_or_else(|| panic!("{name} exists"));
        let mut args: Vec<Item> = case["args"].as_array().unwrap().iter().map(|v| item(&ctx, v)).collect();
        let plain: Vec<Arg> = args.iter().map(Item::plain).collect();
        let direct = (op.run)(&ctx, &plain).unwrap_or_else(|e| panic!("{name}: {e}"));
        let Item::Var(direct) = Item::from(direct) else { panic!("{name} gives no tensor") };
        close(name, "result", read(&ctx, &direct), &case["result"]);
        let tape = Tape::new(0);
        let mut variables = Vec::new();
        let mut trace = |item: &Item| {
            let Item::Var(x) = item else { panic!("{name}: no tensor") };
            let variable = tape.variable(x.clone()).unwrap();
            variables.push(variable.clone());
            Item::Var(variable)
        };
        for i in case["tensors"].as_array().unwrap() {
            let i = i.as_u64().unwrap() as usize;
            args[i] = match &args[i] {
                Item::List(items) => Item::List(items.iter().map(&mut trace).collect()),
                one => trace(one),
            };
        }
        let Item::Var(result) = algebra.named(op, &args).unwrap() else { panic!("{name} gives no tensor") };
        close(name, "traced result", read(&ctx, &result), &case["result"]);
        let weights: Vec<f64> = (0..result.count()).map(|i| (i + 1) as f64 / 10.0).collect();
        let seed = Tensor::from_f64s(&ctx, DType::F64, result.shape(), &weights).unwrap();
        let gradients = tape.gradients(&algebra, &result, Var::Plain(Arg::Tensor(seed)), &variables).unwrap();
        let expected = case["gradients"].as_array().unwrap();
        assert_eq!(gradients.len(), expected.len());
        for (found, expected) in gradients.iter().zip(expected) {
            close(name, "gradient", read(&ctx, found), expected);
        }
    }
}
