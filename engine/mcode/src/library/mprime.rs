//! `mprime`: exact mathematics. Nothing is computed here: numbers and formulas go to `nexus-mprime`.

pub(super) mod numbers;
mod values;

use std::sync::mpsc;
use std::time::Duration;

use nexus_mprime::primes;
use nexus_mprime::symbolic::{
    self, Assumptions, Definite, Direction, Expr, MathError, Root, SERIES_ORDER_MAX, Solutions,
};

use super::text::text;
use super::{Builtin, Kind};
use crate::codes::Code;
use crate::vm::fault::{Fault, Outcome};
use crate::vm::host::Host;
use crate::vm::value::Value;

/// Work that one question counts for: the longest test of a prime takes twelve powers, the longest way to the next prime
/// some hundred tests, the longest factorisation a few hundred thousand products.
const TEST_TICKS: usize = 16;
const NEXT_TICKS: usize = 256;
const FACTOR_TICKS: usize = 4096;

/// A formula may nest: the thread that works on it has room for that.
const STACK_BYTES: usize = 64 << 20;
/// How often a limit of the run is looked at while a formula is worked on.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// The size beyond which a derivative is not differentiated again.
const SIZE_MAX: usize = 100_000;

/// The order of the rest of a series where none is asked for.
const SERIES_ORDER: u32 = 6;

/// Primes and formulas.
pub(super) const TABLE: &[Builtin] = &[
    Builtin {
        name: "mprime.diff",
        arity: (2, 3),
        result: Kind::Str,
        example: "mprime.diff(\"sin(x^2)\", \"x\")",
        run: diff,
    },
    Builtin {
        name: "mprime.evaluate",
        arity: (1, 2),
        result: Kind::Str,
        example: "mprime.evaluate(\"sqrt(2)\", 30)",
        run: evaluate,
    },
    Builtin {
        name: "mprime.expand",
        arity: (1, 1),
        result: Kind::Str,
        example: "mprime.expand(\"(x + 1)^2\")",
        run: |host, arguments| formula(host, "mprime.expand", arguments, |expr| Ok(symbolic::expand(&expr))),
    },
    Builtin { name: "mprime.factor", arity: (1, 1), result: Kind::List, example: "mprime.factor(360)", run: factor },
    Builtin {
        name: "mprime.factored",
        arity: (1, 1),
        result: Kind::Str,
        example: "mprime.factored(\"x^2 - 1\")",
        run: |host, arguments| formula(host, "mprime.factored", arguments, |expr| Ok(symbolic::factor(&expr).0)),
    },
    Builtin {
        name: "mprime.integrate",
        arity: (2, 4),
        result: Kind::Str,
        example: "mprime.integrate(\"x * cos(x)\", \"x\")",
        run: integrate,
    },
    Builtin {
        name: "mprime.is_prime",
        arity: (1, 1),
        result: Kind::Bool,
        example: "mprime.is_prime(1000003)",
        run: is_prime,
    },
    Builtin {
        name: "mprime.limit",
        arity: (3, 4),
        result: Kind::Str,
        example: "mprime.limit(\"sin(x)/x\", \"x\", 0)",
        run: limit,
    },
    Builtin {
        name: "mprime.next_prime",
        arity: (1, 1),
        result: Kind::Int,
        example: "mprime.next_prime(100)",
        run: next_prime,
    },
    Builtin {
        name: "mprime.series",
        arity: (2, 4),
        result: Kind::Str,
        example: "mprime.series(\"exp(x)\", \"x\", 0, 4)",
        run: series,
    },
    Builtin {
        name: "mprime.simplify",
        arity: (1, 2),
        result: Kind::Str,
        example: "mprime.simplify(\"sqrt(x^2)\", [\"x > 0\"])",
        run: simplify,
    },
    Builtin {
        name: "mprime.solve",
        arity: (2, 2),
        result: Kind::List,
        example: "mprime.solve(\"x^2 = 2\", \"x\")",
        run: solve,
    },
    Builtin {
        name: "mprime.substitute",
        arity: (3, 3),
        result: Kind::Str,
        example: "mprime.substitute(\"x^2 + y\", \"x\", \"y + 1\")",
        run: substitute,
    },
    Builtin {
        name: "mprime.values",
        arity: (2, 2),
        result: Kind::Any,
        example: "mprime.values(\"exp(-x^2) * y\", {x: tensor.linspace(0, 1, 3), y: 2})",
        run: values::values,
    },
];

/// Works on a formula beside the run, whose limits hold meanwhile.
fn worked<T: Send + 'static>(
    host: &mut Host,
    function: &str,
    work: impl FnOnce() -> Result<T, MathError> + Send + 'static,
) -> Outcome<T> {
    let (sender, answers) = mpsc::channel();
    let worker = std::thread::Builder::new().name("mprime".to_owned()).stack_size(STACK_BYTES);
    // Nobody listens any more where the run was stopped: what was worked out is then not needed.
    let started = worker.spawn(move || drop(sender.send(work())));
    started.map_err(|error| Fault::new(Code::OperationFailed, format!("`{function}` got no thread: {error}")))?;
    loop {
        match answers.recv_timeout(LOOK_EVERY) {
            Ok(answer) => return answer.map_err(|error| fault(function, &error)),
            Err(mpsc::RecvTimeoutError::Timeout) => host.poll()?,
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                return Err(Fault::internal("work on a formula ended without an answer"));
            }
        }
    }
}

fn fault(function: &str, error: &MathError) -> Box<Fault> {
    let place = error.place.map_or_else(String::new, |(start, _)| format!(", at byte {start} of the formula"));
    let fault = Fault::new(Code::OperationFailed, format!("`{function}`: {}{place}", error.message));
    match &error.help {
        Some(help) => fault.help(help.clone()),
        None => fault,
    }
}

fn owned(function: &str, value: &Value) -> Outcome<String> {
    text(function, value).map(str::to_owned)
}

/// A function from a formula to a formula.
fn formula(
    host: &mut Host,
    function: &'static str,
    arguments: &[Value],
    change: fn(Expr) -> Result<Expr, MathError>,
) -> Outcome<Value> {
    let question = owned(function, &arguments[0])?;
    let answer = worked(host, function, move || change(symbolic::parse(&question)?).map(|expr| expr.to_string()))?;
    host.string(answer)
}

fn diff(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    const NAME: &str = "mprime.diff";
    let (question, name) = (owned(NAME, &arguments[0])?, owned(NAME, &arguments[1])?);
    let order = match arguments.get(2) {
        Some(order) => whole(NAME, order)?,
        None => 1,
    };
    let answer = worked(host, NAME, move || {
        let name = symbolic::parse_symbol(&name)?;
        let mut expr = symbolic::parse(&question)?;
        for _ in 0..order {
            expr = expr.derivative(&name)?;
            if expr.size() > SIZE_MAX {
                return Err(MathError::too_large("the derivative"));
            }
            if expr.is_zero() {
                break;
            }
        }
        Ok(symbolic::simplify(&expr, &Assumptions::default()).to_string())
    })?;
    host.string(answer)
}

fn evaluate(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    const NAME: &str = "mprime.evaluate";
    let question = owned(NAME, &arguments[0])?;
    let digits = match arguments.get(1) {
        Some(digits) => usize::try_from(whole(NAME, digits)?).unwrap_or(0),
        None => 15,
    };
    let answer = worked(host, NAME, move || symbolic::evaluate(&symbolic::parse(&question)?, digits))?;
    host.string(answer)
}

/// A formula, or the number that it is.
fn formula_or_number(function: &str, value: &Value) -> Outcome<String> {
    match value {
        Value::Int(number) => Ok(number.to_string()),
        Value::Scalar(number) if number.is_nan() => Err(Fault::kind(&format!("`{function}`"), "a formula", value)),
        Value::Scalar(number) if number.is_infinite() => Ok(if *number < 0.0 { "-oo" } else { "oo" }.to_owned()),
        Value::Scalar(number) => Ok(format!("{number}")),
        text => owned(function, text),
    }
}

fn integrate(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    const NAME: &str = "mprime.integrate";
    let (question, name) = (owned(NAME, &arguments[0])?, owned(NAME, &arguments[1])?);
    let ends = arguments[2..].iter().map(|end| formula_or_number(NAME, end)).collect::<Outcome<Vec<_>>>()?;
    if ends.len() == 1 {
        return Err(Fault::new(Code::BadCall, format!("`{NAME}` is given one end of an integral"))
            .help("give both, or none: `mprime.integrate(\"x^2\", \"x\", 0, 1)`"));
    }
    let answer = worked(host, NAME, move || {
        let (expr, name) = (symbolic::parse(&question)?, symbolic::parse_symbol(&name)?);
        let [from, to] = ends.as_slice() else { return symbolic::integrate(&expr, &name).map(|expr| expr.to_string()) };
        match symbolic::integrate_between(&expr, &name, &symbolic::parse(from)?, &symbolic::parse(to)?)? {
            Definite::Exact(expr) => Ok(expr.to_string()),
            Definite::Numerical { value, .. } => Ok(value.to_string()),
        }
    })?;
    host.string(answer)
}

fn limit(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    const NAME: &str = "mprime.limit";
    let (question, name) = (owned(NAME, &arguments[0])?, owned(NAME, &arguments[1])?);
    let point = formula_or_number(NAME, &arguments[2])?;
    let direction = match arguments.get(3).map(|side| text(NAME, side)).transpose()? {
        None | Some("both") => Direction::Both,
        Some("above") => Direction::Above,
        Some("below") => Direction::Below,
        Some(other) => {
            return Err(Fault::new(Code::BadCall, format!("`{NAME}` comes from no side called {other:?}"))
                .help("the sides are \"above\", \"below\" and \"both\""));
        }
    };
    let answer = worked(host, NAME, move || {
        let (expr, name) = (symbolic::parse(&question)?, symbolic::parse_symbol(&name)?);
        let found = symbolic::limit(&expr, &name, &symbolic::parse(&point)?, direction)?;
        Ok(symbolic::simplify(&found, &Assumptions::default()).to_string())
    })?;
    host.string(answer)
}

fn series(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    const NAME: &str = "mprime.series";
    let (question, name) = (owned(NAME, &arguments[0])?, owned(NAME, &arguments[1])?);
    let point = arguments.get(2).map_or_else(|| Ok("0".to_owned()), |point| formula_or_number(NAME, point))?;
    let order = match arguments.get(3) {
        Some(order) => {
            let order = whole(NAME, order)?;
            u32::try_from(order).ok().filter(|order| *order <= SERIES_ORDER_MAX).ok_or_else(|| {
                Fault::new(Code::OperationFailed, format!("`{NAME}`: a series of order {order} is asked for"))
                    .help(format!("orders go from 0 to {SERIES_ORDER_MAX}"))
            })?
        }
        None => SERIES_ORDER,
    };
    let answer = worked(host, NAME, move || {
        let (expr, name) = (symbolic::parse(&question)?, symbolic::parse_symbol(&name)?);
        Ok(symbolic::series(&expr, &name, &symbolic::parse(&point)?, order)?.to_expr().to_string())
    })?;
    host.string(answer)
}

fn simplify(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    const NAME: &str = "mprime.simplify";
    let question = owned(NAME, &arguments[0])?;
    let facts = match arguments.get(1) {
        None => Vec::new(),
        Some(Value::List(facts)) => facts.iter().map(|fact| owned(NAME, &fact)).collect::<Outcome<_>>()?,
        Some(other) => return Err(Fault::kind(&format!("`{NAME}`"), "a list of facts such as \"x > 0\"", other)),
    };
    let answer = worked(host, NAME, move || {
        let mut assumptions = Assumptions::default();
        facts.iter().try_for_each(|fact: &String| assumptions.assume(fact))?;
        Ok(symbolic::simplify(&symbolic::parse(&question)?, &assumptions).to_string())
    })?;
    host.string(answer)
}

fn solve(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    const NAME: &str = "mprime.solve";
    let (question, name) = (owned(NAME, &arguments[0])?, owned(NAME, &arguments[1])?);
    let found = worked(host, NAME, move || {
        let statement = symbolic::parse_statement(&question)?;
        let name = symbolic::parse_symbol(&name)?;
        match symbolic::solve(&statement.difference(), &name)? {
            Solutions::All => Ok(vec![name]),
            Solutions::Some { found, .. } => Ok(found.iter().map(|solution| root(&solution.root)).collect()),
        }
    })?;
    let items = found.into_iter().map(|text| host.string(text)).collect::<Outcome<_>>()?;
    host.list(items)
}

/// A solution as a formula that reads back: decimals where there is no exact one.
fn root(root: &Root) -> String {
    match (root, root.value()) {
        (Root::Exact(expr), _) => expr.to_string(),
        (_, Some(value)) if value.im == 0.0 => value.re.to_string(),
        (_, Some(value)) => format!("{} {} {}*i", value.re, if value.im < 0.0 { '-' } else { '+' }, value.im.abs()),
        (_, None) => "undefined".to_owned(),
    }
}

fn substitute(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    const NAME: &str = "mprime.substitute";
    let texts = arguments.iter().map(|argument| owned(NAME, argument)).collect::<Outcome<Vec<_>>>()?;
    let answer = worked(host, NAME, move || {
        let [question, name, value] = texts.as_slice() else { return Err(MathError::undefined()) };
        let (expr, value) = (symbolic::parse(question)?, symbolic::parse(value)?);
        Ok(expr.substitute(&symbolic::parse_symbol(name)?, &value).to_string())
    })?;
    host.string(answer)
}

fn factor(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let number = whole("mprime.factor", &arguments[0])?;
    host.tick(FACTOR_TICKS)?;
    let factors = u64::try_from(number).ok().and_then(primes::prime_factors);
    let factors = factors.ok_or_else(|| {
        Fault::new(Code::OperationFailed, format!("{number} is no product of primes"))
            .help("`mprime.factor` takes ints from 1: a negative number has the factors of `-n`")
    })?;
    let ints = factors.into_iter().map(|factor| int(factor).expect("a factor is at most the number, which is an int"));
    host.list(ints.collect())
}

fn is_prime(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    if let Value::Str(_) = &arguments[0] {
        return numbers::is_prime(host, &arguments[0]);
    }
    let number = whole("mprime.is_prime", &arguments[0])?;
    host.tick(TEST_TICKS)?;
    Ok(Value::Bool(u64::try_from(number).is_ok_and(primes::is_prime)))
}

fn next_prime(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let number = whole("mprime.next_prime", &arguments[0])?;
    host.tick(NEXT_TICKS)?;
    // The first prime follows every negative number.
    let next = primes::next_prime(u64::try_from(number).unwrap_or(0)).and_then(int);
    next.ok_or_else(|| {
        Fault::new(Code::IntegerOverflow, format!("the next prime after {number} is no int")).help(format!(
            "ints go to {}, and the last prime among them is {}",
            i64::MAX,
            i64::MAX - 24
        ))
    })
}

fn int(number: u64) -> Option<Value> {
    i64::try_from(number).ok().map(Value::Int)
}

fn whole(function: &str, value: &Value) -> Outcome<i64> {
    match value {
        Value::Int(number) => Ok(*number),
        other => Err(Fault::kind(&format!("`{function}`"), "an int", other)),
    }
}
