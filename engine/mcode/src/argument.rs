//! Arguments from the command line: `--arg n=10`, `x=1.5`, `s=hello`, `l=[1,2,3]`.

use nexus_model::Value;

use crate::ast::{Expr, ExprKind, StatementKind, UnaryOperator};
use crate::parser::parse;
use crate::report::Reporter;
use crate::source::Source;

/// The value of a command-line argument: what it is as a literal of the language (numbers, `true`, `none`, strings in
/// quotes, lists, records), and its text where it is none.
pub fn parse_argument(text: &str) -> Value {
    literal(text).unwrap_or_else(|| Value::String(text.to_owned()))
}

fn literal(text: &str) -> Option<Value> {
    let mut reporter = Reporter::new();
    let module = parse(&Source::new("argument", text), &mut reporter);
    if reporter.has_errors() {
        return None;
    }
    match module.body.as_slice() {
        [statement] => match &statement.kind {
            StatementKind::Expr(value) => value_of(value),
            _ => None,
        },
        _ => None,
    }
}

fn value_of(expr: &Expr) -> Option<Value> {
    Some(match &expr.kind {
        ExprKind::None => Value::None,
        ExprKind::Bool(v) => Value::Bool(*v),
        ExprKind::Int(v) => Value::Int(*v),
        ExprKind::Scalar(v) => Value::Scalar(*v),
        ExprKind::Str(v) => Value::String(v.to_string()),
        ExprKind::List(items) => Value::List(items.iter().map(value_of).collect::<Option<_>>()?),
        ExprKind::Record(fields) => {
            let fields = fields.iter().map(|(name, value)| Some((name.name.to_string(), value_of(value)?)));
            Value::Record(fields.collect::<Option<_>>()?)
        }
        ExprKind::Paren(inner) => value_of(inner)?,
        ExprKind::Unary(UnaryOperator::Negate, inner) => match value_of(inner)? {
            Value::Int(v) => Value::Int(v.checked_neg()?),
            Value::Scalar(v) => Value::Scalar(-v),
            _ => return None,
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_values_and_the_rest_is_text() {
        assert_eq!(parse_argument("10"), Value::Int(10));
        assert_eq!(parse_argument("-1.5"), Value::Scalar(-1.5));
        assert_eq!(parse_argument("true"), Value::Bool(true));
        assert_eq!(parse_argument("hello"), Value::String("hello".into()));
        assert_eq!(parse_argument("hello world"), Value::String("hello world".into()));
        assert_eq!(parse_argument("\"10\""), Value::String("10".into()));
        assert_eq!(parse_argument("[1, [2]]"), Value::List(vec![Value::Int(1), Value::List(vec![Value::Int(2)])]));
        assert_eq!(parse_argument("{a: 1}"), Value::Record(vec![("a".into(), Value::Int(1))]));
        assert_eq!(parse_argument("2024-11-21"), Value::String("2024-11-21".into()));
        assert_eq!(parse_argument(""), Value::String(String::new()));
        assert_eq!(parse_argument("[1,"), Value::String("[1,".into()));
    }
}
