//! Fourier transforms of sizes that no fixture holds, against the definition, and truncated decompositions against whole
//! ones.
//!
//! Tolerances: 1e-14 of the largest element in f64 and 1e-6 in f32, which a direct sum in f64 tells apart from a wrong
//! factor (those show at 1e-3 or more).

use nexus_tensor::{Arg, BinaryOp, Context, DType, Device, Tensor, TensorError};

use crate::golden::run;

fn tensor(ctx: &Context, dtype: DType, shape: &[usize], values: &[f64]) -> Arg {
    Arg::Tensor(Tensor::from_f64s(ctx, dtype, shape, values).expect("it fits"))
}

fn field(record: &Arg, name: &str) -> Arg {
    let Arg::Record(fields) = record else { panic!("a record, not {record:?}") };
    fields.iter().find(|(field, _)| &**field == name).expect("the field").1.clone()
}

fn floats(ctx: &Context, arg: &Arg) -> Vec<f64> {
    let Arg::Tensor(tensor) = arg else { panic!("a tensor, not {arg:?}") };
    tensor.to_f64s(ctx).expect("it is there")
}

/// Numbers in (-1, 1) that f32 holds too.
fn numbers(count: usize, seed: u64) -> Vec<f64> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from(((state >> 41) as f32) / (1 << 22) as f32 - 1.0)
    };
    (0..count).map(|_| next()).collect()
}

/// One element of a transform by its definition, the angle taken modulo a turn in whole numbers.
fn defined(re: &[f64], im: &[f64], k: usize) -> [f64; 2] {
    let n = re.len();
    let mut sum = [0.0; 2];
    for (j, (x, y)) in re.iter().zip(im).enumerate() {
        let angle = -std::f64::consts::TAU * ((j as u128 * k as u128 % n as u128) as f64) / n as f64;
        let (s, c) = angle.sin_cos();
        sum[0] += x * c - y * s;
        sum[1] += x * s + y * c;
    }
    sum
}

#[test]
fn long_transforms_are_those_of_the_definition_and_come_back() {
    let ctx = Context::new(Device::cpu());
    // Powers of two, products of small primes, a prime, twice a prime; above and below every threshold.
    for n in [1000, 4096, 4099, 5040, 6561, 8192, 9998, 16_807, 65_536, 100_000] {
        for (dtype, precision) in [(DType::F64, 1e-14), (DType::F32, 1e-6)] {
            let (re, im) = (numbers(n, n as u64), numbers(n, 77));
            let z = nexus_tensor::args::record([
                ("re", tensor(&ctx, dtype, &[n], &re)),
                ("im", tensor(&ctx, dtype, &[n], &im)),
            ]);
            let spectrum = run(&ctx, "signal.fft", std::slice::from_ref(&z)).expect("it runs");
            let (xr, xi) = (floats(&ctx, &field(&spectrum, "re")), floats(&ctx, &field(&spectrum, "im")));
            let bound = precision * (n as f64).sqrt() * 4.0;
            for k in [0, 1, 2, 3, n / 3, n / 2, n / 2 + 1, n - 1] {
                let [a, b] = defined(&re, &im, k);
                assert!((a - xr[k]).abs() < bound && (b - xi[k]).abs() < bound, "{n} {dtype} {k}: {a} {}", xr[k]);
            }
            let back = run(&ctx, "signal.ifft", &[spectrum]).expect("it runs");
            let (yr, yi) = (floats(&ctx, &field(&back, "re")), floats(&ctx, &field(&back, "im")));
            for k in 0..n {
                assert!((re[k] - yr[k]).abs() < 4.0 * precision && (im[k] - yi[k]).abs() < 4.0 * precision, "{n} {k}");
            }
            let half = run(&ctx, "signal.rfft", &[tensor(&ctx, dtype, &[n], &re)]).expect("it runs");
            let (hr, hi) = (floats(&ctx, &field(&half, "re")), floats(&ctx, &field(&half, "im")));
            let zeros = vec![0.0; n];
            for k in [0, 1, 5, n / 4, n / 2] {
                let [a, b] = defined(&re, &zeros, k);
                assert!((a - hr[k]).abs() < bound && (b - hi[k]).abs() < bound, "{n} {dtype} {k}: {a} {}", hr[k]);
            }
            let whole = run(&ctx, "signal.irfft", &[half, Arg::Int(n as i64)]).expect("it runs");
            for (x, y) in re.iter().zip(floats(&ctx, &whole)) {
                assert!((x - y).abs() < 4.0 * precision, "{n}: {x} {y}");
            }
        }
    }
}

/// Several rows of every path give what each gives alone, on one thread and on all.
#[test]
fn rows_are_transformed_independently_and_threads_change_no_bit() {
    for (rows, n) in [(3, 40), (40, 40), (5, 4100), (9, 4096), (6, 5000), (7, 1009), (2, 40_000)] {
        let values = numbers(rows * n, 5);
        let spectrum = |ctx: &Context, shape: &[usize], values: &[f64]| -> Vec<f64> {
            let result = run(ctx, "signal.fft", &[tensor(ctx, DType::F64, shape, values)]).expect("it runs");
            floats(ctx, &field(&result, "im"))
        };
        let all = spectrum(&Context::new(Device::cpu()), &[rows, n], &values);
        let single = spectrum(&Context::new(Device::cpu()).with_threads(1), &[rows, n], &values);
        assert_eq!(all, single, "{rows} rows of {n}");
        for (row, found) in values.chunks(n).zip(all.chunks(n)) {
            let alone = spectrum(&Context::new(Device::cpu()), &[n], row);
            let near = alone.iter().zip(found).all(|(a, b)| (a - b).abs() < 1e-11);
            assert!(near, "{rows} rows of {n}");
        }
    }
}

#[test]
fn what_has_no_spectrum_is_refused_with_words() {
    let ctx = Context::new(Device::cpu());
    let x = tensor(&ctx, DType::F32, &[3], &[1.0, 2.0, 3.0]);
    let refused = |op: &str, args: &[Arg]| match run(&ctx, op, args) {
        Err(error @ (TensorError::Argument { .. } | TensorError::Axis { .. } | TensorError::Shapes { .. })) => {
            error.to_string()
        }
        other => panic!("{op} gave {other:?}"),
    };
    assert!(refused("signal.fft", &[tensor(&ctx, DType::F32, &[0], &[])]).contains("at least one element"));
    assert!(refused("signal.fft", &[x.clone(), Arg::Int(0)]).contains("at least one element"));
    assert!(refused("signal.fft", &[x.clone(), Arg::Int(-2)]).contains("must not be negative"));
    assert!(refused("signal.fft", &[x.clone(), Arg::None, Arg::Int(1)]).contains("axis 1 does not exist"));
    assert!(refused("signal.fft", &[Arg::Str("x".into())]).contains("re and im"));
    assert!(refused("signal.fft", &[x.clone(), Arg::None, Arg::None, Arg::Str("no".into())]).contains("\"ortho\""));
    let uneven = nexus_tensor::args::record([("re", x.clone()), ("im", Arg::Scalar(0.0))]);
    assert!(refused("signal.ifft", &[uneven]).contains("must be equal"));
    assert!(refused("signal.fft2", std::slice::from_ref(&x)).contains("axis -2"));
    assert!(refused("signal.irfft", &[tensor(&ctx, DType::F32, &[1], &[1.0])]).contains("at least one element"));
    assert!(refused("signal.window", &[Arg::Str("kaiser".into()), Arg::Int(4)]).contains("needs beta"));
    assert!(refused("signal.window", &[Arg::Str("hann".into()), Arg::Int(4), Arg::Int(1)]).contains("does nothing"));
    assert!(refused("signal.window", &[Arg::Str("hamm".into()), Arg::Int(4)]).contains("\"hamming\""));
    assert!(refused("signal.fftfreq", &[Arg::Int(4), Arg::Scalar(0.0)]).contains("other than 0"));
}

#[test]
fn the_largest_singular_values_are_those_of_the_whole_decomposition() {
    let ctx = Context::new(Device::cpu()).with_seed(9);
    let numbers_of = |op: &str, args: &[Arg]| run(&ctx, op, args).expect("it runs");
    for (m, n, dtype, precision) in
        [(60, 40, "f64", 1e-9), (40, 90, "f64", 1e-9), (120, 120, "f32", 2e-4), (5, 4, "f64", 1e-12)]
    {
        // Singular values that fall like 1/j²: directions that stand out, over a tail that does not vanish.
        let random = |rows: i64, columns: i64| {
            let sizes = Arg::List(vec![Arg::Int(rows), Arg::Int(columns)]);
            numbers_of("tensor.randn", &[sizes, Arg::Str(dtype.into())])
        };
        let left = field(&numbers_of("linalg.qr", &[random(m, m.min(n))]), "q");
        let right = field(&numbers_of("linalg.qr", &[random(n, m.min(n))]), "q");
        let falling: Vec<f64> = (1..=m.min(n)).map(|j| 1.0 / (j * j) as f64).collect();
        let element = if dtype == "f64" { DType::F64 } else { DType::F32 };
        let falling = tensor(&ctx, element, &[falling.len()], &falling);
        let scaled = nexus_tensor::binary(&ctx, BinaryOp::Mul, &left, &falling).expect("it fits");
        let a = nexus_tensor::binary(&ctx, BinaryOp::MatMul, &scaled, &numbers_of("tensor.transpose", &[right]))
            .expect("it fits");
        let whole = floats(&ctx, &numbers_of("linalg.svdvals", std::slice::from_ref(&a)));
        let svd = numbers_of("linalg.svd_truncated", &[a.clone(), Arg::Int(3)]);
        let (u, s, vt) = (field(&svd, "u"), field(&svd, "s"), field(&svd, "vt"));
        for (found, expected) in floats(&ctx, &s).iter().zip(&whole) {
            assert!((found - expected).abs() < precision, "{m}x{n}: {found}, expected {expected}");
        }
        // a vtᵀ = u s: what remains of a is below the next singular value.
        let image = nexus_tensor::binary(&ctx, BinaryOp::MatMul, &a, &numbers_of("tensor.transpose", &[vt]));
        let scaled = nexus_tensor::binary(&ctx, BinaryOp::Mul, &u, &s).expect("it fits");
        for (x, y) in floats(&ctx, &image.expect("it fits")).iter().zip(floats(&ctx, &scaled)) {
            assert!((x - y).abs() < 10.0 * precision, "{m}x{n}: {x} {y}");
        }
    }
    let eye = numbers_of("tensor.eye", &[Arg::Int(3)]);
    let error = run(&ctx, "linalg.svd_truncated", &[eye, Arg::Int(4)]).unwrap_err();
    assert_eq!(error.to_string(), "`k` is 4, but the matrix has 3 singular values");
}

/// The transform along an axis of `[2, n, w]` or `[2, w, n]` is that of each signal alone, and comes back.
fn signals_of_a_block(ctx: &Context, dtype: DType, n: usize, w: usize, axis: usize) {
    let precision = if dtype == DType::F64 { 1e-14 } else { 1e-6 };
    let shape = if axis == 1 { [2, n, w] } else { [2, w, n] };
    let (re, im) = (numbers(2 * n * w, n as u64), numbers(2 * n * w, w as u64));
    let z =
        nexus_tensor::args::record([("re", tensor(ctx, dtype, &shape, &re)), ("im", tensor(ctx, dtype, &shape, &im))]);
    let along = |name: &str, z: Arg| run(ctx, name, &[z, Arg::None, Arg::Int(axis as i64)]).expect("it runs");
    let place = |block: usize, signal: usize, j: usize| match axis {
        1 => (block * n + j) * w + signal,
        _ => (block * w + signal) * n + j,
    };
    let spectrum = along("signal.fft", z);
    let (xr, xi) = (floats(ctx, &field(&spectrum, "re")), floats(ctx, &field(&spectrum, "im")));
    for (block, signal) in [(0, 0), (0, w / 2), (1, 0), (1, w - 1)] {
        let part = |all: &[f64]| (0..n).map(|j| all[place(block, signal, j)]).collect::<Vec<_>>();
        let (re, im) = (part(&re), part(&im));
        for k in [0, 1 % n, n / 3, n / 2, n - 1] {
            let ([a, b], at) = (defined(&re, &im, k), place(block, signal, k));
            let bound = precision * (n as f64).sqrt() * 4.0;
            let close = (a - xr[at]).abs() < bound && (b - xi[at]).abs() < bound;
            assert!(close, "{dtype} {shape:?} axis {axis}: signal {signal} of {block}, {k}: {a} {}", xr[at]);
        }
    }
    let back = along("signal.ifft", spectrum);
    for (given, name) in [(re, "re"), (im, "im")] {
        for (x, y) in given.iter().zip(floats(ctx, &field(&back, name))) {
            assert!((x - y).abs() < 4.0 * precision, "{dtype} {shape:?} axis {axis}: {x} {y}");
        }
    }
}

#[test]
fn signals_side_by_side_and_one_after_the_other_are_transformed_as_each_alone() {
    let ctx = Context::new(Device::cpu());
    // Odd and even numbers of steps, every radix; fewer signals than lanes, as many, and some left over.
    for n in [1, 2, 8, 15, 24, 49, 62, 128, 1000] {
        for w in [3, 8, 16, 19, 40] {
            for (dtype, axis) in [(DType::F64, 1), (DType::F32, 1), (DType::F64, 2), (DType::F32, 2)] {
                signals_of_a_block(&ctx, dtype, n, w, axis);
            }
        }
    }
}
