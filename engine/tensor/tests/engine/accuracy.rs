//! Elementary functions against values with more digits than a float has (`tests/functions.py` made them).

use nexus_tensor::{Arg, Context, DType, Device, Tensor, TensorData, UnaryOp, unary};

/// Functions with the largest error that is allowed in units of the last place, in f64 and in f32. Near their zeros sine,
/// cosine and tangent in f32 are bounded by an epsilon of 1 instead.
const BOUNDS: [(&str, UnaryOp, f64, f64); 15] = [
    ("exp", UnaryOp::Exp, 1.5, 2.0),
    ("expm1", UnaryOp::Expm1, 2.0, 4.0),
    ("log", UnaryOp::Log, 1.5, 2.0),
    ("log1p", UnaryOp::Log1p, 2.0, 4.0),
    ("sin", UnaryOp::Sin, 2.0, 2.0),
    ("cos", UnaryOp::Cos, 2.0, 2.0),
    ("tan", UnaryOp::Tan, 4.0, 1.0),
    ("sinh", UnaryOp::Sinh, 3.0, 1.0),
    ("cosh", UnaryOp::Cosh, 3.0, 1.0),
    ("tanh", UnaryOp::Tanh, 3.0, 8.0),
    ("erf", UnaryOp::Erf, 1.0, 8.0),
    ("log2", UnaryOp::Log2, 1.0, 1.0),
    ("log10", UnaryOp::Log10, 1.5, 1.0),
    ("sigmoid", UnaryOp::Sigmoid, 3.0, 4.0),
    ("softplus", UnaryOp::Softplus, 3.0, 5.0),
];

const FIXTURE: &str = include_str!("../fixtures/functions.txt");

/// Arguments and values of a function.
fn points(name: &str) -> Vec<(f64, f64)> {
    let lines = FIXTURE.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let float = |bits: &str| f64::from_bits(u64::from_str_radix(bits, 16).expect("hexadecimal"));
    lines.filter(|words| words[0] == name).map(|words| (float(words[1]), float(words[2]))).collect()
}

fn apply(op: UnaryOp, dtype: DType, bytes: Vec<u8>) -> Vec<f64> {
    let ctx = Context::new(Device::cpu());
    let data = TensorData::new(dtype, vec![bytes.len() / dtype.size()], bytes).expect("whole elements");
    let tensor = Tensor::from_data(&ctx, &data).expect("small");
    match unary(&ctx, op, &Arg::Tensor(tensor)).expect("computes") {
        Arg::Tensor(result) => {
            let data = result.to_data().expect("reads");
            (0..data.len()).map(|i| data.get_f64(i).expect("a float")).collect()
        }
        other => panic!("{other:?}"),
    }
}

/// The largest error in units of the last place of `digits` binary digits.
fn worst(points: &[(f64, f64)], found: &[f64], digits: i32, tiny: f64, floor: f64) -> (f64, f64) {
    let errors = points.iter().zip(found).map(|(&(x, exact), &found)| {
        let size = exact.abs().max(tiny).max(floor);
        let unit = 2f64.powf(size.log2().floor() - f64::from(digits - 1));
        ((found - exact).abs() / unit, x)
    });
    errors.fold((0.0, 0.0), |worst, error| if error.0 > worst.0 { error } else { worst })
}

#[test]
fn functions_of_f64_are_within_their_bounds() {
    for (name, op, bound, _) in BOUNDS {
        let points = points(name);
        assert!(points.len() > 100, "{name} has a fixture");
        let found = apply(op, DType::F64, points.iter().flat_map(|(x, _)| x.to_ne_bytes()).collect());
        let (error, x) = worst(&points, &found, 53, f64::MIN_POSITIVE, 0.0);
        assert!(error <= bound, "{name}({x:e}) is off by {error} units");
    }
}

#[test]
fn functions_of_f32_are_within_their_bounds() {
    for (name, op, _, bound) in BOUNDS {
        let limit = f64::from(f32::MAX);
        let fits = |&(x, y): &(f64, f64)| f64::from(x as f32) == x && x.abs() < limit && y.abs() < limit;
        let points: Vec<(f64, f64)> = points(name).into_iter().filter(fits).collect();
        assert!(points.len() > 40, "{name} has a fixture");
        let found = apply(op, DType::F32, points.iter().flat_map(|(x, _)| (*x as f32).to_ne_bytes()).collect());
        let near_one = if matches!(name, "sin" | "cos") { 1.0 } else { 0.0 };
        let (error, x) = worst(&points, &found, 24, f64::from(f32::MIN_POSITIVE), near_one);
        assert!(error <= bound, "{name}({x:e}) is off by {error} units");
    }
}

/// What IEEE 754 says of the values at the edge, in both floats.
#[test]
fn special_values_follow_the_standard() {
    let (inf, nan) = (f64::INFINITY, f64::NAN);
    for (op, x, expected) in [
        (UnaryOp::Exp, -inf, 0.0),
        (UnaryOp::Exp, inf, inf),
        (UnaryOp::Exp, 0.0, 1.0),
        (UnaryOp::Expm1, -inf, -1.0),
        (UnaryOp::Expm1, inf, inf),
        (UnaryOp::Log, 0.0, -inf),
        (UnaryOp::Log, inf, inf),
        (UnaryOp::Log, 1.0, 0.0),
        (UnaryOp::Log, -1.0, nan),
        (UnaryOp::Log1p, -1.0, -inf),
        (UnaryOp::Log1p, inf, inf),
        (UnaryOp::Log1p, -2.0, nan),
        (UnaryOp::Tanh, inf, 1.0),
        (UnaryOp::Tanh, -inf, -1.0),
        (UnaryOp::Sinh, -inf, -inf),
        (UnaryOp::Cosh, -inf, inf),
        (UnaryOp::Sin, inf, nan),
        (UnaryOp::Cos, -inf, nan),
        (UnaryOp::Tan, inf, nan),
        (UnaryOp::Erf, -inf, -1.0),
        (UnaryOp::Sigmoid, -inf, 0.0),
        (UnaryOp::Sigmoid, inf, 1.0),
        (UnaryOp::Softplus, inf, inf),
        (UnaryOp::Softplus, -inf, 0.0),
    ] {
        for (dtype, bytes) in [(DType::F64, x.to_ne_bytes().to_vec()), (DType::F32, (x as f32).to_ne_bytes().to_vec())]
        {
            let found = apply(op, dtype, bytes)[0];
            assert!(found == expected || (found.is_nan() && expected.is_nan()), "{op:?}({x}) in {dtype} is {found}");
        }
    }
    // NaN stays NaN, and the sign of zero survives in the odd functions.
    for (_, op, ..) in BOUNDS {
        assert!(apply(op, DType::F64, nan.to_ne_bytes().to_vec())[0].is_nan(), "{op:?}(NaN) in f64");
        assert!(apply(op, DType::F32, f32::NAN.to_ne_bytes().to_vec())[0].is_nan(), "{op:?}(NaN) in f32");
    }
    for op in [UnaryOp::Sin, UnaryOp::Tan, UnaryOp::Sinh, UnaryOp::Tanh, UnaryOp::Expm1, UnaryOp::Log1p, UnaryOp::Erf] {
        assert!(apply(op, DType::F64, (-0.0f64).to_ne_bytes().to_vec())[0].is_sign_negative(), "{op:?}(-0) in f64");
        assert!(apply(op, DType::F32, (-0.0f32).to_ne_bytes().to_vec())[0].is_sign_negative(), "{op:?}(-0) in f32");
    }
    // Results below the normal range are not flushed to zero.
    assert!(apply(UnaryOp::Exp, DType::F64, (-740.0f64).to_ne_bytes().to_vec())[0] > 0.0);
    // Beyond the angles that are reduced in vectors the library's are taken.
    let far = apply(UnaryOp::Sin, DType::F64, 1e22f64.to_ne_bytes().to_vec())[0];
    assert!((far + 0.852_200_849_767_188_8).abs() < 1e-15, "sin(1e22) is {far}");
}
