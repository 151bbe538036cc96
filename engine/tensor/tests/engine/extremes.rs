//! Numbers that are very large, very small or none at all. What is expected is NumPy's, computed in f64.

use nexus_model::{DType, LimitLevel, Limits};
use nexus_tensor::{Arg, Context, Device, TensorError};

use crate::golden::run;

fn list(numbers: &[f64]) -> Arg {
    Arg::List(numbers.iter().map(|number| Arg::Scalar(*number)).collect())
}

fn context() -> Context {
    Context::new(Device::cpu())
}

fn tensor(ctx: &Context, numbers: &[f64], dtype: DType) -> Arg {
    run(ctx, "tensor.from_list", &[list(numbers), Arg::Str(dtype.name().into())]).expect("the numbers fit")
}

fn numbers(arg: Arg) -> Vec<f64> {
    match arg {
        Arg::Tensor(tensor) => {
            let data = tensor.to_data().expect("it can be read");
            (0..data.len()).map(|at| data.get_f64(at).expect("a number")).collect()
        }
        Arg::Scalar(number) => vec![number],
        other => panic!("{other:?} is no tensor"),
    }
}

#[test]
fn a_layer_of_any_size_of_numbers_is_normalised() {
    let ctx = context();
    let expected = [0.169_030_851, -1.183_215_957, 1.521_277_659, -0.507_092_553];
    let normalised = |dtype, size: f64, epsilon: f64| {
        let row = [1.0, -1.0, 3.0, 0.0].map(|number| number * size);
        let arguments = [tensor(&ctx, &row, dtype), Arg::None, Arg::None, Arg::Scalar(epsilon)];
        numbers(run(&ctx, "tensor.layer_norm", &arguments).expect("it has a norm"))
    };
    for (dtype, size, epsilon) in [
        (DType::F32, 1e20, 1e-5),
        (DType::F32, 1e38, 1e-5),
        (DType::F32, 1e-30, 0.0),
        (DType::F64, 1e200, 1e-5),
        (DType::F64, 1e-200, 0.0),
        (DType::F32, 1e3, 0.0),
    ] {
        for (found, expected) in normalised(dtype, size, epsilon).iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{dtype} {size:e}: {found} and not {expected}");
        }
    }
    // What is small beside epsilon stays small.
    let small = normalised(DType::F32, 1e-30, 1e-5);
    assert!((small[2] / (2.25e-30 / 1e-5f64.sqrt()) - 1.0).abs() < 1e-5, "{small:?}");
    let constant = [tensor(&ctx, &[1e30; 3], DType::F32)];
    assert_eq!(numbers(run(&ctx, "tensor.layer_norm", &constant).expect("it has one")), [0.0; 3]);
}

#[test]
fn numbers_that_a_dtype_does_not_hold_are_refused() {
    let ctx = context();
    let refused = |numbers: &[f64], dtype: DType| {
        let arguments = [list(numbers), Arg::Str(dtype.name().into())];
        run(&ctx, "tensor.from_list", &arguments).map(|_| ()).expect_err("it does not fit").to_string()
    };
    assert!(refused(&[1.0, 300.0], DType::U8).contains("holds 300.0, but u8 goes from 0 to 255"));
    assert!(refused(&[-1.0], DType::U8).contains("-1"));
    assert!(refused(&[2_147_483_648.0], DType::I32).contains("2147483647"));
    assert!(refused(&[f64::NAN], DType::I64).contains("NaN"));
    assert!(refused(&[9_223_372_036_854_775_808.0], DType::I64).contains("i64 goes from"));
    assert_eq!(numbers(tensor(&ctx, &[255.9, 0.0], DType::U8)), [255.0, 0.0], "a fraction is cut off");
    let least = tensor(&ctx, &[-2_147_483_648.0], DType::I32);
    assert_eq!(numbers(least), [-2_147_483_648.0]);
}

#[test]
fn norms_of_nothing_are_zero_where_they_have_no_least() {
    let ctx = context();
    let norm = |order: Arg| run(&ctx, "linalg.norm", &[tensor(&ctx, &[], DType::F64), order]);
    for order in [Arg::None, Arg::Int(1), Arg::Str("inf".into())] {
        assert_eq!(numbers(norm(order).expect("it is 0")), [0.0]);
    }
    assert!(norm(Arg::Str("-inf".into())).is_err());
}

#[test]
fn a_product_of_kronecker_that_is_too_large_is_refused_before_anything_is_made() {
    let ctx = Context::new(Device::cpu()).with_limits(&Limits::level(LimitLevel::High));
    let shape = Arg::List(vec![Arg::Int(1000), Arg::Int(500)]);
    let x = run(&ctx, "tensor.ones", &[shape]).expect("2 MB");
    let before = ctx.meter().peak_bytes();
    let error = run(&ctx, "tensor.kron", &[x.clone(), x]).expect_err("10^12 entries");
    assert!(matches!(error, TensorError::Limit(_)), "{error}");
    assert_eq!(ctx.meter().peak_bytes(), before);
}
