//! Times of the engine's operations on the CPU, one JSON line each, under the names that `benches/compare/tensor.py`
//! gives its peers: `cargo run --release -p nexus-tensor --example tensor_bench [NAME...]`.
//!
//! `mode` is `eager` for one operation at a time and `fused` for a region. Operands are ready; the result is dropped
//! after the clock stops. It asserts nothing.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use std::time::{Duration, Instant};

use nexus_tensor::{
    Arg, BinaryOp, CompareOp, Context, DType, Device, Distribution, NodeId, ReduceOp, Region, TensorError, UnaryOp,
    binary, find, unary,
};

type Outcome<T> = Result<T, TensorError>;

/// Time for one operation's runs.
const PATIENCE: Duration = Duration::from_millis(700);
const RUNS_MIN: usize = 7;
const RUNS_MAX: usize = 400;

fn run(ctx: &Context, name: &str, args: &[Arg]) -> Outcome<Arg> {
    let op = find(name).ok_or_else(|| TensorError::Argument { name: "op", problem: format!("{name} is unknown") })?;
    let mut all = args.to_vec();
    all.resize(op.params.len(), Arg::None);
    (op.run)(ctx, &all)
}

fn randn(ctx: &Context, shape: &[i64]) -> Outcome<Arg> {
    run(ctx, "tensor.randn", &[Arg::List(shape.iter().map(|&n| Arg::Int(n)).collect())])
}

fn cast(ctx: &Context, x: &Arg, dtype: &str) -> Outcome<Arg> {
    run(ctx, "tensor.cast", &[x.clone(), Arg::Str(dtype.into())])
}

/// Symmetric positive definite.
fn definite(ctx: &Context, n: i64) -> Outcome<Arg> {
    let a = randn(ctx, &[n, n])?;
    let turned = run(ctx, "tensor.transpose", std::slice::from_ref(&a))?;
    let product = binary(ctx, BinaryOp::MatMul, &a, &turned)?;
    let scaled = binary(ctx, BinaryOp::Div, &product, &Arg::Scalar(n as f64))?;
    binary(ctx, BinaryOp::Add, &scaled, &run(ctx, "tensor.eye", &[Arg::Int(n)])?)
}

/// Times `work` and prints a line.
fn time(name: &str, mode: &str, work: &mut dyn FnMut() -> Outcome<Vec<Arg>>) -> Outcome<()> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if !wanted.is_empty() && !wanted.iter().any(|w| name.contains(w.as_str())) {
        return Ok(());
    }
    for _ in 0..2 {
        work()?;
    }
    let begun = Instant::now();
    let mut runs: Vec<f64> = Vec::new();
    while runs.len() < RUNS_MIN || (begun.elapsed() < PATIENCE && runs.len() < RUNS_MAX) {
        let started = Instant::now();
        let result = work()?;
        runs.push(started.elapsed().as_secs_f64() * 1e3);
        drop(result);
    }
    runs.sort_by(f64::total_cmp);
    let at = |share: f64| runs[((runs.len() - 1) as f64 * share) as usize];
    println!(
        "{{\"op\":\"{name}\",\"mode\":\"{mode}\",\"median\":{:.6},\"least\":{:.6},\"p25\":{:.6},\"runs\":{}}}",
        at(0.5),
        runs[0],
        at(0.25),
        runs.len()
    );
    Ok(())
}

fn one(name: &str, mut work: impl FnMut() -> Outcome<Arg>) -> Outcome<()> {
    time(name, "eager", &mut || Ok(vec![work()?]))
}

/// Twelve operations, cheap ones or with tanh and a root, as the peers write them.
fn chain(region: &mut Region, x: NodeId, y: NodeId, dear: bool) -> NodeId {
    use BinaryOp::{Add, Maximum, Minimum, Mul, Sub};
    let number = |region: &mut Region, op, t, value| {
        let value = region.scalar(value);
        region.binary(op, t, value)
    };
    let t = region.binary(Mul, x, y);
    let t = region.binary(Add, t, x);
    let t = number(region, Sub, t, 0.5);
    let t = number(region, Mul, t, 0.25);
    let t = if dear { region.unary(UnaryOp::Tanh, t) } else { number(region, Minimum, t, 2.0) };
    let t = region.binary(Mul, t, y);
    let t = number(region, Add, t, 1.5);
    let t = region.unary(UnaryOp::Abs, t);
    let t = if dear { region.unary(UnaryOp::Sqrt, t) } else { region.binary(Mul, t, t) };
    let t = number(region, Maximum, t, 0.1);
    let t = region.binary(Mul, t, x);
    region.binary(Add, t, y)
}

/// Twelve operations, four of which are choices by comparisons.
fn choices(region: &mut Region, x: NodeId, y: NodeId) -> NodeId {
    use BinaryOp::{Add, Mul, Sub};
    let mut t = region.binary(Mul, x, y);
    for (op, bound) in [(Sub, 0.5), (Add, 0.25)] {
        let (number, zero) = (region.scalar(bound), region.scalar(0.0));
        let moved = region.binary(op, t, number);
        let positive = region.compare(CompareOp::Greater, moved, zero);
        let low = region.binary(Mul, moved, number);
        t = region.select(positive, moved, low);
        let above = region.compare(CompareOp::LessEqual, t, y);
        t = region.select(above, t, x);
    }
    region.binary(Add, t, y)
}

fn chain_alone(ctx: &Context, x: &Arg, y: &Arg, dear: bool) -> Outcome<Arg> {
    use BinaryOp::{Add, Maximum, Minimum, Mul, Sub};
    let two = |op, t: Arg, other: &Arg| nexus_tensor::binary_owned(ctx, op, t, other.clone());
    let one = |op, t: Arg| nexus_tensor::unary_owned(ctx, op, t);
    let t = two(Mul, x.clone(), y)?;
    let t = two(Add, t, x)?;
    let t = two(Sub, t, &Arg::Scalar(0.5))?;
    let t = two(Mul, t, &Arg::Scalar(0.25))?;
    let t = if dear { one(UnaryOp::Tanh, t)? } else { two(Minimum, t, &Arg::Scalar(2.0))? };
    let t = two(Mul, t, y)?;
    let t = two(Add, t, &Arg::Scalar(1.5))?;
    let t = one(UnaryOp::Abs, t)?;
    let t = if dear { one(UnaryOp::Sqrt, t)? } else { binary(ctx, Mul, &t, &t)? };
    let t = two(Maximum, t, &Arg::Scalar(0.1))?;
    let t = two(Mul, t, x)?;
    two(Add, t, y)
}

fn chains(ctx: &Context) -> Outcome<()> {
    for n in [1024, 4096] {
        let (x, y) = (randn(ctx, &[n, n])?, randn(ctx, &[n, n])?);
        for (name, dear) in [("cheap12", false), ("chain12", true)] {
            let mut region = Region::new();
            let (a, b) = (region.input(), region.input());
            let out = chain(&mut region, a, b, dear);
            region.output(out);
            let name = format!("{name}_{n}");
            time(&name, "eager", &mut || Ok(vec![chain_alone(ctx, &x, &y, dear)?]))?;
            time(&name, "fused", &mut || Ok(region.run(ctx, vec![x.clone(), y.clone()])?))?;
        }
        let mut region = Region::new();
        let (a, b) = (region.input(), region.input());
        let out = choices(&mut region, a, b);
        region.output(out);
        time(&format!("choices_{n}"), "fused", &mut || Ok(region.run(ctx, vec![x.clone(), y.clone()])?))?;
        if n == 1024 {
            let (x, y) = (cast(ctx, &x, "f64")?, cast(ctx, &y, "f64")?);
            let mut region = Region::new();
            let (a, b) = (region.input(), region.input());
            let out = chain(&mut region, a, b, false);
            region.output(out);
            time("cheap12_1024_f64", "fused", &mut || Ok(region.run(ctx, vec![x.clone(), y.clone()])?))?;
        }
        one(&format!("add_{n}"), || binary(ctx, BinaryOp::Add, &x, &y))?;
    }
    Ok(())
}

fn products(ctx: &Context) -> Outcome<()> {
    for (name, m, k, n) in [
        ("matmul_512", 512, 512, 512),
        ("matmul_1024", 1024, 1024, 1024),
        ("matmul_2048", 2048, 2048, 2048),
        ("matmul_skinny", 4096, 64, 4096),
        ("matvec_4096", 4096, 4096, 1),
    ] {
        let (a, b) = (randn(ctx, &[m, k])?, randn(ctx, &[k, n])?);
        one(name, || binary(ctx, BinaryOp::MatMul, &a, &b))?;
    }
    let (a, b) = (randn(ctx, &[64, 128, 128])?, randn(ctx, &[64, 128, 128])?);
    one("matmul_batch", || binary(ctx, BinaryOp::MatMul, &a, &b))?;
    let (a, b) = (randn(ctx, &[1024, 1024])?, randn(ctx, &[1024, 1024])?);
    for dtype in ["f16", "bf16"] {
        let (a, b) = (cast(ctx, &a, dtype)?, cast(ctx, &b, dtype)?);
        one(&format!("matmul_1024_{dtype}"), || binary(ctx, BinaryOp::MatMul, &a, &b))?;
    }
    Ok(())
}

fn functions(ctx: &Context) -> Outcome<()> {
    let x = randn(ctx, &[1024, 1024])?;
    for (name, op) in [
        ("relu", UnaryOp::Relu),
        ("exp", UnaryOp::Exp),
        ("tanh", UnaryOp::Tanh),
        ("sigmoid", UnaryOp::Sigmoid),
        ("gelu", UnaryOp::Gelu),
        ("sin", UnaryOp::Sin),
        ("log1p", UnaryOp::Log1p),
    ] {
        one(&format!("{name}_1024"), || unary(ctx, op, &x))?;
    }
    let wide = cast(ctx, &x, "f64")?;
    for (name, op) in [("exp", UnaryOp::Exp), ("tanh", UnaryOp::Tanh), ("sin", UnaryOp::Sin), ("log1p", UnaryOp::Log1p)]
    {
        one(&format!("{name}_1024_f64"), || unary(ctx, op, &wide))?;
    }
    for name in ["softmax", "layer_norm", "sum", "mean", "var", "max"] {
        let op = format!("tensor.{name}");
        one(&format!("{name}_1024"), || run(ctx, &op, std::slice::from_ref(&x)))?;
    }
    for axis in [0, 1] {
        one(&format!("sum_axis{axis}_1024"), || run(ctx, "tensor.sum", &[x.clone(), Arg::Int(axis)]))?;
    }
    let (row, transposed) = (randn(ctx, &[1024])?, run(ctx, "tensor.transpose", std::slice::from_ref(&x))?);
    one("add_row_1024", || binary(ctx, BinaryOp::Add, &x, &row))?;
    one("add_transposed_1024", || binary(ctx, BinaryOp::Add, &x, &transposed))?;
    let (a, b) = (randn(ctx, &[16])?, randn(ctx, &[16])?);
    time("add_16_times_1000", "eager", &mut || {
        for _ in 0..999 {
            binary(ctx, BinaryOp::Add, &a, &b)?;
        }
        Ok(vec![binary(ctx, BinaryOp::Add, &a, &b)?])
    })?;
    let [q, k, v] = [0, 1, 2].map(|_| randn(ctx, &[8, 1024, 64]));
    let (q, k, v) = (q?, k?, v?);
    let name = if find("tensor.attention").is_some() { "tensor.attention" } else { "none" };
    one("attention", || {
        if name != "none" {
            return run(ctx, name, &[q.clone(), k.clone(), v.clone()]);
        }
        let turned = run(ctx, "tensor.permute", &[k.clone(), Arg::List(vec![Arg::Int(0), Arg::Int(2), Arg::Int(1)])])?;
        let scores = binary(ctx, BinaryOp::MatMul, &q, &turned)?;
        let scores = nexus_tensor::binary_owned(ctx, BinaryOp::Mul, scores, Arg::Scalar(0.125))?;
        let weights = run(ctx, "tensor.softmax", &[scores])?;
        binary(ctx, BinaryOp::MatMul, &weights, &v)
    })
}

fn factors(ctx: &Context) -> Outcome<()> {
    let (a, spd) = (randn(ctx, &[512, 512])?, definite(ctx, 512)?);
    let (large, b) = (definite(ctx, 1024)?, randn(ctx, &[1024, 1])?);
    let of = |name: &str, args: &[Arg]| run(ctx, name, args);
    one("svd_512_rank_20", || of("linalg.svd_truncated", &[a.clone(), Arg::Int(20)]))?;
    one("svd_512", || of("linalg.svd", std::slice::from_ref(&a)))?;
    one("svdvals_512", || of("linalg.svdvals", std::slice::from_ref(&a)))?;
    one("eigh_512", || of("linalg.eigh", std::slice::from_ref(&spd)))?;
    one("qr_512", || of("linalg.qr", std::slice::from_ref(&a)))?;
    one("inv_512", || of("linalg.inv", std::slice::from_ref(&spd)))?;
    one("cholesky_1024", || of("linalg.cholesky", std::slice::from_ref(&large)))?;
    one("solve_1024", || of("linalg.solve", &[large.clone(), b.clone()]))
}

/// Fourier transforms of complex and of real numbers: long, in rows, of a size that is no power of two, and of a prime.
fn spectra(ctx: &Context) -> Outcome<()> {
    let complex = |shape: &[i64]| -> Outcome<Arg> {
        Ok(nexus_tensor::args::record([("re", randn(ctx, shape)?), ("im", randn(ctx, shape)?)]))
    };
    let of = |name: &str, x: &Arg| run(ctx, name, std::slice::from_ref(x));
    let (long, rows) = (complex(&[1 << 20])?, complex(&[1024, 1024])?);
    let (real, round, prime) = (randn(ctx, &[1 << 20])?, complex(&[1_000_000])?, complex(&[100_003])?);
    one("fft_2e20", || of("signal.fft", &long))?;
    one("rfft_2e20", || of("signal.rfft", &real))?;
    one("fft_1e6", || of("signal.fft", &round))?;
    one("fft_prime", || of("signal.fft", &prime))?;
    one("fft_rows_1024", || of("signal.fft", &rows))?;
    one("fft2_1024", || of("signal.fft2", &rows))
}

/// Random numbers alone, and two estimates that keep no tensor: π, and the price of a call option.
fn chance(ctx: &Context) -> Outcome<()> {
    const PATHS: usize = 10_000_000;
    let size = Arg::List(vec![Arg::Int(PATHS as i64)]);
    one("uniform_1e7", || run(ctx, "tensor.rand", std::slice::from_ref(&size)))?;
    one("normal_1e7", || run(ctx, "tensor.randn", std::slice::from_ref(&size)))?;
    let mut pi = Region::new();
    let [x, y] = [0, 1].map(|_| pi.random(Distribution::Uniform, DType::F32, &[PATHS]));
    let (x, y) = (pi.unary(UnaryOp::Square, x), pi.unary(UnaryOp::Square, y));
    let radius = pi.binary(BinaryOp::Add, x, y);
    let one = pi.scalar(1.0);
    let inside = pi.compare(CompareOp::LessEqual, radius, one);
    let share = pi.reduce(ReduceOp::Mean, inside, None, false);
    pi.output(share);
    time("mc_pi_1e7", "fused", &mut || Ok(pi.run(ctx, Vec::new())?))?;
    let mut option = Region::new();
    let z = option.random(Distribution::Normal, DType::F32, &[PATHS]);
    let (volatility, drift) = (option.scalar(0.2), option.scalar(0.05 - 0.02));
    let (start, strike, zero) = (option.scalar(100.0), option.scalar(105.0), option.scalar(0.0));
    let t = option.binary(BinaryOp::Mul, z, volatility);
    let t = option.binary(BinaryOp::Add, t, drift);
    let t = option.unary(UnaryOp::Exp, t);
    let t = option.binary(BinaryOp::Mul, t, start);
    let t = option.binary(BinaryOp::Sub, t, strike);
    let payoff = option.binary(BinaryOp::Maximum, t, zero);
    let mean = option.reduce(ReduceOp::Mean, payoff, None, false);
    option.output(mean);
    time("mc_option_1e7", "fused", &mut || Ok(option.run(ctx, Vec::new())?))
}

fn main() -> Outcome<()> {
    let ctx = Context::new(Device::cpu()).with_seed(1);
    functions(&ctx)?;
    chains(&ctx)?;
    products(&ctx)?;
    factors(&ctx)?;
    spectra(&ctx)?;
    chance(&ctx)
}
