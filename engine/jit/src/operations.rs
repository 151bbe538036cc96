//! What single operations become.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, Value, types};

use crate::callbacks;
use crate::elements::Check;
use crate::emit::Emitter;
use crate::ir::{Array, Constant, Elementary, ExitId, IntOperator, Operation, Order, ScalarOperator};
use crate::ranges::Proven;

/// Ints up to this one are doubles without rounding.
const EXACT_MAX: i64 = 1 << 53;

impl Emitter<'_, '_> {
    pub(crate) fn operation(&mut self, operation: &Operation) {
        use Operation as O;
        match *operation {
            O::Constant { to, value } => {
                let value = match value {
                    Constant::Int(v) => self.int(v),
                    Constant::Scalar(v) => self.builder.ins().f64const(v),
                    Constant::Bool(v) => self.builder.ins().iconst(types::I8, i64::from(v)),
                };
                self.assign(to, value);
            }
            O::Copy { to, from } => {
                let value = self.read(from);
                self.assign(to, value);
            }
            O::Int { operator, to, a, b, exit } => {
                let (a, b) = (self.read(a), self.read(b));
                let value = self.int_binary(operator, a, b, exit);
                self.assign(to, value);
            }
            O::Scalar { operator, to, a, b, exit } => {
                let (a, b) = (self.read(a), self.read(b));
                let value = self.scalar_binary(operator, a, b, exit);
                self.assign(to, value);
            }
            O::Elementary { function, to, a } => {
                let a = self.read(a);
                let value = self.elementary(function, a);
                self.assign(to, value);
            }
            O::Choose { to, condition, then, otherwise } => {
                let (condition, then, otherwise) = (self.read(condition), self.read(then), self.read(otherwise));
                let value = match (self.known_int(then), self.known_int(otherwise)) {
                    // A bool is 0 or 1.
                    (Some(1), Some(0)) => self.builder.ins().uextend(types::I64, condition),
                    _ => self.builder.ins().select(condition, then, otherwise),
                };
                self.assign(to, value);
            }
            O::Length { to, array: Array(k) } => self.assign(to, self.arrays[k as usize].length),
            O::Columns { to, array: Array(k) } => self.assign(to, self.arrays[k as usize].columns),
            O::Load { to, array, index, column, from_end, is_inside, exit } => {
                let check = if is_inside { Check::Done } else { Check::Needed { from_end } };
                self.load(to, array, (index, column, check), exit);
            }
            O::Store { array, index, column, from_end, is_inside, value, exit } => {
                let check = if is_inside { Check::Done } else { Check::Needed { from_end } };
                self.store(array, (index, column, check), value, exit);
            }
            O::Call { function, ref arguments, ref arrays, to, exit, open } => {
                self.call((function, open), arguments, arrays, to, exit);
            }
            O::OpenCall { open, exit } => self.check_depth(open, exit),
            O::CountLoop { exit } => self.count_loop(exit),
            O::CountGranted => self.count_granted(),
            O::LoopsLeft { to } => {
                let left = self.loops_left();
                self.assign(to, left);
            }
            ref simple => self.simple(simple),
        }
    }

    fn simple(&mut self, operation: &Operation) {
        use Operation as O;
        let (to, value) = match *operation {
            O::NegateInt { to, a, exit } => {
                let a = self.read(a);
                if !self.proven.fits {
                    let smallest = self.builder.ins().icmp_imm(IntCC::Equal, a, i64::MIN);
                    self.exit_if(smallest, exit);
                }
                (to, self.builder.ins().ineg(a))
            }
            O::ToScalar { to, from } => {
                let from = self.read(from);
                (to, self.builder.ins().fcvt_from_sint(types::F64, from))
            }
            O::ToInt { to, from, exit } => {
                let from = self.read(from);
                (to, self.whole_part(from, exit))
            }
            O::CompareInt { order, to, a, b } => {
                let (a, b) = (self.read(a), self.read(b));
                (to, self.builder.ins().icmp(int_order(order), a, b))
            }
            O::CompareScalar { order, to, a, b } => {
                let (a, b) = (self.read(a), self.read(b));
                (to, self.builder.ins().fcmp(float_order(order), a, b))
            }
            O::CompareMixed { order, to, int, scalar, exit } => {
                let (int, scalar) = (self.read(int), self.read(scalar));
                let shifted = self.builder.ins().iadd_imm(int, EXACT_MAX);
                let exact = self.builder.ins().icmp_imm(IntCC::UnsignedLessThanOrEqual, shifted, 2 * EXACT_MAX);
                self.exit_unless(exact, exit);
                let int = self.builder.ins().fcvt_from_sint(types::F64, int);
                (to, self.builder.ins().fcmp(float_order(order), int, scalar))
            }
            O::CompareBool { equal, to, a, b } => {
                let (a, b) = (self.read(a), self.read(b));
                (to, self.builder.ins().icmp(if equal { IntCC::Equal } else { IntCC::NotEqual }, a, b))
            }
            O::Not { to, a } => {
                let a = self.read(a);
                (to, self.builder.ins().bxor_imm(a, 1))
            }
            O::And { to, a, b } => {
                let (a, b) = (self.read(a), self.read(b));
                (to, self.builder.ins().band(a, b))
            }
            O::Or { to, a, b } => {
                let (a, b) = (self.read(a), self.read(b));
                (to, self.builder.ins().bor(a, b))
            }
            O::RangeCount { closed, to, start, end, step, exit } => {
                let (start, end, step) = (self.read(start), self.read(end), self.read(step));
                (to, self.range_count(closed, start, end, step, exit))
            }
            O::WrappingAdd { to, a, b } => {
                let (a, b) = (self.read(a), self.read(b));
                (to, self.builder.ins().iadd(a, b))
            }
            O::WrappingSubtract { to, a, b } => {
                let (a, b) = (self.read(a), self.read(b));
                (to, self.builder.ins().isub(a, b))
            }
            _ => return,
        };
        self.assign(to, value);
    }

    /// A double without its fraction, behind a check that it is an int.
    fn whole_part(&mut self, from: Value, exit: ExitId) -> Value {
        // The smallest int is a double, the largest is not: these bounds are exact, and NaN fails both.
        let (low, high) = (self.builder.ins().f64const(-(2f64.powi(63))), self.builder.ins().f64const(2f64.powi(63)));
        let above = self.builder.ins().fcmp(FloatCC::GreaterThanOrEqual, from, low);
        let below = self.builder.ins().fcmp(FloatCC::LessThan, from, high);
        let fits = self.builder.ins().band(above, below);
        self.exit_unless(fits, exit);
        self.builder.ins().fcvt_to_sint_sat(types::I64, from)
    }

    fn int_binary(&mut self, operator: IntOperator, a: Value, b: Value, exit: ExitId) -> Value {
        match operator {
            IntOperator::Add | IntOperator::Subtract => {
                let add = operator == IntOperator::Add;
                if let Some(known) = self.known_int(b).filter(|&known| known != i64::MIN) {
                    return self.add_known(a, if add { known } else { -known }, exit);
                }
                self.add(add, a, b, exit)
            }
            IntOperator::Multiply if self.proven.fits => self.builder.ins().imul(a, b),
            IntOperator::Multiply => {
                let (product, overflow) = self.builder.ins().smul_overflow(a, b);
                self.exit_if(overflow, exit);
                product
            }
            IntOperator::FloorDivide => self.floor_divide(a, b, exit),
            IntOperator::Remainder => {
                if let Some(power) = self.known_power_of_two(b) {
                    return self.builder.ins().band_imm(a, (1i64 << power) - 1);
                }
                self.check_divisor(b, exit);
                if self.proven.first_is_natural && self.proven.second_is_natural {
                    return self.builder.ins().urem(a, b);
                }
                let rest = self.builder.ins().srem(a, b);
                let corrected = self.builder.ins().iadd(rest, b);
                let wrong = self.has_other_sign(rest, b);
                self.builder.ins().select(wrong, corrected, rest)
            }
            IntOperator::Power => {
                if self.known_int(b) == Some(2) {
                    return self.int_binary(IntOperator::Multiply, a, a, exit);
                }
                let negative = self.is_negative(b);
                self.exit_if(negative, exit);
                self.call_power(a, b, exit)
            }
        }
    }

    /// `a + b`, or `a - b`. Moving a number on by something that is not negative overflows where it comes out on the other
    /// side of it: one comparison, where the processor's own flag takes three steps to branch on.
    fn add(&mut self, add: bool, a: Value, b: Value, exit: ExitId) -> Value {
        let Proven { fits, first_is_natural, second_is_natural, .. } = self.proven;
        let sum = if add { self.builder.ins().iadd(a, b) } else { self.builder.ins().isub(a, b) };
        let overflow = match (add, second_is_natural, first_is_natural) {
            _ if fits => return sum,
            (true, true, _) => self.builder.ins().icmp(IntCC::SignedLessThan, sum, a),
            (true, false, true) => self.builder.ins().icmp(IntCC::SignedLessThan, sum, b),
            (false, true, _) => self.builder.ins().icmp(IntCC::SignedGreaterThan, sum, a),
            _ => {
                let (sum, overflow) =
                    if add { self.builder.ins().sadd_overflow(a, b) } else { self.builder.ins().ssub_overflow(a, b) };
                self.exit_if(overflow, exit);
                return sum;
            }
        };
        self.exit_if(overflow, exit);
        sum
    }

    /// Takes the exit where a divisor is zero, unless it cannot be.
    fn check_divisor(&mut self, divisor: Value, exit: ExitId) {
        if !self.proven.divides {
            self.exit_unless(divisor, exit);
        }
    }

    /// `a + known`: adding something positive overflows where the sum is smaller than before.
    fn add_known(&mut self, a: Value, known: i64, exit: ExitId) -> Value {
        let sum = self.builder.ins().iadd_imm(a, known);
        if known != 0 && !self.proven.fits {
            let wrapped = if known > 0 { IntCC::SignedLessThan } else { IntCC::SignedGreaterThan };
            let overflow = self.builder.ins().icmp(wrapped, sum, a);
            self.exit_if(overflow, exit);
        }
        sum
    }

    fn floor_divide(&mut self, a: Value, b: Value, exit: ExitId) -> Value {
        if let Some(power) = self.known_power_of_two(b) {
            // An arithmetic shift rounds down, as floor division does.
            return self.builder.ins().sshr_imm(a, i64::from(power));
        }
        self.check_divisor(b, exit);
        if self.proven.first_is_natural && self.proven.second_is_natural {
            return self.builder.ins().udiv(a, b);
        }
        if !self.proven.fits && self.known_int(b).is_none_or(|known| known == -1) {
            // Minus the smallest int is none.
            let smallest = self.builder.ins().icmp_imm(IntCC::Equal, a, i64::MIN);
            let minus_one = self.builder.ins().icmp_imm(IntCC::Equal, b, -1);
            let overflow = self.builder.ins().band(smallest, minus_one);
            self.exit_if(overflow, exit);
        }
        let quotient = self.builder.ins().sdiv(a, b);
        let back = self.builder.ins().imul(quotient, b);
        let rest = self.builder.ins().isub(a, back);
        let wrong = self.has_other_sign(rest, b);
        let below = self.builder.ins().iadd_imm(quotient, -1);
        self.builder.ins().select(wrong, below, quotient)
    }

    /// The exponent of a divisor that is certainly a positive power of two.
    fn known_power_of_two(&self, divisor: Value) -> Option<u32> {
        let known = self.known_int(divisor).filter(|&known| known > 0 && known.count_ones() == 1)?;
        Some(known.trailing_zeros())
    }

    /// Whether `rest` is not zero and has another sign than `divisor`.
    fn has_other_sign(&mut self, rest: Value, divisor: Value) -> Value {
        let signs = self.builder.ins().bxor(rest, divisor);
        let differ = self.is_negative(signs);
        let some = self.builder.ins().icmp_imm(IntCC::NotEqual, rest, 0);
        self.builder.ins().band(differ, some)
    }

    fn scalar_binary(&mut self, operator: ScalarOperator, a: Value, b: Value, exit: ExitId) -> Value {
        match operator {
            ScalarOperator::Divide if self.proven.divides => {}
            ScalarOperator::Divide | ScalarOperator::FloorDivide | ScalarOperator::Remainder => {
                let zero = self.builder.ins().f64const(0.0);
                let nothing = self.builder.ins().fcmp(FloatCC::Equal, b, zero);
                self.exit_if(nothing, exit);
            }
            ScalarOperator::Power => {
                let zero = self.builder.ins().f64const(0.0);
                let nothing = self.builder.ins().fcmp(FloatCC::Equal, a, zero);
                let negative = self.builder.ins().fcmp(FloatCC::LessThan, b, zero);
                let both = self.builder.ins().band(nothing, negative);
                self.exit_if(both, exit);
            }
            _ => {}
        }
        match operator {
            ScalarOperator::Add => self.builder.ins().fadd(a, b),
            ScalarOperator::Subtract => self.builder.ins().fsub(a, b),
            ScalarOperator::Multiply if self.known_scalar(b) == Some(2.0) => self.builder.ins().fadd(a, a),
            ScalarOperator::Multiply if self.known_scalar(a) == Some(2.0) => self.builder.ins().fadd(b, b),
            ScalarOperator::Multiply => self.builder.ins().fmul(a, b),
            ScalarOperator::Divide => self.builder.ins().fdiv(a, b),
            operator => match callbacks::scalar_operator(operator) {
                Some(helper) => self.call_binary(helper, a, b),
                None => a,
            },
        }
    }

    fn elementary(&mut self, function: Elementary, a: Value) -> Value {
        match function {
            Elementary::Negate => self.builder.ins().fneg(a),
            Elementary::Absolute => self.builder.ins().fabs(a),
            Elementary::Sqrt => self.builder.ins().sqrt(a),
            Elementary::Floor => self.builder.ins().floor(a),
            Elementary::Ceil => self.builder.ins().ceil(a),
            Elementary::Trunc => self.builder.ins().trunc(a),
            function => match callbacks::elementary(function) {
                Some(helper) => self.call_unary(helper, a),
                None => a,
            },
        }
    }

    fn range_count(&mut self, closed: bool, start: Value, end: Value, step: Value, exit: ExitId) -> Value {
        if self.known_int(step) != Some(1) {
            self.exit_unless(step, exit);
            return self.call_range_count(start, end, step, closed);
        }
        let mut count = if self.proven.fits {
            self.builder.ins().isub(end, start)
        } else {
            let (count, overflow) = self.builder.ins().ssub_overflow(end, start);
            self.exit_if(overflow, exit);
            count
        };
        if closed {
            count = self.add_known(count, 1, exit);
        }
        let zero = self.int(0);
        self.builder.ins().smax(count, zero)
    }
}

fn int_order(order: Order) -> IntCC {
    match order {
        Order::Less => IntCC::SignedLessThan,
        Order::LessEqual => IntCC::SignedLessThanOrEqual,
        Order::Greater => IntCC::SignedGreaterThan,
        Order::GreaterEqual => IntCC::SignedGreaterThanOrEqual,
        Order::Equal => IntCC::Equal,
        Order::NotEqual => IntCC::NotEqual,
    }
}

fn float_order(order: Order) -> FloatCC {
    match order {
        Order::Less => FloatCC::LessThan,
        Order::LessEqual => FloatCC::LessThanOrEqual,
        Order::Greater => FloatCC::GreaterThan,
        Order::GreaterEqual => FloatCC::GreaterThanOrEqual,
        Order::Equal => FloatCC::Equal,
        Order::NotEqual => FloatCC::NotEqual,
    }
}
