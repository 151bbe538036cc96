//! Stiff equations against SciPy's Radau at tolerances of 1e-11 (`tests/reference.py` writes the file) and a closed form.
//!
//! Tolerance: a thousand times the relative tolerance that was asked for, which errors of single steps add up to.

use std::convert::Infallible;

use nexus_numerics::{OdeError, OdeOptions, solve_ode, solve_stiff_ode};
use serde_json::Value;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().expect("numbers").iter().filter_map(Value::as_f64).collect()
}

fn slope(name: &str, y: &[f64]) -> Vec<f64> {
    if name == "robertson" {
        let (slow, fast, last) = (0.04 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] * y[1]);
        vec![fast - slow, slow - fast - last, last]
    } else {
        vec![y[1], 1e3 * (1.0 - y[0] * y[0]) * y[1] - y[0]]
    }
}

#[test]
fn stiff_equations_agree_with_scipy_in_few_steps() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("fixtures/stiff.json")).expect("JSON");
    for case in &cases {
        let name = case["name"].as_str().expect("a name");
        let mut f = |_: f64, y: &[f64]| Ok::<_, Infallible>(slope(name, y));
        let options = OdeOptions { relative: 1e-7, absolute: 1e-12, ..OdeOptions::default() };
        let found = solve_stiff_ode(&mut f, &numbers(&case["start"]), &numbers(&case["times"]), options);
        let found = found.expect("a solution");
        for (expected, found) in case["states"].as_array().expect("states").iter().zip(&found.states) {
            for (x, y) in numbers(expected).iter().zip(found) {
                assert!((x - y).abs() <= 1e-4 * x.abs() + 1e-9, "{name}: {y:e}, SciPy {x:e}");
            }
        }
        assert!(found.steps < 3000, "{name}: {} steps", found.steps);
    }
}

/// y' = -10⁶ (y - cos t) - sin t: the solution is cos t, and an explicit method needs a million steps.
#[test]
fn what_explicit_methods_cannot_solve_takes_a_few_steps() {
    let mut f = |t: f64, y: &[f64]| Ok::<_, Infallible>(vec![-1e6 * (y[0] - t.cos()) - t.sin()]);
    let options = OdeOptions { steps_max: 10_000, ..OdeOptions::default() };
    assert!(matches!(solve_ode(&mut f, &[1.0], &[0.0, 3.0], options), Err(OdeError::TooManySteps { .. })));
    let times = [0.0, 0.0, 1.0, 1.0, 2.5, 3.0];
    let found = solve_stiff_ode(&mut f, &[1.0], &times, options).expect("a solution");
    for (t, y) in times.iter().zip(&found.states) {
        assert!((y[0] - t.cos()).abs() < 1e-5, "{t}: {}", y[0]);
    }
    assert_eq!(found.states.len(), times.len());
    let back = solve_stiff_ode(&mut |_, y| Ok::<_, Infallible>(vec![y[0]]), &[1.0], &[0.0, -1.0], options);
    assert!((back.expect("a solution").states[1][0] - (-1.0f64).exp()).abs() < 1e-5);
}

#[test]
fn what_has_no_solution_is_said() {
    let options = OdeOptions::default();
    let mut burst = |_: f64, y: &[f64]| Ok::<_, Infallible>(vec![y[0] * y[0]]);
    assert!(matches!(solve_stiff_ode(&mut burst, &[1.0], &[0.0, 2.0], options), Err(OdeError::StepTooSmall { .. })));
    let mut wrong = |_: f64, _: &[f64]| Ok::<_, Infallible>(vec![]);
    let found = solve_stiff_ode(&mut wrong, &[1.0], &[0.0, 1.0], options);
    assert!(matches!(found, Err(OdeError::Components { wanted: 1, found: 0 })));
    let mut failing = |_: f64, _: &[f64]| Err::<Vec<f64>, _>("no");
    assert!(matches!(solve_stiff_ode(&mut failing, &[1.0], &[0.0, 1.0], options), Err(OdeError::Function("no"))));
    let mut nan = |_: f64, _: &[f64]| Ok::<_, Infallible>(vec![f64::NAN]);
    assert!(solve_stiff_ode(&mut nan, &[1.0], &[0.0, 1.0], options).is_err());
}
