//! What `precise` promises of sums and of what is made of them: f64 on the processor, and twice the precision of f32 on a
//! device that has no f64, rounded once. The references are computed here, in f64.

#![expect(clippy::unwrap_used, reason = "a failure inside a helper of these tests is the test's failure")]

use nexus_model::DeviceKind;
use nexus_tensor::{Arg, Context, DType, Device, ReduceOp, Region, Tensor, TensorData};

use crate::golden;

/// A unit in the last place of f32, relative to the number.
const UNIT: f64 = 1.0 / (1u64 << 23) as f64;

fn run(ctx: &Context, op: &str, args: &[Arg]) -> Arg {
    golden::run(ctx, op, args).unwrap()
}

fn precise(device: Device) -> Context {
    Context::new(device).with_products_in(DType::F64)
}

fn tensor(ctx: &Context, shape: &[usize], values: &[f32]) -> Arg {
    let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let data = TensorData::new(DType::F32, shape.to_vec(), bytes).unwrap();
    Arg::Tensor(Tensor::from_data(ctx, &data).unwrap())
}

fn numbers(arg: &Arg) -> Vec<f64> {
    let Arg::Tensor(tensor) = arg else { panic!("{arg:?}") };
    assert_eq!(tensor.dtype(), DType::F32);
    let data = tensor.to_data().unwrap();
    (0..data.len()).map(|i| data.get_f64(i).unwrap()).collect()
}

/// Numbers of many sizes that nearly cancel: the sum is a millionth of what is added.
fn hard(count: usize, column: usize) -> Vec<f32> {
    let mut values: Vec<f32> = (0..count)
        .map(|i| {
            let large = 1e6 * ((i * 7919 + column * 104_729) % 1009) as f32 / 997.0;
            large + (i % 13) as f32 * 1e-3
        })
        .collect();
    for i in 0..count / 2 {
        values[count - 1 - i] = -values[i] + 0.625 / (1 + (i + column) % 5) as f32;
    }
    values
}

fn near(what: &str, found: &[f64], right: &[f64], units: f64) {
    assert_eq!(found.len(), right.len(), "{what}");
    for (&x, &y) in found.iter().zip(right) {
        let same = x == y || (x.is_nan() && y.is_nan()) || (x - y).abs() <= units * UNIT * y.abs();
        assert!(same, "{what}: {x:e} in place of {y:e}, {} units", (x - y).abs() / (UNIT * y.abs()));
    }
}

/// How far a result is off, in units.
fn units_off(found: &[f64], right: &[f64]) -> f64 {
    found.iter().zip(right).map(|(x, y)| (x - y).abs() / (UNIT * y.abs())).fold(0.0, f64::max)
}

#[test]
fn sums_and_what_is_made_of_them_are_rounded_once_on_the_processor() {
    let ctx = precise(Device::cpu());
    let values = hard(100_001, 3);
    let wide: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
    let count = wide.len() as f64;
    let sum: f64 = wide.iter().sum();
    let x = tensor(&ctx, &[values.len()], &values);
    let of = |ctx: &Context, name: &str, x: &Arg| numbers(&run(ctx, name, std::slice::from_ref(x)));
    near("sum", &of(&ctx, "tensor.sum", &x), &[sum], 0.51);
    near("mean", &of(&ctx, "tensor.mean", &x), &[sum / count], 0.51);
    // The same without the profile: the test would see if nothing were gained.
    assert!(units_off(&of(&Context::new(Device::cpu()), "tensor.sum", &x), &[sum]) > 10.0);

    // Far from zero: a mean that was rounded to f32 would spoil the variance.
    let far: Vec<f32> = (0..5_000).map(|i| 30_000.0 + (i % 7) as f32 * 0.015_625).collect();
    let far_mean = far.iter().map(|&v| f64::from(v)).sum::<f64>() / 5_000.0;
    let variance = far.iter().map(|&v| (f64::from(v) - far_mean).powi(2)).sum::<f64>() / 5_000.0;
    let y = tensor(&ctx, &[5_000], &far);
    near("var", &of(&ctx, "tensor.var", &y), &[variance], 0.51);
    near("std", &of(&ctx, "tensor.std", &y), &[variance.sqrt()], 1.01);
    assert!(units_off(&of(&Context::new(Device::cpu()), "tensor.var", &y), &[variance]) > 2.0);

    // Squares beyond f32 and below it.
    for scale in [1e30f32, 1e-30] {
        let z = tensor(&ctx, &[2], &[3.0 * scale, 4.0 * scale]);
        near("norm", &of(&ctx, "tensor.norm", &z), &[5.0 * f64::from(scale)], 1.01);
    }
    let factors: Vec<f32> = (0..2_000).map(|i| 1.0 + ((i * 37) % 101) as f32 * 1e-5 - 5e-4).collect();
    let product: f64 = factors.iter().map(|&v| f64::from(v)).product();
    near("prod", &of(&ctx, "tensor.prod", &tensor(&ctx, &[2_000], &factors)), &[product], 0.51);

    let logits: Vec<f32> = (0..900).map(|i| ((i * 31) % 97) as f32 / 9.0).collect();
    let powers: Vec<f64> = logits.iter().map(|&v| f64::from(v).exp()).collect();
    let all: f64 = powers.iter().sum();
    let shares: Vec<f64> = powers.iter().map(|p| p / all).collect();
    let l = tensor(&ctx, &[900], &logits);
    near("softmax", &of(&ctx, "tensor.softmax", &l), &shares, 0.51);
    near("logsumexp", &of(&ctx, "tensor.logsumexp", &l), &[all.ln()], 0.51);
    let middle = logits.iter().map(|&v| f64::from(v)).sum::<f64>() / 900.0;
    let spread = logits.iter().map(|&v| (f64::from(v) - middle).powi(2)).sum::<f64>() / 900.0;
    let normal: Vec<f64> = logits.iter().map(|&v| (f64::from(v) - middle) / (spread + 1e-5).sqrt()).collect();
    near("layer_norm", &of(&ctx, "tensor.layer_norm", &l), &normal, 0.51);
}

#[test]
fn a_fused_sum_is_what_it_is_alone() {
    let ctx = precise(Device::cpu());
    for dtype in ["f32", "f16"] {
        let x = run(&ctx, "tensor.cast", &[tensor(&ctx, &[7, 1_001], &hard(7_007, 1)), Arg::Str(dtype.into())]);
        for (op, name) in [
            (ReduceOp::Sum, "tensor.sum"),
            (ReduceOp::Mean, "tensor.mean"),
            (ReduceOp::Prod, "tensor.prod"),
            (ReduceOp::Max, "tensor.max"),
        ] {
            let mut region = Region::new();
            let node = region.input();
            let half = region.scalar(0.5);
            let halved = region.binary(nexus_tensor::BinaryOp::Mul, node, half);
            let reduced = region.reduce(op, halved, Some(&[1]), false);
            region.output(reduced);
            let fused = region.run(&ctx, vec![x.clone()]).unwrap();
            let halved = nexus_tensor::binary(&ctx, nexus_tensor::BinaryOp::Mul, &x, &Arg::Scalar(0.5)).unwrap();
            let alone = run(&ctx, name, &[halved, Arg::Int(1)]);
            let data = |arg: &Arg| if let Arg::Tensor(tensor) = arg { tensor.to_data().unwrap() } else { panic!() };
            assert_eq!(data(&fused[0]), data(&alone), "{name} of {dtype}");
        }
    }
}

/// The devices of Burn that are here: `flex` always, a graphics processor where there is one.
fn devices() -> Vec<Device> {
    [Device::flex(), Device::gpu()].into_iter().flatten().collect()
}

#[test]
fn sums_on_a_device_have_twice_the_precision_of_f32() {
    for device in devices() {
        let (ctx, plain) = (precise(device), Context::new(device));
        let mut roughest = 0.0f64;
        for (shape, axes) in [
            (&[4_099usize, 3][..], &[0i64][..]),
            (&[3, 1_001], &[1]),
            (&[2, 65, 5], &[1]),
            (&[2, 33, 65], &[1, 2]),
            (&[70_001], &[0]),
            (&[1, 6], &[0]),
        ] {
            let reduced: usize = axes.iter().map(|&a| shape[a as usize]).product();
            let inner: usize = shape[axes[axes.len() - 1] as usize + 1..].iter().product();
            let outer: usize = shape[..axes[0] as usize].iter().product();
            let lines: Vec<Vec<f32>> = (0..outer * inner).map(|line| hard(reduced, line)).collect();
            let values: Vec<f32> = (0..outer * reduced * inner)
                .map(|i| lines[i / (reduced * inner) * inner + i % inner][i / inner % reduced])
                .collect();
            let sums: Vec<f64> = lines.iter().map(|line| line.iter().map(|&v| f64::from(v)).sum()).collect();
            let means: Vec<f64> = sums.iter().map(|sum| sum / reduced as f64).collect();
            let axes = Arg::List(axes.iter().map(|&a| Arg::Int(a)).collect());
            let downloads = ctx.meter().transfers().downloads;
            let (there, here) = (tensor(&ctx, shape, &values), tensor(&plain, shape, &values));
            let sum = run(&ctx, "tensor.sum", &[there.clone(), axes.clone()]);
            // A device that rearranges additions leaves them to the processor; Burn's own on the processor does not.
            let stayed = ctx.meter().transfers().downloads == downloads;
            assert!(stayed || device.kind() == DeviceKind::Gpu, "{shape:?} on {device} came down");
            println!("sums of {shape:?} on {device}: {}", if stayed { "there" } else { "on the processor" });
            near(&format!("sum of {shape:?} on {device}"), &numbers(&sum), &sums, 1.0);
            let mean = run(&ctx, "tensor.mean", &[there, axes.clone()]);
            // Division on a graphics processor may be off by two units and a half.
            near(&format!("mean of {shape:?} on {device}"), &numbers(&mean), &means, 4.0);
            let rough = numbers(&run(&plain, "tensor.sum", &[here, axes]));
            roughest = units_off(&rough, &sums).max(roughest);
        }
        // Without the profile the same sums are far off: the test would see if nothing were gained.
        assert!(roughest > 100.0, "{device}: {roughest} units");
    }
}

#[test]
fn sums_on_a_device_go_beyond_f32_and_come_back() {
    let inf = f32::INFINITY;
    for device in devices() {
        let ctx = precise(device);
        for (values, right) in [
            (&[3e38f32, 3e38, -3e38, 1e37][..], 3.1e38f64),
            (&[3e38, 3e38, 1.0], f64::INFINITY),
            (&[inf, 1.0, 2.0], f64::INFINITY),
            (&[1.0, -inf], f64::NEG_INFINITY),
            (&[inf, 1.0, -inf], f64::NAN),
            (&[1.0, f32::NAN, 2.0, 3.0, 4.0], f64::NAN),
            (&[-0.0, 0.0], 0.0),
            (&[5.5], 5.5),
        ] {
            let x = tensor(&ctx, &[values.len()], values);
            near(&format!("{values:?} on {device}"), &numbers(&run(&ctx, "tensor.sum", &[x])), &[right], 1.0);
        }
        // What the device cannot keep exact is the processor's, and right all the same.
        let x = tensor(&ctx, &[2], &[3e30, 4e30]);
        near(&format!("norm on {device}"), &numbers(&run(&ctx, "tensor.norm", &[x])), &[5e30], 1.01);
    }
}
