//! Regions against the same operations one at a time: equal to the bit, whatever the graph, the shapes and the dtypes.

use nexus_tensor::{
    Arg, BinaryOp, CompareOp, Context, DType, Device, Distribution, NodeId, ReduceOp, Region, Tensor, UnaryOp, binary,
    compare, unary,
};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::golden::run;

const UNARY: [UnaryOp; 16] = [
    UnaryOp::Neg,
    UnaryOp::Abs,
    UnaryOp::Floor,
    UnaryOp::Sqrt,
    UnaryOp::Square,
    UnaryOp::Exp,
    UnaryOp::Tanh,
    UnaryOp::Log1p,
    UnaryOp::Sin,
    UnaryOp::Relu,
    UnaryOp::Not,
    UnaryOp::IsFinite,
    UnaryOp::Sign,
    UnaryOp::Ceil,
    UnaryOp::Round,
    UnaryOp::Rsqrt,
];
const BINARY: [BinaryOp; 11] = [
    BinaryOp::Add,
    BinaryOp::Sub,
    BinaryOp::Mul,
    BinaryOp::Div,
    BinaryOp::Maximum,
    BinaryOp::Minimum,
    BinaryOp::Pow,
    BinaryOp::FloorDiv,
    BinaryOp::Rem,
    BinaryOp::And,
    BinaryOp::Xor,
];
const COMPARE: [CompareOp; 4] = [CompareOp::Less, CompareOp::GreaterEqual, CompareOp::Equal, CompareOp::NotEqual];
const REDUCE: [ReduceOp; 7] =
    [ReduceOp::Sum, ReduceOp::Mean, ReduceOp::Max, ReduceOp::Min, ReduceOp::Prod, ReduceOp::Any, ReduceOp::All];

/// What to add next; operands are counted back from the newest node.
#[derive(Debug, Clone)]
enum Step {
    Unary(usize, usize),
    Binary(usize, usize, usize),
    Compare(usize, usize, usize),
    Select(usize, usize, usize),
    /// A comparison and a choice by it, with a product between the two or not.
    Choose(usize, [usize; 4], bool),
    Cast(usize, usize),
    Number(f64),
    Random(bool),
    Reduce(usize, usize, u8, bool),
}

fn step() -> impl Strategy<Value = Step> {
    let back = 0usize..5;
    prop_oneof![
        3 => (0..UNARY.len(), back.clone()).prop_map(|(op, x)| Step::Unary(op, x)),
        5 => (0..BINARY.len(), back.clone(), back.clone()).prop_map(|(op, x, y)| Step::Binary(op, x, y)),
        1 => (0..COMPARE.len(), back.clone(), back.clone()).prop_map(|(op, x, y)| Step::Compare(op, x, y)),
        1 => (back.clone(), back.clone(), back.clone()).prop_map(|(m, x, y)| Step::Select(m, x, y)),
        1 => (0..DType::ALL.len(), back.clone()).prop_map(|(d, x)| Step::Cast(d, x)),
        1 => prop_oneof![Just(2.0), Just(0.5), Just(0.25), Just(-3.0)].prop_map(Step::Number),
        1 => any::<bool>().prop_map(Step::Random),
        2 => (0..REDUCE.len(), back, 0u8..4, any::<bool>()).prop_map(|(op, x, axes, keep)| Step::Reduce(op, x, axes, keep)),
    ]
}

fn ints(values: &[i64]) -> Arg {
    Arg::List(values.iter().map(|&n| Arg::Int(n)).collect())
}

fn name(dtype: DType) -> Arg {
    Arg::Str(dtype.to_string().into())
}

/// The region and, from another context with the same seed, what single operations give for each node.
struct Both {
    region: Region,
    ctx: Context,
    ids: Vec<NodeId>,
    values: Vec<Arg>,
    shape: Vec<usize>,
}

impl Both {
    fn rank(value: &Arg) -> usize {
        if let Arg::Tensor(tensor) = value { tensor.rank() } else { 0 }
    }

    /// Adds a step to both, where the operation alone succeeds.
    fn add(&mut self, step: &Step) {
        if let Step::Choose(op, [x, y, yes, no], apart) = *step {
            self.add(&Step::Compare(op, x, y));
            if apart {
                self.add(&Step::Binary(2, yes, no));
            }
            return self.add(&Step::Select(usize::from(apart), if apart { 0 } else { yes + 1 }, no + 1));
        }
        let at = |back: usize| self.values.len() - 1 - back.min(self.values.len() - 1);
        let value = |back: usize| self.values[at(back)].clone();
        let id = |back: usize| self.ids[at(back)];
        let (ctx, region) = (&self.ctx, &mut self.region);
        let added = match *step {
            Step::Unary(op, x) => unary(ctx, UNARY[op], &value(x)).map(|v| (v, region.unary(UNARY[op], id(x)))),
            Step::Binary(op, x, y) => {
                let op = BINARY[op];
                binary(ctx, op, &value(x), &value(y)).map(|v| (v, region.binary(op, id(x), id(y))))
            }
            Step::Compare(op, x, y) => {
                let op = COMPARE[op];
                compare(ctx, op, &value(x), &value(y)).map(|v| (v, region.compare(op, id(x), id(y))))
            }
            Step::Select(m, x, y) => run(ctx, "tensor.where", &[value(m), value(x), value(y)])
                .map(|v| (v, region.select(id(m), id(x), id(y)))),
            Step::Choose(..) => unreachable!("it was taken apart"),
            Step::Cast(d, x) => {
                let dtype = DType::ALL[d];
                run(ctx, "tensor.cast", &[value(x), name(dtype)]).map(|v| (v, region.cast(dtype, id(x))))
            }
            Step::Number(n) => Ok((Arg::Scalar(n), region.scalar(n))),
            Step::Random(normal) => {
                let shape = ints(&self.shape.iter().map(|&n| n as i64).collect::<Vec<_>>());
                let (op, kind) = if normal {
                    ("tensor.randn", Distribution::Normal)
                } else {
                    ("tensor.rand", Distribution::Uniform)
                };
                run(ctx, op, &[shape]).map(|v| (v, region.random(kind, DType::F32, &self.shape)))
            }
            Step::Reduce(op, x, axes, keep) => {
                let op = REDUCE[op];
                let rank = Self::rank(&value(x));
                let axes: Option<Vec<i64>> = match axes {
                    0 => None,
                    1 if rank > 0 => Some(vec![-1]),
                    2 if rank > 1 => Some(vec![0]),
                    _ => Some((0..rank as i64).collect()),
                };
                let list = axes.as_ref().map_or(Arg::None, |axes| ints(axes));
                run(ctx, &format!("tensor.{op:?}").to_lowercase(), &[value(x), list, Arg::Bool(keep)])
                    .map(|v| (v, region.reduce(op, id(x), axes.as_deref(), keep)))
            }
        };
        // What cannot be done alone is left out of both.
        if let Ok((value, id)) = added {
            self.values.push(value);
            self.ids.push(id);
        }
    }
}

fn bits(arg: &Arg) -> (DType, Vec<usize>, Vec<u8>) {
    match arg {
        Arg::Tensor(tensor) => {
            let data = tensor.to_data().expect("reads");
            // NaN has many bit patterns, and which one a chain of operations gives is not promised.
            let canonical = match data.dtype() {
                DType::F32 => {
                    let values = data.bytes().as_chunks::<4>().0.iter().map(|b| f32::from_ne_bytes(*b));
                    values.flat_map(|x| if x.is_nan() { [0xff; 4] } else { x.to_ne_bytes() }).collect()
                }
                DType::F64 => {
                    let values = data.bytes().as_chunks::<8>().0.iter().map(|b| f64::from_ne_bytes(*b));
                    values.flat_map(|x| if x.is_nan() { [0xff; 8] } else { x.to_ne_bytes() }).collect()
                }
                _ => data.bytes().to_vec(),
            };
            (data.dtype(), data.shape().to_vec(), canonical)
        }
        Arg::Scalar(x) => (DType::F64, vec![], x.to_ne_bytes().to_vec()),
        other => panic!("{other:?} is no result"),
    }
}

/// Three inputs: a matrix, a row, and a column or a transposed view.
fn inputs(ctx: &Context, rows: usize, columns: usize, dtype: DType) -> Vec<Arg> {
    let draw = |shape: &[i64]| run(ctx, "tensor.randn", &[ints(shape)]).expect("small");
    let (m, n) = (rows as i64, columns as i64);
    let cast = |x: Arg, dtype| run(ctx, "tensor.cast", &[x, name(dtype)]).expect("casts");
    let scaled = binary(ctx, BinaryOp::Mul, &draw(&[m, n]), &Arg::Scalar(3.0)).expect("scales");
    let turned = run(ctx, "tensor.transpose", &[draw(&[n, m])]).expect("turns");
    vec![cast(scaled, dtype), draw(&[n]), turned, draw(&[m, 1])]
}

#[test]
fn a_region_gives_what_its_operations_give_one_at_a_time() {
    let cases = (
        prop::collection::vec(step(), 1..14),
        prop_oneof![Just(1usize), 2usize..5, Just(37)],
        prop_oneof![Just(0usize), Just(1), 2usize..9, Just(64), Just(100), Just(1500)],
        (0..DType::ALL.len()).prop_map(|d| DType::ALL[d]),
    );
    let mut runner = TestRunner::new(ProptestConfig::with_cases(400));
    let outcome = runner.run(&cases, |(steps, rows, columns, dtype)| {
        let ctx = Context::new(Device::cpu()).with_seed(3);
        let values = inputs(&ctx, rows, columns, dtype);
        let mut region = Region::new();
        let ids: Vec<NodeId> = values.iter().map(|_| region.input()).collect();
        let given = values.clone();
        // Both draw the same numbers: their contexts start anew.
        let ctx = Context::new(Device::cpu()).with_seed(9);
        let mut both = Both { region, ctx, ids, values, shape: vec![rows, columns] };
        for step in &steps {
            both.add(step);
        }
        let outputs = [both.values.len() - 1, both.values.len() / 2];
        for &i in &outputs {
            both.region.output(both.ids[i]);
        }
        let ctx = Context::new(Device::cpu()).with_seed(9);
        let results = both.region.run(&ctx, given).expect("each operation could be done");
        for (&i, result) in outputs.iter().zip(&results) {
            prop_assert_eq!(bits(result), bits(&both.values[i]), "node {}", i);
        }
        Ok(())
    });
    outcome.expect("regions and single operations agree");
}

/// A step that is cheap enough to run in one loop with others.
fn cheap_step() -> impl Strategy<Value = Step> {
    let back = 0usize..7;
    // Neg, Abs, Floor, Sqrt, Square, Relu, Sign, Ceil, Round, Rsqrt; the binary ones up to powers, which may be short.
    let unary = prop_oneof![0usize..5, Just(9), 12usize..16];
    prop_oneof![
        3 => (unary, back.clone()).prop_map(|(op, x)| Step::Unary(op, x)),
        6 => (0usize..6, back.clone(), back.clone()).prop_map(|(op, x, y)| Step::Binary(op, x, y)),
        1 => back.clone().prop_map(|x| Step::Binary(6, x, 0)),
        3 => (0..COMPARE.len(), [back.clone(), back.clone(), back.clone(), back.clone()], any::<bool>())
            .prop_map(|(op, of, apart)| Step::Choose(op, of, apart)),
        1 => (back.clone(), back.clone(), back).prop_map(|(m, x, y)| Step::Select(m, x, y)),
        2 => prop_oneof![Just(2.0), Just(0.5), Just(-0.0), Just(-3.0), Just(f64::NAN)].prop_map(Step::Number),
    ]
}

/// Numbers of all kinds, some of which comparisons and roots treat in their own way.
fn odd_numbers(ctx: &Context, count: usize, dtype: DType, turn: usize) -> Arg {
    const ODD: [f64; 9] = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 0.0, 1e-40, -1e-310, 1e30, -1.5];
    let value = |i: usize| match (i * 7 + turn) % 29 {
        odd if odd < ODD.len() => ODD[odd],
        _ => ((i * 7919 + turn * 31) % 1000) as f64 / 250.0 - 2.0,
    };
    let values: Vec<f64> = (0..count).map(value).collect();
    Arg::Tensor(Tensor::from_f64s(ctx, dtype, &[count], &values).expect("small"))
}

/// Each region is run twice: on inputs that the caller keeps, and on inputs that may be overwritten.
#[test]
fn cheap_steps_in_one_loop_give_what_they_give_alone() {
    let lengths = [0usize, 1, 5, 63, 64, 65, 128, 129, 500, 1023, 1024, 1025, 3000, 140_000];
    let cases = (
        prop::collection::vec(cheap_step(), 2..24),
        prop::sample::select(lengths.to_vec()),
        prop_oneof![Just(DType::F32), Just(DType::F64)],
    );
    let mut runner = TestRunner::new(ProptestConfig::with_cases(300));
    let outcome = runner.run(&cases, |(steps, count, dtype)| {
        let ctx = Context::new(Device::cpu());
        let inputs = || (0..3).map(|turn| odd_numbers(&ctx, count, dtype, turn)).collect::<Vec<Arg>>();
        let mut region = Region::new();
        let ids: Vec<NodeId> = (0..3).map(|_| region.input()).collect();
        let mut both = Both { region, ctx: Context::new(Device::cpu()), ids, values: inputs(), shape: vec![count] };
        for step in &steps {
            both.add(step);
        }
        let last = both.values.len() - 1;
        both.region.output(both.ids[last]);
        let kept = both.values[..3].to_vec();
        for given in [kept, inputs()] {
            let results = both.region.run(&ctx, given).expect("each operation could be done");
            prop_assert_eq!(bits(&results[0]), bits(&both.values[last]));
        }
        Ok(())
    });
    outcome.expect("chains and single operations agree");
}

fn filled(ctx: &Context, n: i64) -> Tensor {
    match run(ctx, "tensor.rand", &[ints(&[n, n])]).expect("small") {
        Arg::Tensor(tensor) => tensor,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_chain_overwrites_an_input_that_nobody_else_holds() {
    let mut region = Region::new();
    let x = region.input();
    let (half, one) = (region.scalar(0.5), region.int(1));
    let y = region.binary(BinaryOp::Mul, x, half);
    let y = region.binary(BinaryOp::Add, y, one);
    region.output(y);
    let ctx = Context::new(Device::cpu());
    let tensor = filled(&ctx, 256);
    let before = ctx.meter().peak_bytes();
    let results = region.run(&ctx, vec![Arg::Tensor(tensor)]).expect("runs");
    assert_eq!(results.len(), 1);
    // Only the two numbers were new.
    assert!(ctx.meter().peak_bytes() < before + 1024, "{} after {before}", ctx.meter().peak_bytes());
    // An input that the caller keeps stays as it was.
    let kept = filled(&ctx, 256);
    let bytes = kept.to_data().expect("reads");
    region.run(&ctx, vec![Arg::Tensor(kept.clone())]).expect("runs");
    assert_eq!(kept.to_data().expect("reads"), bytes);
}

#[test]
fn a_region_keeps_no_intermediate_in_memory() {
    let mut region = Region::new();
    let x = region.random(Distribution::Normal, DType::F32, &[1 << 20]);
    let y = region.unary(UnaryOp::Exp, x);
    let mean = region.reduce(ReduceOp::Mean, y, None, false);
    region.output(mean);
    let ctx = Context::new(Device::cpu());
    region.run(&ctx, Vec::new()).expect("runs");
    assert!(ctx.meter().peak_bytes() < 4096, "{} bytes", ctx.meter().peak_bytes());
}

#[test]
fn errors_name_the_node_and_say_what_the_operation_alone_says() {
    let ctx = Context::new(Device::cpu());
    let mut region = Region::new();
    let (x, y) = (region.input(), region.input());
    let sum = region.binary(BinaryOp::Add, x, y);
    region.output(sum);
    let data = |shape: &[i64]| run(&ctx, "tensor.ones", &[ints(shape)]).expect("small");
    let error = region.run(&ctx, vec![data(&[2, 3]), data(&[2])]).expect_err("shapes differ");
    assert_eq!((error.node, error.to_string().as_str()), (sum, "shapes [2, 3] and [2] do not broadcast"));
    let error = region.run(&ctx, vec![data(&[2])]).expect_err("an input is missing");
    assert_eq!(error.to_string(), "`inputs` are 1, and the region has 2");

    let mut region = Region::new();
    let (x, zero) = (region.input(), region.int(0));
    let quotient = region.binary(BinaryOp::FloorDiv, x, zero);
    region.output(quotient);
    let count = run(&ctx, "tensor.arange", &[Arg::Int(4)]).expect("small");
    let error = region.run(&ctx, vec![count]).expect_err("divides by zero");
    assert_eq!((error.node, error.error), (quotient, nexus_tensor::TensorError::DivisionByZero));
}
