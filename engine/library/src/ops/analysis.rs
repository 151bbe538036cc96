//! Integrals, differential equations, roots and minima of functions of the program. Everything runs in f64.

use nexus_numerics::{
    OdeError, OdeOptions, RootError, find_root, find_roots, integrate, minimise, minimise_simplex, solve_ode,
    solve_stiff_ode,
};
use nexus_tensor::infer::{self, Inferred, typed};
use nexus_tensor::{Arg, ArgType, Context, DType, OpDef, Tensor, TensorError, args, params};

use crate::calling::{Caller, CallingRun, Given, Stop, function, values};

/// The operations that call functions.
pub(super) const CALLING: &[(OpDef, CallingRun)] = &[
    (
        OpDef {
            name: "analysis.integrate",
            params: params!(f: Any, low: Number, high: Number, rtol: Number = "1e-8", atol: Number = "1e-10"),
            doc: "The integral of a function of one number from low to high, which may be infinite (math.inf), by \
                  adaptive Gauss-Kronrod quadrature. A record: value, error (an estimate), calls, converged.",
            example: "analysis.integrate(x => x * x, 0, 1).value",
            infer: |_| {
                Ok(infer::record([
                    ("value", ArgType::Scalar(None)),
                    ("error", ArgType::Scalar(None)),
                    ("calls", ArgType::Int(None)),
                    ("converged", ArgType::Bool(None)),
                ]))
            },
            run: needs_a_caller,
        },
        run_integrate,
    ),
    (
        OpDef {
            name: "analysis.ode",
            params: params!(
                f: Any, start: Any, times: Tensor, rtol: Number = "1e-6", atol: Number = "1e-9",
                method: Str = "dopri5"
            ),
            doc: "The solution of y' = f(t, y) with y = start at the first of times, at all times, with error control: by \
                  \"dopri5\", Dormand and Prince's method of order 5(4), or by \"radau\", Radau's implicit method of \
                  order 5, for stiff equations. y is a number or a tensor; the result has a leading axis for the times. \
                  f64.",
            example: "analysis.ode((t, y) => -y, 1.0, [0, 1, 2])",
            infer: |_| Ok(typed(Some(DType::F64), None)),
            run: needs_a_caller,
        },
        run_ode,
    ),
    (
        OpDef {
            name: "analysis.root",
            params: params!(f: Any, low: Number, high: Number, tolerance: Number = "1e-12"),
            doc: "A zero of a function of one number between low and high, where it has different signs: Brent's method.",
            example: "analysis.root(x => x * x - 2, 0, 2)",
            infer: infer_scalar,
            run: needs_a_caller,
        },
        run_root,
    ),
    (
        OpDef {
            name: "analysis.solve",
            params: params!(f: Any, start: Tensor, tolerance: Number = "1e-10"),
            doc: "A zero of a system: the x near start where the function, which takes and gives a vector of that size, \
                  is zero to the tolerance. Newton's method with exact derivatives. f64.",
            example: "analysis.solve(x => x * x - 2, [1.0])",
            infer: |a| Ok(typed(Some(DType::F64), infer::tensor(a, 1, "start").ok().and_then(|t| t.shape))),
            run: needs_a_caller,
        },
        run_solve,
    ),
    (
        OpDef {
            name: "analysis.minimize",
            params: params!(f: Any, start: Any, method: Str = "lbfgs", tolerance: Number = "1e-6", steps: Int = "1000"),
            doc: "A minimum of a function near start, a number or a tensor: \"lbfgs\" (with exact gradients and a line \
                  search) or \"nelder-mead\" (without derivatives). A record: x, value, steps, calls, converged. f64.",
            example: "analysis.minimize(x => (x - 3) ** 2, 0.0).x",
            infer: |_| {
                Ok(infer::record([
                    ("x", ArgType::Unknown),
                    ("value", ArgType::Scalar(None)),
                    ("steps", ArgType::Int(None)),
                    ("calls", ArgType::Int(None)),
                    ("converged", ArgType::Bool(None)),
                ]))
            },
            run: needs_a_caller,
        },
        run_minimize,
    ),
];

fn infer_scalar(_: &[ArgType]) -> Inferred {
    Ok(ArgType::Scalar(None))
}

/// Without somebody who runs functions there is nothing to do.
pub(super) fn needs_a_caller(_: &Context, _: &[Arg]) -> Result<Arg, TensorError> {
    Err(TensorError::argument("f", "must be a function of the program"))
}

/// A number that a function gave.
pub(super) fn scalar(value: &Arg) -> Result<f64, Stop> {
    match value {
        Arg::Tensor(t) if t.len() == 1 => match t.item()? {
            Arg::Scalar(x) => Ok(x),
            Arg::Int(i) => Ok(i as f64),
            _ => Err(TensorError::argument("f", "must give a number").into()),
        },
        _ => args::number(std::slice::from_ref(value), 0, "f")
            .map_err(|_| TensorError::argument("f", "must give a number").into()),
    }
}

/// A point as numbers, with what it takes to give it back in the same form.
pub(super) struct Form {
    /// `None` for a number.
    pub(super) shape: Option<Vec<usize>>,
}

impl Form {
    pub(super) fn read(ctx: &Context, arg: &Arg, name: &'static str) -> Result<(Vec<f64>, Form), TensorError> {
        match arg {
            Arg::Tensor(t) => Ok((t.to_f64s(ctx)?, Form { shape: Some(t.shape().to_vec()) })),
            Arg::List(items) => {
                let all: Result<Vec<f64>, _> = (0..items.len()).map(|i| args::number(items, i, name)).collect();
                Ok((all?, Form { shape: Some(vec![items.len()]) }))
            }
            _ => Ok((vec![args::number(std::slice::from_ref(arg), 0, name)?], Form { shape: None })),
        }
    }

    pub(super) fn write(&self, ctx: &Context, values: &[f64]) -> Result<Arg, TensorError> {
        match &self.shape {
            None => Ok(Arg::Scalar(values[0])),
            Some(shape) => Tensor::from_f64s(ctx, DType::F64, shape, values).map(Arg::Tensor),
        }
    }
}

fn run_integrate(caller: &mut dyn Caller, given: &[Given]) -> Result<Arg, Stop> {
    let (f, a) = (function(given, 0, "f")?, values(given));
    let (low, high) = (args::number(&a, 1, "low")?, args::number(&a, 2, "high")?);
    if low.is_nan() || high.is_nan() {
        return Err(TensorError::argument("low", "and high must be numbers").into());
    }
    let (relative, absolute) = (args::number_or(&a, 3, "rtol", 1e-8)?, args::number_or(&a, 4, "atol", 1e-10)?);
    let found = integrate(&mut |x| scalar(&caller.call(f, vec![Arg::Scalar(x)])?), low, high, absolute, relative)?;
    if !found.converged {
        let message = format!("the tolerance was not reached: the error is about {:.1e}", found.error);
        caller.context().warn("analysis.integrate", message);
    }
    Ok(args::record([
        ("value", Arg::Scalar(found.value)),
        ("error", Arg::Scalar(found.error)),
        ("calls", Arg::Int(found.calls as i64)),
        ("converged", Arg::Bool(found.converged)),
    ]))
}

/// Elements of a state of stiff equations: each step factors a dense matrix of three times as many rows.
const STIFF_MAX: usize = 500;

fn run_ode(caller: &mut dyn Caller, given: &[Given]) -> Result<Arg, Stop> {
    let (f, a) = (function(given, 0, "f")?, values(given));
    let (start, form) = Form::read(caller.context(), args::at(&a, 1), "start")?;
    let (times, _) = Form::read(caller.context(), args::at(&a, 2), "times")?;
    let forward = times.windows(2).all(|pair| pair[0] <= pair[1]);
    let backward = times.windows(2).all(|pair| pair[0] >= pair[1]);
    if times.is_empty() || !(forward || backward) || times.iter().any(|t| !t.is_finite()) {
        return Err(TensorError::argument("times", "must be finite and go one way").into());
    }
    let options = OdeOptions {
        relative: args::number_or(&a, 3, "rtol", 1e-6)?,
        absolute: args::number_or(&a, 4, "atol", 1e-9)?,
        ..OdeOptions::default()
    };
    if !(options.relative > 0.0 || options.absolute > 0.0) || options.relative < 0.0 || options.absolute < 0.0 {
        return Err(TensorError::argument("rtol", "and atol must be positive").into());
    }
    if options.relative >= 1.0 {
        let problem = "is a share of the solution, below 1; times are a list, as in `analysis.ode(f, start, [0, 20])`";
        return Err(TensorError::argument("rtol", problem).into());
    }
    let stiff = match args::at(&a, 5) {
        Arg::None => false,
        Arg::Str(name) if &**name == "dopri5" => false,
        Arg::Str(name) if &**name == "radau" => true,
        other => return Err(args::wrong("method", "\"dopri5\" or \"radau\"", other).into()),
    };
    if stiff && start.len() > STIFF_MAX {
        let problem = format!("has {} elements; `method = \"radau\"` takes at most {STIFF_MAX}", start.len());
        return Err(TensorError::argument("start", problem).into());
    }
    let mut right = |t: f64, y: &[f64]| -> Result<Vec<f64>, Stop> {
        let state = form.write(caller.context(), y)?;
        let slope = caller.call(f, vec![Arg::Scalar(t), state])?;
        Ok(Form::read(caller.context(), &slope, "f")?.0)
    };
    let solve = if stiff { solve_stiff_ode } else { solve_ode };
    let solution = solve(&mut right, &start, &times, options).map_err(|error| match error {
        OdeError::Function(stop) => stop,
        OdeError::StepTooSmall { .. } | OdeError::TooManySteps { .. } | OdeError::Components { .. } => {
            let text = match error {
                OdeError::StepTooSmall { time } => OdeError::<TensorError>::StepTooSmall { time }.to_string(),
                OdeError::TooManySteps { time } => OdeError::<TensorError>::TooManySteps { time }.to_string(),
                OdeError::Components { wanted, found } => {
                    OdeError::<TensorError>::Components { wanted, found }.to_string()
                }
                OdeError::Function(_) => String::new(),
            };
            let advice = if stiff { "" } else { "; stiff equations are for `method = \"radau\"`" };
            TensorError::argument("f", format!("has no solution here: {text}{advice}")).into()
        }
    })?;
    let shape: Vec<usize> = std::iter::once(times.len()).chain(form.shape.unwrap_or_default()).collect();
    let all: Vec<f64> = solution.states.concat();
    Ok(Arg::Tensor(Tensor::from_f64s(caller.context(), DType::F64, &shape, &all)?))
}

/// A root's error as the operation's.
fn no_root(error: RootError<Stop>) -> Stop {
    let text = match error {
        RootError::Function(stop) => return stop,
        RootError::NotBracketed { low, high } => RootError::<TensorError>::NotBracketed { low, high }.to_string(),
        RootError::NoConvergence { residual } => RootError::<TensorError>::NoConvergence { residual }.to_string(),
    };
    TensorError::argument("f", format!("has no root here: {text}")).into()
}

fn run_root(caller: &mut dyn Caller, given: &[Given]) -> Result<Arg, Stop> {
    let (f, a) = (function(given, 0, "f")?, values(given));
    let (low, high) = (args::number(&a, 1, "low")?, args::number(&a, 2, "high")?);
    let tolerance = args::number_or(&a, 3, "tolerance", 1e-12)?;
    let mut call = |x: f64| scalar(&caller.call(f, vec![Arg::Scalar(x)])?);
    find_root(&mut call, low, high, tolerance).map(Arg::Scalar).map_err(no_root)
}

fn run_solve(caller: &mut dyn Caller, given: &[Given]) -> Result<Arg, Stop> {
    let (f, a) = (function(given, 0, "f")?, values(given));
    let (start, form) = Form::read(caller.context(), args::at(&a, 1), "start")?;
    let tolerance = args::number_or(&a, 2, "tolerance", 1e-10)?;
    let count = start.len();
    let mut linear = |x: &[f64]| -> Result<(Vec<f64>, Vec<f64>), Stop> {
        let point = form.write(caller.context(), x)?;
        let residual = caller.call(f, vec![point.clone()])?;
        let slope = caller.jacobian(f, vec![point])?;
        let (residual, _) = Form::read(caller.context(), &residual, "f")?;
        let (slope, _) = Form::read(caller.context(), &slope, "f")?;
        if residual.len() != count {
            let problem = format!("gives {} residuals for {count} unknowns", residual.len());
            return Err(TensorError::argument("f", problem).into());
        }
        Ok((residual, slope))
    };
    let found = find_roots(&mut linear, &start, tolerance).map_err(no_root)?;
    Ok(form.write(caller.context(), &found)?)
}

fn run_minimize(caller: &mut dyn Caller, given: &[Given]) -> Result<Arg, Stop> {
    let (f, a) = (function(given, 0, "f")?, values(given));
    let (start, form) = Form::read(caller.context(), args::at(&a, 1), "start")?;
    let tolerance = args::number_or(&a, 3, "tolerance", 1e-6)?;
    let steps = if matches!(args::at(&a, 4), Arg::None) { 1000 } else { args::count(&a, 4, "steps")? };
    let method = match args::at(&a, 2) {
        Arg::None => "lbfgs",
        Arg::Str(name) => name,
        _ => return Err(TensorError::argument("method", "must be \"lbfgs\" or \"nelder-mead\"").into()),
    };
    let found = match method {
        "lbfgs" => {
            let mut slope = |x: &[f64]| -> Result<(f64, Vec<f64>), Stop> {
                let point = form.write(caller.context(), x)?;
                let (value, gradient) = caller.value_and_gradient(f, vec![point])?;
                Ok((scalar(&value)?, Form::read(caller.context(), &gradient, "f")?.0))
            };
            minimise(&mut slope, &start, tolerance, steps)?
        }
        "nelder-mead" => {
            let mut value = |x: &[f64]| {
                let point = form.write(caller.context(), x)?;
                scalar(&caller.call(f, vec![point])?)
            };
            minimise_simplex(&mut value, &start, tolerance, steps)?
        }
        other => {
            let problem = format!("must be \"lbfgs\" or \"nelder-mead\", is \"{other}\"");
            return Err(TensorError::argument("method", problem).into());
        }
    };
    if !found.converged {
        let message =
            format!("no minimum to the tolerance after {} steps; the best value is {:e}", found.steps, found.value);
        caller.context().warn("analysis.minimize", message);
    }
    Ok(args::record([
        ("x", form.write(caller.context(), &found.x)?),
        ("value", Arg::Scalar(found.value)),
        ("steps", Arg::Int(found.steps as i64)),
        ("calls", Arg::Int(found.calls as i64)),
        ("converged", Arg::Bool(found.converged)),
    ]))
}
