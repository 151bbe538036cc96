//! Runs that stop at the first operation that makes NaN or infinity of finite numbers.

use nexus_mcode::{JitLevel, RunRequest, compile, run};
use nexus_model::{Diagnostic, Execution, Limits, Value};
use nexus_tensor::{Context, Device};

fn checked(source: &str, context: Context, level: JitLevel) -> Result<Value, Box<Diagnostic>> {
    let program = compile("t.mcode", source).program.expect("the program compiles");
    let request = RunRequest {
        threads: 2,
        execution: Execution::at(level),
        ..RunRequest::new(context.with_finite_checks(), Limits::local())
    };
    run(&program, request).map(|done| done.result).map_err(Box::new)
}

/// Code, place and text of what stopped the program, the same at every level.
fn told(source: &str) -> String {
    let [plain, optimised, native] = [JitLevel::Plain, JitLevel::Optimised, JitLevel::Native].map(|level| {
        let error = checked(source, Context::new(Device::cpu()), level).expect_err("the program stops");
        let place = error.primary.as_ref().map(|label| format!("{}:{}", label.span.line, label.span.column));
        format!("{} {} {}", error.code, place.unwrap_or_default(), error.message)
    });
    assert_eq!((&plain, &plain), (&optimised, &native));
    plain
}

#[test]
fn the_first_operation_is_named_with_its_place() {
    // What comes after it is not finite either.
    let source =
        "x = tensor.from_list([[1.0, 2.0], [3.0, 0.0]])\ny = x + 1\nz = tensor.log(x)\nreturn tensor.exp(z) / z\n";
    insta::assert_snapshot!(told(source), @"MC0416 3:5 of finite arguments `tensor.log` made infinity, first at [1, 1]: 1 of 4 elements (f32)");
    insta::assert_snapshot!(told("x = tensor.zeros(3)\nreturn (x + 1) * (x / x)\n"), @"MC0416 2:19 of finite arguments `/` made NaN, first at [0]: 3 of 3 elements (f32)");
    insta::assert_snapshot!(told("x = tensor.full([2], 1e38)\nreturn x * 10 - x\n"), @"MC0416 2:8 of finite arguments `*` made infinity, first at [0]: 2 of 2 elements (f32)");
    insta::assert_snapshot!(told("return -tensor.sum(tensor.full([8], 3e38))\n"), @"MC0416 1:9 of finite arguments `tensor.sum` made infinity");
    insta::assert_snapshot!(told("a = tensor.full([4, 4], 1e30)\nreturn a @ a\n"), @"MC0416 2:8 of finite arguments `@` made infinity, first at [0, 0]: 16 of 16 elements (f32)");
    insta::assert_snapshot!(told("x = tensor.full([2], 60000.0, \"f16\")\nreturn x + x\n"), @"MC0416 2:8 of finite arguments `+` made infinity, first at [0]: 2 of 2 elements (f16)");
}

#[test]
fn derivatives_are_looked_at_on_the_way_there_and_back() {
    let there = "f = x => tensor.sum(tensor.log(x))\nreturn grad.grad(f)(tensor.zeros(2))\n";
    insta::assert_snapshot!(told(there), @"MC0416 1:21 of finite arguments `tensor.log` made infinity, first at [0]: 2 of 2 elements (f32)");
    // The root of zero is zero; its slope is infinite.
    let back = "f = x => tensor.sum(tensor.sqrt(x))\nreturn grad.grad(f)(tensor.zeros(2))\n";
    insta::assert_snapshot!(told(back), @"MC0416 2:8 of finite arguments `/` made infinity, first at [0]: 2 of 2 elements (f32)");
}

#[test]
fn functions_that_run_beside_each_other_are_looked_at_too() {
    insta::assert_snapshot!(told("return map(i => tensor.sum(tensor.ones(2) / (i - tensor.ones(2))), 0..4)\n"), @"MC0416 1:28 of finite arguments `/` made infinity, first at [0]: 2 of 2 elements (f32)");
}

#[test]
fn what_was_not_finite_before_passes() {
    let source = "mask = tensor.from_list([0.0, -math.inf, math.nan])\n\
                  kept = tensor.where(tensor.isnan(mask), 0.0, mask)\n\
                  return tensor.sum(tensor.softmax(kept)) + tensor.sum(tensor.exp(mask[0..2] * 2))\n";
    let unchecked = compile("t.mcode", source).program.expect("the program compiles");
    let unchecked = run(&unchecked, RunRequest::new(Context::new(Device::cpu()), Limits::local())).unwrap();
    let found = checked(source, Context::new(Device::cpu()), JitLevel::Native);
    assert_eq!(found.map_err(|error| error.message), Ok(unchecked.result));
}

#[test]
fn a_program_may_ask_for_it_itself() {
    let source = "@check_finite\nfunction main()\n    return tensor.log(tensor.zeros(2))\nend\n";
    let program = compile("t.mcode", source).program.expect("the program compiles");
    let error = run(&program, RunRequest::new(Context::new(Device::cpu()), Limits::local())).unwrap_err();
    assert_eq!(error.code, "MC0416");
    let diagnostics = compile("t.mcode", &source.replace("@check_finite", "@check_finite(1)")).diagnostics;
    assert_eq!(diagnostics[0].message, "`@check_finite` takes nothing");
}
