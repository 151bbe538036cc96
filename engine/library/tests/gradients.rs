//! Gradients of operations against central differences: every operation of the table that has a gradient is called on
//! f64 tensors, and its derivative along a random direction is compared with (f(x+h) - f(x-h)) / 2h.
//!
//! Tolerance: 1e-6 relative to the size of the derivative, which is what central differences give in f64 for functions
//! of moderate curvature.

use forward::forward;
use nexus_library::{Algebra, Gradient, Item, Tape, Var, all, find, gradient};
use nexus_tensor::{Arg, Context, DType, Device, Tensor};

mod forward;

/// A reproducible number in (0, 1).
fn unit(state: &mut u64) -> f64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    ((*state >> 11) as f64 + 0.5) / (1u64 << 53) as f64
}

fn tensor(ctx: &Context, shape: &[usize], values: &[f64]) -> Tensor {
    Tensor::from_f64s(ctx, DType::F64, shape, values).expect("the engine computes it")
}

fn random(ctx: &Context, shape: &[usize], low: f64, high: f64, state: &mut u64) -> Tensor {
    let count = shape.iter().product();
    let values: Vec<f64> = (0..count).map(|_| low + (high - low) * unit(state)).collect();
    tensor(ctx, shape, &values)
}

/// The floats of a result, one after the other.
fn floats(ctx: &Context, item: &Item) -> Vec<f64> {
    match item {
        Item::Var(x) if x.is_real() => match x.plain() {
            Arg::Tensor(t) => t.to_f64s(ctx).expect("the engine computes it"),
            Arg::Scalar(v) => vec![*v],
            _ => Vec::new(),
        },
        Item::List(items) => items.iter().flat_map(|item| floats(ctx, item)).collect(),
        Item::Record(fields) => fields.iter().flat_map(|(_, item)| floats(ctx, item)).collect(),
        _ => Vec::new(),
    }
}

/// The real parts of a result as traced values.
fn reals(item: &Item) -> Vec<Var> {
    match item {
        Item::Var(x) if x.is_real() => vec![x.clone()],
        Item::List(items) => items.iter().flat_map(reals).collect(),
        Item::Record(fields) => fields.iter().flat_map(|(_, item)| reals(item)).collect(),
        _ => Vec::new(),
    }
}

/// A smooth number of a result: the sum of sin(w y) with a fixed weight for each place, which every gradient must pass.
fn weighted(ctx: &Context, values: &[f64]) -> f64 {
    let _ = ctx;
    values.iter().enumerate().map(|(i, v)| v * weight(i)).sum()
}

fn weight(i: usize) -> f64 {
    ((i * 7 + 3) % 11) as f64 / 11.0 - 0.4
}

fn traced_number(t: &Algebra<'_>, parts: &[Var]) -> Var {
    let mut start = 0;
    let mut total = Var::scalar(0.0);
    for part in parts {
        let weights: Vec<f64> = (0..part.count()).map(|i| weight(start + i)).collect();
        start += part.count();
        let weights = if part.is_number() {
            Var::scalar(weights[0])
        } else {
            Var::Plain(Arg::Tensor(tensor(t.context(), part.shape(), &weights)))
        };
        let sum = t.number(&t.mul(part, &weights).expect("the engine computes it")).expect("the engine computes it");
        total = t.add(&total, &sum).expect("the engine computes it");
    }
    total
}

/// Compares the gradient of one call with central differences, with respect to all tensors in `at`.
fn check(ctx: &Context, name: &str, args: &[Item], at: &[usize], tolerance: f64) {
    let op = find(name).unwrap_or_else(|| panic!("{name} exists"));
    let algebra = Algebra::new(ctx);
    let tape = Tape::new(0);
    let mut traced = args.to_vec();
    let mut variables = Vec::new();
    for &i in at {
        let Item::Var(x) = &args[i] else { panic!("argument {i} of {name} is no tensor") };
        let variable = tape.variable(x.clone()).expect("the engine computes it");
        variables.push(variable.clone());
        traced[i] = Item::Var(variable);
    }
    let result = algebra.named(op, &traced).unwrap_or_else(|e| panic!("{name}: {e}"));
    let plain = algebra.named(op, args).unwrap_or_else(|e| panic!("{name}: {e}"));
    let (a, b) = (floats(ctx, &result), floats(ctx, &plain));
    assert_eq!(a.len(), b.len(), "{name}: traced and plain results differ in size");
    for (x, y) in a.iter().zip(&b) {
        assert!((x - y).abs() <= 1e-10 * y.abs().max(1.0), "{name}: traced {x}, plain {y}");
    }
    let output = traced_number(&algebra, &reals(&result));
    let seed = tape.seed(&algebra, &output).expect("the engine computes it");
    let gradients = tape.gradients(&algebra, &output, seed, &variables).unwrap_or_else(|e| panic!("{name}: {e}"));
    forward(&algebra, name, (&tape, &output, &variables), &gradients);
    for (&i, found) in at.iter().zip(&gradients) {
        let Item::Var(x) = &args[i] else { unreachable!() };
        let Arg::Tensor(x) = x.plain() else { panic!("{name}: argument {i} must be a tensor") };
        assert_eq!(found.shape(), x.shape(), "{name}: the gradient by argument {i} has another shape");
        let values = x.to_f64s(ctx).expect("the engine computes it");
        let Arg::Tensor(found) = found.plain() else { panic!("{name}: no tensor") };
        let found = found.to_f64s(ctx).expect("the engine computes it");
        for k in 0..values.len() {
            let h = 1e-5;
            let side = |delta: f64| {
                let mut moved = values.clone();
                moved[k] += delta;
                let mut given = args.to_vec();
                given[i] = Item::Var(Var::Plain(Arg::Tensor(tensor(ctx, x.shape(), &moved))));
                weighted(ctx, &floats(ctx, &algebra.named(op, &given).expect("the engine computes it")))
            };
            let expected = (side(h) - side(-h)) / (2.0 * h);
            let scale = expected.abs().max(1.0);
            assert!(
                (found[k] - expected).abs() <= tolerance * scale,
                "{name}: by argument {i}, element {k}: {} by the rule, {expected} by differences",
                found[k]
            );
        }
    }
}

fn ints(values: &[i64]) -> Item {
    Item::Other(Arg::List(values.iter().map(|&v| Arg::Int(v)).collect()))
}

fn none() -> Item {
    Item::Other(Arg::None)
}

fn plain(tensor: Tensor) -> Item {
    Item::Var(Var::Plain(Arg::Tensor(tensor)))
}

fn whole(ctx: &Context, values: &[f64]) -> Item {
    plain(Tensor::from_f64s(ctx, DType::I64, &[values.len()], values).expect("the engine computes it"))
}

const TOLERANCE: f64 = 2e-6;

#[test]
fn elementwise_functions_have_the_derivative_that_differences_show() {
    let ctx = Context::new(Device::cpu());
    let mut state = 1;
    let anywhere = ["exp", "expm1", "square", "neg", "abs", "sin", "cos", "atan", "sinh", "cosh", "tanh", "erf"];
    let units = ["relu", "gelu", "silu", "sigmoid", "softplus", "leaky_relu"];
    for name in anywhere.iter().chain(&units) {
        let x = random(&ctx, &[2, 3], -2.0, 2.0, &mut state);
        check(&ctx, &format!("tensor.{name}"), &[plain(x)], &[0], TOLERANCE);
    }
    for name in ["log", "log1p", "log2", "log10", "sqrt", "rsqrt", "tan", "asin", "acos"] {
        let x = random(&ctx, &[2, 3], 0.2, 0.9, &mut state);
        check(&ctx, &format!("tensor.{name}"), &[plain(x)], &[0], TOLERANCE);
    }
    let shapes: [(&[usize], &[usize]); 5] =
        [(&[2, 3], &[2, 3]), (&[3], &[2, 3]), (&[2, 1], &[3]), (&[], &[2, 2]), (&[2, 0], &[1])];
    for (left, right) in shapes {
        for name in ["add", "subtract", "multiply", "divide", "pow", "maximum", "minimum", "atan2"] {
            let a = random(&ctx, left, 0.3, 2.0, &mut state);
            let b = random(&ctx, right, 0.3, 2.0, &mut state);
            check(&ctx, &format!("tensor.{name}"), &[plain(a), plain(b)], &[0, 1], TOLERANCE);
        }
    }
    let x = random(&ctx, &[3, 3], -2.0, 2.0, &mut state);
    let bounds = [Item::Other(Arg::None), Item::from(Arg::Scalar(0.5))];
    check(&ctx, "tensor.clip", &[plain(x.clone()), Item::from(Arg::Scalar(-0.5)), bounds[1].clone()], &[0], TOLERANCE);
    let mask = nexus_tensor::compare(&ctx, nexus_tensor::CompareOp::Greater, &Arg::Tensor(x.clone()), &Arg::Int(0))
        .expect("the engine computes it");
    let other = random(&ctx, &[3], -2.0, 2.0, &mut state);
    check(&ctx, "tensor.where", &[mask.into(), plain(x), plain(other)], &[1, 2], TOLERANCE);
}

#[test]
fn reductions_have_the_derivative_that_differences_show() {
    let ctx = Context::new(Device::cpu());
    let mut state = 2;
    let axes = [none(), ints(&[1]), ints(&[0, 2]), ints(&[-1])];
    for name in ["sum", "mean", "prod", "max", "min", "norm", "logsumexp"] {
        for axis in &axes {
            for keep in [false, true] {
                let x = random(&ctx, &[2, 3, 2], 0.5, 2.0, &mut state);
                let keep = Item::Other(Arg::Bool(keep));
                check(&ctx, &format!("tensor.{name}"), &[plain(x), axis.clone(), keep], &[0], TOLERANCE);
            }
        }
    }
    for name in ["tensor.var", "tensor.std", "stats.var", "stats.std"] {
        for axis in &axes {
            let x = random(&ctx, &[2, 3, 2], 0.5, 2.0, &mut state);
            check(&ctx, name, &[plain(x), axis.clone(), Item::from(Arg::Int(1))], &[0], TOLERANCE);
        }
    }
    for name in ["cumsum", "cumprod"] {
        for axis in [none(), Item::Other(Arg::Int(1))] {
            let x = random(&ctx, &[2, 5], -1.0, 2.0, &mut state);
            check(&ctx, &format!("tensor.{name}"), &[plain(x), axis], &[0], TOLERANCE);
        }
    }
    // A product with zeros has a derivative too.
    check(&ctx, "tensor.prod", &[plain(tensor(&ctx, &[5], &[2.0, 0.0, 3.0, 1.5, 2.5]))], &[0], TOLERANCE);
    for name in ["softmax", "log_softmax"] {
        for axis in [-1, 0] {
            let x = random(&ctx, &[3, 4], -2.0, 2.0, &mut state);
            check(&ctx, &format!("tensor.{name}"), &[plain(x), Item::Other(Arg::Int(axis))], &[0], TOLERANCE);
        }
    }
    let (x, w) = (random(&ctx, &[3, 4], -2.0, 2.0, &mut state), random(&ctx, &[4], 0.5, 1.5, &mut state));
    check(&ctx, "tensor.layer_norm", &[plain(x), plain(w.clone()), plain(w)], &[0, 1, 2], TOLERANCE);
    check(&ctx, "stats.cov", &[plain(random(&ctx, &[3, 6], -1.0, 1.0, &mut state))], &[0], TOLERANCE);
}

#[test]
fn operations_that_move_elements_give_their_gradients_back() {
    let ctx = Context::new(Device::cpu());
    let mut state = 3;
    let mut x = |shape: &[usize]| plain(random(&ctx, shape, -2.0, 2.0, &mut state));
    let int = |v: i64| Item::Other(Arg::Int(v));
    check(&ctx, "tensor.reshape", &[x(&[2, 6]), ints(&[3, 4])], &[0], TOLERANCE);
    check(&ctx, "tensor.flatten", &[x(&[2, 3])], &[0], TOLERANCE);
    check(&ctx, "tensor.squeeze", &[x(&[1, 3, 1])], &[0], TOLERANCE);
    check(&ctx, "tensor.expand_dims", &[x(&[3]), int(0)], &[0], TOLERANCE);
    check(&ctx, "tensor.transpose", &[x(&[2, 3, 2])], &[0], TOLERANCE);
    check(&ctx, "tensor.permute", &[x(&[2, 3, 4]), ints(&[2, 0, 1])], &[0], TOLERANCE);
    check(&ctx, "tensor.broadcast_to", &[x(&[3, 1]), ints(&[2, 3, 4])], &[0], TOLERANCE);
    check(&ctx, "tensor.flip", &[x(&[2, 3]), ints(&[1])], &[0], TOLERANCE);
    check(&ctx, "tensor.roll", &[x(&[2, 3]), int(2)], &[0], TOLERANCE);
    check(&ctx, "tensor.roll", &[x(&[2, 3]), int(-1), int(1)], &[0], TOLERANCE);
    check(&ctx, "tensor.repeat", &[x(&[2, 3]), int(2), int(1)], &[0], TOLERANCE);
    check(&ctx, "tensor.tile", &[x(&[2, 3]), ints(&[2, 2])], &[0], TOLERANCE);
    check(&ctx, "tensor.slice", &[x(&[5, 2]), int(0), int(1), int(5), int(2)], &[0], TOLERANCE);
    check(&ctx, "tensor.gather", &[x(&[4, 2]), whole(&ctx, &[1.0, 3.0, 1.0])], &[0], TOLERANCE);
    check(&ctx, "tensor.split", &[x(&[6, 2]), int(3)], &[0], TOLERANCE);
    check(&ctx, "tensor.diag", &[x(&[3])], &[0], TOLERANCE);
    check(&ctx, "tensor.diag", &[x(&[3]), int(1)], &[0], TOLERANCE);
    check(&ctx, "tensor.diag", &[x(&[3, 4]), int(-1)], &[0], TOLERANCE);
    check(&ctx, "tensor.tril", &[x(&[3, 3])], &[0], TOLERANCE);
    check(&ctx, "tensor.triu", &[x(&[2, 3, 3]), int(1)], &[0], TOLERANCE);
    check(&ctx, "tensor.trace", &[x(&[3, 3])], &[0], TOLERANCE);
    check(&ctx, "tensor.pad", &[x(&[2, 3]), int(2), Item::from(Arg::Scalar(1.5))], &[0], TOLERANCE);
    check(&ctx, "tensor.sort", &[x(&[3, 4]), int(0)], &[0], TOLERANCE);
    check(&ctx, "tensor.topk", &[x(&[2, 5]), int(3)], &[0], TOLERANCE);
    check(&ctx, "tensor.scatter", &[x(&[4, 2]), whole(&ctx, &[2.0, 0.0]), x(&[2, 2])], &[0, 2], TOLERANCE);
    check(&ctx, "tensor.scatter_add", &[x(&[4, 2]), whole(&ctx, &[2.0, 2.0, 0.0]), x(&[3, 2])], &[0, 2], TOLERANCE);
    check(&ctx, "tensor.item", &[x(&[1])], &[0], TOLERANCE);
}

#[test]
fn products_and_decompositions_have_the_derivative_that_differences_show() {
    let ctx = Context::new(Device::cpu());
    let mut state = 4;
    let mut x = |shape: &[usize]| plain(random(&ctx, shape, -1.0, 1.0, &mut state));
    for (a, b) in
        [(&[2, 3][..], &[3, 4][..]), (&[3], &[3]), (&[3], &[3, 2]), (&[2, 3], &[3]), (&[2, 1, 2, 3], &[4, 3, 2])]
    {
        check(&ctx, "tensor.matmul", &[x(a), x(b)], &[0, 1], TOLERANCE);
    }
    check(&ctx, "tensor.dot", &[x(&[3]), x(&[3])], &[0, 1], TOLERANCE);
    check(&ctx, "tensor.outer", &[x(&[3]), x(&[2])], &[0, 1], TOLERANCE);
    check(&ctx, "tensor.kron", &[x(&[2, 2]), x(&[1, 3])], &[0, 1], TOLERANCE);
    // Matrices with distinct eigenvalues and singular values, far from singular.
    let base = [4.0, 1.0, 0.5, 0.2, 3.0, 0.7, 0.1, 0.4, 1.5];
    let square = || plain(tensor(&ctx, &[3, 3], &base));
    let definite = || plain(tensor(&ctx, &[2, 2, 2], &[4.0, 1.0, 1.0, 3.0, 5.0, -1.0, -1.0, 2.0]));
    check(&ctx, "linalg.solve", &[square(), x(&[3, 2])], &[0, 1], TOLERANCE);
    check(&ctx, "linalg.solve", &[square(), x(&[3])], &[0, 1], TOLERANCE);
    check(&ctx, "linalg.solve", &[definite(), x(&[2, 1])], &[0, 1], TOLERANCE);
    for name in ["linalg.inv", "linalg.det", "linalg.slogdet", "linalg.svdvals", "linalg.pinv", "linalg.cond"] {
        check(&ctx, name, &[square()], &[0], TOLERANCE);
    }
    check(&ctx, "linalg.pinv", &[x(&[4, 2])], &[0], 1e-5);
    check(&ctx, "linalg.pinv", &[x(&[2, 4])], &[0], 1e-5);
    check(&ctx, "linalg.svd", &[x(&[4, 3]), Item::Other(Arg::Bool(false))], &[0], 1e-4);
    check(&ctx, "linalg.svd", &[x(&[2, 4]), Item::Other(Arg::Bool(false))], &[0], 1e-4);
    check(&ctx, "linalg.qr", &[square()], &[0], TOLERANCE);
    check(&ctx, "linalg.qr", &[x(&[4, 2])], &[0], 1e-5);
    for ord in [none(), Item::Other(Arg::Str("nuc".into())), Item::from(Arg::Int(2))] {
        check(&ctx, "linalg.norm", &[square(), ord], &[0], TOLERANCE);
    }
    check(&ctx, "linalg.norm", &[x(&[2, 4]), Item::from(Arg::Int(3)), ints(&[1])], &[0], TOLERANCE);
}

#[test]
fn spectra_and_what_is_made_of_them_have_the_derivative_that_differences_show() {
    let ctx = Context::new(Device::cpu());
    let mut state = 6;
    let mut x = |shape: &[usize]| plain(random(&ctx, shape, -1.0, 1.0, &mut state));
    let int = |v: i64| Item::Other(Arg::Int(v));
    let word = |text: &str| Item::Other(Arg::Str(text.into()));
    for norm in ["backward", "ortho", "forward"] {
        for name in ["signal.fft", "signal.ifft", "signal.rfft", "signal.irfft"] {
            for n in [none(), int(4), int(7)] {
                check(&ctx, name, &[x(&[2, 5]), n.clone(), int(-1), word(norm)], &[0], TOLERANCE);
                check(&ctx, name, &[x(&[5, 2]), n, int(0), word(norm)], &[0], TOLERANCE);
            }
        }
        for name in ["signal.fft2", "signal.ifft2"] {
            check(&ctx, name, &[x(&[2, 3, 4]), none(), word(norm)], &[0], TOLERANCE);
            check(&ctx, name, &[x(&[2, 3, 4]), ints(&[0, -1]), word(norm)], &[0], TOLERANCE);
        }
    }
    for mode in ["full", "same", "valid"] {
        for name in ["signal.convolve", "signal.correlate"] {
            check(&ctx, name, &[x(&[2, 6]), x(&[3]), word(mode)], &[0, 1], TOLERANCE);
            check(&ctx, name, &[x(&[4, 3]), x(&[2, 5]), word(mode), ints(&[0, 1])], &[0, 1], TOLERANCE);
        }
    }
    for name in ["signal.fftshift", "signal.ifftshift"] {
        check(&ctx, name, &[x(&[3, 4]), none()], &[0], TOLERANCE);
    }
    for name in ["complex.abs", "complex.conj", "complex.exp"] {
        check(&ctx, name, &[x(&[3])], &[0], TOLERANCE);
    }
    check(&ctx, "complex.mul", &[x(&[3]), x(&[2, 1])], &[0, 1], TOLERANCE);
    check(&ctx, "complex.div", &[x(&[3]), plain(tensor(&ctx, &[3], &[2.0, -3.0, 0.7]))], &[0, 1], TOLERANCE);
    check(&ctx, "linalg.expm", &[x(&[3, 3])], &[0], TOLERANCE);
    check(&ctx, "linalg.expm", &[x(&[2, 2, 2])], &[0], TOLERANCE);
}

/// The size of a spectrum as a function of its signal goes through records: a transform, a product, an absolute value.
#[test]
fn gradients_pass_through_complex_values() {
    let ctx = Context::new(Device::cpu());
    let t = Algebra::new(&ctx);
    let call = |name: &str, args: &[Item]| t.named(find(name).expect("it exists"), args).expect("it runs");
    let function = |x: &Item, y: &Item| -> Var {
        let (a, b) = (call("signal.fft", std::slice::from_ref(x)), call("signal.ifft", std::slice::from_ref(y)));
        let (grown, mirrored) = (call("complex.exp", std::slice::from_ref(&b)), call("complex.conj", &[a]));
        let turned = call("complex.div", &[grown, mirrored]);
        let joined = call("complex.mul", &[turned, b]);
        let Item::Var(size) = call("complex.abs", std::slice::from_ref(&joined)) else { panic!("a tensor") };
        let Item::Var(angle) = call("complex.angle", &[joined]) else { panic!("a tensor") };
        traced_number(&t, &[size, angle])
    };
    let (x, y) = ([0.4, -1.0, 2.0, 0.3, 0.9], [1.0, 0.2, -0.7, 0.1, 0.5]);
    let point = |values: &[f64]| plain(tensor(&ctx, &[5], values));
    let tape = Tape::new(0);
    let Item::Var(start) = point(&x) else { panic!("a tensor") };
    let variable = tape.variable(start).expect("it is followed");
    let output = function(&Item::Var(variable.clone()), &point(&y));
    let seed = tape.seed(&t, &output).expect("one number");
    let found = tape.gradients(&t, &output, seed, &[variable]).expect("all have gradients").remove(0);
    let Arg::Tensor(found) = found.plain() else { panic!("a tensor") };
    for (k, found) in found.to_f64s(&ctx).expect("it is there").into_iter().enumerate() {
        let side = |h: f64| {
            let mut moved = x;
            moved[k] += h;
            match function(&point(&moved), &point(&y)).plain() {
                Arg::Scalar(value) => *value,
                other => panic!("{other:?} is no number"),
            }
        };
        let expected = (side(1e-5) - side(-1e-5)) / 2e-5;
        assert!((found - expected).abs() < 2e-6 * expected.abs().max(1.0), "{k}: {found}, {expected}");
    }
}

/// Only the lower triangle is read, so differences are taken along symmetric directions.
#[test]
fn symmetric_factors_have_the_derivative_along_symmetric_directions() {
    let ctx = Context::new(Device::cpu());
    let algebra = Algebra::new(&ctx);
    let base = [4.0, 1.0, 0.5, 1.0, 3.0, 0.7, 0.5, 0.7, 1.5];
    for name in ["linalg.cholesky", "linalg.eigh"] {
        let op = find(name).expect("the engine computes it");
        let value = |values: &[f64]| {
            weighted(
                &ctx,
                &floats(
                    &ctx,
                    &algebra.named(op, &[plain(tensor(&ctx, &[3, 3], values))]).expect("the engine computes it"),
                ),
            )
        };
        let tape = Tape::new(0);
        let variable =
            tape.variable(Var::Plain(Arg::Tensor(tensor(&ctx, &[3, 3], &base)))).expect("the engine computes it");
        let result = algebra.named(op, &[Item::Var(variable.clone())]).expect("the engine computes it");
        let output = traced_number(&algebra, &reals(&result));
        let seed = tape.seed(&algebra, &output).expect("the engine computes it");
        let found = tape.gradients(&algebra, &output, seed, &[variable]).expect("the engine computes it");
        let Arg::Tensor(found) = found[0].plain() else { panic!("no tensor") };
        let found = found.to_f64s(&ctx).expect("the engine computes it");
        for (i, j) in [(0, 0), (0, 1), (1, 1), (0, 2), (1, 2), (2, 2)] {
            let moved = |h: f64| {
                let mut values = base;
                values[i * 3 + j] += h;
                if i != j {
                    values[j * 3 + i] += h;
                }
                value(&values)
            };
            let expected = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            let sum = if i == j { found[i * 3 + j] } else { found[i * 3 + j] + found[j * 3 + i] };
            assert!((sum - expected).abs() < 2e-6 * expected.abs().max(1.0), "{name} {i} {j}: {sum}, {expected}");
        }
    }
}

/// The second derivative by a tape inside a tape, against differences of the first.
#[test]
fn tapes_inside_each_other_give_second_derivatives() {
    let ctx = Context::new(Device::cpu());
    let algebra = Algebra::new(&ctx);
    let first = |x: &Var, level: u32| -> Var {
        let tape = Tape::new(level);
        let variable = tape.variable(x.clone()).expect("the engine computes it");
        // sum(tanh(x)³ softmax(x)) + logsumexp(x²)
        let named = |name: &str, v: &Var| match algebra
            .named(find(name).expect("the engine computes it"), &[Item::Var(v.clone())])
            .expect("the engine computes it")
        {
            Item::Var(v) => v,
            _ => panic!("{name} gives a tensor"),
        };
        let cube = algebra
            .binary(nexus_tensor::BinaryOp::Pow, &named("tensor.tanh", &variable), &Var::scalar(3.0))
            .expect("the engine computes it");
        let left = algebra
            .number(&algebra.mul(&cube, &named("tensor.softmax", &variable)).expect("the engine computes it"))
            .expect("the engine computes it");
        let right = algebra
            .number(&named("tensor.logsumexp", &named("tensor.square", &variable)))
            .expect("the engine computes it");
        let output = algebra.add(&left, &right).expect("the engine computes it");
        let seed = tape.seed(&algebra, &output).expect("the engine computes it");
        tape.gradients(&algebra, &output, seed, &[variable]).expect("the engine computes it").remove(0)
    };
    let values = [0.3, -0.8, 1.2];
    let point = |values: &[f64]| Var::Plain(Arg::Tensor(tensor(&ctx, &[3], values)));
    for row in 0..3 {
        let tape = Tape::new(0);
        let variable = tape.variable(point(&values)).expect("the engine computes it");
        let gradient = first(&variable, 1);
        let mut unit = [0.0; 3];
        unit[row] = 1.0;
        let second =
            tape.gradients(&algebra, &gradient, point(&unit), &[variable]).expect("the engine computes it").remove(0);
        let Arg::Tensor(second) = second.plain() else { panic!("no tensor") };
        for (column, found) in second.to_f64s(&ctx).expect("the engine computes it").into_iter().enumerate() {
            let side = |h: f64| {
                let mut moved = values;
                moved[column] += h;
                let Var::Plain(Arg::Tensor(g)) = first(&point(&moved), 0) else { panic!("no tensor") };
                g.to_f64s(&ctx).expect("the engine computes it")[row]
            };
            let expected = (side(1e-5) - side(-1e-5)) / 2e-5;
            assert!((found - expected).abs() < 1e-6 * expected.abs().max(1.0), "{row} {column}: {found}, {expected}");
        }
    }
}

/// What is not differentiable by design is on a list, so that a new operation cannot be forgotten.
#[test]
fn every_operation_has_a_gradient_or_is_known_to_have_none() {
    let without = "
        analysis.integrate analysis.minimize analysis.ode analysis.root analysis.solve linalg.eig
        linalg.eigvals linalg.lstsq linalg.lu linalg.svd_truncated optim.adam optim.adamw optim.sgd
        optim.update stats.anova stats.categorical stats.chi2_contingency stats.chi2_test stats.corrcoef
        stats.diagnose stats.fisher_exact stats.kruskal stats.ks_test stats.levene stats.mann_whitney
        stats.median stats.moments stats.monte_carlo stats.normality stats.nuts stats.pearson
        stats.posterior stats.quantile stats.spearman stats.t_test stats.wilcoxon tensor.arange
        tensor.linspace tensor.logspace
    ";
    let without: Vec<&str> = without.split_whitespace().collect();
    let missing: Vec<&str> =
        all().filter(|op| matches!(gradient(op.name), Gradient::Missing)).map(|op| op.name).collect();
    let mut missing = missing;
    missing.sort_unstable();
    assert_eq!(missing, without);
}

#[test]
fn an_operation_without_a_gradient_refuses_traced_arguments() {
    let ctx = Context::new(Device::cpu());
    let algebra = Algebra::new(&ctx);
    let tape = Tape::new(0);
    let x = tape
        .variable(Var::Plain(Arg::Tensor(tensor(&ctx, &[2, 2], &[1.0, 2.0, 3.0, 4.0]))))
        .expect("the engine computes it");
    let error = algebra.named(find("linalg.lu").expect("the engine computes it"), &[Item::Var(x)]).unwrap_err();
    assert!(error.to_string().contains("linalg.lu"), "{error}");
}
