//! Prints the devices of this machine and, for the GPU, how far its results are from the CPU's and how long it takes.
//!
//! `queued` is the time of one call among many that wait for nothing; `synchronised` ends with reading one number back.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use std::time::Instant;

use nexus_tensor::{Arg, BinaryOp, Context, DType, Device, TensorError, UnaryOp, binary, devices, find, unary};

type Outcome<T> = Result<T, TensorError>;

/// An operation by name.
fn run(ctx: &Context, name: &str, args: &[Arg]) -> Outcome<Arg> {
    let op = find(name).expect("the operations named here exist");
    let mut all = args.to_vec();
    all.resize(op.params.len(), Arg::None);
    (op.run)(ctx, &all)
}

fn square(n: i64) -> Arg {
    Arg::List(vec![Arg::Int(n), Arg::Int(n)])
}

/// Waits for the device by reading one element.
fn wait(ctx: &Context, value: &Arg) -> Outcome<()> {
    let Arg::Tensor(tensor) = value else { return Ok(()) };
    let zeros = vec![nexus_tensor::Index::At(0); tensor.rank()];
    nexus_tensor::get(ctx, tensor, &zeros)?.item().map(|_| ())
}

/// The largest difference between two results.
fn distance(left: &Arg, right: &Arg) -> Outcome<f64> {
    let (Arg::Tensor(left), Arg::Tensor(right)) = (left, right) else { return Ok(f64::INFINITY) };
    let (a, b) = (left.to_data()?, right.to_data()?);
    let pairs = (0..a.len()).filter_map(|i| Some((a.get_f64(i)?, b.get_f64(i)?)));
    Ok(pairs.map(|(x, y)| (x - y).abs() / x.abs().max(1.0)).fold(0.0, f64::max))
}

/// About how long one kind of measurement may take.
const PATIENCE_MS: f64 = 1e3;

type Work = fn(&Context, &Arg, &Arg) -> Outcome<Arg>;

const WORKS: [(&str, Work); 9] = [
    ("matmul", |ctx, x, y| binary(ctx, BinaryOp::MatMul, x, y)),
    ("add", |ctx, x, y| binary(ctx, BinaryOp::Add, x, y)),
    ("relu", |ctx, x, _| unary(ctx, UnaryOp::Relu, x)),
    ("gelu", |ctx, x, _| unary(ctx, UnaryOp::Gelu, x)),
    ("tanh", |ctx, x, _| unary(ctx, UnaryOp::Tanh, x)),
    ("exp", |ctx, x, _| unary(ctx, UnaryOp::Exp, x)),
    ("sum", |ctx, x, _| run(ctx, "tensor.sum", std::slice::from_ref(x))),
    ("softmax", |ctx, x, _| run(ctx, "tensor.softmax", std::slice::from_ref(x))),
    ("chain of 12", |ctx, x, y| {
        let mut z = x.clone();
        for _ in 0..4 {
            z = binary(ctx, BinaryOp::Mul, &z, y)?;
            z = unary(ctx, UnaryOp::Tanh, &z)?;
            z = binary(ctx, BinaryOp::Add, &z, x)?;
        }
        Ok(z)
    }),
];

fn measure(ctx: &Context, size: i64) -> Outcome<()> {
    let cpu = Context::new(Device::cpu());
    let up = |arg: &Arg| -> Outcome<Arg> {
        let Arg::Tensor(tensor) = arg else { return Ok(arg.clone()) };
        nexus_tensor::Tensor::from_data(ctx, &tensor.to_data()?).map(Arg::Tensor)
    };
    let (a, b) = (run(&cpu, "tensor.randn", &[square(size)])?, run(&cpu, "tensor.randn", &[square(size)])?);
    let (x, y) = (up(&a)?, up(&b)?);
    for (name, work) in WORKS {
        let first = Instant::now();
        let result = work(ctx, &x, &y)?;
        wait(ctx, &result)?;
        let first = first.elapsed();
        let error = distance(&work(&cpu, &a, &b)?, &result)?;
        // The first call may have chosen among kernels and compiled them; the second shows what one takes.
        let again = Instant::now();
        wait(ctx, &work(ctx, &x, &y)?)?;
        let rounds = (PATIENCE_MS / (again.elapsed().as_secs_f64() * 1e3)).clamp(3.0, 200.0) as u32;
        let mut times: Vec<f64> = Vec::new();
        for _ in 0..rounds {
            let start = Instant::now();
            wait(ctx, &work(ctx, &x, &y)?)?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        // Operations that wait together fuse; the first such queue is compiled.
        let mut queued = 0.0;
        for _ in 0..2 {
            let start = Instant::now();
            let mut last = None;
            for _ in 0..rounds {
                last = Some(work(ctx, &x, &y)?);
            }
            if let Some(last) = last {
                wait(ctx, &last)?;
            }
            queued = start.elapsed().as_secs_f64() * 1e3 / f64::from(rounds);
        }
        let synchronised = times[times.len() / 2];
        println!(
            "  {name:12} {size:5}²  first {:9.1} ms  queued {queued:8.4} ms  synchronised {synchronised:8.4} ms  largest error {error:.1e}",
            first.as_secs_f64() * 1e3
        );
    }
    Ok(())
}

fn main() -> Outcome<()> {
    let start = Instant::now();
    let best = Device::best();
    println!("best: {} ({:.1} ms to find)", best.name(), start.elapsed().as_secs_f64() * 1e3);
    for device in devices() {
        println!("{}: {}", device.kind.name(), device.name);
    }
    let size = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1024);
    let start = Instant::now();
    match Device::gpu() {
        Ok(gpu) => {
            println!("started in {:.0} ms", start.elapsed().as_secs_f64() * 1e3);
            let ctx = Context::new(gpu);
            for size in [size, size * 2] {
                measure(&ctx, size)?;
            }
            println!("moved: {:?}; f64 stays on the host: {}", ctx.meter().transfers(), DType::F64);
        }
        Err(error) => println!("{error}; {}", error.help()),
    }
    Ok(())
}
