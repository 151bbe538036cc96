//! Reading JSON: text to values, and the tensor form back to tensors.

use std::collections::BTreeSet;

use half::{bf16, f16};
use nexus_model::{DType, TensorData, VALUE_DEPTH_MAX, Value};

use crate::error::{FormatError, Place};
use crate::format::Format;

/// The value that `file` spells (RFC 8259).
///
/// Our own reader, because numbers must come back bit for bit (which the usual library does only with a feature that
/// every other user of it would pay for) and nesting must stop where the stored form of values stops.
pub(crate) fn read(file: &[u8]) -> Result<Value, FormatError> {
    let text = std::str::from_utf8(file).map_err(|error| {
        let at = error.valid_up_to();
        wrong(file, at, "UTF-8 text", format!("the byte {:#04x}", file[at]))
    })?;
    let mut parser = Parser { text, at: 0 };
    let value = parser.value(0)?;
    match parser.peek() {
        None => Ok(value),
        Some(_) => parser.fail("the end of the file"),
    }
}

/// An error at byte `at`, which is turned into a line and a column.
fn wrong(file: &[u8], at: usize, expected: impl Into<String>, found: impl Into<String>) -> FormatError {
    FormatError::Malformed {
        format: Format::Json,
        place: place(file, at),
        expected: expected.into(),
        found: found.into(),
    }
}

fn place(file: &[u8], at: usize) -> Place {
    let before = &file[..at];
    let line_start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
    Place::Column {
        line: before.iter().filter(|&&byte| byte == b'\n').count() as u64 + 1,
        column: String::from_utf8_lossy(&before[line_start..]).chars().count() as u64 + 1,
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
        bytes.get(self.at).copied()
    }

    fn error(&self, at: usize, expected: impl Into<String>) -> FormatError {
        let found = match self.text[at..].chars().next() {
            Some(character) => format!("`{}`", character.escape_debug()),
            None => "the end of the file".to_owned(),
        };
        wrong(self.text.as_bytes(), at, expected, found)
    }

    fn fail<T>(&mut self, expected: &str) -> Result<T, FormatError> {
        self.peek();
        Err(self.error(self.at, expected))
    }

    /// Takes `byte` if it is next.
    fn take(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn value(&mut self, depth: usize) -> Result<Value, FormatError> {
        if depth > VALUE_DEPTH_MAX {
            let what = format!("lists and objects are nested more than {VALUE_DEPTH_MAX} deep");
            return Err(self.refuse(self.at, what));
        }
        match self.peek() {
            Some(b'[') => self.list(depth),
            Some(b'{') => self.object(depth),
            Some(b'"') => self.string().map(Value::String),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => {
                let words = [("null", Value::None), ("true", Value::Bool(true)), ("false", Value::Bool(false))];
                for (word, value) in words {
                    if self.text[self.at..].starts_with(word) {
                        self.at += word.len();
                        return Ok(value);
                    }
                }
                self.fail("a value")
            }
        }
    }

    fn refuse(&self, at: usize, what: String) -> FormatError {
        FormatError::Unsupported { format: Format::Json, place: place(self.text.as_bytes(), at), what }
    }

    fn list(&mut self, depth: usize) -> Result<Value, FormatError> {
        self.at += 1;
        let mut items = Vec::new();
        if self.take(b']') {
            return Ok(Value::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            if self.take(b']') {
                return Ok(Value::List(items));
            }
            if !self.take(b',') {
                return self.fail("`,` or `]`");
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value, FormatError> {
        let start = self.at;
        self.at += 1;
        let mut fields: Vec<(String, Value)> = Vec::new();
        let mut names = BTreeSet::new();
        if self.take(b'}') {
            return Ok(Value::Record(fields));
        }
        loop {
            if self.peek() != Some(b'"') {
                return self.fail("a key in quotes");
            }
            let at = self.at;
            let name = self.string()?;
            if !names.insert(name.clone()) {
                return Err(self.refuse(at, format!("the key `{}` is used twice", name.escape_debug())));
            }
            if !self.take(b':') {
                return self.fail("`:`");
            }
            fields.push((name, self.value(depth + 1)?));
            if self.take(b'}') {
                break;
            }
            if !self.take(b',') {
                return self.fail("`,` or `}`");
            }
        }
        match tensor(&fields) {
            Some(tensor) => tensor.map(Value::Tensor).map_err(|what| self.refuse(start, what)),
            None => Ok(Value::Record(fields)),
        }
    }

    /// A whole number that an `int` holds is an `int`, any other number the nearest `scalar`.
    fn number(&mut self) -> Result<Value, FormatError> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let digits = |at: usize| bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let mut at = start + usize::from(bytes[start] == b'-');
        let whole = digits(at);
        if whole == 0 || (whole > 1 && bytes[at] == b'0') {
            return Err(self.error(at + usize::from(whole > 0), "a number without leading zeros"));
        }
        at += whole;
        let mut is_int = true;
        if bytes.get(at) == Some(&b'.') {
            is_int = false;
            let fraction = digits(at + 1);
            if fraction == 0 {
                return Err(self.error(at + 1, "a digit"));
            }
            at += 1 + fraction;
        }
        if matches!(bytes.get(at), Some(b'e' | b'E')) {
            is_int = false;
            at += 1 + usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
            let exponent = digits(at);
            if exponent == 0 {
                return Err(self.error(at, "a digit"));
            }
            at += exponent;
        }
        self.at = at;
        let text = &self.text[start..at];
        if is_int && let Ok(number) = text.parse() {
            return Ok(Value::Int(number));
        }
        text.parse().map(Value::Scalar).map_err(|_| self.error(start, "a number"))
    }

    fn string(&mut self) -> Result<String, FormatError> {
        self.at += 1;
        let mut string = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.bytes().take_while(|&byte| byte != b'"' && byte != b'\\' && byte >= 0x20).count();
            string.push_str(&rest[..plain]);
            self.at += plain;
            match rest.as_bytes().get(plain) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => string.push(self.escape()?),
                _ => return Err(self.error(self.at, "a closing quote")),
            }
        }
    }

    /// The character of an escape; `at` stands on its backslash.
    fn escape(&mut self) -> Result<char, FormatError> {
        let start = self.at;
        self.at += 2;
        Ok(match self.text.as_bytes().get(start + 1) {
            Some(b'n') => '\n',
            Some(b't') => '\t',
            Some(b'r') => '\r',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(&byte @ (b'"' | b'\\' | b'/')) => char::from(byte),
            Some(b'u') => {
                let unit = self.code_unit()?;
                let code = match unit {
                    // The first half of a pair: the second must follow.
                    0xd800..0xdc00 if self.text[self.at..].starts_with("\\u") => {
                        self.at += 2;
                        match self.code_unit()? {
                            low @ 0xdc00..0xe000 => 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00),
                            _ => unit,
                        }
                    }
                    _ => unit,
                };
                char::from_u32(code).ok_or_else(|| self.refuse(start, "half of a surrogate pair".to_owned()))?
            }
            _ => return Err(self.error(start, "one of the escapes of JSON")),
        })
    }

    fn code_unit(&mut self) -> Result<u32, FormatError> {
        let digits = self.text.get(self.at..self.at + 4).filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
        let unit = digits.and_then(|text| u32::from_str_radix(text, 16).ok());
        let unit = unit.ok_or_else(|| self.error(self.at, "four hexadecimal digits"))?;
        self.at += 4;
        Ok(unit)
    }
}

/// The tensor that an object of exactly `dtype` (one that we know), `shape` and `data` (both lists) spells, or what is
/// wrong with it. `None` where it is any other object.
fn tensor(fields: &[(String, Value)]) -> Option<Result<TensorData, String>> {
    let field = |name: &str| fields.iter().find(|(found, _)| found == name).map(|(_, value)| value);
    match (fields.len(), field("dtype"), field("shape"), field("data")) {
        (3, Some(Value::String(dtype)), Some(Value::List(shape)), Some(Value::List(data))) => {
            let dtype = dtype.parse().ok()?;
            Some(checked_tensor(dtype, shape, data))
        }
        _ => None,
    }
}

fn checked_tensor(dtype: DType, shape: &[Value], data: &[Value]) -> Result<TensorData, String> {
    let sizes: Option<Vec<usize>> = shape
        .iter()
        .map(|size| match size {
            Value::Int(size) => usize::try_from(*size).ok(),
            _ => None,
        })
        .collect();
    let sizes = sizes.ok_or("a tensor's `shape` is a list of whole numbers from 0")?;
    let mut bytes = Vec::with_capacity(data.len() * dtype.size());
    for (index, item) in data.iter().enumerate() {
        push(dtype, item, &mut bytes)
            .ok_or_else(|| format!("element {index} of a tensor's `data` is no {dtype} number"))?;
    }
    TensorData::new(dtype, sizes, bytes).map_err(|error| error.to_string())
}

/// Appends `item` as an element of `dtype`. `None` where it is none.
fn push(dtype: DType, item: &Value, bytes: &mut Vec<u8>) -> Option<()> {
    let float = match item {
        Value::Int(number) => Some(*number as f64),
        Value::Scalar(number) => Some(*number),
        Value::String(name) => match name.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    };
    let integer = match item {
        Value::Int(number) => Some(*number),
        // `3.0` and `3e0` are whole as well; an f64 of this size is exact.
        Value::Scalar(number) if number.fract() == 0.0 && number.abs() < 9e15 => Some(*number as i64),
        _ => None,
    };
    match dtype {
        DType::F64 => bytes.extend_from_slice(&float?.to_le_bytes()),
        DType::F32 => bytes.extend_from_slice(&(float? as f32).to_le_bytes()),
        DType::F16 => bytes.extend_from_slice(&f16::from_f64(float?).to_le_bytes()),
        DType::BF16 => bytes.extend_from_slice(&bf16::from_f64(float?).to_le_bytes()),
        DType::I64 => bytes.extend_from_slice(&integer?.to_le_bytes()),
        DType::I32 => bytes.extend_from_slice(&i32::try_from(integer?).ok()?.to_le_bytes()),
        DType::U8 => bytes.push(u8::try_from(integer?).ok()?),
        DType::Bool => match (item, integer) {
            (Value::Bool(truth), _) => bytes.push(u8::from(*truth)),
            (_, Some(number @ (0 | 1))) => bytes.push(number as u8),
            _ => return None,
        },
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> String {
        read(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn objects_keep_their_order_and_numbers_their_kind() {
        let value = read(br#" {"b": 1, "a": [1.0, -2, null, true, 18446744073709551615], "dtype": "f32"} "#).unwrap();
        let list =
            vec![Value::Scalar(1.0), Value::Int(-2), Value::None, Value::Bool(true), Value::Scalar(u64::MAX as f64)];
        assert_eq!(
            value,
            Value::Record(vec![
                ("b".into(), Value::Int(1)),
                ("a".into(), Value::List(list)),
                ("dtype".into(), Value::String("f32".into())),
            ])
        );
    }

    #[test]
    fn errors_name_the_place() {
        assert_eq!(message("{\"a\": 1,\n \"b\": }"), "json, line 2, column 7: expected a value, found `}`");
        assert_eq!(message(""), "json, line 1, column 1: expected a value, found the end of the file");
        assert_eq!(message("[1] x"), "json, line 1, column 5: expected the end of the file, found `x`");
        assert!(message(r#"{"a": 1, "a": 2}"#).contains("the key `a` is used twice"));
        assert!(message(&"[".repeat(10_000)).contains("nested more than 64 deep"));
        assert_eq!(
            read(b"\"\xff\"").unwrap_err().to_string(),
            "json, line 1, column 2: expected UTF-8 text, found the byte 0xff"
        );
        for (text, part) in [
            ("[1,]", "column 4: expected a value, found `]`"),
            ("[1 2]", "column 4: expected `,` or `]`, found `2`"),
            ("{a: 1}", "column 2: expected a key in quotes, found `a`"),
            ("01", "column 2: expected a number without leading zeros, found `1`"),
            ("-", "column 2: expected a number without leading zeros, found the end of the file"),
            ("1.", "column 3: expected a digit"),
            ("1e+", "column 4: expected a digit"),
            ("NaN", "column 1: expected a value, found `N`"),
            ("\"a\nb\"", "column 3: expected a closing quote"),
            (r#""\q""#, "column 2: expected one of the escapes"),
            (r#""\u00e""#, "column 4: expected four hexadecimal digits"),
            (r#""\ud800""#, "column 2: half of a surrogate pair"),
            (r#""\ud800\u0041""#, "column 2: half of a surrogate pair"),
        ] {
            let message = message(text);
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    #[test]
    fn tensors_that_do_not_hold_together_are_refused() {
        assert!(message(r#"{"dtype": "f32", "shape": [3], "data": [1, 2]}"#).contains("takes 12 bytes, 8 were given"));
        assert!(
            message(r#"{"dtype": "u8", "shape": [1], "data": [256]}"#)
                .contains("element 0 of a tensor's `data` is no u8")
        );
        assert!(message(r#"{"dtype": "i64", "shape": [1], "data": [0.5]}"#).contains("no i64 number"));
        assert!(message(r#"{"dtype": "f32", "shape": [-1], "data": []}"#).contains("whole numbers from 0"));
        assert!(
            message(r#"{"dtype": "f64", "shape": [4294967296, 4294967296, 9], "data": []}"#)
                .contains("larger than any memory")
        );
    }

    #[test]
    fn strings_and_numbers_come_back_as_they_were() {
        let text = r#" "\u00e9\ud83d\ude00\"\\\/\b\f\n\r\t" "#;
        assert_eq!(read(text.as_bytes()), Ok(Value::String("é😀\"\\/\u{8}\u{c}\n\r\t".into())));
        for number in [0.1, 1e-310, 1.7976931348623157e308, 7.949928895127363e-275, 5e-324] {
            assert_eq!(read(format!("{number:e}").as_bytes()), Ok(Value::Scalar(number)));
        }
        assert_eq!(read(b"-9223372036854775808"), Ok(Value::Int(i64::MIN)));
    }

    #[test]
    fn an_object_that_only_resembles_a_tensor_stays_a_record() {
        for text in [
            r#"{"dtype": "complex", "shape": [1], "data": [1]}"#,
            r#"{"dtype": "f32", "shape": [1], "data": [1], "unit": "m"}"#,
            r#"{"dtype": "f32", "shape": 1, "data": [1]}"#,
        ] {
            assert_eq!(read(text.as_bytes()).unwrap().kind(), "record");
        }
    }
}
