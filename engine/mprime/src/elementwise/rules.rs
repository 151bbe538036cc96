//! The rules, and what must be known for each.
//!
//! Each holds to the last bit. `x - y` is `x + (-y)` in IEEE 754 and modulo two to the power of a width; products and
//! quotients turn their sign with that of an operand; a division by a power of two is the product with its reciprocal, which
//! is exact, so that both round the same number. What does not hold is left out: `x + 0` turns -0 into 0, `-(x - y)` is not
//! `y - x` where both are equal, `x - x` is NaN for infinities.

use std::sync::LazyLock;

use egg::{Applier, EGraph, ENodeOrVar, Id, Pattern, PatternAst, Rewrite, Subst, Symbol, Var};

use super::language::{Facts, Term, joined, made};
use super::{Class, Operation};

type Graph = EGraph<Term, Facts>;
type Check = Box<dyn Fn(&Graph, &Subst) -> bool + Send + Sync>;

/// All rules.
pub(super) static RULES: LazyLock<Vec<Rewrite<Term, Facts>>> = LazyLock::new(all);

fn var(name: &str) -> Var {
    name.parse().expect("a variable of a rule")
}

fn pattern(text: &str) -> Pattern<Term> {
    text.parse().expect("a pattern of a rule")
}

fn class(graph: &Graph, subst: &Subst, name: &str) -> Class {
    graph[subst[var(name)]].data.class
}

/// Where floats and ints do the same, if there is only one element type.
fn alike(names: &'static [&'static str]) -> Check {
    Box::new(move |graph, subst| {
        let classes = names.iter().map(|name| class(graph, subst, name));
        matches!(classes.reduce(joined), Some(Class::Float(_) | Class::Int(_)))
    })
}

fn floats(names: &'static [&'static str]) -> Check {
    Box::new(move |graph, subst| {
        let classes = names.iter().map(|name| class(graph, subst, name));
        matches!(classes.reduce(joined), Some(Class::Float(_)))
    })
}

fn ints(names: &'static [&'static str]) -> Check {
    Box::new(move |graph, subst| {
        let classes = names.iter().map(|name| class(graph, subst, name));
        matches!(classes.reduce(joined), Some(Class::Int(_)))
    })
}

fn bools(names: &'static [&'static str]) -> Check {
    Box::new(move |graph, subst| names.iter().all(|name| class(graph, subst, name) == Class::Bool))
}

fn always() -> Check {
    Box::new(|_, _| true)
}

/// Where `a` keeps its element type beside the number `c`, which is this one, to the bit.
fn number(value: f64) -> Check {
    Box::new(move |graph, subst| {
        let (a, c) = (graph[subst[var("?a")]].data, graph[subst[var("?c")]].data);
        let keeps = matches!(
            (a.class, c.class),
            (Class::Float(_), Class::WeakInt | Class::WeakFloat) | (Class::Int(_), Class::WeakInt)
        );
        keeps && c.number.is_some_and(|number| number.to_bits() == value.to_bits())
    })
}

fn both(one: Check, other: Check) -> Check {
    Box::new(move |graph, subst| one(graph, subst) && other(graph, subst))
}

/// Where a condition holds, what a rule makes.
struct Where<A> {
    check: Check,
    then: A,
}

impl<A: Applier<Term, Facts>> Applier<Term, Facts> for Where<A> {
    fn apply_one(
        &self,
        graph: &mut Graph,
        class: Id,
        subst: &Subst,
        ast: Option<&PatternAst<Term>>,
        rule: Symbol,
    ) -> Vec<Id> {
        if (self.check)(graph, subst) { self.then.apply_one(graph, class, subst, ast, rule) } else { Vec::new() }
    }
}

/// A rule that is used only where the classes of all operations that it takes apart and makes are known: of two numbers alone
/// an operation gives another element type than each of them takes beside what it meets.
fn rule(name: &str, from: &str, to: &str, check: Check) -> Rewrite<Term, Facts> {
    let (before, after) = (pattern(from), pattern(to));
    let sides = [before.ast.clone(), after.ast.clone()];
    let is_known: Check = Box::new(move |graph, subst| sides.iter().all(|side| is_known(side, graph, subst)));
    Rewrite::new(name, before, Where { check: both(check, is_known), then: after }).expect("a rule")
}

/// Whether the class of every operation of a pattern is known.
fn is_known(side: &PatternAst<Term>, graph: &Graph, subst: &Subst) -> bool {
    let mut classes: Vec<Class> = Vec::with_capacity(side.as_ref().len());
    for node in side {
        let class = match node {
            ENodeOrVar::Var(var) => graph[subst[*var]].data.class,
            ENodeOrVar::ENode(term) => {
                let operand = |at: usize| term.operands.get(at).map_or(Class::Unknown, |id| classes[usize::from(*id)]);
                match made(term.operation, operand) {
                    Class::Unknown => return false,
                    class => class,
                }
            }
        };
        classes.push(class);
    }
    true
}

/// `a` times a number that two others give.
struct Scaled(fn(f64, f64) -> f64);

impl Applier<Term, Facts> for Scaled {
    fn apply_one(
        &self,
        graph: &mut Graph,
        class: Id,
        subst: &Subst,
        _: Option<&PatternAst<Term>>,
        rule: Symbol,
    ) -> Vec<Id> {
        let of = |name: &str| subst.get(var(name)).and_then(|id| graph[*id].data.number);
        let Some(by) = of("?c").map(|c| (self.0)(c, of("?d").unwrap_or(1.0))) else { return Vec::new() };
        let factor = graph.add(Term { operation: Operation::Float(by.to_bits()), operands: Vec::new() });
        let product = graph.add(Term { operation: Operation::Mul, operands: vec![subst[var("?a")], factor] });
        if graph.union_trusted(class, product, rule) { vec![product] } else { Vec::new() }
    }
}

/// Powers of two that every float type has, with their reciprocals.
fn is_power(number: f64, from: i32, to: i32) -> bool {
    (from..=to).any(|exponent| number.abs() == 2f64.powi(exponent))
}

/// Where these are numbers that are powers of two between these, up to their sign.
fn powers(names: &'static [&'static str], from: i32, to: i32) -> Check {
    Box::new(move |graph, subst| {
        names.iter().all(|name| graph[subst[var(name)]].data.number.is_some_and(|number| is_power(number, from, to)))
    })
}

fn scaled(name: &str, from: &str, check: Check, by: fn(f64, f64) -> f64) -> Rewrite<Term, Facts> {
    Rewrite::new(name, pattern(from), Where { check, then: Scaled(by) }).expect("a rule")
}

fn all() -> Vec<Rewrite<Term, Facts>> {
    let mut rules = signs();
    rules.extend(numbers());
    rules.extend(orders());
    rules.extend(truths());
    rules.extend(whole_numbers());
    rules
}

fn signs() -> Vec<Rewrite<Term, Facts>> {
    vec![
        rule("neg-neg", "(neg (neg ?a))", "?a", alike(&["?a"])),
        rule("add-neg", "(+ ?a (neg ?b))", "(- ?a ?b)", alike(&["?a", "?b"])),
        rule("sub", "(- ?a ?b)", "(+ ?a (neg ?b))", both(alike(&["?a", "?b"]), alike(&["?b"]))),
        rule("sub-neg", "(- ?a (neg ?b))", "(+ ?a ?b)", alike(&["?a", "?b"])),
        rule("neg-mul", "(* (neg ?a) ?b)", "(neg (* ?a ?b))", alike(&["?a", "?b"])),
        rule("mul-neg", "(neg (* ?a ?b))", "(* (neg ?a) ?b)", both(alike(&["?a", "?b"]), alike(&["?a"]))),
        rule("neg-div", "(/ (neg ?a) ?b)", "(neg (/ ?a ?b))", floats(&["?a", "?b"])),
        rule("div-neg", "(/ ?a (neg ?b))", "(neg (/ ?a ?b))", floats(&["?a", "?b"])),
        rule("neg-less", "(< (neg ?a) (neg ?b))", "(< ?b ?a)", floats(&["?a", "?b"])),
        rule("abs-neg", "(abs (neg ?a))", "(abs ?a)", floats(&["?a"])),
        rule("abs-abs", "(abs (abs ?a))", "(abs ?a)", floats(&["?a"])),
    ]
}

fn numbers() -> Vec<Rewrite<Term, Facts>> {
    vec![
        rule("mul-1", "(* ?a ?c)", "?a", number(1.0)),
        rule("div-1", "(/ ?a ?c)", "?a", both(number(1.0), floats(&["?a"]))),
        rule("sub-0", "(- ?a ?c)", "?a", number(0.0)),
        rule("mul-minus-1", "(* ?a ?c)", "(neg ?a)", number(-1.0)),
        rule("div-minus-1", "(/ ?a ?c)", "(neg ?a)", both(number(-1.0), floats(&["?a"]))),
        scaled("div-power", "(/ ?a ?c)", both(floats(&["?a"]), powers(&["?c"], -8, 8)), |c, _| 1.0 / c),
        // Upwards nothing is rounded twice.
        scaled("mul-mul", "(* (* ?a ?c) ?d)", both(floats(&["?a"]), powers(&["?c", "?d"], 0, 4)), |c, d| c * d),
    ]
}

fn orders() -> Vec<Rewrite<Term, Facts>> {
    vec![
        rule("add-order", "(+ ?a ?b)", "(+ ?b ?a)", alike(&["?a", "?b"])),
        rule("mul-order", "(* ?a ?b)", "(* ?b ?a)", alike(&["?a", "?b"])),
        rule("and-order", "(and ?a ?b)", "(and ?b ?a)", bools(&["?a", "?b"])),
        rule("or-order", "(or ?a ?b)", "(or ?b ?a)", bools(&["?a", "?b"])),
        rule("equal-order", "(== ?a ?b)", "(== ?b ?a)", always()),
        rule("unequal-order", "(!= ?a ?b)", "(!= ?b ?a)", always()),
        rule("greater", "(> ?a ?b)", "(< ?b ?a)", always()),
        rule("greater-equal", "(>= ?a ?b)", "(<= ?b ?a)", always()),
        rule("min-same", "(min ?a ?a)", "?a", alike(&["?a"])),
        rule("max-same", "(max ?a ?a)", "?a", alike(&["?a"])),
    ]
}

fn truths() -> Vec<Rewrite<Term, Facts>> {
    vec![
        rule("not-not", "(not (not ?a))", "?a", bools(&["?a"])),
        rule("not-equal", "(not (== ?a ?b))", "(!= ?a ?b)", always()),
        rule("not-unequal", "(not (!= ?a ?b))", "(== ?a ?b)", always()),
        rule("neither", "(and (not ?a) (not ?b))", "(not (or ?a ?b))", bools(&["?a", "?b"])),
        rule("not-both", "(or (not ?a) (not ?b))", "(not (and ?a ?b))", bools(&["?a", "?b"])),
        rule("not-or", "(not (or ?a ?b))", "(and (not ?a) (not ?b))", bools(&["?a", "?b"])),
        rule("not-and", "(not (and ?a ?b))", "(or (not ?a) (not ?b))", bools(&["?a", "?b"])),
        rule("and-same", "(and ?a ?a)", "?a", bools(&["?a"])),
        rule("or-same", "(or ?a ?a)", "?a", bools(&["?a"])),
        rule("where-not", "(where (not ?m) ?a ?b)", "(where ?m ?b ?a)", bools(&["?m"])),
    ]
}

fn whole_numbers() -> Vec<Rewrite<Term, Facts>> {
    vec![
        rule("factor", "(+ (* ?a ?x) (* ?a ?y))", "(* ?a (+ ?x ?y))", ints(&["?a", "?x", "?y"])),
        rule("factor-sub", "(- (* ?a ?x) (* ?a ?y))", "(* ?a (- ?x ?y))", ints(&["?a", "?x", "?y"])),
        rule("add-0", "(+ ?a ?c)", "?a", both(number(0.0), ints(&["?a"]))),
        rule("neg-sub", "(neg (- ?a ?b))", "(- ?b ?a)", ints(&["?a", "?b"])),
        rule("add-add", "(+ (+ ?a ?b) ?x)", "(+ ?a (+ ?b ?x))", ints(&["?a", "?b", "?x"])),
        rule("not-less", "(not (< ?a ?b))", "(<= ?b ?a)", ints(&["?a", "?b"])),
        rule("not-less-equal", "(not (<= ?a ?b))", "(< ?b ?a)", ints(&["?a", "?b"])),
    ]
}
