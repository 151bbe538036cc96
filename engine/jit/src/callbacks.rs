//! Functions that native code calls: what is too long to be written out in it, and the way back to its caller.

#![expect(unsafe_code, reason = "native code hands its context back as a pointer; see `Context`")]

use std::ffi::c_void;
use std::sync::OnceLock;

use crate::ir::{Elementary, ScalarOperator};

/// Decides whether native code that has used up what it was granted may go on.
pub trait Supervisor {
    /// How many more calls may be made until it asks again; `None` stops the code.
    fn more_calls(&mut self) -> Option<std::num::NonZeroU64>;
}

/// What native code finds at its context pointer. The first two fields and the last are read and written by it at
/// these offsets.
#[repr(C)]
pub(crate) struct Context {
    pub(crate) loops_left: u64,
    pub(crate) calls_left: u64,
    /// The addresses of the helpers, in the order of their numbers: machine code names them by number alone, so that it
    /// means the same in every process.
    pub(crate) helpers: *const usize,
    /// A `State` that outlives the call, and that nothing else refers to while native code runs.
    pub(crate) state: *mut c_void,
    /// Where the next exit that is taken is written down: its site, the number of its values, the values. There is room
    /// for as many as the calls that may be open can take. A function that is called for room would cost every loop with
    /// an exit the registers that a call does not keep.
    pub(crate) log: *mut u64,
}

pub(crate) const LOOPS_OFFSET: i32 = std::mem::offset_of!(Context, loops_left) as i32;
pub(crate) const CALLS_OFFSET: i32 = std::mem::offset_of!(Context, calls_left) as i32;
pub(crate) const HELPERS_OFFSET: i32 = std::mem::offset_of!(Context, helpers) as i32;
pub(crate) const LOG_OFFSET: i32 = std::mem::offset_of!(Context, log) as i32;

/// A helper, by its place in the table of their addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Helper(usize);

impl Helper {
    pub(crate) const MORE_CALLS: Helper = Helper(0);
    pub(crate) const INT_POWER: Helper = Helper(1);
    pub(crate) const RANGE_COUNT: Helper = Helper(2);

    /// Where its address stands in the table.
    pub(crate) fn offset(self) -> i32 {
        (self.0 * size_of::<usize>()) as i32
    }
}

const FIRST_ELEMENTARY: usize = 3;
const FIRST_OPERATOR: usize = FIRST_ELEMENTARY + ELEMENTARIES.len();

const ELEMENTARIES: [Elementary; 24] = {
    use Elementary as E;
    [
        E::Negate,
        E::Absolute,
        E::Sqrt,
        E::Floor,
        E::Ceil,
        E::Trunc,
        E::Exp,
        E::ExpM1,
        E::Ln,
        E::Ln1P,
        E::Log2,
        E::Log10,
        E::Sin,
        E::Cos,
        E::Tan,
        E::Asin,
        E::Acos,
        E::Atan,
        E::Sinh,
        E::Cosh,
        E::Tanh,
        E::Cbrt,
        E::Radians,
        E::Degrees,
    ]
};

const OPERATORS: [ScalarOperator; 9] = {
    use ScalarOperator as S;
    [S::Add, S::Subtract, S::Multiply, S::Divide, S::FloorDivide, S::Remainder, S::Power, S::ArcTangent2, S::Hypotenuse]
};

/// The addresses of the helpers in this process.
pub(crate) fn helpers() -> &'static [usize] {
    static TABLE: OnceLock<Vec<usize>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let own =
            [more_calls as *const () as usize, int_power as *const () as usize, range_count as *const () as usize];
        let elementary = ELEMENTARIES.iter().map(|&f| elementary_function(f).map_or(0, |f| f as *const () as usize));
        let operators = OPERATORS.iter().map(|&o| operator_function(o).map_or(0, |f| f as *const () as usize));
        own.into_iter().chain(elementary).chain(operators).collect()
    })
}

/// What the helpers work on.
pub(crate) struct State<'a> {
    pub(crate) supervisor: &'a mut dyn Supervisor,
}

/// The state behind a context.
///
/// # Safety
/// `context` is the pointer that the caller of the native code made of a live `Context`, whose `state` points to a live
/// `State` that is not referred to elsewhere.
unsafe fn state<'c>(context: *mut Context) -> &'c mut State<'c> {
    // SAFETY: by this function's contract.
    unsafe { &mut *((*context).state.cast::<State<'c>>()) }
}

/// More calls; 0 stops.
pub(crate) unsafe extern "C" fn more_calls(context: *mut Context) -> u64 {
    // SAFETY: called by native code with its context alone.
    unsafe { state(context) }.supervisor.more_calls().map_or(0, Into::into)
}

/// `base` to the power of `exponent`, which is not negative; whether it fits is told in `fits`.
pub(crate) unsafe extern "C" fn int_power(base: i64, exponent: i64, fits: *mut u64) -> i64 {
    let power = match base {
        0 | 1 => Some(if exponent == 0 { 1 } else { base }),
        -1 => Some(if exponent % 2 == 0 { 1 } else { -1 }),
        _ => u32::try_from(exponent).ok().and_then(|e| base.checked_pow(e)),
    };
    // SAFETY: native code gives the address of a slot of its own frame.
    unsafe { *fits = u64::from(power.is_some()) };
    power.unwrap_or(0)
}

/// How many numbers a range has; `step` is not 0. More than fit an int are the largest int.
pub(crate) extern "C" fn range_count(start: i64, end: i64, step: i64, closed: u64) -> i64 {
    let (low, high) = if step > 0 { (start, end) } else { (end, start) };
    let span = i128::from(high) - i128::from(low);
    let steps = i128::from(step.unsigned_abs());
    let count = match (span < 0, closed != 0) {
        (true, _) => 0,
        (false, true) => span / steps + 1,
        (false, false) => (span + steps - 1) / steps,
    };
    i64::try_from(count).unwrap_or(i64::MAX)
}

macro_rules! functions {
    ($($name:ident($($argument:ident),*) = $value:expr;)*) => {
        $(extern "C" fn $name($($argument: f64),*) -> f64 { $value })*
    };
}

functions! {
    exp(x) = x.exp();
    exp_m1(x) = x.exp_m1();
    ln(x) = x.ln();
    ln_1p(x) = x.ln_1p();
    log2(x) = x.log2();
    log10(x) = x.log10();
    sin(x) = x.sin();
    cos(x) = x.cos();
    tan(x) = x.tan();
    asin(x) = x.asin();
    acos(x) = x.acos();
    atan(x) = x.atan();
    sinh(x) = x.sinh();
    cosh(x) = x.cosh();
    tanh(x) = x.tanh();
    cbrt(x) = x.cbrt();
    radians(x) = x.to_radians();
    degrees(x) = x.to_degrees();
    power(x, y) = x.powf(y);
    arc_tangent(x, y) = x.atan2(y);
    hypotenuse(x, y) = x.hypot(y);
    remainder(x, y) = modulo(x, y);
    floor_divide(x, y) = floor_quotient(x, y);
}

/// The remainder with the sign of the divisor, as Python has it.
pub fn modulo(x: f64, y: f64) -> f64 {
    let rest = x % y;
    if rest == 0.0 {
        return 0f64.copysign(y);
    }
    if (rest < 0.0) != (y < 0.0) { rest + y } else { rest }
}

/// The quotient rounded down, as Python has it: from the remainder, so that `x` is `(x // y) * y + x % y` as nearly as
/// fractions allow. Rounding `x / y` down gives one too many where the division rounds up to a whole number.
pub fn floor_quotient(x: f64, y: f64) -> f64 {
    let rest = x % y;
    let mut quotient = (x - rest) / y;
    if rest != 0.0 && (rest < 0.0) != (y < 0.0) {
        quotient -= 1.0;
    }
    if quotient == 0.0 {
        return 0f64.copysign(x / y);
    }
    let floor = quotient.floor();
    if quotient - floor > 0.5 { floor + 1.0 } else { floor }
}

type Unary = extern "C" fn(f64) -> f64;
type Binary = extern "C" fn(f64, f64) -> f64;

/// The helper of an elementary function; `None` where the processor has an instruction for it.
pub(crate) fn elementary(function: Elementary) -> Option<Helper> {
    let place = ELEMENTARIES.iter().position(|known| *known == function)?;
    elementary_function(function).map(|_| Helper(FIRST_ELEMENTARY + place))
}

fn elementary_function(function: Elementary) -> Option<Unary> {
    let helper: Unary = match function {
        Elementary::Negate
        | Elementary::Absolute
        | Elementary::Sqrt
        | Elementary::Floor
        | Elementary::Ceil
        | Elementary::Trunc => return None,
        Elementary::Exp => exp,
        Elementary::ExpM1 => exp_m1,
        Elementary::Ln => ln,
        Elementary::Ln1P => ln_1p,
        Elementary::Log2 => log2,
        Elementary::Log10 => log10,
        Elementary::Sin => sin,
        Elementary::Cos => cos,
        Elementary::Tan => tan,
        Elementary::Asin => asin,
        Elementary::Acos => acos,
        Elementary::Atan => atan,
        Elementary::Sinh => sinh,
        Elementary::Cosh => cosh,
        Elementary::Tanh => tanh,
        Elementary::Cbrt => cbrt,
        Elementary::Radians => radians,
        Elementary::Degrees => degrees,
    };
    Some(helper)
}

/// The helper of an operator that is a function; `None` where the processor has instructions for it.
pub(crate) fn scalar_operator(operator: ScalarOperator) -> Option<Helper> {
    let place = OPERATORS.iter().position(|known| *known == operator)?;
    operator_function(operator).map(|_| Helper(FIRST_OPERATOR + place))
}

fn operator_function(operator: ScalarOperator) -> Option<Binary> {
    let helper: Binary = match operator {
        ScalarOperator::Add | ScalarOperator::Subtract | ScalarOperator::Multiply | ScalarOperator::Divide => {
            return None;
        }
        ScalarOperator::FloorDivide => floor_divide,
        ScalarOperator::Remainder => remainder,
        ScalarOperator::Power => power,
        ScalarOperator::ArcTangent2 => arc_tangent,
        ScalarOperator::Hypotenuse => hypotenuse,
    };
    Some(helper)
}
