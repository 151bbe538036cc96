//! Formulas as text: plain (which reads back), M-CODE and LaTeX.

use std::{cmp::Ordering, fmt, sync::Arc};

use super::{Constant, Expr, Function, Node, Rational};

/// How a formula is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notation {
    /// What people type, and what is read again: `2*x*cos(x^2)`.
    Plain,
    /// An expression of M-CODE.
    Mcode,
    /// What LaTeX sets in mathematical mode.
    Latex,
}

impl fmt::Display for Expr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text(Notation::Plain))
    }
}

impl Expr {
    /// The formula as text.
    pub fn text(&self, notation: Notation) -> String {
        let mut text = String::new();
        Writer { notation, text: &mut text }.expr(self, Level::Sum);
        text
    }
}

/// How tightly the place of a formula binds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Sum,
    Product,
    Power,
    Atom,
}

struct Writer<'a> {
    notation: Notation,
    text: &'a mut String,
}

impl Writer<'_> {
    fn is_latex(&self) -> bool {
        self.notation == Notation::Latex
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    fn expr(&mut self, expr: &Expr, place: Level) {
        let own = level(expr);
        let in_parentheses = own < place;
        if in_parentheses {
            self.push(if self.is_latex() { "\\left(" } else { "(" });
        }
        match expr.node() {
            Node::Number(number) => self.number(number),
            Node::Constant(constant) => self.constant(*constant),
            Node::Symbol(name) => self.symbol(name),
            Node::Sum(terms) => self.sum(terms),
            Node::Product(_) | Node::Power(..) => self.product(expr),
            Node::Call(function, argument) => self.call(*function, argument),
        }
        if in_parentheses {
            self.push(if self.is_latex() { "\\right)" } else { ")" });
        }
    }

    fn number(&mut self, number: &Rational) {
        if number.is_int() || !self.is_latex() {
            let text = number.to_string();
            self.push(&text);
            return;
        }
        let sign = if *number < Rational::ZERO { "-" } else { "" };
        let numerator = number.numerator().to_string();
        let text = format!("{sign}\\frac{{{}}}{{{}}}", numerator.trim_start_matches('-'), number.denominator());
        self.push(&text);
    }

    fn constant(&mut self, constant: Constant) {
        let text = match (self.notation, constant) {
            (Notation::Plain, Constant::E) => "e",
            (Notation::Plain, Constant::Pi) => "pi",
            (Notation::Plain | Notation::Mcode, Constant::I) => "i",
            (Notation::Plain, Constant::Infinity) => "oo",
            (Notation::Plain, Constant::Undefined) => "undefined",
            (Notation::Mcode, Constant::E) => "math.e",
            (Notation::Mcode, Constant::Pi) => "math.pi",
            (Notation::Mcode, Constant::Infinity) => "math.inf",
            (Notation::Mcode, Constant::Undefined) => "math.nan",
            (Notation::Latex, Constant::E) => "e",
            (Notation::Latex, Constant::Pi) => "\\pi",
            (Notation::Latex, Constant::I) => "i",
            (Notation::Latex, Constant::Infinity) => "\\infty",
            (Notation::Latex, Constant::Undefined) => "\\text{undefined}",
        };
        self.push(text);
    }

    fn symbol(&mut self, name: &str) {
        if !self.is_latex() {
            return self.push(name);
        }
        let (stem, index) = name.split_once('_').unwrap_or((name, ""));
        let is_greek = super::parse::GREEK.contains(&stem);
        let stem = match stem.chars().count() {
            _ if is_greek => format!("\\{stem}"),
            1 => stem.to_owned(),
            _ => format!("\\mathrm{{{stem}}}"),
        };
        let text = if index.is_empty() { stem } else { format!("{stem}_{{{index}}}") };
        self.push(&text);
    }

    fn sum(&mut self, terms: &[Expr]) {
        for (index, term) in in_order(terms).into_iter().enumerate() {
            let is_negated = term.is_negated();
            match (index, is_negated) {
                (0, false) => {}
                (0, true) => self.push("-"),
                (_, true) => self.push(" - "),
                (_, false) => self.push(" + "),
            }
            if is_negated { self.expr(&-term, Level::Product) } else { self.expr(term, Level::Product) }
        }
    }

    /// A product or a power: what has a negative exponent goes below the line.
    fn product(&mut self, expr: &Expr) {
        let (coefficient, rest) = expr.coefficient();
        if coefficient < Rational::ZERO {
            self.push("-");
        }
        let mut above = Vec::new();
        let mut below = Vec::new();
        for factor in rest.factors() {
            let (base, exponent) = factor.base_and_exponent();
            let is_below = exponent.is_negated() && exponent.terms().len() == 1 && !base.is_constant(Constant::E);
            if is_below {
                below.push(base.pow(&-exponent));
            } else if !factor.is_one() {
                above.push(factor.clone());
            }
        }
        let above = joined(above);
        let below = joined(below);
        let numerator = coefficient.numerator().to_string();
        let numerator = numerator.trim_start_matches('-');
        let denominator = coefficient.denominator().to_string();
        if self.is_latex() && (!below.is_empty() || denominator != "1") {
            self.push("\\frac{");
            self.factors(numerator, &above);
            self.push("}{");
            self.factors(&denominator, &below);
            return self.push("}");
        }
        self.factors(numerator, &above);
        let count = below.len() + usize::from(denominator != "1");
        if count == 0 {
            return;
        }
        self.push("/");
        if count > 1 {
            self.push("(");
            self.factors(&denominator, &below);
            return self.push(")");
        }
        match below.first() {
            Some(factor) => self.factor(factor, Level::Power),
            None => self.push(&denominator),
        }
    }

    fn factors(&mut self, number: &str, factors: &[Expr]) {
        let times = if self.is_latex() { " " } else { "*" };
        if number != "1" || factors.is_empty() {
            self.push(number);
            if !factors.is_empty() {
                self.push(times);
            }
        }
        // The line of a fraction of LaTeX stands for parentheses.
        let is_alone = self.is_latex() && number == "1" && factors.len() == 1;
        for (index, factor) in factors.iter().enumerate() {
            if index > 0 {
                self.push(times);
            }
            self.factor(factor, if is_alone { Level::Sum } else { Level::Power });
        }
    }

    /// What is neither a number nor a product, or a power of one.
    fn factor(&mut self, factor: &Expr, place: Level) {
        let Node::Power(base, exponent) = factor.node() else { return self.expr(factor, place) };
        if base.is_constant(Constant::E) {
            return self.exponential(exponent);
        }
        if let Some(number) = exponent.as_number()
            && number.numerator().is_one()
            && *number.denominator() == 2u8.into()
        {
            return self.root(base);
        }
        self.expr(base, Level::Atom);
        match self.notation {
            Notation::Latex => {
                self.push("^{");
                self.expr(exponent, Level::Sum);
                self.push("}");
            }
            Notation::Mcode => {
                self.push(" ** ");
                self.expr(exponent, Level::Atom);
            }
            Notation::Plain => {
                self.push("^");
                self.expr(exponent, Level::Atom);
            }
        }
    }

    fn exponential(&mut self, exponent: &Expr) {
        let (before, after) = match self.notation {
            Notation::Plain => ("exp(", ")"),
            Notation::Mcode => ("math.exp(", ")"),
            Notation::Latex => ("e^{", "}"),
        };
        self.push(before);
        self.expr(exponent, Level::Sum);
        self.push(after);
    }

    fn root(&mut self, base: &Expr) {
        let (before, after) = match self.notation {
            Notation::Plain => ("sqrt(", ")"),
            Notation::Mcode => ("math.sqrt(", ")"),
            Notation::Latex => ("\\sqrt{", "}"),
        };
        self.push(before);
        self.expr(base, Level::Sum);
        self.push(after);
    }

    fn call(&mut self, function: Function, argument: &Expr) {
        // Programs have the gamma function, of one more.
        let is_factorial = self.notation == Notation::Mcode && function == Function::Factorial;
        let name = if is_factorial { Function::Gamma.name() } else { function.name() };
        let (before, after) = match (self.notation, function) {
            (Notation::Plain, _) => (format!("{name}("), ")"),
            (Notation::Mcode, _) => (format!("math.{name}("), ")"),
            (Notation::Latex, Function::Abs) => ("\\left|".to_owned(), "\\right|"),
            (Notation::Latex, Function::Asin | Function::Acos | Function::Atan) => {
                (format!("\\arc{}\\left(", &name[1..]), "\\right)")
            }
            (Notation::Latex, Function::Gamma) => ("\\Gamma\\left(".to_owned(), "\\right)"),
            (Notation::Latex, Function::Factorial) => ("\\left(".to_owned(), "\\right)!"),
            (
                Notation::Latex,
                Function::Sin
                | Function::Cos
                | Function::Tan
                | Function::Sinh
                | Function::Cosh
                | Function::Tanh
                | Function::Log,
            ) => (format!("\\{name}\\left("), "\\right)"),
            (Notation::Latex, _) => (format!("\\operatorname{{{name}}}\\left("), "\\right)"),
        };
        self.push(&before);
        if is_factorial {
            self.expr(&(argument + Expr::one()), Level::Sum);
        } else {
            self.expr(argument, Level::Sum);
        }
        self.push(after);
    }
}

fn level(expr: &Expr) -> Level {
    match expr.node() {
        Node::Sum(_) => Level::Sum,
        Node::Number(number) if *number < Rational::ZERO => Level::Sum,
        Node::Number(number) if !number.is_int() => Level::Product,
        Node::Product(_) => Level::Product,
        Node::Constant(Constant::Infinity) => Level::Atom,
        Node::Power(base, exponent) => {
            let is_root = exponent
                .as_number()
                .is_some_and(|number| number.numerator().is_one() && *number.denominator() == 2u8.into());
            if base.is_constant(Constant::E) || is_root {
                Level::Atom
            } else if exponent.is_negated() {
                Level::Product
            } else {
                Level::Power
            }
        }
        Node::Number(_) | Node::Constant(_) | Node::Symbol(_) | Node::Call(..) => Level::Atom,
    }
}

/// The factors of a product as they are read: roots of numbers together, then constants, names, sums, functions.
fn joined(factors: Vec<Expr>) -> Vec<Expr> {
    let mut roots: Vec<(Rational, Rational)> = Vec::new();
    let mut others = Vec::new();
    for factor in factors {
        let (base, exponent) = factor.base_and_exponent();
        match (base.as_number(), exponent.as_number()) {
            (Some(base), Some(exponent)) if *base > Rational::ZERO => {
                match roots.iter_mut().find(|(_, own)| own == exponent) {
                    Some((joined, _)) => *joined *= base,
                    None => roots.push((base.clone(), exponent.clone())),
                }
            }
            _ => others.push(factor),
        }
    }
    others.sort_by_cached_key(|factor| {
        let (base, exponent) = factor.base_and_exponent();
        let class = match base.node() {
            Node::Number(_) => 0,
            Node::Constant(Constant::Pi | Constant::I) => 1,
            Node::Symbol(_) => 2,
            Node::Power(..) | Node::Product(_) => 3,
            Node::Sum(_) => 4,
            Node::Constant(_) => 5,
            Node::Call(..) => 6,
        };
        (class, base, exponent)
    });
    let power = |(base, exponent)| Expr::raw(Node::Power(Expr::number(base), Expr::number(exponent)));
    roots.into_iter().map(power).chain(others).collect()
}

/// The terms of a sum as they are read: falling powers of the first name, then of the next, numbers last.
fn in_order(terms: &[Expr]) -> Vec<&Expr> {
    let mut names: Vec<Arc<str>> = terms.iter().flat_map(Expr::symbols).collect();
    names.sort();
    names.dedup();
    let mut keyed: Vec<(Vec<f64>, &Expr)> = terms.iter().map(|term| (degrees(term, &names), term)).collect();
    keyed.sort_by(|left, right| {
        let falling = || right.0.iter().zip(&left.0).map(|(right, left)| right.total_cmp(left));
        let numbers = left.1.as_number().is_some().cmp(&right.1.as_number().is_some());
        let imaginary = is_imaginary(left.1).cmp(&is_imaginary(right.1));
        let falling = || [imaginary].into_iter().chain(falling());
        falling().find(|order| order.is_ne()).unwrap_or(Ordering::Equal).then(numbers).then_with(|| left.1.cmp(right.1))
    });
    let mut ordered: Vec<&Expr> = keyed.into_iter().map(|(_, term)| term).collect();
    if let [first, second] = ordered.as_slice()
        && first.is_negated()
        && !second.is_negated()
        && !is_imaginary(second)
    {
        ordered.swap(0, 1);
    }
    ordered
}

/// Whether a term is i times another one: real parts are read first.
fn is_imaginary(term: &Expr) -> bool {
    term.factors().iter().any(|factor| factor.is_constant(Constant::I))
}

/// The exponents of the names in a term.
fn degrees(term: &Expr, names: &[Arc<str>]) -> Vec<f64> {
    let mut degrees = vec![0.0; names.len()];
    for factor in term.factors() {
        let (base, exponent) = factor.base_and_exponent();
        let at = base.as_symbol().and_then(|symbol| names.iter().position(|name| **name == *symbol));
        if let (Some(at), Some(number)) = (at, exponent.as_number()) {
            degrees[at] = number.to_f64_fast();
        }
    }
    degrees
}
