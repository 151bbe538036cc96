//! Burn's devices (the graphics processor, and `flex` on the processor cores) against the engine's own kernels: every
//! operation that is done there, on random small tensors and the awkward ones.
//!
//! Without a Vulkan device these tests say so and pass; with `NEXUS_TEST_GPU=1` they fail then. On a software device
//! products are the host's unless `NEXUS_GPU_PRODUCTS=1`.

#![expect(clippy::unwrap_used, reason = "a failure inside a helper of these tests is the test's failure")]
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use std::sync::Arc;

use nexus_tensor::{
    Arg, BinaryOp, CompareOp, Context, DType, Device, Index, Tensor, TensorData, TensorError, UnaryOp, binary, compare,
    devices, find, get, unary,
};

/// The engine's own CPU context beside one for each device of Burn: its backend for the processor cores, which is
/// always there, and the GPU where there is one.
fn contexts() -> Vec<(Context, Context)> {
    let beside = |device| (Context::new(Device::cpu()), Context::new(device));
    let mut pairs = vec![beside(Device::flex().expect("needs no driver"))];
    match Device::gpu() {
        Ok(gpu) => pairs.push(beside(gpu)),
        Err(error) => {
            assert!(std::env::var_os("NEXUS_TEST_GPU").is_none_or(|v| v != "1"), "NEXUS_TEST_GPU=1, but {error}");
            println!("skipped: no Vulkan device ({error})");
        }
    }
    pairs
}

/// xorshift64*: enough chance for test data, and the same on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn floats(&mut self, shape: &[usize], low: f32, high: f32) -> TensorData {
        let count: usize = shape.iter().product();
        let unit = |bits: u64| (bits >> 40) as f32 / (1u64 << 24) as f32;
        let values: Vec<f32> = (0..count).map(|_| low + (high - low) * unit(self.next())).collect();
        floats(shape, &values)
    }

    fn ints(&mut self, shape: &[usize]) -> TensorData {
        let count: usize = shape.iter().product();
        let bytes = (0..count).flat_map(|_| ((self.next() >> 56) as i32 - 128).to_le_bytes()).collect();
        TensorData::new(DType::I32, shape.to_vec(), bytes).unwrap()
    }
}

fn floats(shape: &[usize], values: &[f32]) -> TensorData {
    TensorData::new(DType::F32, shape.to_vec(), values.iter().flat_map(|v| v.to_le_bytes()).collect()).unwrap()
}

fn tensor(ctx: &Context, data: &TensorData) -> Arg {
    Arg::Tensor(Tensor::from_data(ctx, data).unwrap())
}

fn data(arg: &Arg) -> TensorData {
    let Arg::Tensor(tensor) = arg else { panic!("{arg:?} is no tensor") };
    tensor.to_data().unwrap()
}

/// Asserts that two results agree to `tolerance`, absolutely below 1 and relatively above.
fn assert_near(what: &str, host: &Arg, gpu: &Arg, tolerance: f64) {
    let (a, b) = (data(host), data(gpu));
    assert_eq!((a.dtype(), a.shape()), (b.dtype(), b.shape()), "{what}");
    for i in 0..a.len() {
        let (x, y) = (a.get_f64(i).unwrap(), b.get_f64(i).unwrap());
        let near = x == y || (x.is_nan() && y.is_nan()) || (x - y).abs() <= tolerance * x.abs().max(1.0);
        assert!(near, "{what}: element {i} of {:?} is {x} on the cpu and {y} on the gpu", a.shape());
    }
}

fn on_gpu(arg: &Arg) -> bool {
    matches!(arg, Arg::Tensor(tensor) if tensor.device() != Device::cpu())
}

const SHAPES: [&[usize]; 6] = [&[], &[1], &[7], &[3, 5], &[2, 1, 4], &[2, 3, 1, 5]];
const ODD: [f32; 12] =
    [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -0.0, 0.5, 1.5, 2.5, -0.5, -1.5, 1e-30, -3.0e38];

#[test]
fn functions_of_one_tensor_agree() {
    for (cpu, gpu) in contexts() {
        let mut random = Random(1);
        use UnaryOp::{
            Abs, Ceil, Cos, Erf, Exp, Expm1, Floor, Gelu, IsFinite, IsNan, Log, Log2, Log10, Neg, Not, Relu, Round,
            Rsqrt, Sigmoid, Sign, Silu, Softplus, Sqrt, Square, Tanh,
        };
        for op in [
            Abs, Ceil, Cos, Erf, Exp, Expm1, Floor, Gelu, IsFinite, IsNan, Neg, Not, Relu, Round, Sigmoid, Sign, Silu,
            Softplus, Square, Tanh, Log, Log2, Log10, Sqrt, Rsqrt,
        ] {
            let low = if matches!(op, Log | Log2 | Log10 | Sqrt | Rsqrt) { 0.01 } else { -6.0 };
            for shape in SHAPES {
                let x = random.floats(shape, low, 6.0);
                let (a, b) = (unary(&cpu, op, &tensor(&cpu, &x)).unwrap(), unary(&gpu, op, &tensor(&gpu, &x)).unwrap());
                assert!(on_gpu(&b), "{op:?} {shape:?} left the gpu");
                assert_near(&format!("{op:?}"), &a, &b, 4e-6);
            }
            if !matches!(op, Cos | Silu | Gelu | Exp | Rsqrt | Log | Log2 | Log10 | Sqrt) {
                let x = floats(&[ODD.len()], &ODD);
                let (a, b) = (unary(&cpu, op, &tensor(&cpu, &x)).unwrap(), unary(&gpu, op, &tensor(&gpu, &x)).unwrap());
                assert_near(&format!("{op:?} of odd numbers"), &a, &b, 4e-6);
            }
        }
        for op in [Neg, Abs, Square, Relu, Not, Exp] {
            let x = random.ints(&[4, 5]);
            let (a, b) = (unary(&cpu, op, &tensor(&cpu, &x)).unwrap(), unary(&gpu, op, &tensor(&gpu, &x)).unwrap());
            assert_near(&format!("{op:?} of ints"), &a, &b, 2e-5);
        }
    }
}

#[test]
fn functions_of_two_tensors_agree_and_broadcast() {
    for (cpu, gpu) in contexts() {
        let mut random = Random(2);
        let pairs: [(&[usize], &[usize]); 6] = [
            (&[3, 5], &[3, 5]),
            (&[3, 5], &[5]),
            (&[3, 1], &[1, 4]),
            (&[], &[2, 3]),
            (&[2, 1, 3], &[4, 1]),
            (&[1], &[]),
        ];
        use BinaryOp::{Add, And, Atan2, Div, FloorDiv, Maximum, Minimum, Mul, Or, Pow, Rem, Sub, Xor};
        for (left, right) in pairs {
            let inputs = [
                (random.floats(left, -4.0, 4.0), random.floats(right, 0.5, 3.0)),
                (random.ints(left), random.ints(right)),
                (random.floats(left, -4.0, 4.0), random.ints(right)),
            ];
            for (x, y) in &inputs {
                for op in [Add, Sub, Mul, Div, Maximum, Minimum, And, Or, Xor, Atan2] {
                    let a = binary(&cpu, op, &tensor(&cpu, x), &tensor(&cpu, y)).unwrap();
                    let b = binary(&gpu, op, &tensor(&gpu, x), &tensor(&gpu, y)).unwrap();
                    assert_near(&format!("{op:?} {left:?} {right:?}"), &a, &b, 1e-6);
                }
                use CompareOp::{Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual};
                for op in [Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual] {
                    let a = compare(&cpu, op, &tensor(&cpu, x), &tensor(&cpu, y)).unwrap();
                    let b = compare(&gpu, op, &tensor(&gpu, x), &tensor(&gpu, y)).unwrap();
                    assert_near(&format!("{op:?} {left:?} {right:?}"), &a, &b, 0.0);
                }
            }
            let (x, y) = &inputs[0];
            for op in [FloorDiv, Rem, Pow] {
                let a = binary(&cpu, op, &tensor(&cpu, y), &tensor(&cpu, x)).unwrap();
                let b = binary(&gpu, op, &tensor(&gpu, y), &tensor(&gpu, x)).unwrap();
                assert_near(&format!("{op:?}"), &a, &b, 1e-6);
            }
        }
    }
}

#[test]
fn numbers_and_odd_values_meet_tensors_as_on_the_cpu() {
    for (cpu, gpu) in contexts() {
        let odd = floats(&[ODD.len()], &ODD);
        use BinaryOp::{Add, Div, Maximum, Minimum, Mul, Pow, Sub};
        for op in [Add, Sub, Mul, Div, Maximum, Minimum, Pow] {
            for number in [Arg::Scalar(1.5), Arg::Int(2), Arg::Scalar(f64::NAN)] {
                for flip in [false, true] {
                    let run = |ctx: &Context| {
                        let x = tensor(ctx, &odd);
                        if flip { binary(ctx, op, &number, &x) } else { binary(ctx, op, &x, &number) }.unwrap()
                    };
                    assert_near(&format!("{op:?} with {number:?}"), &run(&cpu), &run(&gpu), 1e-6);
                }
            }
        }
        use CompareOp::{Equal, Greater, GreaterEqual, Less, LessEqual, NotEqual};
        for op in [Equal, NotEqual, Less, LessEqual, Greater, GreaterEqual] {
            let run = |ctx: &Context| compare(ctx, op, &Arg::Scalar(0.5), &tensor(ctx, &odd)).unwrap();
            assert_near(&format!("{op:?}"), &run(&cpu), &run(&gpu), 0.0);
        }
        for op in [Maximum, Minimum] {
            let other: Vec<f32> = ODD.iter().rev().copied().collect();
            let run =
                |ctx: &Context| binary(ctx, op, &tensor(ctx, &odd), &tensor(ctx, &floats(&[12], &other))).unwrap();
            assert_near(&format!("{op:?} of odd numbers"), &run(&cpu), &run(&gpu), 0.0);
        }
    }
}

/// Runs an operation by name in both contexts and compares.
fn same(contexts: &(Context, Context), name: &str, tensors: &[&TensorData], rest: &[Arg], tolerance: f64) {
    let op = find(name).unwrap();
    let run = |ctx: &Context| {
        let mut args: Vec<Arg> = tensors.iter().map(|data| tensor(ctx, data)).chain(rest.iter().cloned()).collect();
        args.resize(op.params.len(), Arg::None);
        (op.run)(ctx, &args).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    assert_near(&format!("{name} {rest:?}"), &run(&contexts.0), &run(&contexts.1), tolerance);
}

fn ints(values: &[i64]) -> Arg {
    Arg::List(values.iter().map(|&v| Arg::Int(v)).collect())
}

#[test]
fn reductions_agree_over_any_axes() {
    for both in contexts() {
        let mut random = Random(3);
        let x = random.floats(&[3, 4, 5], 0.5, 1.5);
        let whole = random.ints(&[3, 4, 5]);
        for axes in [Arg::None, ints(&[0]), ints(&[2]), ints(&[0, 2]), ints(&[1, 2])] {
            for keep in [false, true] {
                for name in ["sum", "mean", "prod", "max", "min", "any", "all", "norm"] {
                    same(&both, &format!("tensor.{name}"), &[&x], &[axes.clone(), Arg::Bool(keep)], 1e-5);
                }
            }
            for name in ["sum", "max", "min", "any", "mean"] {
                same(&both, &format!("tensor.{name}"), &[&whole], std::slice::from_ref(&axes), 1e-5);
            }
            same(&both, "tensor.logsumexp", &[&x], std::slice::from_ref(&axes), 1e-5);
            same(&both, "tensor.var", &[&x], &[axes], 1e-5);
        }
        let tied = floats(&[2, 4], &[1.0, 3.0, 3.0, 2.0, f32::NAN, 1.0, f32::NAN, 5.0]);
        for name in ["tensor.argmax", "tensor.argmin"] {
            same(&both, name, &[&tied], &[Arg::Int(1)], 0.0);
            same(&both, name, &[&x], &[], 0.0);
        }
        same(&both, "tensor.max", &[&tied], &[ints(&[1])], 0.0);
        same(&both, "tensor.min", &[&tied], &[ints(&[1])], 0.0);
    }
}

#[test]
fn products_and_normalisations_agree() {
    for both in contexts() {
        let mut random = Random(4);
        let shapes: [(&[usize], &[usize]); 5] =
            [(&[3, 4], &[4, 5]), (&[4], &[4, 2]), (&[3, 4], &[4]), (&[2, 3, 4], &[4, 2]), (&[2, 1, 3, 4], &[5, 4, 2])];
        for (left, right) in shapes {
            let (x, y) = (random.floats(left, -1.0, 1.0), random.floats(right, -1.0, 1.0));
            same(&both, "tensor.matmul", &[&x, &y], &[], 1e-5);
        }
        let x = random.floats(&[3, 4, 6], -9.0, 9.0);
        for axis in [0, 1, -1] {
            same(&both, "tensor.softmax", &[&x], &[Arg::Int(axis)], 1e-5);
            same(&both, "tensor.log_softmax", &[&x], &[Arg::Int(axis)], 1e-5);
        }
        let (weight, bias) = (random.floats(&[6], 0.5, 2.0), random.floats(&[6], -1.0, 1.0));
        same(&both, "tensor.layer_norm", &[&x, &weight, &bias], &[], 1e-5);
    }
}

/// Kernels choose other ways for long axes than for short ones, and a software device does not follow all of them.
#[test]
fn long_and_large_tensors_agree() {
    for both in contexts() {
        let mut random = Random(7);
        let long = random.floats(&[300_001], 0.5, 1.5);
        for name in ["sum", "mean", "max", "min", "any", "norm", "argmax", "logsumexp"] {
            same(&both, &format!("tensor.{name}"), &[&long], &[], 2e-5);
        }
        same(&both, "tensor.softmax", &[&long], &[], 2e-5);
        let column = random.floats(&[300_001, 1], -1.0, 1.0);
        let row = random.floats(&[2, 300_001], -1.0, 1.0);
        same(&both, "tensor.matmul", &[&row, &column], &[], 1e-3);
        let table = random.floats(&[300, 1000], -4.0, 4.0);
        for axis in [0, 1] {
            for name in ["sum", "max", "argmin"] {
                let axes = if name == "argmin" { Arg::Int(axis) } else { ints(&[axis]) };
                same(&both, &format!("tensor.{name}"), &[&table], &[axes], 1e-4);
            }
            same(&both, "tensor.softmax", &[&table], &[Arg::Int(axis)], 1e-5);
        }
        for op in [UnaryOp::Tanh, UnaryOp::Gelu, UnaryOp::Exp] {
            let host = unary(&both.0, op, &tensor(&both.0, &table)).unwrap();
            let device = unary(&both.1, op, &tensor(&both.1, &table)).unwrap();
            assert_near(&format!("{op:?}"), &host, &device, 4e-6);
        }
    }
}

#[test]
fn shapes_pieces_and_selections_agree() {
    for both in contexts() {
        let mut random = Random(5);
        let x = random.floats(&[3, 4, 5], -1.0, 1.0);
        let whole = random.ints(&[3, 4, 5]);
        for data in [&x, &whole] {
            same(&both, "tensor.reshape", &[data], &[ints(&[5, -1])], 0.0);
            same(&both, "tensor.transpose", &[data], &[], 0.0);
            same(&both, "tensor.permute", &[data], &[ints(&[1, 2, 0])], 0.0);
            same(&both, "tensor.broadcast_to", &[data], &[ints(&[2, 3, 4, 5])], 0.0);
            same(&both, "tensor.expand_dims", &[data], &[Arg::Int(-1)], 0.0);
            same(&both, "tensor.flatten", &[data], &[], 0.0);
            same(&both, "tensor.flip", &[data], &[], 0.0);
            same(&both, "tensor.cast", &[data], &[Arg::Str("bool".into())], 0.0);
            same(&both, "tensor.cast", &[data], &[Arg::Str("i32".into())], 0.0);
            same(&both, "tensor.cast", &[data], &[Arg::Str("f64".into())], 0.0);
            for indices in [
                vec![Index::At(1)],
                vec![Index::All, Index::Range { start: Some(1), end: None, step: Some(2) }, Index::At(-1)],
                vec![Index::At(0), Index::At(0), Index::At(0)],
                vec![Index::Range { start: None, end: None, step: Some(-1) }],
                vec![Index::Range { start: Some(2), end: Some(2), step: None }],
            ] {
                let run = |ctx: &Context| {
                    let Arg::Tensor(whole) = tensor(ctx, data) else { unreachable!() };
                    Arg::Tensor(get(ctx, &whole, &indices).unwrap())
                };
                assert_near(&format!("{indices:?}"), &run(&both.0), &run(&both.1), 0.0);
            }
            for name in ["tensor.concat", "tensor.stack"] {
                let op = find(name).unwrap();
                let run = |ctx: &Context| {
                    let parts = Arg::List(vec![tensor(ctx, data), tensor(ctx, &x), tensor(ctx, data)]);
                    (op.run)(ctx, &[parts, Arg::Int(1)]).unwrap()
                };
                assert_near(name, &run(&both.0), &run(&both.1), 0.0);
            }
            let mask = random.ints(&[4, 1]);
            same(&both, "tensor.where", &[&mask, data, &x], &[], 0.0);
            same(&both, "tensor.where", &[&mask, data], &[Arg::Int(7)], 0.0);
        }
        for name in ["tensor.zeros", "tensor.ones"] {
            same(&both, name, &[], &[ints(&[2, 3])], 0.0);
            same(&both, name, &[], &[ints(&[0, 3])], 0.0);
        }
        same(&both, "tensor.full", &[], &[ints(&[2, 2]), Arg::Scalar(2.5)], 0.0);
        same(&both, "tensor.randn", &[], &[ints(&[16])], 0.0);
    }
}

#[test]
fn empty_tensors_and_wide_dtypes_stay_with_the_host() {
    for (cpu, gpu) in contexts() {
        let empty = floats(&[0, 3], &[]);
        assert!(!on_gpu(&tensor(&gpu, &empty)));
        let x = floats(&[1, 3], &[1.0, 2.0, 3.0]);
        let run = |ctx: &Context| binary(ctx, BinaryOp::Add, &tensor(ctx, &empty), &tensor(ctx, &x)).unwrap();
        assert_near("adding nothing", &run(&cpu), &run(&gpu), 0.0);
        let wide = TensorData::new(DType::F64, vec![1], 0.1f64.to_le_bytes().to_vec()).unwrap();
        let third = binary(&gpu, BinaryOp::Add, &tensor(&gpu, &wide), &Arg::Scalar(0.2)).unwrap();
        assert_eq!(data(&third).get_f64(0), Some(0.1 + 0.2));
    }
}

#[test]
fn a_chain_of_operations_synchronises_once() {
    for (_, gpu) in contexts() {
        let mut x = tensor(&gpu, &Random(6).floats(&[64, 64], 0.0, 1.0));
        let before = gpu.meter().transfers();
        for _ in 0..4 {
            x = binary(&gpu, BinaryOp::Mul, &x, &Arg::Scalar(0.5)).unwrap();
            x = unary(&gpu, UnaryOp::Tanh, &x).unwrap();
            x = binary(&gpu, BinaryOp::Add, &x, &x).unwrap();
        }
        assert_eq!(gpu.meter().transfers(), before);
        data(&x);
        let after = gpu.meter().transfers();
        assert_eq!((after.uploads, after.downloads), (before.uploads, before.downloads + 1));
    }
}

#[test]
fn memory_on_the_device_is_admitted_and_given_back() {
    for (_, gpu) in contexts() {
        let mut limits = nexus_model::Limits::level(nexus_model::LimitLevel::High);
        limits.memory_bytes = Some(3 << 10);
        let gpu = Context::new(gpu.device()).with_limits(&limits);
        let x = tensor(&gpu, &Random(7).floats(&[256], 0.0, 1.0));
        let error = [x.clone(), x.clone(), x.clone()]
            .into_iter()
            .try_fold(x.clone(), |sum, next| binary(&gpu, BinaryOp::Add, &sum, &next));
        assert!(matches!(error, Ok(_) | Err(TensorError::Limit(_))), "{error:?}");
        let kept: Result<Vec<Arg>, TensorError> = (0..8).map(|_| unary(&gpu, UnaryOp::Neg, &x)).collect();
        assert!(matches!(kept, Err(TensorError::Limit(_))), "{kept:?}");
        drop((x, error, kept));
        assert_eq!(gpu.meter().in_use_bytes(), 0);
    }
}

#[test]
fn tensors_may_cross_threads() {
    for (cpu, gpu) in contexts() {
        let source = Random(8).floats(&[33], -1.0, 1.0);
        let (x, gpu) = (tensor(&gpu, &source), Arc::new(gpu));
        let doubled = std::thread::scope(|scope| {
            let worker = scope.spawn(|| binary(&gpu, BinaryOp::Add, &x, &x).unwrap());
            worker.join().unwrap()
        });
        let host = binary(&cpu, BinaryOp::Add, &tensor(&cpu, &source), &tensor(&cpu, &source)).unwrap();
        assert_near("doubling in another thread", &host, &doubled, 0.0);
    }
}

#[test]
fn the_cpu_comes_first_and_software_is_never_best() {
    let list = devices();
    assert_eq!(list[0].name, Device::cpu().name());
    if list.iter().skip(1).all(|device| device.name.ends_with("software)")) {
        assert_eq!(Device::best(), Device::cpu());
    }
    if list.len() == 1 {
        let error = Device::gpu().unwrap_err();
        assert!(error.to_string().starts_with("no GPU was found: "), "{error}");
        assert!(error.help().contains("--device cpu"));
    }
}
