//! The words of formulas.

use dashu_int::{IBig, UBig};

use super::{MathError, Rational, Relation};

/// The largest exponent of ten of a written number.
const EXPONENT_MAX: i64 = 10_000;

/// A word of a formula.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Number(Rational),
    Name(String),
    /// A command of LaTeX, without its backslash.
    Command(String),
    Sign(char),
    Relation(Relation),
    End,
}

/// The words of a text with their places, the end last.
pub(super) fn lex(text: &str) -> Result<Vec<(Token, usize, usize)>, MathError> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let start = text.len() - rest.len();
        let (token, length) = match first {
            _ if first.is_whitespace() => {
                rest = &rest[first.len_utf8()..];
                continue;
            }
            '0'..='9' | '.' => number(rest).ok_or_else(|| bad_number(rest).at(start, start + 1))?,
            '\\' => {
                let length = rest[1..].find(|next: char| !next.is_ascii_alphabetic()).unwrap_or(rest.len() - 1);
                if length == 0 {
                    // `\,` and its like are spaces.
                    let space = rest[1..].chars().next().map_or(1, |next| 1 + next.len_utf8());
                    rest = &rest[space..];
                    continue;
                }
                (Token::Command(rest[1..=length].to_owned()), length + 1)
            }
            '*' if rest.starts_with("**") => (Token::Sign('^'), 2),
            '=' => (Token::Relation(Relation::Equal), if rest.starts_with("==") { 2 } else { 1 }),
            '<' if rest.starts_with("<=") => (Token::Relation(Relation::LessEqual), 2),
            '>' if rest.starts_with(">=") => (Token::Relation(Relation::GreaterEqual), 2),
            '!' if rest.starts_with("!=") => (Token::Relation(Relation::NotEqual), 2),
            '<' => (Token::Relation(Relation::Less), 1),
            '>' => (Token::Relation(Relation::Greater), 1),
            '+' | '-' | '*' | '/' | '^' | '(' | ')' | '{' | '}' | '[' | ']' | ',' | '!' | '|' => {
                (Token::Sign(first), 1)
            }
            '·' | '×' => (Token::Sign('*'), first.len_utf8()),
            '−' => (Token::Sign('-'), first.len_utf8()),
            'π' => (Token::Name("pi".to_owned()), first.len_utf8()),
            '∞' => (Token::Name("oo".to_owned()), first.len_utf8()),
            _ if superscript(first).is_some() => {
                let length = rest.find(|next| superscript(next).is_none()).unwrap_or(rest.len());
                let plain: String = rest[..length].chars().filter_map(superscript).collect();
                let power: i64 = plain.parse().map_err(|_| bad_number(rest).at(start, start + length))?;
                let (sign, size) = (power < 0, Rational::from(power.unsigned_abs()));
                let place = |token: Token| (token, start, start + length);
                tokens.extend([place(Token::Sign('^')), place(Token::Sign('('))]);
                tokens.extend(sign.then(|| place(Token::Sign('-'))));
                tokens.push(place(Token::Number(size)));
                (Token::Sign(')'), length)
            }
            _ if first.is_alphabetic() || first == '_' => name(rest),
            _ => {
                let end = start + first.len_utf8();
                return Err(MathError::new(format!("`{first}` is no part of a formula")).at(start, end));
            }
        };
        tokens.push((token, start, start + length));
        rest = &rest[length..];
    }
    tokens.push((Token::End, text.len(), text.len()));
    Ok(tokens)
}

/// What a raised sign of a power is.
fn superscript(sign: char) -> Option<char> {
    const RAISED: &str = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻";
    RAISED.chars().zip("0123456789-".chars()).find(|(raised, _)| *raised == sign).map(|(_, plain)| plain)
}

/// A name, with `math.` before it and, as LaTeX writes it, an index in braces.
fn name(text: &str) -> (Token, usize) {
    let is_part = |next: char| (next.is_alphanumeric() || next == '_') && superscript(next).is_none();
    let mut length = text.find(|next: char| !is_part(next)).unwrap_or(text.len());
    if &text[..length] == "math" && text[length..].starts_with('.') {
        let after = &text[length + 1..];
        length += 1 + after.find(|next: char| !is_part(next)).unwrap_or(after.len());
    }
    let name = &text[..length];
    if name.ends_with('_')
        && let Some(index) = text[length..].strip_prefix('{').and_then(|rest| rest.split_once('}'))
        && index.0.chars().all(is_part)
    {
        return (Token::Name(format!("{name}{}", index.0)), length + index.0.len() + 2);
    }
    (Token::Name(name.to_owned()), length)
}

fn bad_number(text: &str) -> MathError {
    let end = text.find(|next: char| !next.is_alphanumeric() && next != '.').unwrap_or(text.len());
    MathError::new(format!("`{}` is not a number that can be read", &text[..end.min(40)]))
        .help(format!("Numbers are whole or decimal, with an exponent of ten of at most {EXPONENT_MAX}"))
}

/// A whole or decimal number, with an exponent of ten: `1e3`. `2e` is 2 times e.
fn number(text: &str) -> Option<(Token, usize)> {
    let digits = |text: &str| text.find(|next: char| !next.is_ascii_digit()).unwrap_or(text.len());
    let whole = digits(text);
    let mut length = whole;
    let mut fraction = "";
    if let Some(rest) = text[whole..].strip_prefix('.') {
        let count = digits(rest);
        fraction = &rest[..count];
        length += 1 + count;
        if whole == 0 && count == 0 {
            return None;
        }
    }
    let mut exponent = 0i64;
    if let Some(rest) = text[length..].strip_prefix(['e', 'E']) {
        let unsigned = rest.strip_prefix(['+', '-']).unwrap_or(rest);
        let count = digits(unsigned);
        let after = unsigned[count..].chars().next();
        if count > 0 && !after.is_some_and(char::is_alphanumeric) {
            let sign = rest.len() - unsigned.len();
            exponent = rest[..sign + count].parse().ok().filter(|number: &i64| number.abs() <= EXPONENT_MAX)?;
            length += 1 + sign + count;
        }
    }
    let written = format!("{}{fraction}", &text[..whole]);
    let numerator: IBig = written.parse().ok()?;
    let exponent = exponent - i64::try_from(fraction.len()).ok()?;
    let power = UBig::from(10u8).pow(usize::try_from(exponent.unsigned_abs()).ok()?);
    let number = if exponent < 0 {
        Rational::from_parts(numerator, power)
    } else {
        Rational::from(numerator * IBig::from(power))
    };
    Some((Token::Number(number), length))
}
