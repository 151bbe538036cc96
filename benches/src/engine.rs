//! The tensor engine and the language, in this process.

use std::time::Instant;

use nexus_model::Limits;

use crate::report;

/// Calls before the first that counts.
const WARM_UP: usize = 3;
/// Calls that count.
const RUNS: usize = 20;

/// Programs whose body is timed inside one run, so that what is measured is the operation and not the start.
const PROGRAMS: &[(&str, &str)] = &[
    (
        "matmul_f32_1024",
        "function main()\n    a = tensor.randn(1024, 1024)\n    b = tensor.randn(1024, 1024)\n    return a @ b\nend\n",
    ),
    (
        "fib_25",
        "function fib(n)\n    if n < 2\n        return n\n    end\n    return fib(n - 1) + fib(n - 2)\nend\nfunction main()\n    return fib(25)\nend\n",
    ),
    ("no_op", "function main()\n    return none\nend\n"),
];

/// Measures each program from call to data.
pub(crate) fn measure() -> Result<(), String> {
    for (name, source) in PROGRAMS {
        let compilation = nexus_mcode::compile(name, source);
        let program = compilation.program.ok_or_else(|| format!("{name}: {:?}", compilation.diagnostics))?;
        let mut runs = Vec::new();
        for turn in 0..WARM_UP + RUNS {
            let started = Instant::now();
            run_once(&program)?;
            if turn >= WARM_UP {
                runs.push(started.elapsed().as_secs_f64() * 1e3);
            }
        }
        report(&format!("mcode_{name}"), "ms", &runs);
    }
    report("matmul_f32_1024", "ms", &matmul()?);
    Ok(())
}

fn run_once(program: &nexus_mcode::CompiledProgram) -> Result<(), String> {
    let limits = Limits::local();
    let context = nexus_tensor::Context::new(nexus_tensor::Device::cpu());
    let request = nexus_mcode::RunRequest { threads: 2, ..nexus_mcode::RunRequest::new(context, limits) };
    nexus_mcode::run(program, request).map(drop).map_err(|diagnostic| diagnostic.message)
}

/// The product alone: operands ready, the result dropped.
fn matmul() -> Result<Vec<f64>, String> {
    let context = nexus_tensor::Context::new(nexus_tensor::Device::cpu());
    let random = |context: &nexus_tensor::Context| {
        let op = nexus_tensor::find("tensor.randn").ok_or("no tensor.randn")?;
        let size = nexus_tensor::Arg::List(vec![nexus_tensor::Arg::Int(1024); 2]);
        (op.run)(context, &[size]).map_err(|error| error.to_string())
    };
    let (a, b) = (random(&context)?, random(&context)?);
    let op = nexus_tensor::find("tensor.matmul").ok_or("no tensor.matmul")?;
    let mut runs = Vec::new();
    for turn in 0..WARM_UP + RUNS {
        let started = Instant::now();
        let product = (op.run)(&context, &[a.clone(), b.clone()]).map_err(|error| error.to_string())?;
        if turn >= WARM_UP {
            runs.push(started.elapsed().as_secs_f64() * 1e3);
        }
        drop(product);
    }
    Ok(runs)
}
