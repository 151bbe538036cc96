//! Every program in `docs/mcode.md` gives what the page says: the last line of each block is `# =>` and a value, or
//! `# error` and a code.

use std::path::Path;

use nexus_mcode::{
    ExternalCall, ExternalError, ExternalFunction, ExternalModules, RunRequest, compile_with_imports,
    external_interface, parse_argument, run,
};
use nexus_model::{Diagnostic, Limits, Value};
use nexus_tensor::{Context, Device};

mod plain;

/// The module `shapes` of the page, whose `area` is a product.
struct Shapes;

impl ExternalModules for Shapes {
    fn call(&self, call: ExternalCall<'_>) -> Result<Value, ExternalError> {
        assert_eq!((call.module, call.hash, call.function), ("shapes", "00", "area"));
        let sides = call.arguments.iter().map(|side| match side {
            Value::Int(side) => *side as f64,
            Value::Scalar(side) => *side,
            other => panic!("{other:?} is no scalar"),
        });
        Ok(Value::Scalar(sides.product()))
    }
}

fn shapes(_: &str, path: &str) -> Result<(String, String), String> {
    let parameters = ["w", "h"].map(|name| (name.to_owned(), "scalar".to_owned())).to_vec();
    let area = ExternalFunction { name: "area".to_owned(), parameters, returns: "scalar".to_owned() };
    match path {
        "module:shapes" => Ok(("import:shapes".to_owned(), external_interface("shapes", "00", &[area]))),
        _ => Err("there is no such file".to_owned()),
    }
}

fn outcome(source: &str) -> Result<Value, Box<Diagnostic>> {
    let compilation = compile_with_imports("mcode.md", source, &mut shapes);
    let Some(program) = compilation.program else {
        let first = compilation.diagnostics.into_iter().next();
        return Err(Box::new(first.expect("a program that does not compile says why")));
    };
    let request = RunRequest {
        threads: 2,
        external: Some(&Shapes),
        ..RunRequest::new(Context::new(Device::cpu()), Limits::local())
    };
    run(&program, request).map(|done| done.result).map_err(Box::new)
}

#[test]
fn every_program_of_the_page_gives_what_it_says() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/mcode.md");
    let page = std::fs::read_to_string(page).expect("the page can be read");
    let blocks: Vec<&str> = page.split("```mcode\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() > 35, "{} blocks", blocks.len());
    let mut wrong = Vec::new();
    for block in blocks {
        let last = block.trim_end().lines().last().unwrap_or_default();
        let found = outcome(block);
        let right = match (last.strip_prefix("# => "), last.strip_prefix("# error ")) {
            (Some(expected), _) => {
                found.as_ref().is_ok_and(|value| plain::plain(value.clone()) == parse_argument(expected))
            }
            (_, Some(expected)) => found.as_ref().is_err_and(|diagnostic| diagnostic.code == expected),
            _ => false,
        };
        if !right {
            wrong.push(format!("{block}    found {:?}", found.map(plain::plain)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn every_program_of_the_page_is_in_the_one_layout() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/mcode.md");
    let page = std::fs::read_to_string(page).expect("the page can be read");
    for block in page.split("```mcode\n").skip(1).filter_map(|rest| rest.split("```").next()) {
        assert_eq!(nexus_mcode::format(block).as_deref(), Ok(block));
    }
}
