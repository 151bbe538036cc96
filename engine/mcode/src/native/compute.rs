//! What instructions become: arithmetic, comparisons, and functions of the library on numbers.

use nexus_jit::ir::{Array, Constant, Elementary, End, IntOperator, Operation, Order, ScalarOperator, Type, Variable};

use super::known::Known;
use super::translate::{Number, Then, Translation};
use crate::ast::{BinaryOperator, Comparison};
use crate::ir::{Instruction, Register};
use crate::library::BuiltinId;

impl Translation<'_, '_> {
    pub(super) fn compute(&mut self, instruction: Instruction) -> Then {
        use Instruction as I;
        match instruction {
            I::Add { to, a, b } => self.binary_of(BinaryOperator::Add, to, a, b),
            I::Subtract { to, a, b } => self.binary_of(BinaryOperator::Subtract, to, a, b),
            I::Multiply { to, a, b } => self.binary_of(BinaryOperator::Multiply, to, a, b),
            I::Binary { operator, to, a, b } => self.binary_of(operator, to, a, b),
            I::AddInt { to, a, value } => match self.number(a) {
                Some(a) => {
                    let value = self.constant(Constant::Int(i64::from(value)));
                    self.binary(BinaryOperator::Add, to, a, (value, Type::Int))
                }
                None => self.leave("arithmetic on something else than numbers"),
            },
            I::Compare { operator, to, a, b } => self.compare_values(operator, to, a, b),
            I::Negate { to, a } => match self.number(a) {
                Some((a, Type::Int)) => {
                    let exit = self.exit(false);
                    let to = self.assign(to, Type::Int);
                    self.push(Operation::NegateInt { to, a, exit });
                    Then::Next
                }
                Some((a, Type::Scalar)) => self.elementary(Elementary::Negate, to, a),
                _ => self.leave("arithmetic on something else than numbers"),
            },
            I::Not { to, a } => match self.number(a) {
                Some((a, Type::Bool)) => {
                    let to = self.assign(to, Type::Bool);
                    self.push(Operation::Not { to, a });
                    Then::Next
                }
                _ => self.leave("logic on something else than bools"),
            },
            I::And { to, a, b } => self.logic(true, to, a, b),
            I::Or { to, a, b } => self.logic(false, to, a, b),
            I::CallBuiltin { count, builtin, to, start } => self.builtin(builtin, to, start, usize::from(count)),
            I::CallValue { .. } => self.leave("a function value is called"),
            I::CallOp { .. } => self.leave("an operation on tensors is called"),
            I::Field { .. } => self.leave("a field of a record is read"),
            _ => self.leave("a value is made that is no number"),
        }
    }

    fn binary_of(&mut self, operator: BinaryOperator, to: Register, a: Register, b: Register) -> Then {
        match (self.number(a), self.number(b)) {
            (Some(a), Some(b)) => self.binary(operator, to, a, b),
            _ => self.leave("arithmetic on something else than numbers"),
        }
    }

    fn binary(&mut self, operator: BinaryOperator, to: Register, a: Number, b: Number) -> Then {
        use BinaryOperator as B;
        if operator == B::Product || a.1 == Type::Bool || b.1 == Type::Bool {
            return self.leave("arithmetic on something else than numbers");
        }
        let exit = self.exit(false);
        if a.1 == Type::Int && b.1 == Type::Int && operator != B::Divide {
            let operator = match operator {
                B::Add => IntOperator::Add,
                B::Subtract => IntOperator::Subtract,
                B::Multiply => IntOperator::Multiply,
                B::FloorDivide => IntOperator::FloorDivide,
                B::Remainder => IntOperator::Remainder,
                _ => IntOperator::Power,
            };
            let to = self.assign(to, Type::Int);
            self.push(Operation::Int { operator, to, a: a.0, b: b.0, exit });
            return Then::Next;
        }
        let operator = match operator {
            B::Add => ScalarOperator::Add,
            B::Subtract => ScalarOperator::Subtract,
            B::Multiply => ScalarOperator::Multiply,
            B::Divide => ScalarOperator::Divide,
            B::FloorDivide => ScalarOperator::FloorDivide,
            B::Remainder => ScalarOperator::Remainder,
            _ => ScalarOperator::Power,
        };
        let (a, b) = (self.scalar(a), self.scalar(b));
        let to = self.assign(to, Type::Scalar);
        self.push(Operation::Scalar { operator, to, a, b, exit });
        Then::Next
    }

    /// A number as a scalar.
    pub(super) fn scalar(&mut self, (variable, ty): Number) -> Variable {
        if ty == Type::Scalar {
            return variable;
        }
        let to = self.temporary(Type::Scalar);
        self.push(Operation::ToScalar { to, from: variable });
        to
    }

    fn compare_values(&mut self, operator: Comparison, to: Register, a: Register, b: Register) -> Then {
        let (left, right) = (self.known(a), self.known(b));
        let equality = matches!(operator, Comparison::Equal | Comparison::NotEqual);
        if equality && (left == Known::None || right == Known::None) && left != Known::Opaque && right != Known::Opaque
        {
            // Nothing but none is none.
            let holds = (left == right) == (operator == Comparison::Equal);
            let to = self.assign(to, Type::Bool);
            self.push(Operation::Constant { to, value: Constant::Bool(holds) });
            return Then::Next;
        }
        let (Some(a), Some(b)) = (self.number(a), self.number(b)) else {
            return self.leave("something else than numbers is compared");
        };
        let holds = self.temporary(Type::Bool);
        if !self.compare(operator, holds, a, b) {
            return self.leave("bools are ordered");
        }
        let to = self.assign(to, Type::Bool);
        self.push(Operation::Copy { to, from: holds });
        Then::Next
    }

    /// Compares two numbers or two bools; false where that has no meaning.
    pub(super) fn compare(&mut self, operator: Comparison, to: Variable, a: Number, b: Number) -> bool {
        let order = order(operator);
        match (a.1, b.1) {
            (Type::Int, Type::Int) => self.push(Operation::CompareInt { order, to, a: a.0, b: b.0 }),
            (Type::Scalar, Type::Scalar) => self.push(Operation::CompareScalar { order, to, a: a.0, b: b.0 }),
            (Type::Int, Type::Scalar) => {
                let exit = self.exit(false);
                self.push(Operation::CompareMixed { order, to, int: a.0, scalar: b.0, exit });
            }
            (Type::Scalar, Type::Int) => {
                let exit = self.exit(false);
                self.push(Operation::CompareMixed { order: reversed(order), to, int: b.0, scalar: a.0, exit });
            }
            (Type::Bool, Type::Bool) if matches!(order, Order::Equal | Order::NotEqual) => {
                self.push(Operation::CompareBool { equal: order == Order::Equal, to, a: a.0, b: b.0 });
            }
            _ => return false,
        }
        true
    }

    fn logic(&mut self, and: bool, to: Register, a: Register, b: Register) -> Then {
        let (Some((a, Type::Bool)), Some((b, Type::Bool))) = (self.number(a), self.number(b)) else {
            return self.leave("logic on something else than bools");
        };
        let to = self.assign(to, Type::Bool);
        self.push(if and { Operation::And { to, a, b } } else { Operation::Or { to, a, b } });
        Then::Next
    }

    fn elementary(&mut self, function: Elementary, to: Register, a: Variable) -> Then {
        let to = self.assign(to, Type::Scalar);
        self.push(Operation::Elementary { function, to, a });
        Then::Next
    }

    fn builtin(&mut self, id: BuiltinId, to: Register, start: Register, count: usize) -> Then {
        const OTHER: &str = "a function of the library is called on something else than numbers";
        let name = crate::library::builtin(id).name;
        if let ("len", Known::Array(number)) = (name, self.known(start)) {
            let to = self.assign(to, Type::Int);
            self.push(Operation::Length { to, array: Array(u32::from(number)) });
            return Then::Next;
        }
        let arguments: Option<Vec<Number>> = (start..start + count as Register).map(|r| self.number(r)).collect();
        let Some(arguments) = arguments else { return self.leave(OTHER) };
        match *arguments.as_slice() {
            [a] => self.builtin_of_one(name, to, a),
            [a, b] => self.builtin_of_two(name, to, a, b),
            _ => self.leave(OTHER),
        }
    }

    fn builtin_of_one(&mut self, name: &str, to: Register, a: Number) -> Then {
        const OTHER: &str = "a function of the library is called that native code has not";
        match (name, a.1) {
            (_, Type::Bool) => self.leave(OTHER),
            ("scalar", _) => {
                let from = self.scalar(a);
                let to = self.assign(to, Type::Scalar);
                self.push(Operation::Copy { to, from });
                Then::Next
            }
            ("int" | "math.floor" | "math.ceil" | "math.trunc" | "round" | "math.round", Type::Int) => {
                let to = self.assign(to, Type::Int);
                self.push(Operation::Copy { to, from: a.0 });
                Then::Next
            }
            ("int" | "math.trunc" | "math.floor" | "math.ceil", Type::Scalar) => {
                let exit = self.exit(false);
                let whole = self.temporary(Type::Scalar);
                let function = match name {
                    "math.floor" => Elementary::Floor,
                    "math.ceil" => Elementary::Ceil,
                    _ => Elementary::Trunc,
                };
                self.push(Operation::Elementary { function, to: whole, a: a.0 });
                let to = self.assign(to, Type::Int);
                self.push(Operation::ToInt { to, from: whole, exit });
                Then::Next
            }
            ("abs" | "math.abs", Type::Scalar) => self.elementary(Elementary::Absolute, to, a.0),
            ("abs" | "math.abs", Type::Int) => self.absolute(to, a.0),
            ("math.isnan", Type::Scalar) => {
                let to = self.assign(to, Type::Bool);
                self.push(Operation::CompareScalar { order: Order::NotEqual, to, a: a.0, b: a.0 });
                Then::Next
            }
            (name, _) => match elementary(name) {
                Some(function) => {
                    let a = self.scalar(a);
                    self.elementary(function, to, a)
                }
                None => self.leave(OTHER),
            },
        }
    }

    fn builtin_of_two(&mut self, name: &str, to: Register, a: Number, b: Number) -> Then {
        let operator = match name {
            "math.atan2" => ScalarOperator::ArcTangent2,
            "math.hypot" => ScalarOperator::Hypotenuse,
            "min" | "max" if a.1 == b.1 && a.1 != Type::Bool => return self.extreme(name == "min", to, a, b),
            _ => return self.leave("a function of the library is called that native code has not"),
        };
        if a.1 == Type::Bool || b.1 == Type::Bool {
            return self.leave("arithmetic on something else than numbers");
        }
        let exit = self.exit(false);
        let (a, b) = (self.scalar(a), self.scalar(b));
        let to = self.assign(to, Type::Scalar);
        self.push(Operation::Scalar { operator, to, a, b, exit });
        Then::Next
    }

    fn absolute(&mut self, to: Register, a: Variable) -> Then {
        let exit = self.exit(false);
        let (zero, negative) = (self.constant(Constant::Int(0)), self.temporary(Type::Bool));
        let result = self.temporary(Type::Int);
        self.push(Operation::Copy { to: result, from: a });
        self.push(Operation::CompareInt { order: Order::Less, to: negative, a, b: zero });
        let after = self.if_then(negative, |this| this.push(Operation::NegateInt { to: result, a, exit }));
        self.go_on_in(after);
        let to = self.assign(to, Type::Int);
        self.push(Operation::Copy { to, from: result });
        Then::Next
    }

    /// The better of two numbers; a NaN wins.
    fn extreme(&mut self, least: bool, to: Register, a: Number, b: Number) -> Then {
        let (better, result) = (self.temporary(Type::Bool), self.temporary(a.1));
        let operator = if least { Comparison::Less } else { Comparison::Greater };
        self.push(Operation::Copy { to: result, from: a.0 });
        self.compare(operator, better, b, a);
        if a.1 == Type::Scalar {
            let nan = self.temporary(Type::Bool);
            self.push(Operation::CompareScalar { order: Order::NotEqual, to: nan, a: b.0, b: b.0 });
            self.push(Operation::Or { to: better, a: better, b: nan });
        }
        let after = self.if_then(better, |this| this.push(Operation::Copy { to: result, from: b.0 }));
        self.go_on_in(after);
        let to = self.assign(to, a.1);
        self.push(Operation::Copy { to, from: result });
        Then::Next
    }

    /// Does something where the condition holds; gives the block behind it.
    fn if_then(&mut self, condition: Variable, then: impl FnOnce(&mut Self)) -> nexus_jit::ir::BlockId {
        let (inside, after) = (self.new_block(), self.new_block());
        self.end(End::Branch { condition, then: inside, otherwise: after });
        self.go_on_in(inside);
        then(self);
        self.end(End::Jump(after));
        after
    }
}

fn order(operator: Comparison) -> Order {
    match operator {
        Comparison::Less => Order::Less,
        Comparison::LessEqual => Order::LessEqual,
        Comparison::Greater => Order::Greater,
        Comparison::GreaterEqual => Order::GreaterEqual,
        Comparison::Equal => Order::Equal,
        Comparison::NotEqual => Order::NotEqual,
    }
}

fn reversed(order: Order) -> Order {
    match order {
        Order::Less => Order::Greater,
        Order::LessEqual => Order::GreaterEqual,
        Order::Greater => Order::Less,
        Order::GreaterEqual => Order::LessEqual,
        same => same,
    }
}

fn elementary(name: &str) -> Option<Elementary> {
    Some(match name {
        "math.sqrt" => Elementary::Sqrt,
        "math.exp" => Elementary::Exp,
        "math.expm1" => Elementary::ExpM1,
        "math.log" => Elementary::Ln,
        "math.log1p" => Elementary::Ln1P,
        "math.log2" => Elementary::Log2,
        "math.log10" => Elementary::Log10,
        "math.sin" => Elementary::Sin,
        "math.cos" => Elementary::Cos,
        "math.tan" => Elementary::Tan,
        "math.asin" => Elementary::Asin,
        "math.acos" => Elementary::Acos,
        "math.atan" => Elementary::Atan,
        "math.sinh" => Elementary::Sinh,
        "math.cosh" => Elementary::Cosh,
        "math.tanh" => Elementary::Tanh,
        "math.cbrt" => Elementary::Cbrt,
        "math.radians" => Elementary::Radians,
        "math.degrees" => Elementary::Degrees,
        _ => return None,
    })
}
