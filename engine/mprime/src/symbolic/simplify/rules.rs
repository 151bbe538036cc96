//! The identities that formulas are rewritten by. Each holds for complex numbers on principal branches, but where its
//! condition says for which ones.

use egg::{EGraph, Id, Rewrite, Subst, Var, rewrite};

use super::language::{Knowledge, Known, Term};
use crate::symbolic::{Constant, Expr, Function, Node};

type Rule = Rewrite<Term, Knowledge>;
type Condition = Box<dyn Fn(&mut EGraph<Term, Knowledge>, Id, &Subst) -> bool + Send + Sync>;

/// A condition on one variable of a rule.
fn is(name: &str, holds: impl Fn(&Known) -> bool + Send + Sync + 'static) -> Condition {
    let variable: Var = name.parse().expect("a variable of a pattern");
    Box::new(move |egraph, _, found| holds(&egraph[found[variable]].data))
}

fn both(first: Condition, second: Condition) -> Condition {
    Box::new(move |egraph, id, found| first(egraph, id, found) && second(egraph, id, found))
}

fn positive(name: &str) -> Condition {
    is(name, |known| known.facts.positive)
}

fn nonnegative(name: &str) -> Condition {
    is(name, |known| known.facts.nonnegative)
}

fn real(name: &str) -> Condition {
    is(name, |known| known.facts.real)
}

fn integer(name: &str) -> Condition {
    is(name, |known| known.facts.integer)
}

macro_rules! both_ways {
    ($rules:ident; $($name:literal: $left:literal = $right:literal;)*) => {$(
        $rules.push(rewrite!($name; $left => $right));
        $rules.push(rewrite!(concat!($name, " (backwards)"); $right => $left));
    )*};
}

/// The rules that can say something of a formula: those of the functions that occur in it.
pub(super) struct Rules {
    arithmetic: Vec<Rule>,
    trigonometry: Vec<Rule>,
    hyperbolic: Vec<Rule>,
    conditional: Vec<Rule>,
}

impl Rules {
    pub(super) fn new() -> Rules {
        Rules {
            arithmetic: arithmetic(),
            trigonometry: trigonometry(),
            hyperbolic: hyperbolic(),
            conditional: conditional(),
        }
    }

    pub(super) fn about(&self, expr: &Expr) -> Vec<&Rule> {
        use Function::{Acos, Asin, Atan, Cos, Cosh, Sin, Sinh, Tan, Tanh};
        let has = |functions: &[Function]| {
            expr.any(&|expr| matches!(expr.node(), Node::Call(function, _) if functions.contains(function)))
        };
        let exponential = |expr: &Expr| matches!(expr.node(), Node::Power(base, _) if base.is_constant(Constant::E));
        let is_beyond_polynomials = |expr: &Expr| match expr.node() {
            Node::Call(..) => true,
            Node::Power(_, exponent) => exponent.as_int().is_none(),
            _ => false,
        };
        let mut rules: Vec<&Rule> = self.arithmetic.iter().collect();
        if has(&[Sin, Cos, Tan, Asin, Acos, Atan]) {
            rules.extend(&self.trigonometry);
        }
        if has(&[Sinh, Cosh, Tanh]) || expr.any(&exponential) {
            rules.extend(&self.hyperbolic);
        }
        if expr.any(&is_beyond_polynomials) {
            rules.extend(&self.conditional);
        }
        rules
    }
}

fn arithmetic() -> Vec<Rule> {
    let mut rules = vec![
        rewrite!("a + b = b + a"; "(+ ?a ?b)" => "(+ ?b ?a)"),
        rewrite!("a*b = b*a"; "(* ?a ?b)" => "(* ?b ?a)"),
        rewrite!("a + 0 = a"; "(+ ?a 0)" => "?a"),
        rewrite!("a*1 = a"; "(* ?a 1)" => "?a"),
        rewrite!("a*0 = 0"; "(* ?a 0)" => "0"),
        rewrite!("a^1 = a"; "(^ ?a 1)" => "?a"),
        rewrite!("a^0 = 1"; "(^ ?a 0)" => "1"),
        rewrite!("a - a = 0"; "(+ ?a (* -1 ?a))" => "0"),
        rewrite!("a/a = 1"; "(* ?a (^ ?a -1))" => "1"),
        rewrite!("a + a = 2*a"; "(+ ?a ?a)" => "(* 2 ?a)"),
        rewrite!("a*b + a = a*(b + 1)"; "(+ (* ?a ?b) ?a)" => "(* ?a (+ ?b 1))"),
        rewrite!("a*a = a^2"; "(* ?a ?a)" => "(^ ?a 2)"),
        rewrite!("a*a^b = a^(b + 1)"; "(* ?a (^ ?a ?b))" => "(^ ?a (+ ?b 1))"),
        rewrite!("e^log(a) = a"; "(^ $e (log ?a))" => "?a"),
        rewrite!("log(e) = 1"; "(log $e)" => "1"),
    ];
    both_ways! { rules;
        "a + (b + c) = (a + b) + c": "(+ ?a (+ ?b ?c))" = "(+ (+ ?a ?b) ?c)";
        "a*(b*c) = (a*b)*c": "(* ?a (* ?b ?c))" = "(* (* ?a ?b) ?c)";
        "a*(b + c) = a*b + a*c": "(* ?a (+ ?b ?c))" = "(+ (* ?a ?b) (* ?a ?c))";
        "a^b*a^c = a^(b + c)": "(* (^ ?a ?b) (^ ?a ?c))" = "(^ ?a (+ ?b ?c))";
    }
    rules
}

fn trigonometry() -> Vec<Rule> {
    let mut rules = vec![
        rewrite!("sin(a)^2 + cos(a)^2 = 1"; "(+ (^ (sin ?a) 2) (^ (cos ?a) 2))" => "1"),
        rewrite!("1 - sin(a)^2 = cos(a)^2"; "(+ 1 (* -1 (^ (sin ?a) 2)))" => "(^ (cos ?a) 2)"),
        rewrite!("1 - cos(a)^2 = sin(a)^2"; "(+ 1 (* -1 (^ (cos ?a) 2)))" => "(^ (sin ?a) 2)"),
        rewrite!("sin(a)^2 - 1 = -cos(a)^2"; "(+ -1 (^ (sin ?a) 2))" => "(* -1 (^ (cos ?a) 2))"),
        rewrite!("cos(a)^2 - 1 = -sin(a)^2"; "(+ -1 (^ (cos ?a) 2))" => "(* -1 (^ (sin ?a) 2))"),
        rewrite!("sin(a)*cos(a) = sin(2*a)/2"; "(* (sin ?a) (cos ?a))" => "(* 1/2 (sin (* 2 ?a)))"),
        rewrite!("cos(a)^2 - sin(a)^2 = cos(2*a)"; "(+ (^ (cos ?a) 2) (* -1 (^ (sin ?a) 2)))" => "(cos (* 2 ?a))"),
        rewrite!("2*cos(a)^2 - 1 = cos(2*a)"; "(+ (* 2 (^ (cos ?a) 2)) -1)" => "(cos (* 2 ?a))"),
        rewrite!("1 - 2*sin(a)^2 = cos(2*a)"; "(+ 1 (* -2 (^ (sin ?a) 2)))" => "(cos (* 2 ?a))"),
        rewrite!("1 + cos(2*a) = 2*cos(a)^2"; "(+ 1 (cos (* 2 ?a)))" => "(* 2 (^ (cos ?a) 2))"),
        rewrite!("1 - cos(2*a) = 2*sin(a)^2"; "(+ 1 (* -1 (cos (* 2 ?a))))" => "(* 2 (^ (sin ?a) 2))"),
        rewrite!("1 + tan(a)^2 = cos(a)^-2"; "(+ 1 (^ (tan ?a) 2))" => "(^ (cos ?a) -2)"),
        rewrite!("cos(a)*tan(a) = sin(a)"; "(* (cos ?a) (tan ?a))" => "(sin ?a)"),
        rewrite!("sin(a)/tan(a) = cos(a)"; "(* (sin ?a) (^ (tan ?a) -1))" => "(cos ?a)"),
        rewrite!("sin(a + b) from its parts";
            "(+ (* (sin ?a) (cos ?b)) (* (cos ?a) (sin ?b)))" => "(sin (+ ?a ?b))"),
        rewrite!("sin(a - b) from its parts";
            "(+ (* (sin ?a) (cos ?b)) (* -1 (* (cos ?a) (sin ?b))))" => "(sin (+ ?a (* -1 ?b)))"),
        rewrite!("cos(a + b) from its parts";
            "(+ (* (cos ?a) (cos ?b)) (* -1 (* (sin ?a) (sin ?b))))" => "(cos (+ ?a ?b))"),
        rewrite!("cos(a - b) from its parts";
            "(+ (* (cos ?a) (cos ?b)) (* (sin ?a) (sin ?b)))" => "(cos (+ ?a (* -1 ?b)))"),
        rewrite!("asin(a) + acos(a) = pi/2"; "(+ (asin ?a) (acos ?a))" => "(* 1/2 $pi)"),
    ];
    both_ways! { rules;
        "sin(a)/cos(a) = tan(a)": "(* (sin ?a) (^ (cos ?a) -1))" = "(tan ?a)";
    }
    rules
}

fn hyperbolic() -> Vec<Rule> {
    let mut rules = vec![
        rewrite!("cosh(a)^2 - sinh(a)^2 = 1"; "(+ (^ (cosh ?a) 2) (* -1 (^ (sinh ?a) 2)))" => "1"),
        rewrite!("1 + sinh(a)^2 = cosh(a)^2"; "(+ 1 (^ (sinh ?a) 2))" => "(^ (cosh ?a) 2)"),
        rewrite!("cosh(a)^2 - 1 = sinh(a)^2"; "(+ -1 (^ (cosh ?a) 2))" => "(^ (sinh ?a) 2)"),
        rewrite!("e^a + e^-a = 2*cosh(a)"; "(+ (^ $e ?a) (^ $e (* -1 ?a)))" => "(* 2 (cosh ?a))"),
        rewrite!("e^a - e^-a = 2*sinh(a)"; "(+ (^ $e ?a) (* -1 (^ $e (* -1 ?a))))" => "(* 2 (sinh ?a))"),
        rewrite!("cosh(a) + sinh(a) = e^a"; "(+ (cosh ?a) (sinh ?a))" => "(^ $e ?a)"),
        rewrite!("cosh(a) - sinh(a) = e^-a"; "(+ (cosh ?a) (* -1 (sinh ?a)))" => "(^ $e (* -1 ?a))"),
        rewrite!("sinh(a)*cosh(a) = sinh(2*a)/2"; "(* (sinh ?a) (cosh ?a))" => "(* 1/2 (sinh (* 2 ?a)))"),
        rewrite!("cosh(a)^2 + sinh(a)^2 = cosh(2*a)"; "(+ (^ (cosh ?a) 2) (^ (sinh ?a) 2))" => "(cosh (* 2 ?a))"),
        rewrite!("1 - tanh(a)^2 = cosh(a)^-2"; "(+ 1 (* -1 (^ (tanh ?a) 2)))" => "(^ (cosh ?a) -2)"),
    ];
    both_ways! { rules;
        "sinh(a)/cosh(a) = tanh(a)": "(* (sinh ?a) (^ (cosh ?a) -1))" = "(tanh ?a)";
    }
    rules
}

/// Rules that hold only of some numbers, and fire only where it is known that it is such a one.
fn conditional() -> Vec<Rule> {
    vec![
        rewrite!("(a*b)^n = a^n*b^n for whole n"; "(^ (* ?a ?b) ?n)" => "(* (^ ?a ?n) (^ ?b ?n))" if integer("?n")),
        rewrite!("a^n*b^n = (a*b)^n for whole n"; "(* (^ ?a ?n) (^ ?b ?n))" => "(^ (* ?a ?b) ?n)" if integer("?n")),
        rewrite!("(a^b)^n = a^(b*n) for whole n"; "(^ (^ ?a ?b) ?n)" => "(^ ?a (* ?b ?n))" if integer("?n")),
        rewrite!("(a^b)^c = a^(b*c) for a > 0 and real b";
            "(^ (^ ?a ?b) ?c)" => "(^ ?a (* ?b ?c))" if both(positive("?a"), real("?b"))),
        rewrite!("(a*b)^c = a^c*b^c for a >= 0";
            "(^ (* ?a ?b) ?c)" => "(* (^ ?a ?c) (^ ?b ?c))" if nonnegative("?a")),
        rewrite!("a^c*b^c = (a*b)^c for a >= 0";
            "(* (^ ?a ?c) (^ ?b ?c))" => "(^ (* ?a ?b) ?c)" if nonnegative("?a")),
        rewrite!("sqrt(a^2) = |a| for real a"; "(^ (^ ?a 2) 1/2)" => "(abs ?a)" if real("?a")),
        rewrite!("|a| = a for a >= 0"; "(abs ?a)" => "?a" if nonnegative("?a")),
        rewrite!("|a|^2 = a^2 for real a"; "(^ (abs ?a) 2)" => "(^ ?a 2)" if real("?a")),
        rewrite!("|a|*sign(a) = a"; "(* (abs ?a) (sign ?a))" => "?a"),
        rewrite!("sign(a) = 1 for a > 0"; "(sign ?a)" => "1" if positive("?a")),
        rewrite!("log(a*b) = log(a) + log(b) for a > 0";
            "(log (* ?a ?b))" => "(+ (log ?a) (log ?b))" if positive("?a")),
        rewrite!("log(a) + log(b) = log(a*b) for a > 0";
            "(+ (log ?a) (log ?b))" => "(log (* ?a ?b))" if positive("?a")),
        rewrite!("log(a^b) = b*log(a) for a > 0 and real b";
            "(log (^ ?a ?b))" => "(* ?b (log ?a))" if both(positive("?a"), real("?b"))),
        rewrite!("b*log(a) = log(a^b) for a > 0 and real b";
            "(* ?b (log ?a))" => "(log (^ ?a ?b))" if both(positive("?a"), real("?b"))),
        rewrite!("atan(a) + atan(1/a) = pi/2 for a > 0";
            "(+ (atan ?a) (atan (^ ?a -1)))" => "(* 1/2 $pi)" if positive("?a")),
    ]
}
