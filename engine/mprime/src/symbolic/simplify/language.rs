//! Formulas as terms of an e-graph: sums and products of two.

use egg::{Analysis, CostFunction, DidMerge, EGraph, Id, Language, RecExpr, define_language, merge_option};
use std::{fmt, str::FromStr};

use crate::symbolic::{Assumptions, Constant, Expr, Function, Node, Rational, assumptions::Facts};

define_language! {
    /// A term.
    pub(super) enum Term {
        "+" = Add([Id; 2]),
        "*" = Mul([Id; 2]),
        "^" = Pow([Id; 2]),
        Number(Exact),
        Constant(Named),
        Call(Function, Id),
        Symbol(egg::Symbol),
    }
}

/// A number in patterns: `1/2`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Exact(pub(super) Rational);

/// A constant in patterns: `$e`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Named(pub(super) Constant);

impl fmt::Display for Exact {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for Exact {
    type Err = ();

    fn from_str(text: &str) -> Result<Exact, ()> {
        text.parse().map(Exact).map_err(|_| ())
    }
}

impl fmt::Display for Named {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "${}", Expr::constant(self.0))
    }
}

impl FromStr for Named {
    type Err = ();

    fn from_str(text: &str) -> Result<Named, ()> {
        match text {
            "$e" => Ok(Named(Constant::E)),
            "$pi" => Ok(Named(Constant::Pi)),
            "$i" => Ok(Named(Constant::I)),
            _ => Err(()),
        }
    }
}

impl FromStr for Function {
    type Err = ();

    fn from_str(text: &str) -> Result<Function, ()> {
        Function::named(text).ok_or(())
    }
}

/// What is known of the formulas of a class.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Known {
    pub(super) number: Option<Rational>,
    pub(super) is_e: bool,
    pub(super) facts: Facts,
}

/// Computes with numbers, and carries what is known of names to what is made of them.
#[derive(Default)]
pub(super) struct Knowledge {
    pub(super) assumptions: Assumptions,
}

impl Analysis<Term> for Knowledge {
    type Data = Known;

    fn make(egraph: &mut EGraph<Term, Self>, term: &Term, _id: Id) -> Known {
        let data = |id: &Id| &egraph[*id].data;
        let number = |id: &Id| data(id).number.as_ref();
        let (number, facts) = match term {
            Term::Number(exact) => (Some(exact.0.clone()), Facts::of_number(&exact.0)),
            Term::Constant(named) => (None, Facts::of_constant(named.0)),
            Term::Symbol(name) => (None, egraph.analysis.assumptions.facts(name.as_str())),
            Term::Add([left, right]) => (
                number(left).zip(number(right)).map(|(left, right)| left + right),
                Facts::of_sum(data(left).facts, data(right).facts),
            ),
            Term::Mul([left, right]) => (
                number(left).zip(number(right)).map(|(left, right)| left * right),
                Facts::of_product(data(left).facts, data(right).facts),
            ),
            Term::Pow([base, exponent]) => (
                number(base).zip(number(exponent)).and_then(|(base, exponent)| whole_power(base, exponent)),
                Facts::of_power(data(base).facts, data(exponent).facts, number(exponent)),
            ),
            Term::Call(function, argument) => (None, Facts::of_call(*function, data(argument).facts)),
        };
        let facts = number.as_ref().map_or(facts, Facts::of_number);
        Known { number, is_e: *term == Term::Constant(Named(Constant::E)), facts }
    }

    fn merge(&mut self, own: &mut Known, other: Known) -> DidMerge {
        let facts = own.facts.and(other.facts);
        let facts_changed = DidMerge(own.facts != facts, other.facts != facts);
        own.facts = facts;
        let is_e = own.is_e || other.is_e;
        let e_changed = DidMerge(own.is_e != is_e, other.is_e != is_e);
        own.is_e = is_e;
        merge_option(&mut own.number, other.number, |_, _| DidMerge(false, false)) | facts_changed | e_changed
    }

    fn modify(egraph: &mut EGraph<Term, Self>, id: Id) {
        if let Some(number) = egraph[id].data.number.clone() {
            let added = egraph.add(Term::Number(Exact(number)));
            egraph.union(id, added);
        }
    }
}

fn whole_power(base: &Rational, exponent: &Rational) -> Option<Rational> {
    let value = Expr::number(base.clone()).pow(&Expr::number(exponent.clone()));
    value.as_number().cloned()
}

/// The formula as terms.
pub(super) fn to_terms(expr: &Expr) -> RecExpr<Term> {
    let mut terms = RecExpr::default();
    push(expr, &mut terms);
    terms
}

fn push(expr: &Expr, terms: &mut RecExpr<Term>) -> Id {
    let mut fold = |parts: &[Expr], join: fn([Id; 2]) -> Term| {
        let mut last = None;
        for part in parts {
            let next = push(part, terms);
            last = Some(match last {
                Some(last) => terms.add(join([last, next])),
                None => next,
            });
        }
        last
    };
    match expr.node() {
        Node::Sum(parts) => fold(parts, Term::Add),
        Node::Product(parts) => fold(parts, Term::Mul),
        Node::Power(base, exponent) => fold(&[base.clone(), exponent.clone()], Term::Pow),
        Node::Number(number) => Some(terms.add(Term::Number(Exact(number.clone())))),
        Node::Constant(constant) => Some(terms.add(Term::Constant(Named(*constant)))),
        Node::Symbol(name) => Some(terms.add(Term::Symbol((**name).into()))),
        Node::Call(function, argument) => {
            let argument = push(argument, terms);
            Some(terms.add(Term::Call(*function, argument)))
        }
    }
    .unwrap_or_else(|| terms.add(Term::Number(Exact(Rational::ZERO))))
}

/// The formula that terms are, canonical again.
pub(super) fn from_terms(terms: &RecExpr<Term>) -> Expr {
    let mut exprs: Vec<Expr> = Vec::with_capacity(terms.as_ref().len());
    for term in terms.as_ref() {
        let expr = from_term(term, |id| exprs[usize::from(id)].clone());
        exprs.push(expr);
    }
    exprs.pop().unwrap_or_else(Expr::zero)
}

/// The formula of a term, its operands being given.
pub(super) fn from_term(term: &Term, mut operand: impl FnMut(Id) -> Expr) -> Expr {
    match term {
        Term::Number(exact) => Expr::number(exact.0.clone()),
        Term::Constant(named) => Expr::constant(named.0),
        Term::Symbol(name) => Expr::symbol(name.as_str()),
        Term::Add([left, right]) => operand(*left) + operand(*right),
        Term::Mul([left, right]) => operand(*left) * operand(*right),
        Term::Pow([base, exponent]) => operand(*base).pow(&operand(*exponent)),
        Term::Call(function, argument) => function.of(&operand(*argument)),
    }
}

/// What a reader has to read: see [`super::cost`], which counts the same of whole formulas.
pub(super) struct Reading<'a>(pub(super) &'a EGraph<Term, Knowledge>);

impl CostFunction<Term> for Reading<'_> {
    type Cost = usize;

    fn cost<C: FnMut(Id) -> usize>(&mut self, term: &Term, mut costs: C) -> usize {
        let number = |id: &Id| self.0[*id].data.number.as_ref();
        let minus = |id: &Id| number(id).is_some_and(|number| *number == Rational::NEG_ONE);
        match term {
            Term::Number(exact) => super::number_cost(&exact.0),
            Term::Constant(_) | Term::Symbol(_) => 2,
            Term::Mul([left, right]) if minus(left) => costs(*right).saturating_add(1),
            Term::Mul([left, right]) if minus(right) => costs(*left).saturating_add(1),
            Term::Pow([base, exponent]) if minus(exponent) => costs(*base).saturating_add(2),
            Term::Pow([base, exponent]) if self.0[*base].data.is_e => costs(*exponent).saturating_add(4),
            _ => {
                let own = if matches!(term, Term::Call(..)) { 4 } else { 2 };
                term.children().iter().fold(own, |sum, child| sum.saturating_add(costs(*child)))
            }
        }
    }
}
