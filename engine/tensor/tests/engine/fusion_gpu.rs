//! Random regions on a graphics processor, where Burn fuses them, against the same regions on the CPU. Skipped with a
//! message where there is none; a software Vulkan device will do.

use nexus_tensor::{Arg, BinaryOp, Context, Device, NodeId, ReduceOp, Region, UnaryOp};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::golden::run;

/// Operations whose results stay near 1, so that a tolerance means the same after every step.
const UNARY: [UnaryOp; 6] = [UnaryOp::Tanh, UnaryOp::Abs, UnaryOp::Sigmoid, UnaryOp::Neg, UnaryOp::Relu, UnaryOp::Gelu];
const BINARY: [BinaryOp; 5] = [BinaryOp::Add, BinaryOp::Sub, BinaryOp::Mul, BinaryOp::Maximum, BinaryOp::Minimum];
const REDUCE: [ReduceOp; 3] = [ReduceOp::Mean, ReduceOp::Max, ReduceOp::Min];

#[derive(Debug, Clone)]
enum Step {
    Unary(usize, usize),
    Binary(usize, usize, usize),
    Number(usize, f64),
    Reduce(usize, usize, Option<i64>),
}

fn step() -> impl Strategy<Value = Step> {
    let back = 0usize..5;
    prop_oneof![
        3 => (0..UNARY.len(), back.clone()).prop_map(|(op, x)| Step::Unary(op, x)),
        5 => (0..BINARY.len(), back.clone(), back.clone()).prop_map(|(op, x, y)| Step::Binary(op, x, y)),
        2 => (back.clone(), prop_oneof![Just(0.5), Just(-0.25), Just(2.0)]).prop_map(|(x, n)| Step::Number(x, n)),
        1 => (0..REDUCE.len(), back, prop_oneof![Just(None), Just(Some(-1)), Just(Some(0))])
            .prop_map(|(op, x, axis)| Step::Reduce(op, x, axis)),
    ]
}

fn region(steps: &[Step]) -> Region {
    let mut region = Region::new();
    let mut ids: Vec<NodeId> = (0..3).map(|_| region.input()).collect();
    for step in steps {
        let id = |back: usize| ids[ids.len() - 1 - back.min(ids.len() - 1)];
        let next = match *step {
            Step::Unary(op, x) => region.unary(UNARY[op], id(x)),
            Step::Binary(op, x, y) => {
                let z = region.binary(BINARY[op], id(x), id(y));
                // Sums and products of many would grow.
                region.unary(UnaryOp::Tanh, z)
            }
            Step::Number(x, number) => {
                let number = region.scalar(number);
                region.binary(BinaryOp::Mul, id(x), number)
            }
            Step::Reduce(op, x, axis) => {
                region.reduce(REDUCE[op], id(x), axis.as_ref().map(std::slice::from_ref), true)
            }
        };
        ids.push(next);
    }
    if let Some(&last) = ids.last() {
        region.output(last);
    }
    region
}

fn values(ctx: &Context, region: &Region, rows: i64, columns: i64) -> Vec<f64> {
    let draw = |shape: &[i64]| {
        let sizes = Arg::List(shape.iter().map(|&n| Arg::Int(n)).collect());
        run(ctx, "tensor.randn", &[sizes]).expect("small")
    };
    let inputs = vec![draw(&[rows, columns]), draw(&[1, columns]), draw(&[rows, 1])];
    match region.run(ctx, inputs).expect("runs").remove(0) {
        Arg::Tensor(tensor) => {
            let data = tensor.to_data().expect("reads");
            (0..data.len()).map(|i| data.get_f64(i).expect("a float")).collect()
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn regions_agree_on_every_device() {
    for burn in crate::gpu::burn_devices() {
        let mut runner = TestRunner::new(Config::with_cases(24));
        let cases = (prop::collection::vec(step(), 1..10), 1i64..40, prop_oneof![Just(1i64), 2i64..9, Just(100)]);
        let outcome = runner.run(&cases, |(steps, rows, columns)| {
            let region = region(&steps);
            let on = |device| values(&Context::new(device).with_seed(5), &region, rows, columns);
            let (host, device) = (on(Device::cpu()), on(burn));
            prop_assert_eq!(host.len(), device.len());
            for (x, y) in host.iter().zip(&device) {
                prop_assert!((x - y).abs() <= 2e-5 * x.abs().max(1.0), "{} on the CPU, {} on {}", x, y, burn.name());
            }
            Ok(())
        });
        outcome.expect("regions agree");
    }
}
