//! Compiles and runs one file, for trying the language without the rest of the system.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a tool for the terminal")]

use std::sync::Arc;
use std::time::Instant;

use nexus_model::{Limits, Value};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().expect("usage: run FILE [name=int]…");
    let source = std::fs::read_to_string(&path).expect("the file can be read");
    let begin = Instant::now();
    let compiled = nexus_mcode::compile(&path, &source);
    let compile_time = begin.elapsed();
    for d in &compiled.diagnostics {
        eprintln!("{d:#?}");
    }
    let Some(program) = compiled.program else { return };
    let given = arguments
        .filter_map(|a| {
            a.split_once('=').map(|(n, v)| (n.to_owned(), v.parse().map_or(Value::String(v.to_owned()), Value::Int)))
        })
        .collect();
    let root = std::path::Path::new(&path).parent().map(std::path::Path::to_path_buf).unwrap_or_default();
    let mut files = |name: &str| -> Result<Value, String> {
        let format = nexus_formats::Format::from_file_name(name).ok_or("no known format")?;
        let bytes = std::fs::read(root.join(name)).map_err(|e| e.to_string())?;
        nexus_formats::read(format, &bytes).map_err(|e| e.to_string())
    };
    let begin = Instant::now();
    let result = nexus_mcode::run(
        &program,
        nexus_mcode::RunRequest {
            arguments: given,
            inputs: &[],
            task: None,
            limits: Limits::local(),
            context: nexus_tensor::Context::new(nexus_tensor::Device::cpu()),
            cancel: Arc::default(),
            print: &mut |line| print!("{line}"),
            files: Some(&mut files),
        },
    );
    let run_time = begin.elapsed();
    match result {
        Ok(done) => println!("{:.600}", format!("{:?} {:?}", done.result, done.outputs)),
        Err(d) => eprintln!("{d:#?}"),
    }
    eprintln!("compile {compile_time:?} run {run_time:?}");
}
