//! The shortest form of a formula.
//!
//! Algorithms make forms that are equal to it by construction: multiplied out, over one denominator without common
//! factors, in factors, with one trigonometric function in place of another. The shortest of them goes into an e-graph
//! ([`egg`]), which holds all that the rules of [`rules`] make of it at once, bounded in size and time; the shortest form in
//! it is taken out. What is returned has been compared with the question at random points.

mod forms;
mod language;
mod rules;

use dashu_base::UnsignedAbs;
use egg::{Extractor, Runner};
use std::{
    collections::HashSet,
    sync::OnceLock,
    time::{Duration, Instant},
};

use super::{Assumptions, Constant, Expr, Node, Rational, check::same_values};
use language::{Knowledge, Reading, Term};

/// Terms that an e-graph may hold.
const TERMS_MAX: usize = 600;
/// Rounds of rewriting.
const ROUNDS_MAX: usize = 5;
/// How long one e-graph may grow.
const TIME_MAX: Duration = Duration::from_millis(100);
/// How often the shortest form is begun with again.
const PASSES_MAX: usize = 4;
/// Longer forms that are rewritten where no shorter one was found.
const LONGER_FORMS_MAX: usize = 2;
/// The size beyond which a formula is not rewritten as a whole: an e-graph of this size would hold little but it.
const REWRITTEN_MAX: usize = 150;

/// A step of a proof: the formula, and the rule that it follows by from the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The rule or the algorithm.
    pub rule: String,
    /// What the formula is after it.
    pub expr: Expr,
}

/// The shortest form that was found, and how.
#[derive(Clone, Debug)]
pub struct Simplified {
    /// The form.
    pub expr: Expr,
    /// A proof that it is equal, from the formula that was given; empty where nothing was shortened or no proof was asked
    /// for.
    pub steps: Vec<Step>,
}

/// The shortest form of a formula. Rules that hold only of some values fire only where the assumptions say so.
pub fn simplify(expr: &Expr, assumptions: &Assumptions) -> Expr {
    Simplifier { assumptions, proof: false }.run(expr).expr
}

/// The shortest form of a formula with the steps that lead to it.
pub fn simplify_with_proof(expr: &Expr, assumptions: &Assumptions) -> Simplified {
    Simplifier { assumptions, proof: true }.run(expr)
}

/// What a reader has to read, in halves of a sign.
pub(super) fn cost(expr: &Expr) -> usize {
    match expr.node() {
        Node::Number(number) => number_cost(number),
        Node::Constant(_) | Node::Symbol(_) => 2,
        Node::Call(_, argument) => 4 + cost(argument),
        Node::Power(base, exponent) if base.is_constant(Constant::E) => 4 + cost(exponent),
        Node::Power(base, exponent) if exponent.is_int(-1) => 2 + cost(base),
        Node::Power(base, exponent) => 2 + cost(base) + cost(exponent),
        Node::Sum(parts) => 2 * (parts.len() - 1) + parts.iter().map(cost).sum::<usize>(),
        Node::Product(parts) if parts[0].is_int(-1) => {
            1 + 2 * (parts.len() - 2) + parts[1..].iter().map(cost).sum::<usize>()
        }
        Node::Product(parts) => 2 * (parts.len() - 1) + parts.iter().map(cost).sum::<usize>(),
    }
}

fn number_cost(number: &Rational) -> usize {
    let digits = |bits: usize| bits / 7;
    let sign = usize::from(*number < Rational::ZERO);
    let numerator = 2 + digits(bit_length(&number.numerator().unsigned_abs())) + sign;
    if number.is_int() { numerator } else { numerator + 2 + digits(bit_length(number.denominator())) }
}

fn bit_length(number: &dashu_int::UBig) -> usize {
    dashu_base::BitTest::bit_len(number)
}

struct Simplifier<'a> {
    assumptions: &'a Assumptions,
    proof: bool,
}

impl Simplifier<'_> {
    fn run(&self, question: &Expr) -> Simplified {
        let mut best = Simplified { expr: question.clone(), steps: Vec::new() };
        let mut seen = HashSet::new();
        for _ in 0..PASSES_MAX {
            if !seen.insert(best.expr.clone()) {
                break;
            }
            let mut begin = best.clone();
            let forms = forms::forms(&best.expr);
            for (rule, form) in &forms {
                if cost(form) < cost(&begin.expr) && same_values(question, form, self.assumptions) {
                    begin.expr = form.clone();
                    begin.steps = best.steps.clone();
                    begin.steps.push(Step { rule: (*rule).to_owned(), expr: form.clone() });
                }
            }
            let rewritten = self.rewrite(&begin, question);
            let is_shorter = cost(&rewritten.expr) < cost(&best.expr);
            if is_shorter {
                best = rewritten;
            }
            // A form that is no shorter by itself may be what rules shorten.
            if !is_shorter {
                let candidate = self.by_way_of_a_longer_form(&best, forms, question);
                match candidate {
                    Some(candidate) => best = candidate,
                    None => break,
                }
            }
        }
        best
    }

    /// The shortest form that rules make of one that is longer than the best.
    fn by_way_of_a_longer_form(
        &self,
        best: &Simplified,
        mut forms: Vec<(&'static str, Expr)>,
        question: &Expr,
    ) -> Option<Simplified> {
        let limit = cost(&best.expr);
        forms.retain(|(_, form)| *form != best.expr && cost(form) <= 4 * limit);
        forms.sort_by_key(|(_, form)| cost(form));
        forms.dedup_by(|next, first| next.1 == first.1);
        for (rule, form) in forms.into_iter().take(LONGER_FORMS_MAX) {
            let mut begin = best.clone();
            begin.steps.push(Step { rule: rule.to_owned(), expr: form.clone() });
            begin.expr = form;
            let rewritten = self.rewrite(&begin, question);
            if cost(&rewritten.expr) < limit && same_values(question, &rewritten.expr, self.assumptions) {
                return Some(rewritten);
            }
        }
        None
    }

    /// The shortest form that rules make, or the one that was begun with.
    fn rewrite(&self, begin: &Simplified, question: &Expr) -> Simplified {
        static RULES: OnceLock<rules::Rules> = OnceLock::new();
        if begin.expr.size() > REWRITTEN_MAX || begin.expr.children().is_empty() {
            return begin.clone();
        }
        let rules = RULES.get_or_init(rules::Rules::new).about(&begin.expr);
        let terms = language::to_terms(&begin.expr);
        let mut runner = Runner::new(Knowledge { assumptions: self.assumptions.clone() });
        if self.proof {
            runner = runner.with_explanations_enabled();
        }
        let deadline = Instant::now() + TIME_MAX;
        let mut runner = runner
            .with_expr(&terms)
            .with_node_limit(TERMS_MAX)
            .with_iter_limit(ROUNDS_MAX)
            .with_time_limit(TIME_MAX)
            .with_hook(move |_| if Instant::now() > deadline { Err("time".to_owned()) } else { Ok(()) })
            .run(rules);
        let (_, shortest) = Extractor::new(&runner.egraph, Reading(&runner.egraph)).find_best(runner.roots[0]);
        let expr = language::from_terms(&shortest);
        if cost(&expr) >= cost(&begin.expr) || !same_values(question, &expr, self.assumptions) {
            return begin.clone();
        }
        let mut steps = begin.steps.clone();
        if self.proof {
            steps.extend(proof(&mut runner, &terms, &shortest, &begin.expr));
        }
        Simplified { expr, steps }
    }
}

/// The steps from one form to another; what only moves terms about is left out.
fn proof(
    runner: &mut Runner<Term, Knowledge>,
    from: &egg::RecExpr<Term>,
    to: &egg::RecExpr<Term>,
    begin: &Expr,
) -> Vec<Step> {
    let mut explanation = runner.explain_equivalence(from, to);
    let mut last = begin.clone();
    let mut steps = Vec::new();
    for term in explanation.make_flat_explanation() {
        let expr = flat(term);
        let rule = rule_of(term);
        if let Some(rule) = rule.filter(|_| expr != last) {
            steps.push(Step { rule, expr: expr.clone() });
            last = expr;
        }
    }
    steps
}

fn flat(term: &egg::FlatTerm<Term>) -> Expr {
    let mut operands = term.children.iter().map(flat).collect::<Vec<_>>().into_iter();
    language::from_term(&term.node, |_| operands.next().unwrap_or_else(Expr::zero))
}

fn rule_of(term: &egg::FlatTerm<Term>) -> Option<String> {
    let own =
        term.forward_rule.or(term.backward_rule).map(|rule| rule.as_str().trim_end_matches(" (backwards)").to_owned());
    own.or_else(|| term.children.iter().find_map(rule_of))
}
