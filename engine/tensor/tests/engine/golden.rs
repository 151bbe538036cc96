//! The operations against NumPy and SciPy: `reference.py` beside this folder wrote the cases.
//!
//! Each case also checks that inference agrees with the run, with the constants known and with only the kinds known.

use nexus_tensor::{Arg, BinaryOp, CompareOp, Context, Device, OPS, TensorError};
use serde_json::Value;

use crate::compare::check;
use crate::decode::{arg, index};
use crate::inference;

/// The cases of a fixture.
pub(crate) fn cases(text: &str) -> Vec<Value> {
    serde_json::from_str(text).expect("fixtures are JSON")
}

/// Runs an operation by name or an operator by symbol.
pub(crate) fn run(ctx: &Context, op: &str, args: &[Arg]) -> Result<Arg, TensorError> {
    if let Some(op) = operator(op) {
        return nexus_tensor::binary(ctx, op, &args[0], &args[1]);
    }
    if let Some(op) = comparison(op) {
        return nexus_tensor::compare(ctx, op, &args[0], &args[1]);
    }
    let op = nexus_tensor::find(op).unwrap_or_else(|| panic!("{op} exists"));
    let mut all = args.to_vec();
    all.resize(op.params.len(), Arg::None);
    (op.run)(ctx, &all)
}

pub(crate) fn operator(symbol: &str) -> Option<BinaryOp> {
    Some(match symbol {
        "+" => BinaryOp::Add,
        "-" => BinaryOp::Sub,
        "*" => BinaryOp::Mul,
        "/" => BinaryOp::Div,
        "//" => BinaryOp::FloorDiv,
        "%" => BinaryOp::Rem,
        "**" => BinaryOp::Pow,
        "@" => BinaryOp::MatMul,
        _ => return None,
    })
}

pub(crate) fn comparison(symbol: &str) -> Option<CompareOp> {
    Some(match symbol {
        "==" => CompareOp::Equal,
        "!=" => CompareOp::NotEqual,
        "<" => CompareOp::Less,
        "<=" => CompareOp::LessEqual,
        ">" => CompareOp::Greater,
        ">=" => CompareOp::GreaterEqual,
        _ => return None,
    })
}

/// Runs every case of a fixture on `device`, with `slack` times the tolerance that it names, and reports all that differ.
pub(crate) fn check_all(text: &str, device: Device, slack: f64) {
    let mut wrong = Vec::new();
    for (i, case) in cases(text).iter().enumerate() {
        let ctx = Context::new(device);
        let op = case["op"].as_str().expect("a case names its operation");
        let args: Vec<Arg> = case["args"].as_array().expect("arguments").iter().map(|a| arg(&ctx, a)).collect();
        let tolerance = (case["rtol"].as_f64().unwrap_or(0.0) * slack, case["atol"].as_f64().unwrap_or(0.0) * slack);
        let result = match run(&ctx, op, &args) {
            Ok(Arg::Record(fields)) if case["field"].is_string() => {
                let part = fields.iter().find(|(name, _)| case["field"] == **name).expect("the field");
                check(&part.1, &case["expected"], tolerance).err()
            }
            Ok(result) => check(&result, &case["expected"], tolerance).err(),
            Err(error) => Some(error.to_string()),
        };
        let inferred = inference::agrees(op, &args, &run(&ctx, op, &args));
        for problem in result.into_iter().chain(inferred.err()) {
            wrong.push(format!("case {i}, {op}({}): {problem}", describe(&args)));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

fn describe(args: &[Arg]) -> String {
    args.iter().map(|arg| format!("{arg:?}")).collect::<Vec<_>>().join(", ")
}

macro_rules! golden {
    ($($name:ident),*) => {$(
        #[test]
        fn $name() {
            check_all(include_str!(concat!("../fixtures/", stringify!($name), ".json")), Device::cpu(), 1.0);
        }
    )*};
}

golden!(elementwise, reductions, shaping, products, linalg, statistics, signal, matrix_functions, numpy_linalg);

#[test]
fn indexing() {
    let mut wrong = Vec::new();
    for (i, case) in cases(include_str!("../fixtures/indexing.json")).iter().enumerate() {
        let ctx = Context::new(Device::cpu());
        let Arg::Tensor(x) = arg(&ctx, &case["x"]) else { panic!("x is a tensor") };
        let indices = index(&ctx, &case["index"]);
        let before = x.to_data().expect("reads");
        let result = match case.get("value") {
            None => nexus_tensor::get(&ctx, &x, &indices),
            Some(value) => nexus_tensor::set(&ctx, x.clone(), &indices, &arg(&ctx, value)),
        };
        assert_eq!(x.to_data().expect("reads"), before, "case {i} changed a value that another name holds");
        match result {
            Ok(result) => {
                wrong.extend(check(&Arg::Tensor(result), &case["expected"], (0.0, 0.0)).err().map(|p| (i, p)));
            }
            Err(error) => wrong.push((i, error.to_string())),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Decompositions whose factors are unique only up to signs: their products and orthogonality are checked instead.
#[test]
fn factors_multiply_back() {
    let ctx = Context::new(Device::cpu()).with_seed(3);
    for (rows, columns) in [(1, 1), (6, 4), (4, 6), (40, 40), (3, 0)] {
        for dtype in ["f32", "f64"] {
            let tolerance = if dtype == "f32" { 2e-4 } else { 1e-11 };
            let sizes = Arg::List(vec![Arg::Int(2), Arg::Int(rows), Arg::Int(columns)]);
            let a = run(&ctx, "tensor.randn", &[sizes, Arg::Str(dtype.into())]).expect("random");
            let qr = run(&ctx, "linalg.qr", std::slice::from_ref(&a)).expect("qr");
            near(&ctx, &product(&ctx, &[&field(&qr, "q"), &field(&qr, "r")]), &a, tolerance);
            orthonormal(&ctx, &field(&qr, "q"), tolerance);
            for full in [false, true] {
                let svd = run(&ctx, "linalg.svd", &[a.clone(), Arg::Bool(full)]).expect("svd");
                orthonormal(&ctx, &field(&svd, "u"), tolerance);
                if !full {
                    let (u, s, vt) = (field(&svd, "u"), field(&svd, "s"), field(&svd, "vt"));
                    let s = run(&ctx, "tensor.expand_dims", &[s, Arg::Int(1)]).expect("axis");
                    let us = nexus_tensor::binary(&ctx, BinaryOp::Mul, &u, &s).expect("product");
                    near(&ctx, &product(&ctx, &[&us, &vt]), &a, tolerance);
                }
            }
            let square = product(&ctx, &[&a, &transposed(&ctx, &a)]);
            let eigen = run(&ctx, "linalg.eigh", std::slice::from_ref(&square)).expect("eigh");
            let (values, vectors) = (field(&eigen, "values"), field(&eigen, "vectors"));
            orthonormal(&ctx, &vectors, tolerance);
            let values = run(&ctx, "tensor.expand_dims", &[values, Arg::Int(1)]).expect("axis");
            let scaled = nexus_tensor::binary(&ctx, BinaryOp::Mul, &vectors, &values).expect("product");
            near(&ctx, &product(&ctx, &[&scaled, &transposed(&ctx, &vectors)]), &square, tolerance * 50.0);
        }
    }
}

fn field(record: &Arg, name: &str) -> Arg {
    let Arg::Record(fields) = record else { panic!("a record") };
    fields.iter().find(|(field, _)| &**field == name).expect("the field").1.clone()
}

fn product(ctx: &Context, factors: &[&Arg; 2]) -> Arg {
    nexus_tensor::binary(ctx, BinaryOp::MatMul, factors[0], factors[1]).expect("product")
}

fn transposed(ctx: &Context, a: &Arg) -> Arg {
    let axes = Arg::List(vec![Arg::Int(0), Arg::Int(2), Arg::Int(1)]);
    run(ctx, "tensor.permute", &[a.clone(), axes]).expect("permute")
}

fn near(ctx: &Context, left: &Arg, right: &Arg, tolerance: f64) {
    let close =
        run(ctx, "tensor.isclose", &[left.clone(), right.clone(), Arg::Scalar(tolerance), Arg::Scalar(tolerance)]);
    let all = run(ctx, "tensor.all", &[close.expect("comparable")]).expect("all");
    let Arg::Tensor(all) = all else { panic!("a tensor") };
    assert!(matches!(all.item(), Ok(Arg::Bool(true))), "{left:?} differs from {right:?}");
}

fn orthonormal(ctx: &Context, q: &Arg, tolerance: f64) {
    let Arg::Tensor(tensor) = q else { panic!("a tensor") };
    let n = *tensor.shape().last().expect("axes") as i64;
    let eye = run(ctx, "tensor.eye", &[Arg::Int(n), Arg::None, Arg::Str(tensor.dtype().name().into())]).expect("eye");
    near(ctx, &product(ctx, &[&transposed(ctx, q), q]), &eye, tolerance);
}

/// Every operation has a case here, or a test that names it in this list.
#[test]
fn every_operation_is_tested() {
    let elsewhere = [
        "tensor.rand",
        "tensor.randn",
        "tensor.randint",
        "tensor.ones",
        "tensor.rsqrt",
        "tensor.add",
        "tensor.subtract",
        "tensor.multiply",
        "tensor.divide",
        "tensor.pow",
        "tensor.logical_or",
        "tensor.logical_xor",
        "tensor.matmul",
        "tensor.astype",
        "tensor.item",
        "linalg.qr",
        "linalg.svd",
        "linalg.eigh",
        "linalg.svd_truncated",
        // With their gradients, in nexus-library's tests.
        "tensor.scatter",
        "tensor.scatter_add",
        "tensor.pad",
        "tensor.leaky_relu",
        "linalg.eig",
        "linalg.eigvals",
    ];
    let fixtures = [
        include_str!("../fixtures/elementwise.json"),
        include_str!("../fixtures/reductions.json"),
        include_str!("../fixtures/shaping.json"),
        include_str!("../fixtures/products.json"),
        include_str!("../fixtures/linalg.json"),
        include_str!("../fixtures/statistics.json"),
        include_str!("../fixtures/signal.json"),
        include_str!("../fixtures/matrix_functions.json"),
    ];
    let missing: Vec<&str> = OPS
        .iter()
        .map(|op| op.name)
        .filter(|name| !elsewhere.contains(name) && !fixtures.iter().any(|f| f.contains(&format!("\"{name}\""))))
        .collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
}
