//! Limits, cancellation, value semantics and reproducibility.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use nexus_model::{LimitHit, LimitKind, LimitLevel, Limits};
use nexus_tensor::{Arg, BinaryOp, Context, Device, Index, Tensor, TensorError, Watch, binary};

use crate::golden::run;

fn shape(sizes: &[i64]) -> Arg {
    Arg::List(sizes.iter().map(|&n| Arg::Int(n)).collect())
}

fn tensor(arg: Arg) -> Tensor {
    match arg {
        Arg::Tensor(tensor) => tensor,
        other => panic!("{other:?} is no tensor"),
    }
}

#[test]
fn a_tensor_beyond_the_memory_limit_is_refused_before_it_is_allocated() {
    let ctx = Context::new(Device::cpu()).with_limits(&Limits::level(LimitLevel::High));
    let error = run(&ctx, "tensor.randn", &[shape(&[10_000, 10_000])]).expect_err("400 MB under 100 MiB");
    let TensorError::Limit(hit) = error else { panic!("{error}") };
    assert_eq!((hit.kind, hit.limit), (LimitKind::Memory, 100 << 20));
    assert_eq!(ctx.meter().peak_bytes(), 0);
}

#[test]
fn a_tensor_with_too_many_elements_is_refused() {
    let ctx = Context::new(Device::cpu()).with_limits(&Limits::level(LimitLevel::Maximum));
    let error = run(&ctx, "tensor.zeros", &[shape(&[1001, 1000])]).expect_err("above 10^6");
    assert!(matches!(error, TensorError::Limit(LimitHit { kind: LimitKind::TensorElements, .. })), "{error}");
    // A broadcast view holds no memory of its own but counts as the tensor that it looks like.
    let one = run(&ctx, "tensor.ones", &[shape(&[1])]).expect("small");
    assert!(run(&ctx, "tensor.broadcast_to", &[one, shape(&[1001, 1000])]).is_err());
}

#[test]
fn memory_comes_back_when_tensors_are_dropped() {
    let ctx = Context::new(Device::cpu()).with_limits(&Limits::level(LimitLevel::High));
    for _ in 0..10 {
        let a = run(&ctx, "tensor.ones", &[shape(&[2000, 2000])]).expect("16 MB");
        assert_eq!(ctx.meter().in_use_bytes(), 16_000_000);
        let sum = binary(&ctx, BinaryOp::Add, &a, &a).expect("32 MB");
        drop((a, sum));
    }
    assert_eq!(ctx.meter().in_use_bytes(), 0);
    assert_eq!(ctx.meter().peak_bytes(), 32_000_000);
}

#[test]
fn owned_operands_lend_their_buffers() {
    let ctx = Context::new(Device::cpu());
    let a = run(&ctx, "tensor.ones", &[shape(&[1000])]).expect("small");
    let sum = nexus_tensor::binary_owned(&ctx, BinaryOp::Add, a, Arg::Int(1)).expect("adds");
    let root = nexus_tensor::unary_owned(&ctx, nexus_tensor::UnaryOp::Sqrt, sum).expect("root");
    // 4000 bytes and, for a moment, the number 1.
    assert_eq!(ctx.meter().peak_bytes(), 4004);
    assert_eq!(tensor(root).to_data().expect("reads").get_f64(0), Some(f64::from(2f32.sqrt())));
}

#[test]
fn cancelled_runs_stop() {
    let cancel = Arc::new(AtomicBool::new(false));
    let ctx = Context::new(Device::cpu()).with_cancel(Arc::clone(&cancel));
    let a = run(&ctx, "tensor.ones", &[shape(&[100])]).expect("not yet");
    cancel.store(true, Ordering::Relaxed);
    for op in ["tensor.exp", "tensor.sum", "tensor.sort", "tensor.cumsum", "tensor.softmax"] {
        assert_eq!(run(&ctx, op, std::slice::from_ref(&a)).expect_err("cancelled"), TensorError::Cancelled, "{op}");
    }
}

/// Stops after a number of checks, as a clock would after a time.
struct After(AtomicUsize);

impl Watch for After {
    fn check(&self) -> Result<(), LimitHit> {
        let left = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        left.map(drop).map_err(|_| LimitHit { kind: LimitKind::Wall, limit: 5000, wanted: None })
    }
}

#[test]
fn long_operations_are_watched_in_the_middle() {
    let plain = Context::new(Device::cpu());
    let a = run(&plain, "tensor.ones", &[shape(&[1 << 20])]).expect("4 MB");
    let watched = Context::new(Device::cpu()).with_watch(Arc::new(After(AtomicUsize::new(10))));
    for op in ["tensor.exp", "tensor.sum"] {
        let error = run(&watched, op, std::slice::from_ref(&a)).expect_err("64 pieces, 10 checks");
        assert!(matches!(error, TensorError::Limit(LimitHit { kind: LimitKind::Wall, .. })), "{op}: {error}");
    }
}

#[test]
fn equal_seeds_give_equal_numbers_and_streams_differ() {
    let draw = |ctx: &Context| {
        let first = tensor(run(ctx, "tensor.randn", &[shape(&[100])]).expect("random")).to_data().expect("reads");
        let second = tensor(run(ctx, "tensor.rand", &[shape(&[100])]).expect("random")).to_data().expect("reads");
        (first, second)
    };
    let seeded = || Context::new(Device::cpu()).with_seed(42);
    assert_eq!(draw(&seeded()), draw(&seeded()));
    assert_ne!(draw(&seeded()), draw(&seeded().with_stream(1)));
    assert_eq!(draw(&seeded().fork(3)), draw(&seeded().fork(3)));
    assert_ne!(draw(&seeded().fork(3)), draw(&seeded().fork(4)));
    let ctx = seeded();
    assert_ne!(draw(&ctx).0, draw(&ctx).0, "calls differ");
}

#[test]
fn random_numbers_have_their_distributions() {
    let ctx = Context::new(Device::cpu()).with_seed(1);
    let n = 200_000;
    for (op, mean, deviation) in [("tensor.rand", 0.5, (1f64 / 12.0).sqrt()), ("tensor.randn", 0.0, 1.0)] {
        for dtype in ["f32", "f64"] {
            let x = run(&ctx, op, &[shape(&[n]), Arg::Str(dtype.into())]).expect("random");
            let of = |measure: &str| {
                tensor(run(&ctx, measure, std::slice::from_ref(&x)).expect("measures"))
                    .to_data()
                    .expect("reads")
                    .get_f64(0)
            };
            let error = 5.0 * deviation / (n as f64).sqrt();
            assert!((of("tensor.mean").expect("one") - mean).abs() < error, "{op} {dtype}");
            assert!((of("tensor.std").expect("one") - deviation).abs() < error, "{op} {dtype}");
        }
    }
    let dice = tensor(run(&ctx, "tensor.randint", &[Arg::Int(1), Arg::Int(7), shape(&[6000])]).expect("random"));
    let data = dice.to_data().expect("reads");
    for face in 1..=6 {
        let count = (0..6000).filter(|&i| data.get_i64(i) == Some(face)).count();
        assert!((850..1150).contains(&count), "{face} came {count} times");
    }
    assert!(run(&ctx, "tensor.randint", &[Arg::Int(3), Arg::Int(3), shape(&[1])]).is_err());
}

#[test]
fn errors_name_what_is_wrong() {
    let ctx = Context::new(Device::cpu());
    let zeros = |sizes: &[i64]| run(&ctx, "tensor.zeros", &[shape(sizes)]).expect("small");
    let text = |result: Result<Arg, TensorError>| {
        let error = result.expect_err("wrong");
        format!("{} {error}", error.code())
    };
    assert_eq!(text(run(&ctx, "+", &[zeros(&[2, 3]), zeros(&[2])])), "TE0001 shapes [2, 3] and [2] do not broadcast");
    assert_eq!(
        text(run(&ctx, "@", &[zeros(&[2, 3]), zeros(&[2, 3])])),
        "TE0001 shapes [2, 3] and [2, 3] have no matrix product: the last axis of the left must equal the last but one of \
         the right"
    );
    assert_eq!(
        text(run(&ctx, "tensor.sum", &[zeros(&[2]), Arg::Int(3)])),
        "TE0004 axis 3 does not exist in a tensor with 1 axis"
    );
    assert_eq!(text(run(&ctx, "linalg.inv", &[zeros(&[2, 2])])), "TE0011 the matrix is singular");
    assert_eq!(text(run(&ctx, "linalg.cholesky", &[zeros(&[2, 2])])), "TE0011 the matrix is not positive definite");
    assert_eq!(
        text(run(&ctx, "tensor.max", &[zeros(&[0])])),
        "TE0002 shape [0] has no elements, and nothing has no largest or smallest"
    );
    let ints = run(&ctx, "tensor.arange", &[Arg::Int(3)]).expect("small");
    assert_eq!(
        text(run(&ctx, "%", &[ints.clone(), Arg::Int(0)])),
        "TE0012 division by zero, for which ints and single numbers have no result"
    );
    let x = tensor(ints);
    let error = nexus_tensor::get(&ctx, &x, &[Index::At(3)]).expect_err("past the end");
    assert_eq!(error.to_string(), "index 3 is out of range for axis 0 of size 3");
    assert_eq!(
        text(run(&ctx, "tensor.ones", &[shape(&[1 << 40, 1 << 40])])),
        "TE0013 a f32 tensor of shape [1099511627776, 1099511627776] is larger than any memory"
    );
}

/// Bytes of this process in memory.
#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").expect("Linux tells");
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).expect("pages") * 4096
}

#[test]
fn ten_thousand_rounds_leave_nothing_behind() {
    let ctx = Context::new(Device::cpu()).with_seed(1);
    let matrix = run(&ctx, "tensor.randn", &[shape(&[128, 128])]).unwrap();
    let round = || {
        let sum = binary(&ctx, BinaryOp::Add, &matrix, &Arg::Scalar(1.0)).unwrap();
        let product = binary(&ctx, BinaryOp::MatMul, &sum, &matrix).unwrap();
        let soft = run(&ctx, "tensor.softmax", &[product]).unwrap();
        let turned = run(&ctx, "tensor.transpose", &[soft]).unwrap();
        let sorted = run(&ctx, "tensor.cumsum", &[turned, Arg::Int(0)]).unwrap();
        run(&ctx, "tensor.sum", &[sorted]).unwrap()
    };
    let held = ctx.meter().in_use_bytes();
    for _ in 0..500 {
        round();
    }
    #[cfg(target_os = "linux")]
    let before = resident();
    let peak = ctx.meter().peak_bytes();
    for _ in 0..10_000 {
        round();
    }
    assert_eq!(ctx.meter().in_use_bytes(), held);
    assert_eq!(ctx.meter().peak_bytes(), peak);
    // A leak of one byte in each of a round's six results would be twice as much.
    #[cfg(target_os = "linux")]
    assert!(resident() < before + (4 << 20), "{} and then {} bytes", before, resident());
}

/// What a library needs is operands and result, and what NumPy makes on the way; a fifth more is allowed.
#[test]
fn operations_need_little_more_memory_than_their_operands_and_results() {
    let op = |name: &'static str, more: Vec<Arg>| (name, more, 0);
    // Differences, exponentials of differences; the product and the truth values.
    let on_the_way = |name: &'static str, more: Vec<Arg>, quarters: u64| (name, more, quarters);
    let side = 512u64;
    let bytes = side * side * 4;
    for (name, more, quarters) in [
        op("tensor.exp", vec![]),
        op("tensor.gelu", vec![]),
        op("tensor.softmax", vec![]),
        op("tensor.layer_norm", vec![]),
        op("tensor.sum", vec![Arg::Int(0)]),
        on_the_way("tensor.var", vec![], 4),
        op("tensor.cumsum", vec![Arg::Int(1)]),
        op("tensor.clip", vec![Arg::Scalar(-1.0), Arg::Scalar(1.0)]),
        on_the_way("tensor.leaky_relu", vec![], 5),
        on_the_way("tensor.logsumexp", vec![Arg::Int(1)], 4),
    ] {
        let ctx = Context::new(Device::cpu()).with_seed(1);
        let x = run(&ctx, "tensor.randn", &[shape(&[side as i64, side as i64])]).unwrap();
        let before = ctx.meter().peak_bytes();
        let mut args = vec![x];
        args.extend(more);
        let result = run(&ctx, name, &args).unwrap();
        let own = tensor(result).len() as u64 * 4;
        let allowed = (bytes + bytes * quarters / 4 + own) * 6 / 5;
        let peak = ctx.meter().peak_bytes().max(before);
        assert!(peak <= allowed, "{name}: {peak} bytes of {allowed}");
    }
    for (left, right) in [([512, 512], [512, 512]), ([512, 64], [64, 512]), ([512, 512], [512, 1])] {
        let ctx = Context::new(Device::cpu()).with_seed(1);
        let [a, b] = [left, right].map(|sizes| run(&ctx, "tensor.randn", &[shape(&sizes)]).unwrap());
        let product = tensor(binary(&ctx, BinaryOp::MatMul, &a, &b).unwrap());
        let elements = (left[0] * left[1] + right[0] * right[1]) as u64 + product.len() as u64;
        assert!(ctx.meter().peak_bytes() <= elements * 4 * 6 / 5, "{left:?} @ {right:?}: {}", ctx.meter().peak_bytes());
    }
}
