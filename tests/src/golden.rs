//! Golden results of the examples, as `examples/reference.py` writes them, and how a found result is set beside one.

use serde_json::{Map, Value};

/// What a program should print.
#[derive(Debug, Clone, PartialEq)]
pub struct Golden {
    /// File name of the program, below `examples/`.
    pub program: String,
    /// Numbers agree if they differ by at most this times the larger of 1 and the expected one.
    pub tolerance: f64,
    /// What is known.
    pub expected: Expected,
}

/// What is known of a result.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// All of it.
    Result(Value),
    /// The fields `low` and `high` enclose `value` and are at most `width` apart.
    Estimate {
        /// The exact value.
        value: f64,
        /// The widest interval that is still useful.
        width: f64,
    },
}

impl Golden {
    /// Reads a golden file.
    ///
    /// # Errors
    /// What is missing or no JSON.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut fields: Map<String, Value> = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let number = |value: Option<&Value>, name: &str| {
            value.and_then(Value::as_f64).ok_or_else(|| format!("`{name}` is no number"))
        };
        let program = fields.get("program").and_then(Value::as_str).ok_or("`program` is no string")?.to_owned();
        let tolerance = number(fields.get("tolerance"), "tolerance")?;
        let expected = match (fields.remove("result"), fields.get("estimate")) {
            (Some(result), None) => Expected::Result(result),
            (None, Some(estimate)) => Expected::Estimate {
                value: number(estimate.get("value"), "estimate.value")?,
                width: number(estimate.get("width"), "estimate.width")?,
            },
            _ => return Err("either `result` or `estimate` must be there".to_owned()),
        };
        Ok(Golden { program, tolerance, expected })
    }

    /// The places where `found` is not what is expected, each in a line; empty where it is.
    pub fn differences(&self, found: &Value) -> Vec<String> {
        let mut differences = Vec::new();
        match &self.expected {
            Expected::Result(expected) => compare("result", expected, found, self.tolerance, &mut differences),
            Expected::Estimate { value, width } => {
                match (found.get("low").and_then(Value::as_f64), found.get("high").and_then(Value::as_f64)) {
                    (Some(low), Some(high)) if low <= *value && *value <= high && high - low <= *width => {}
                    (low, high) => differences.push(format!(
                        "the interval from {low:?} to {high:?} does not enclose {value} within a width of {width}"
                    )),
                }
            }
        }
        differences
    }
}

fn compare(path: &str, expected: &Value, found: &Value, tolerance: f64, differences: &mut Vec<String>) {
    match (expected, found) {
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN));
            let near = (a - b).abs() <= tolerance * a.abs().max(1.0);
            if !near {
                differences.push(format!("{path}: {b}, expected {a}"));
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                compare(&format!("{path}[{index}]"), a, b, tolerance, differences);
            }
        }
        (Value::Object(a), Value::Object(b)) if a.keys().eq(b.keys()) => {
            for (key, a) in a {
                compare(&format!("{path}.{key}"), a, &b[key], tolerance, differences);
            }
        }
        _ if expected == found => {}
        _ => differences.push(format!("{path}: {}, expected {}", short(found), short(expected))),
    }
}

fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(80) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn golden(tolerance: f64, result: Value) -> Golden {
        Golden { program: "p.mcode".into(), tolerance, expected: Expected::Result(result) }
    }

    #[test]
    fn results_agree_within_the_tolerance() {
        let expected = golden(1e-3, json!({"a": [1000.0, 0.0], "b": "x"}));
        assert_eq!(expected.differences(&json!({"a": [1000.9, 0.0009], "b": "x"})), Vec::<String>::new());
        assert_eq!(
            expected.differences(&json!({"a": [1001.1, 0.0], "b": "y"})),
            ["result.a[0]: 1001.1, expected 1000", "result.b: \"y\", expected \"x\""]
        );
    }

    #[test]
    fn another_shape_is_a_difference() {
        let expected = golden(1.0, json!({"a": [1, 2]}));
        for found in [json!({"a": [1]}), json!({"a": [1, 2], "b": 0}), json!(null), json!({"a": [1, "NaN"]})] {
            assert_eq!(expected.differences(&found).len(), 1, "{found}");
        }
    }

    #[test]
    fn an_estimate_must_enclose_the_value_narrowly() {
        let text = r#"{"program": "p.mcode", "tolerance": 0, "estimate": {"value": 10.0, "width": 0.5}}"#;
        let expected = Golden::parse(text).unwrap();
        assert!(expected.differences(&json!({"low": 9.9, "high": 10.1})).is_empty());
        for found in [json!({"low": 10.1, "high": 10.2}), json!({"low": 9.0, "high": 11.0}), json!({"low": 9.9})] {
            assert_eq!(expected.differences(&found).len(), 1, "{found}");
        }
    }

    #[test]
    fn a_golden_file_without_a_result_is_refused() {
        assert!(Golden::parse("{\"program\": \"p.mcode\", \"tolerance\": 0}").is_err());
    }
}
