//! What machine code may assume of the arguments of a unit. Ints of programs are nearly always far from where arithmetic
//! overflows, and most are never negative: code for those leaves out the checks that cannot fail then
//! ([`crate::ranges`]). A call looks at its arguments first, and takes code that assumes nothing where they are others.

use serde::Serialize;

use crate::interval::Interval;
use crate::ir::{Constant, Function};

/// Ints up to this one are near zero: the product of two sums of two of them fits an int.
const NEAR_MAX: i64 = 1 << 30;

/// What is assumed of an argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Assumed {
    /// Nothing: it is far from zero, or no int.
    Nothing,
    /// It is near zero.
    Near,
    /// It is near zero, and not negative.
    NearNatural,
}

impl Assumed {
    fn interval(self) -> Interval {
        match self {
            Assumed::Nothing => Interval::ANY,
            Assumed::Near => Interval::new(-NEAR_MAX, NEAR_MAX),
            Assumed::NearNatural => Interval::new(0, NEAR_MAX),
        }
    }

    /// Whether an argument is as it was assumed to be.
    pub(crate) fn holds(self, argument: Constant) -> bool {
        match argument {
            Constant::Int(value) => self.interval().contains(value),
            Constant::Scalar(_) | Constant::Bool(_) => true,
        }
    }
}

/// What can be assumed of arguments that are like these.
pub fn assumptions(arguments: &[Constant]) -> Vec<Assumed> {
    let assumed = |argument: &Constant| match *argument {
        Constant::Int(value) if Assumed::NearNatural.interval().contains(value) => Assumed::NearNatural,
        Constant::Int(value) if Assumed::Near.interval().contains(value) => Assumed::Near,
        _ => Assumed::Nothing,
    };
    arguments.iter().map(assumed).collect()
}

/// Whether a length is as code takes it to be that assumes anything.
pub(crate) fn is_near(length: usize) -> bool {
    length as u64 <= NEAR_MAX.unsigned_abs()
}

/// What the parameters of a function may be, if it is the one that is called from outside or not.
pub(crate) fn parameters(function: &Function, assumed: &[Assumed], outermost: bool) -> Vec<Interval> {
    let of = |index: usize| assumed.get(index).filter(|_| outermost).map_or(Interval::ANY, |a| a.interval());
    (0..function.parameters.len()).map(of).collect()
}

/// What the lengths of arrays may be: near, where anything is assumed at all.
pub(crate) fn lengths(assumed: &[Assumed]) -> Interval {
    Interval::new(0, if assumed.is_empty() { i64::MAX } else { NEAR_MAX })
}
