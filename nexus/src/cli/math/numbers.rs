//! Whole numbers and base 60, for `nexus math`.

use dashu_int::IBig;
use nexus_mprime::base60::{self, Sexagesimal};
use nexus_mprime::integers::{self, Effort};
use nexus_mprime::symbolic::{MathError, Rational};

use super::Unanswered;
use super::answers::Answer;
use super::questions::read;

/// Work on one number: some ten seconds.
const WORK: u64 = 10_000_000_000;
/// Steps of Heron's rule: each doubles the digits that are right.
const HERON_STEPS: usize = 5;

/// The primes of a whole number.
pub(super) fn factor(number: &IBig) -> Result<Answer, MathError> {
    let refused = |error: integers::Error| MathError::other(error.to_string());
    let found = integers::factor(number, &mut Effort::new(WORK)).map_err(refused)?;
    let mut parts: Vec<String> = if found.is_negative { vec!["-1".to_owned()] } else { Vec::new() };
    parts.extend(found.primes.iter().map(|own| match own.times {
        1 => own.prime.to_string(),
        times => format!("{}^{times}", own.prime),
    }));
    parts.extend(found.rest.iter().map(|rest| rest.number().to_string()));
    if parts.is_empty() {
        parts.push("1".to_owned());
    }
    let note = (!found.is_complete()).then(|| {
        let rest = found.rest.iter().map(|rest| rest.number().to_string()).collect::<Vec<_>>().join(", ");
        format!("note: {rest} may have further factors; none was found with the work allowed")
    });
    Ok(Answer::Text { lines: vec![parts.join("*")], note })
}

/// A number in base 60, or back, or its square root.
pub(super) fn base60(text: &str, sqrt: bool, places: usize) -> Result<Answer, Unanswered> {
    let refused = |error: base60::Error| Unanswered { error: of(error, text), text: text.to_owned(), file: None };
    let is_written = text.contains([',', ';']);
    let number: Rational = if is_written {
        text.parse::<Sexagesimal>().map_err(refused)?.to_rational()
    } else {
        let expr = read(text)?;
        let number = expr.as_number().cloned();
        number.ok_or_else(|| Unanswered {
            error: MathError::other(format!("`{expr}` is no rational number")).about(text),
            text: text.to_owned(),
            file: None,
        })?
    };
    if sqrt {
        let found = base60::heron(&number, None, HERON_STEPS, places).map_err(refused)?;
        let lines = found.steps.iter().map(|step| step.guess_text.clone()).collect();
        return Ok(Answer::Text { lines, note: None });
    }
    if is_written {
        let decimal = if number.is_int() { String::new() } else { format!(" ≈ {}", number.to_f64_fast()) };
        return Ok(Answer::Text { lines: vec![format!("{number}{decimal}")], note: None });
    }
    // The whole period where it is short, else as many places as are asked for.
    let line = match Sexagesimal::new(&number, places) {
        Ok(digits) => digits.to_string(),
        Err(base60::Error::TooManyPlaces { .. }) => base60::to_places(&number, places).map_err(refused)?,
        Err(error) => return Err(refused(error)),
    };
    Ok(Answer::Text { lines: vec![line], note: None })
}

/// An error with its place in the text.
fn of(error: base60::Error, text: &str) -> MathError {
    match error {
        base60::Error::Parse { column, cause, help } => {
            let at = text.char_indices().nth(column.saturating_sub(1)).map_or(text.len(), |(at, _)| at);
            let end = text[at..].chars().next().map_or(at, |next| at + next.len_utf8());
            MathError::other(cause).with_place(at, end).with_help(help)
        }
        other => MathError::other(other.to_string()),
    }
}
