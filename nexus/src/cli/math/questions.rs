//! What the verbs of `nexus math` ask.

use nexus_mprime::symbolic::{
    self, Assumptions, Definite, Direction, Expr, MathError, Relation, Root, Solutions, Statement, SystemSolutions,
    parse, parse_statement, parse_symbol,
};

use super::answers::Answer;
use super::{MathVerb, Side, Unanswered, ask, numbers, shapes, theory};

/// The size beyond which a derivative is not differentiated again.
const SIZE_MAX: usize = 100_000;

/// The answer to a question.
pub(super) fn answer(verb: &MathVerb) -> Result<Answer, Unanswered> {
    match verb {
        MathVerb::Simplify { formula, assume, steps } => simplify(formula, assume, *steps),
        MathVerb::Expand { formula } => Ok(Answer::formula(symbolic::expand(&read(formula)?))),
        MathVerb::Factor { formula } => factor(formula),
        MathVerb::Base60 { number, sqrt, places } => numbers::base60(number, *sqrt, *places),
        MathVerb::Diff { formula, name, order } => diff(formula, name.as_deref(), *order),
        MathVerb::Integrate { formula, name, from, to } => {
            integrate(formula, name.as_deref(), from.as_deref().zip(to.as_deref()))
        }
        MathVerb::Limit { formula, point, from } => limit(formula, point, *from),
        MathVerb::Series { formula, point, order } => series(formula, point.as_deref(), *order),
        MathVerb::Solve { equations, names } => solve(equations, names),
        MathVerb::Ask { question } => ask::ask(&question.join(" ")),
        MathVerb::Prime(args) => theory::prime(args),
        MathVerb::Modulo(question) => theory::modulo(question),
        MathVerb::Fraction(args) => theory::fraction(args),
        MathVerb::Diophantine { equation } => theory::diophantine(equation),
        MathVerb::Graph(args) => shapes::graph(args),
        MathVerb::Ball(args) => shapes::ball(args),
        MathVerb::Evaluate { formula, values, digits } => evaluate(formula, values, *digits),
    }
}

fn factor(formula: &str) -> Result<Answer, Unanswered> {
    let expr = read(formula)?;
    defined(&expr).map_err(Unanswered::of(formula))?;
    if let Some(number) = expr.as_int() {
        return numbers::factor(number).map_err(Unanswered::of(formula));
    }
    let (result, is_complete) = symbolic::factor(&expr);
    let note = (!is_complete).then(|| "note: some of these factors may have further ones".to_owned());
    Ok(Answer::Formula { result, conditions: Vec::new(), steps: Vec::new(), note })
}

pub(super) fn read(formula: &str) -> Result<Expr, Unanswered> {
    parse(formula).map_err(Unanswered::of(formula))
}

fn simplify(formula: &str, assumed: &[String], with_steps: bool) -> Result<Answer, Unanswered> {
    let mut assumptions = Assumptions::default();
    for fact in assumed {
        assumptions.assume(fact).map_err(Unanswered::of(fact))?;
    }
    let (expr, divisors) = symbolic::parse_with_divisors(formula).map_err(Unanswered::of(formula))?;
    defined(&expr).map_err(Unanswered::of(formula))?;
    let found = if with_steps {
        symbolic::simplify_with_proof(&expr, &assumptions)
    } else {
        symbolic::Simplified { expr: symbolic::simplify(&expr, &assumptions), steps: Vec::new() }
    };
    let conditions = symbolic::conditions(&divisors, &found.expr, &assumptions);
    Ok(Answer::Formula { result: found.expr, conditions, steps: found.steps, note: None })
}

fn defined(expr: &Expr) -> Result<(), MathError> {
    if expr.is_undefined() { Err(MathError::undefined()) } else { Ok(()) }
}

/// The name that is meant where none was given: the only one there is.
fn name_of(expr: &Expr, name: Option<&str>, text: &str) -> Result<String, Unanswered> {
    if let Some(name) = name {
        return parse_symbol(name).map_err(Unanswered::of(name));
    }
    match expr.symbols().as_slice() {
        [] => Ok("x".to_owned()),
        [only] => Ok(only.to_string()),
        several => {
            let error = MathError::which_name(several)
                .with_help(format!("Write the one that is meant behind it: {}", several[0]));
            Err(Unanswered::of(text)(error.about(text)))
        }
    }
}

fn diff(formula: &str, name: Option<&str>, order: u32) -> Result<Answer, Unanswered> {
    let mut expr = read(formula)?;
    let name = name_of(&expr, name, formula)?;
    defined(&expr).map_err(Unanswered::of(formula))?;
    for _ in 0..order {
        expr = expr.derivative(&name).map_err(Unanswered::of(formula))?;
        if expr.size() > SIZE_MAX {
            return Err(Unanswered::of(formula)(MathError::too_large("the derivative")));
        }
    }
    Ok(Answer::formula(symbolic::simplify(&expr, &Assumptions::default())))
}

fn integrate(formula: &str, name: Option<&str>, ends: Option<(&str, &str)>) -> Result<Answer, Unanswered> {
    let expr = read(formula)?;
    let name = name_of(&expr, name, formula)?;
    let Some((from, to)) = ends else {
        let result = symbolic::integrate(&expr, &name).map_err(Unanswered::of(formula))?;
        let conditions = symbolic::new_divisors(&expr, &result, &name);
        return Ok(Answer::Formula { result, conditions, steps: Vec::new(), note: None });
    };
    let found = symbolic::integrate_between(&expr, &name, &read(from)?, &read(to)?);
    Ok(match found.map_err(Unanswered::of(formula))? {
        Definite::Exact(result) => Answer::formula(result),
        Definite::Numerical { value, error } => Answer::Text {
            lines: vec![value.to_string()],
            note: Some(format!("numerical, to about {error:.1e}: no exact value was found")),
        },
    })
}

/// The name and the point of `x=0`.
fn point_of(text: &str) -> Result<(String, Expr), Unanswered> {
    let Some((name, point)) = text.split_once('=') else {
        return Err(Unanswered::of(text)(MathError::no_assignment(text).about(text)));
    };
    let name = parse_symbol(name).map_err(Unanswered::of(name))?;
    Ok((name, read(point)?))
}

fn limit(formula: &str, point: &str, from: Option<Side>) -> Result<Answer, Unanswered> {
    let expr = read(formula)?;
    let (name, point) = point_of(point)?;
    let direction = match from {
        Some(Side::Above) => Direction::Above,
        Some(Side::Below) => Direction::Below,
        None => Direction::Both,
    };
    let found = symbolic::limit(&expr, &name, &point, direction).map_err(Unanswered::of(formula))?;
    Ok(Answer::formula(symbolic::simplify(&found, &Assumptions::default())))
}

fn series(formula: &str, point: Option<&str>, order: u32) -> Result<Answer, Unanswered> {
    let expr = read(formula)?;
    let (name, point) = match point {
        Some(point) => point_of(point)?,
        None => (name_of(&expr, None, formula)?, Expr::zero()),
    };
    let found = symbolic::series(&expr, &name, &point, order).map_err(Unanswered::of(formula))?;
    Ok(Answer::Text { lines: vec![found.to_string()], note: None })
}

/// Names that stand alone behind equations are what these are solved for, as behind the formulas of other verbs.
fn with_names<'a>(equations: &'a [String], names: &'a [String]) -> (&'a [String], &'a [String]) {
    let count = equations.iter().rev().take_while(|text| text.chars().all(char::is_alphabetic)).count();
    let (before, behind) = equations.split_at(equations.len() - count);
    if names.is_empty() && !before.is_empty() { (before, behind) } else { (equations, names) }
}

fn solve(equations: &[String], names: &[String]) -> Result<Answer, Unanswered> {
    let (equations, names) = with_names(equations, names);
    let statements: Vec<Statement> =
        equations.iter().map(|text| parse_statement(text).map_err(Unanswered::of(text))).collect::<Result<_, _>>()?;
    let names: Vec<String> =
        names.iter().map(|name| parse_symbol(name).map_err(Unanswered::of(name))).collect::<Result<_, _>>()?;
    let text = equations.first().map_or("", String::as_str);
    if let [statement] = statements.as_slice()
        && names.len() <= 1
    {
        return solve_one(statement, names.first().map(String::as_str), text);
    }
    if let Some(at) = statements.iter().position(|statement| statement.relation != Relation::Equal) {
        return Err(Unanswered::of(&equations[at])(MathError::only_equations().about(&equations[at])));
    }
    let exprs: Vec<Expr> = statements.iter().map(Statement::difference).collect();
    let all = Expr::sum(exprs.iter().enumerate().map(|(at, expr)| expr.powi(at as i64 + 2))).symbols();
    let names = match names.is_empty() {
        false => names,
        true if all.len() <= statements.len() => all.iter().map(ToString::to_string).collect(),
        true => return Err(Unanswered::of(text)(MathError::which_name(&all).about(text))),
    };
    let found = symbolic::solve_system(&exprs, &names).map_err(Unanswered::of(text))?;
    Ok(Answer::System(match found {
        SystemSolutions::None => Vec::new(),
        SystemSolutions::Some(found) => found,
    }))
}

fn solve_one(statement: &Statement, name: Option<&str>, text: &str) -> Result<Answer, Unanswered> {
    let name = name_of(&(&statement.left - &statement.right), name, text)?;
    if statement.relation != Relation::Equal {
        let ranges = symbolic::solve_inequality(statement, &name).map_err(Unanswered::of(text))?;
        return Ok(Answer::Ranges { name, ranges });
    }
    let solutions = symbolic::solve(&statement.difference(), &name).map_err(Unanswered::of(text))?;
    Ok(match solutions {
        Solutions::All => Answer::Always,
        Solutions::Some { found, counter, is_complete } => {
            let question = statement.difference();
            let divisors = found.iter().filter_map(|own| match &own.root {
                Root::Exact(expr) => Some(symbolic::new_divisors(&question, expr, &name)),
                Root::Real { .. } | Root::Numerical { .. } => None,
            });
            let mut conditions: Vec<Expr> = divisors.flatten().collect();
            conditions.sort();
            conditions.dedup();
            Answer::Roots { name, found, counter, is_complete, conditions }
        }
    })
}

fn evaluate(formula: &str, values: &[String], digits: usize) -> Result<Answer, Unanswered> {
    let mut expr = read(formula)?;
    for text in values {
        let Some((name, value)) = text.split_once('=') else {
            return Err(Unanswered::of(text)(MathError::no_assignment(text).about(text)));
        };
        let name = parse_symbol(name).map_err(Unanswered::of(name))?;
        expr = expr.substitute(&name, &read(value)?);
    }
    defined(&expr).map_err(Unanswered::of(formula))?;
    let digits = symbolic::evaluate(&expr, digits).map_err(Unanswered::of(formula))?;
    Ok(Answer::Text { lines: vec![digits], note: None })
}
