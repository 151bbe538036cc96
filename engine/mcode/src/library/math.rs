//! Functions on numbers. Given a tensor, those that the tensor engine knows elementwise are handed to it.

use nexus_tensor::{Arg, BinaryOp, UnaryOp};

use super::{Builtin, Kind};
use crate::codes::Code;
use crate::vm::fault::{Fault, Outcome};
use crate::vm::host::Host;
use crate::vm::operate::unary_tensor;
use crate::vm::traced;
use crate::vm::value::Value;

macro_rules! functions {
    ($( $name:literal, $function:expr, $tensor:expr; )*) => {
        /// Functions of one number to a scalar.
        const ELEMENTARY: &[Builtin] = &[ $( Builtin {
            name: concat!("math.", $name),
            arity: (1, 1),
            result: Kind::Any,
            example: concat!("math.", $name, "(0.5)"),
            run: |host, arguments| elementary(host, concat!("math.", $name), &mut arguments[0], $function, $tensor),
        }, )* ];

        /// What each of them is to a scalar.
        pub(super) const OF_A_SCALAR: &[fn(f64) -> f64] = &[ $( $function, )* ];
    };
}

functions! {
    "sqrt", f64::sqrt, Some(UnaryOp::Sqrt);
    "exp", f64::exp, Some(UnaryOp::Exp);
    "expm1", f64::exp_m1, Some(UnaryOp::Expm1);
    "log", f64::ln, Some(UnaryOp::Log);
    "log1p", f64::ln_1p, Some(UnaryOp::Log1p);
    "log2", f64::log2, Some(UnaryOp::Log2);
    "log10", f64::log10, Some(UnaryOp::Log10);
    "sin", f64::sin, Some(UnaryOp::Sin);
    "cos", f64::cos, Some(UnaryOp::Cos);
    "tan", f64::tan, Some(UnaryOp::Tan);
    "asin", f64::asin, Some(UnaryOp::Asin);
    "acos", f64::acos, Some(UnaryOp::Acos);
    "atan", f64::atan, Some(UnaryOp::Atan);
    "sinh", f64::sinh, Some(UnaryOp::Sinh);
    "cosh", f64::cosh, Some(UnaryOp::Cosh);
    "tanh", f64::tanh, Some(UnaryOp::Tanh);
    "asinh", libm::asinh, None;
    "acosh", libm::acosh, None;
    "atanh", libm::atanh, None;
    "erf", libm::erf, Some(UnaryOp::Erf);
    "gamma", libm::tgamma, None;
    "cbrt", f64::cbrt, None;
    "radians", f64::to_radians, None;
    "degrees", f64::to_degrees, None;
}

const OTHERS: [Builtin; 14] = [
    Builtin {
        name: "math.floor",
        arity: (1, 1),
        result: Kind::Any,
        example: "math.floor(2.5)",
        run: |host, a| whole(host, "math.floor", &mut a[0], f64::floor, UnaryOp::Floor),
    },
    Builtin {
        name: "math.ceil",
        arity: (1, 1),
        result: Kind::Any,
        example: "math.ceil(2.5)",
        run: |host, a| whole(host, "math.ceil", &mut a[0], f64::ceil, UnaryOp::Ceil),
    },
    Builtin {
        name: "math.trunc",
        arity: (1, 1),
        result: Kind::Int,
        example: "math.trunc(-2.5)",
        run: |_, a| match &a[0] {
            Value::Int(v) => Ok(Value::Int(*v)),
            value => whole_number("math.trunc", number("math.trunc", value)?.trunc()),
        },
    },
    Builtin { name: "math.pow", arity: (2, 2), result: Kind::Scalar, example: "math.pow(2, 0.5)", run: pow },
    Builtin {
        name: "math.atan2",
        arity: (2, 2),
        result: Kind::Scalar,
        example: "math.atan2(1, 1)",
        run: |_, a| two("math.atan2", a, f64::atan2),
    },
    Builtin {
        name: "math.hypot",
        arity: (2, 2),
        result: Kind::Scalar,
        example: "math.hypot(3, 4)",
        run: |_, a| two("math.hypot", a, f64::hypot),
    },
    Builtin { name: "math.gcd", arity: (2, 2), result: Kind::Int, example: "math.gcd(12, 18)", run: gcd },
    Builtin {
        name: "math.isnan",
        arity: (1, 1),
        result: Kind::Bool,
        example: "math.isnan(math.nan)",
        run: |_, a| Ok(Value::Bool(number("math.isnan", &a[0])?.is_nan())),
    },
    Builtin {
        name: "math.isfinite",
        arity: (1, 1),
        result: Kind::Bool,
        example: "math.isfinite(1.0)",
        run: |_, a| Ok(Value::Bool(number("math.isfinite", &a[0])?.is_finite())),
    },
    Builtin { name: "math.sign", arity: (1, 1), result: Kind::Any, example: "math.sign(-2)", run: sign },
    Builtin { name: "abs", arity: (1, 1), result: Kind::Any, example: "abs(-2)", run: abs },
    Builtin { name: "math.abs", arity: (1, 1), result: Kind::Any, example: "math.abs(-2)", run: abs },
    Builtin { name: "round", arity: (1, 2), result: Kind::Any, example: "round(2.345, 2)", run: round },
    Builtin { name: "math.round", arity: (1, 2), result: Kind::Any, example: "math.round(2.345, 2)", run: round },
];

/// Functions on numbers.
pub(super) const TABLE: &[Builtin] = {
    const EMPTY: Builtin =
        Builtin { name: "", arity: (0, 0), result: Kind::None, example: "", run: |_, _| Ok(Value::None) };
    const COUNT: usize = ELEMENTARY.len() + OTHERS.len();
    const JOINED: [Builtin; COUNT] = {
        let mut table = [EMPTY; COUNT];
        let mut i = 0;
        while i < COUNT {
            let from = if i < ELEMENTARY.len() { &ELEMENTARY[i] } else { &OTHERS[i - ELEMENTARY.len()] };
            table[i] = Builtin {
                name: from.name,
                arity: from.arity,
                result: from.result,
                example: from.example,
                run: from.run,
            };
            i += 1;
        }
        table
    };
    &JOINED
};

/// A number as a scalar; a tensor of one element counts as a number.
pub(crate) fn number(function: &str, value: &Value) -> Outcome<f64> {
    match value {
        Value::Int(v) => Ok(*v as f64),
        Value::Scalar(v) => Ok(*v),
        Value::Tensor(t) if t.len() == 1 => {
            let data = t.to_data().map_err(Fault::tensor)?;
            data.get_f64(0).ok_or_else(|| Fault::kind(&format!("`{function}`"), "a number", value))
        }
        other => Err(Fault::kind(&format!("`{function}`"), "a number", other)),
    }
}

fn elementary(
    host: &mut Host,
    name: &str,
    value: &mut Value,
    function: fn(f64) -> f64,
    tensor: Option<UnaryOp>,
) -> Outcome<Value> {
    if let (Value::Tensor(_), Some(operator)) = (&*value, tensor) {
        return unary_tensor(host, operator, std::mem::take(value));
    }
    if let (Value::Traced(_), Some(operator)) = (&*value, tensor) {
        return traced::unary(host, operator, value);
    }
    Ok(Value::Scalar(function(number(name, value)?)))
}

fn whole(
    host: &mut Host,
    name: &str,
    value: &mut Value,
    function: fn(f64) -> f64,
    operator: UnaryOp,
) -> Outcome<Value> {
    match value {
        Value::Int(v) => Ok(Value::Int(*v)),
        Value::Tensor(_) => unary_tensor(host, operator, std::mem::take(value)),
        // Whole parts do not change with small changes: what follows from them is constant.
        Value::Traced(t) => match t.plain() {
            Arg::Scalar(x) => whole_number(name, function(*x)),
            _ => traced::unary(host, operator, value),
        },
        other => whole_number(name, function(number(name, other)?)),
    }
}

/// A whole scalar as an int.
pub(crate) fn whole_number(function: &str, value: f64) -> Outcome<Value> {
    if (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&value) {
        return Ok(Value::Int(value as i64));
    }
    let text = crate::vm::text::scalar(value);
    Err(Fault::new(Code::BadConversion, format!("`{function}` cannot make an int of {text}")))
}

fn pow(host: &mut Host, a: &mut [Value]) -> Outcome<Value> {
    if a.iter().any(traced::is_traced) {
        return traced::binary(host, BinaryOp::Pow, &a[0], &a[1]);
    }
    two("math.pow", a, f64::powf)
}

fn two(name: &str, arguments: &[Value], function: fn(f64, f64) -> f64) -> Outcome<Value> {
    Ok(Value::Scalar(function(number(name, &arguments[0])?, number(name, &arguments[1])?)))
}

fn gcd(_: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    let [Value::Int(a), Value::Int(b)] = arguments else {
        let wrong = if matches!(arguments[0], Value::Int(_)) { &arguments[1] } else { &arguments[0] };
        return Err(Fault::kind("`math.gcd`", "ints", wrong));
    };
    let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    i64::try_from(a)
        .map(Value::Int)
        .map_err(|_| Fault::new(Code::IntegerOverflow, "the greatest common divisor does not fit an int"))
}

fn sign(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    match &arguments[0] {
        Value::Int(v) => Ok(Value::Int(v.signum())),
        Value::Scalar(v) => Ok(Value::Scalar(if *v == 0.0 || v.is_nan() { *v } else { v.signum() })),
        Value::Tensor(_) => unary_tensor(host, UnaryOp::Sign, std::mem::take(&mut arguments[0])),
        Value::Traced(_) => traced::unary(host, UnaryOp::Sign, &arguments[0]),
        other => Err(Fault::kind("`math.sign`", "a number", other)),
    }
}

fn abs(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    match &arguments[0] {
        Value::Int(v) => v
            .checked_abs()
            .map(Value::Int)
            .ok_or_else(|| Fault::new(Code::IntegerOverflow, format!("the absolute value of {v} does not fit an int"))),
        Value::Scalar(v) => Ok(Value::Scalar(v.abs())),
        Value::Tensor(_) => unary_tensor(host, UnaryOp::Abs, std::mem::take(&mut arguments[0])),
        Value::Traced(_) => traced::unary(host, UnaryOp::Abs, &arguments[0]),
        other => Err(Fault::kind("`abs`", "a number", other)),
    }
}

/// To the nearest whole number, halves to the even one; with digits, to as many behind the point.
fn round(host: &mut Host, arguments: &mut [Value]) -> Outcome<Value> {
    match (&arguments[0], arguments.get(1)) {
        (Value::Tensor(_), None) => unary_tensor(host, UnaryOp::Round, std::mem::take(&mut arguments[0])),
        (Value::Int(v), None | Some(Value::Int(0..=15))) => Ok(Value::Int(*v)),
        (value, None) => whole_number("round", number("round", value)?.round_ties_even()),
        (value, Some(Value::Int(digits @ 0..=15))) => {
            // Through the decimal text, which rounds the exact binary value once.
            let text = format!("{:.*}", *digits as usize, number("round", value)?);
            Ok(Value::Scalar(text.parse().unwrap_or(f64::NAN)))
        }
        (_, Some(Value::Int(digits))) => {
            Err(Fault::new(Code::WrongTypeRunning, format!("the digits of `round` are 0 to 15, not {digits}")))
        }
        (_, Some(other)) => Err(Fault::kind("the digits of `round`", "an int from 0 to 15", other)),
    }
}
