//! `nexus engine bench`: how fast this machine's tensors are, against the targets that the project set out with.
//!
//! It measures single operations with operands ready, and the same chain of operations fused and one at a time. Times of
//! a busy machine say little; the table shows the spread. It is not the comparison with other libraries: that is
//! `benches/compare`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use nexus_actors::learning;
use nexus_tensor::{
    Arg, BinaryOp, Context, Device, Index, Region, TensorError, UnaryOp, binary, binary_owned, find, get, unary,
    unary_owned,
};
use serde::Serialize;

use super::codes;
use super::error::{CliError, Exit};
use crate::output::Console;
use crate::output::json::document;
use crate::output::table::{Align, Cell, Table};

/// Time for the runs of one line.
const PATIENCE: Duration = Duration::from_millis(400);
/// Fewest runs of one line.
const RUNS_MIN: usize = 5;
/// Most runs of one line.
const RUNS_MAX: usize = 500;
/// Runs before the first that counts.
const WARM_UP: usize = 2;

/// Measure this machine against the engine's targets
#[derive(Debug, Clone, Args)]
pub(crate) struct BenchArgs {
    /// Where to compute: cpu or gpu
    #[arg(long, value_name = "DEVICE", default_value = "cpu", value_parser = ["cpu", "gpu", "flex"])]
    device: String,
    /// Also write the table with a plot to this file
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
}

/// One line of the table.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct Line {
    what: &'static str,
    /// Milliseconds; none where the target is another line.
    target_ms: Option<f64>,
    median_ms: f64,
    least_ms: f64,
    runs: usize,
    /// Times faster than the line it is compared with.
    speedup: Option<f64>,
}

impl Line {
    /// Measured over target; below 1 the target is met.
    fn ratio(&self) -> Option<f64> {
        self.target_ms.map(|target| self.median_ms / target)
    }
}

#[derive(Debug, Serialize)]
struct BenchDocument<'a> {
    version: &'static str,
    device: String,
    lines: &'a [Line],
}

/// Measures, and shows the table.
pub(crate) fn bench(args: &BenchArgs, console: &mut Console) -> Result<(), CliError> {
    let device = match args.device.as_str() {
        "gpu" => Device::gpu(),
        "flex" => Device::flex(),
        _ => Ok(Device::cpu()),
    };
    let device = device.map_err(of_engine)?;
    let lines = measure(&Context::new(device).with_seed(1)).map_err(of_engine)?;
    // The optimiser and `nexus engine status` know it from here on.
    learning::measure_products(device);
    if let Some(path) = &args.html {
        write_page(path, &page(&device.name(), &lines))?;
    }
    if console.is_json() {
        let version = env!("CARGO_PKG_VERSION");
        console.answer(&document(&BenchDocument { version, device: device.name(), lines: &lines }));
    } else {
        console.answer(&table(&lines).render());
    }
    Ok(())
}

fn of_engine(error: TensorError) -> CliError {
    CliError::new(Exit::ProgramFailed, error.code(), error.to_string()).with_help(error.help())
}

fn write_page(path: &Path, page: &str) -> Result<(), CliError> {
    std::fs::write(path, page).map_err(|error| {
        let message = format!("{} cannot be written: {error}", path.display());
        CliError::new(Exit::Usage, codes::BAD_OUTPUT, message)
            .with_help("name a file in a folder that you may write to")
    })
}

fn call(ctx: &Context, name: &'static str, args: &[Arg]) -> Result<Arg, TensorError> {
    let op = find(name).ok_or(TensorError::Argument { name: "op", problem: format!("{name} does not exist") })?;
    let mut all = args.to_vec();
    all.resize(op.params.len(), Arg::None);
    (op.run)(ctx, &all)
}

fn random(ctx: &Context, shape: &[i64]) -> Result<Arg, TensorError> {
    call(ctx, "tensor.randn", &[Arg::List(shape.iter().map(|&n| Arg::Int(n)).collect())])
}

/// Waits until a result exists. On the CPU it does; a GPU is asked for one element.
fn wait(ctx: &Context, result: &Arg) -> Result<(), TensorError> {
    if let Arg::Tensor(tensor) = result
        && tensor.device() != Device::cpu()
    {
        get(ctx, tensor, &vec![Index::At(0); tensor.rank()])?.item()?;
    }
    Ok(())
}

/// Times `work`; on a GPU each run ends with the result computed.
fn time(
    ctx: &Context,
    what: &'static str,
    target_ms: Option<f64>,
    mut work: impl FnMut() -> Result<Arg, TensorError>,
) -> Result<Line, TensorError> {
    for _ in 0..WARM_UP {
        wait(ctx, &work()?)?;
    }
    let begun = Instant::now();
    let mut runs: Vec<f64> = Vec::new();
    while runs.len() < RUNS_MIN || (begun.elapsed() < PATIENCE && runs.len() < RUNS_MAX) {
        let started = Instant::now();
        let result = work()?;
        wait(ctx, &result)?;
        runs.push(started.elapsed().as_secs_f64() * 1e3);
    }
    runs.sort_by(f64::total_cmp);
    Ok(Line { what, target_ms, median_ms: runs[runs.len() / 2], least_ms: runs[0], runs: runs.len(), speedup: None })
}

fn measure(ctx: &Context) -> Result<Vec<Line>, TensorError> {
    let (x, y) = (random(ctx, &[1024, 1024])?, random(ctx, &[1024, 1024])?);
    let product = |a: &Arg, b: &Arg| binary(ctx, BinaryOp::MatMul, a, b);
    let mut lines = vec![
        time(ctx, "matrix product 1024² f32", Some(0.2), || product(&x, &y))?,
        time(ctx, "addition 1024²", Some(0.1), || binary(ctx, BinaryOp::Add, &x, &y))?,
        time(ctx, "relu 1024²", Some(0.05), || unary(ctx, UnaryOp::Relu, &x))?,
        time(ctx, "gelu 1024²", Some(0.05), || unary(ctx, UnaryOp::Gelu, &x))?,
        time(ctx, "tanh 1024²", Some(0.05), || unary(ctx, UnaryOp::Tanh, &x))?,
        time(ctx, "softmax 1024²", None, || call(ctx, "tensor.softmax", std::slice::from_ref(&x)))?,
    ];
    let square = random(ctx, &[512, 512])?;
    lines.push(time(ctx, "SVD 512²", Some(5.0), || first(call(ctx, "linalg.svd", std::slice::from_ref(&square))?))?);
    let (a, b) = (random(ctx, &[64, 128, 128])?, random(ctx, &[64, 128, 128])?);
    lines.push(time(ctx, "64 products 128²", None, || product(&a, &b))?);
    let half = |x: &Arg| call(ctx, "tensor.cast", &[x.clone(), Arg::Str("bf16".into())]);
    let (a, b) = (half(&x)?, half(&y)?);
    lines.push(compared(time(ctx, "matrix product 1024² bf16", None, || product(&a, &b))?, &lines[0]));
    let (x, y) = (random(ctx, &[4096, 4096])?, random(ctx, &[4096, 4096])?);
    let alone = time(ctx, "chain of 12, 4096², one at a time", None, || chain_alone(ctx, &x, &y))?;
    let region = chain_fused();
    let fused =
        time(ctx, "chain of 12, 4096², fused", None, || first_of(region.run(ctx, vec![x.clone(), y.clone()])))?;
    let fused = compared(fused, &alone);
    lines.extend([alone, fused]);
    Ok(lines)
}

fn compared(line: Line, other: &Line) -> Line {
    Line { speedup: Some(other.median_ms / line.median_ms), ..line }
}

/// The first field of a record of factors.
fn first(factors: Arg) -> Result<Arg, TensorError> {
    match factors {
        Arg::Record(fields) => Ok(fields.into_iter().next().map_or(Arg::None, |(_, value)| value)),
        other => Ok(other),
    }
}

fn first_of(outputs: Result<Vec<Arg>, nexus_tensor::RegionError>) -> Result<Arg, TensorError> {
    Ok(outputs?.into_iter().next().unwrap_or(Arg::None))
}

/// Four times: a product, a hyperbolic tangent, a sum.
fn chain_alone(ctx: &Context, x: &Arg, y: &Arg) -> Result<Arg, TensorError> {
    let mut z = x.clone();
    for _ in 0..4 {
        z = binary_owned(ctx, BinaryOp::Mul, z, y.clone())?;
        z = unary_owned(ctx, UnaryOp::Tanh, z)?;
        z = binary_owned(ctx, BinaryOp::Add, z, x.clone())?;
    }
    Ok(z)
}

fn chain_fused() -> Region {
    let mut region = Region::new();
    let (x, y) = (region.input(), region.input());
    let mut z = x;
    for _ in 0..4 {
        z = region.binary(BinaryOp::Mul, z, y);
        z = region.unary(UnaryOp::Tanh, z);
        z = region.binary(BinaryOp::Add, z, x);
    }
    region.output(z);
    region
}

/// Three digits that count.
fn digits(value: f64) -> String {
    let places = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else if value >= 1.0 {
        2
    } else {
        4
    };
    format!("{value:.places$}")
}

fn table(lines: &[Line]) -> Table {
    let right = Align::Right;
    let mut table = Table::new(&[
        ("OPERATION", Align::Left),
        ("TARGET ms", right),
        ("MEDIAN ms", right),
        ("LEAST ms", right),
        ("MEDIAN/TARGET", right),
        ("TIMES FASTER", right),
    ]);
    let optional = |value: Option<f64>| value.map_or_else(Cell::nothing, |value| Cell::new(digits(value)));
    for line in lines {
        table.row(vec![
            Cell::new(line.what),
            optional(line.target_ms),
            Cell::new(digits(line.median_ms)),
            Cell::new(digits(line.least_ms)),
            optional(line.ratio()),
            optional(line.speedup),
        ]);
    }
    table
}

/// The table and a plot as one page: a bar for each line, on a logarithmic axis, with a mark at its target.
fn page(device: &str, lines: &[Line]) -> String {
    const WIDTH: f64 = 520.0;
    const ROW: usize = 26;
    // From a microsecond to ten seconds.
    let at = |ms: f64| ((ms.clamp(1e-3, 1e4).log10() + 3.0) / 7.0) * WIDTH;
    let mut rows = String::new();
    let mut bars = String::new();
    for (i, line) in lines.iter().enumerate() {
        let cell = |value: Option<f64>| value.map_or_else(|| "—".to_owned(), digits);
        let cells = [cell(line.target_ms), digits(line.median_ms), digits(line.least_ms), cell(line.ratio())];
        let cells: String = cells.iter().map(|cell| format!("<td>{cell}</td>")).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(rows, "<tr><th>{}</th>{cells}<td>{}</td></tr>", line.what, cell(line.speedup));
        let (y, width) = (i * ROW, at(line.median_ms));
        let _ = writeln!(bars, "<rect x=\"260\" y=\"{}\" width=\"{width:.1}\" height=\"16\" fill=\"#3b6ea5\"/>", y + 4);
        let _ = writeln!(bars, "<text x=\"252\" y=\"{}\" text-anchor=\"end\">{}</text>", y + 17, line.what);
        if let Some(target) = line.target_ms {
            let x = 260.0 + at(target);
            let (top, bottom) = (y + 1, y + 23);
            let _ = writeln!(bars, "<path d=\"M{x:.1} {top}V{bottom}\" stroke=\"#c0392b\" stroke-width=\"2\"/>");
        }
    }
    let device = device.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let height = lines.len() * ROW + 8;
    format!(
        "<!doctype html><meta charset=\"utf-8\"><title>nexus engine bench</title>\n\
         <style>body{{font:14px sans-serif;margin:2em}}td,th{{padding:.2em .8em;text-align:right}}th{{text-align:left}}</style>\n\
         <h1>nexus engine bench</h1><p>{device}. Bars: median in ms, logarithmic from 0.001 to 10,000. Red: the target.</p>\n\
         <svg width=\"800\" height=\"{height}\" font-size=\"12\" font-family=\"sans-serif\">\n{bars}</svg>\n\
         <table><tr><th>operation</th><th>target ms</th><th>median ms</th><th>least ms</th><th>median/target</th>\
         <th>times faster</th></tr>\n{rows}</table>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Vec<Line> {
        let line = |what, target_ms, median_ms, speedup| Line {
            what,
            target_ms,
            median_ms,
            least_ms: median_ms / 2.0,
            runs: 7,
            speedup,
        };
        vec![line("addition", Some(0.1), 0.05, None), line("chain, fused", None, 12.345, Some(10.5))]
    }

    #[test]
    fn the_table_shows_targets_and_ratios() {
        assert_eq!(
            anstream::adapter::strip_str(&table(&lines()).render()).to_string(),
            "OPERATION     TARGET ms  MEDIAN ms  LEAST ms  MEDIAN/TARGET  TIMES FASTER\n\
             addition         0.1000     0.0500    0.0250         0.5000             —\n\
             chain, fused          —       12.3      6.17              —          10.5\n"
        );
    }

    #[test]
    fn the_page_has_a_bar_for_each_line_and_a_mark_for_each_target() {
        let page = page("2 threads <fast>", &lines());
        assert_eq!(page.matches("<rect").count(), 2);
        assert_eq!(page.matches("<path").count(), 1);
        assert!(page.contains("2 threads &lt;fast&gt;"));
    }

    #[test]
    fn the_fused_chain_is_the_chain() {
        let ctx = Context::new(Device::cpu()).with_seed(3);
        let (x, y) = (random(&ctx, &[33, 65]).unwrap(), random(&ctx, &[33, 65]).unwrap());
        let alone = chain_alone(&ctx, &x, &y).unwrap();
        let fused = first_of(chain_fused().run(&ctx, vec![x, y])).unwrap();
        let data = |arg: Arg| if let Arg::Tensor(tensor) = arg { tensor.to_data().unwrap() } else { panic!() };
        assert_eq!(data(alone), data(fused));
    }
}
