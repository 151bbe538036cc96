//! The frames in which a module is spoken to: a length in decimal digits, a newline, and as many bytes of JSON.
//!
//! Pure. Decimal, so that a shell can write it as well as a systems language.

use nexus_formats::Format;
use nexus_formats::json::JsonValue;
use nexus_model::Value;
use serde::Serialize;

use super::wasm::{Stop, stopped};

/// Largest frame in either direction: 64 MiB, a tensor of some million elements. More belongs into files.
pub(super) const FRAME_BYTES_MAX: usize = 64 << 20;
/// Most values of an answer, those in others included: each takes many times the bytes that it is written with.
const VALUES_MAX: usize = 8 << 20;
/// Most bytes of an error that are kept.
const ERROR_BYTES_MAX: usize = 4 << 10;
/// The function that stands for the question what a component exports: no function has this name.
pub(super) const EXPORTS: &str = "";
/// Digits of [`FRAME_BYTES_MAX`].
const LENGTH_DIGITS_MAX: usize = 8;

/// A call as it is sent.
#[derive(Serialize)]
struct Request<'a> {
    call: &'a str,
    args: Vec<JsonValue<'a>>,
}

/// The frame of a call, or how many bytes too large it would be.
pub(super) fn request(function: &str, arguments: &[Value]) -> Result<Vec<u8>, String> {
    let request = Request { call: function, args: arguments.iter().map(JsonValue).collect() };
    let body = serde_json::to_vec(&request).map_err(|error| error.to_string())?;
    if body.len() > FRAME_BYTES_MAX {
        return Err(format!("the arguments take {} bytes; the most is {FRAME_BYTES_MAX}", body.len()));
    }
    Ok(framed(&body))
}

fn framed(body: &[u8]) -> Vec<u8> {
    let mut frame = format!("{}\n", body.len()).into_bytes();
    frame.extend(body);
    frame
}

/// The function and its arguments of a whole frame; nothing, where it asks for [`EXPORTS`].
pub(super) fn read_request(bytes: &[u8]) -> Result<Option<(String, Vec<Value>)>, String> {
    let wanted = || "a call is a length, a newline, and {\"call\": NAME, \"args\": [VALUE, …]}".to_owned();
    let end = bytes.iter().position(|&byte| byte == b'\n').ok_or_else(wanted)?;
    let length = std::str::from_utf8(&bytes[..end]).ok().and_then(|text| text.parse::<usize>().ok());
    let body = &bytes[end + 1..];
    if length != Some(body.len()) {
        return Err(wanted());
    }
    let value = nexus_formats::read(Format::Json, body).map_err(|error| error.to_string())?;
    let Value::Record(fields) = value else { return Err(wanted()) };
    let values: Vec<Value> = fields.into_iter().map(|(_, value)| value).collect();
    match <[Value; 2]>::try_from(values) {
        Ok([Value::String(function), Value::List(arguments)]) => {
            Ok((function != EXPORTS).then_some((function, arguments)))
        }
        _ => Err(wanted()),
    }
}

/// The frame of an answer; of one that is too large, that it is.
pub(super) fn answered(answer: &Answer) -> Vec<u8> {
    let (key, value) = match answer {
        Answer::Value(value) => ("value", value.clone()),
        Answer::Error(message) => ("error", Value::String(message.clone())),
        Answer::Stopped { why, message } => ("stopped", stopped(*why, message)),
    };
    let record = Value::Record(vec![(key.to_owned(), value)]);
    match serde_json::to_vec(&JsonValue(&record)) {
        Ok(body) if body.len() <= FRAME_BYTES_MAX => framed(&body),
        body => {
            let bytes = body.map_or(0, |body| body.len());
            let message = format!("its answer takes {bytes} bytes; the most is {FRAME_BYTES_MAX}");
            answered(&Answer::Stopped { why: Stop::Trap, message })
        }
    }
}

/// What a module answered.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// `{"value": …}`.
    Value(Value),
    /// `{"error": "…"}`.
    Error(String),
    /// `{"stopped": {"why": …, "message": "…"}}`, of a component.
    Stopped {
        /// What stopped it.
        why: Stop,
        /// In words.
        message: String,
    },
}

/// Why what came is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It is no answer: what is wrong with it.
    Garbage(String),
    /// Holding it takes so many bytes more, which nobody has.
    NoMemory { bytes: u64 },
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Refusal::Garbage(reason)
    }
}

/// Bytes on their way to one answer.
#[derive(Debug, Default)]
pub(super) struct AnswerReader {
    bytes: Vec<u8>,
    /// Whether there is memory for the frame that has begun.
    is_admitted: bool,
}

impl AnswerReader {
    /// Takes what came; the answer once it is whole, or what is wrong with it. Bytes are refused as soon as they cannot
    /// become an answer, so that none are gathered in vain; `admit` takes the memory for the frame when its length is known,
    /// and for its values when they are counted.
    pub(super) fn push(&mut self, piece: &[u8], admit: &dyn Fn(u64) -> bool) -> Result<Option<Answer>, Refusal> {
        self.bytes.extend_from_slice(piece);
        let head = &self.bytes[..self.bytes.len().min(LENGTH_DIGITS_MAX + 1)];
        let Some(end) = head.iter().position(|&byte| byte == b'\n') else {
            let is_digits = head.iter().all(u8::is_ascii_digit);
            if is_digits && head.len() <= LENGTH_DIGITS_MAX {
                return Ok(None);
            }
            return Err(format!("a frame begins with its length and a newline, not with {}", shown(head)).into());
        };
        let length = std::str::from_utf8(&head[..end]).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
        let length: usize = length
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| format!("a frame begins with its length, not with {}", shown(&head[..end])))?;
        if length > FRAME_BYTES_MAX {
            return Err(format!("its frame has {length} bytes; the most is {FRAME_BYTES_MAX}").into());
        }
        if !self.is_admitted {
            admitted(length as u64, admit)?;
            self.is_admitted = true;
        }
        let body = &self.bytes[end + 1..];
        match body.len() {
            there if there < length => Ok(None),
            // Many programs end what they write with a new line.
            there if there > length && !body[length..].iter().all(u8::is_ascii_whitespace) => {
                Err(format!("{} bytes follow its frame", there - length).into())
            }
            _ => answer(&body[..length], admit).map(Some),
        }
    }

    /// Whether nothing came at all.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

fn admitted(bytes: u64, admit: &dyn Fn(u64) -> bool) -> Result<(), Refusal> {
    if admit(bytes) { Ok(()) } else { Err(Refusal::NoMemory { bytes }) }
}

fn answer(body: &[u8], admit: &dyn Fn(u64) -> bool) -> Result<Answer, Refusal> {
    let wanted = "an answer is {\"value\": VALUE} or {\"error\": \"TEXT\"}";
    let count = values(body);
    if count > VALUES_MAX {
        let reason =
            format!("it has more than {VALUES_MAX} values; write larger data to a file that the program reads");
        return Err(reason.into());
    }
    admitted((count * size_of::<Value>()) as u64, admit)?;
    let value = nexus_formats::read(Format::Json, body).map_err(|error| error.to_string())?;
    let Value::Record(fields) = value else { return Err(wanted.to_owned().into()) };
    let mut fields = fields.into_iter();
    match (fields.next(), fields.next()) {
        (Some((name, value)), None) if &*name == "value" => Ok(Answer::Value(value)),
        (Some((name, Value::String(text))), None) if &*name == "error" => Ok(Answer::Error(cut(text))),
        (Some((name, Value::Record(fields))), None) if &*name == "stopped" => {
            let values: Vec<Value> = fields.into_iter().map(|(_, value)| value).collect();
            match <[Value; 2]>::try_from(values) {
                Ok([Value::String(why), Value::String(message)]) => {
                    let why = Stop::of(&why).ok_or_else(|| wanted.to_owned())?;
                    Ok(Answer::Stopped { why, message: cut(message) })
                }
                _ => Err(wanted.to_owned().into()),
            }
        }
        _ => Err(wanted.to_owned().into()),
    }
}

/// The beginning of a long text: nobody reads more, and what carries errors has no room for it.
fn cut(mut text: String) -> String {
    if text.len() > ERROR_BYTES_MAX {
        text.truncate(text.floor_char_boundary(ERROR_BYTES_MAX));
        text.push('…');
    }
    text
}

/// About how many values a text of JSON has: one before each comma, one in each bracket.
fn values(body: &[u8]) -> usize {
    let (mut count, mut is_text, mut is_escaped) = (0, false, false);
    for &byte in body {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b',' | b'[' | b'{' if !is_text => count += 1,
            _ => {}
        }
    }
    count
}

/// The beginning of what came, for people.
fn shown(bytes: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(_: u64) -> bool {
        true
    }

    fn read(bytes: &[u8]) -> Result<Option<Answer>, String> {
        AnswerReader::default().push(bytes, &all).map_err(|refusal| match refusal {
            Refusal::Garbage(reason) => reason,
            Refusal::NoMemory { bytes } => format!("no memory for {bytes}"),
        })
    }

    #[test]
    fn memory_is_taken_before_it_is_filled() {
        let left = std::cell::Cell::new(1_000u64);
        let admit = |bytes: u64| {
            let rest = left.get().checked_sub(bytes);
            left.set(rest.unwrap_or(left.get()));
            rest.is_some()
        };
        // The length of a frame alone says that there is no room for it.
        assert_eq!(AnswerReader::default().push(b"2000\n", &admit), Err(Refusal::NoMemory { bytes: 2_000 }));
        let body = format!("{{\"value\":[{}0]}}", "0,".repeat(99));
        let frame = format!("{}\n{body}", body.len());
        let bytes = 101 * size_of::<Value>() as u64;
        assert_eq!(AnswerReader::default().push(frame.as_bytes(), &admit), Err(Refusal::NoMemory { bytes }));
        assert_eq!(left.get(), 1_000 - body.len() as u64);
        left.set(1 << 20);
        assert!(matches!(AnswerReader::default().push(frame.as_bytes(), &admit), Ok(Some(Answer::Value(_)))));
    }

    #[test]
    fn values_are_counted_before_they_are_made() {
        assert_eq!(values(br#"{"value": ["a,[\"{,", [1, 2], {}]}"#), 7);
        let many = format!("{{\"value\":[{}0]}}", "[],".repeat(VALUES_MAX / 2));
        let error = read(format!("{}\n{many}", many.len()).as_bytes()).unwrap_err();
        assert!(error.contains("more than 8388608 values"), "{error}");
    }

    #[test]
    fn a_call_is_its_length_and_its_json() {
        let frame = request("area", &[Value::Int(2), Value::Scalar(1.5)]).unwrap();
        assert_eq!(String::from_utf8(frame).unwrap(), "30\n{\"call\":\"area\",\"args\":[2,1.5]}");
    }

    #[test]
    fn a_component_reads_the_call_and_answers() {
        let arguments = vec![Value::Int(2), Value::List(vec![Value::None])];
        let asked = read_request(&request("area", &arguments).unwrap());
        assert_eq!(asked, Ok(Some(("area".to_owned(), arguments))));
        assert_eq!(read_request(&request(EXPORTS, &[]).unwrap()), Ok(None));
        for bytes in [&b""[..], b"2\n{}", b"3\n{}", b"x\n{}", b"25\n{\"call\":1,\"args\":[1]}\n"] {
            assert!(read_request(bytes).is_err(), "{bytes:?}");
        }
        let stopped = Answer::Stopped { why: Stop::Fuel, message: "no fuel".to_owned() };
        for answer in [Answer::Value(Value::Scalar(1.5)), Answer::Error("no".to_owned()), stopped] {
            assert_eq!(read(&answered(&answer)), Ok(Some(answer)));
        }
        let large = Answer::Value(Value::String("x".repeat(FRAME_BYTES_MAX)));
        let Ok(Some(Answer::Stopped { message, .. })) = read(&answered(&large)) else { panic!("it is too large") };
        assert!(message.starts_with("its answer takes 67108876 bytes"), "{message}");
        assert!(read(b"15\n{\"stopped\":{} }").is_err());
    }

    #[test]
    fn answers_come_in_pieces_and_whole() {
        let bytes = b"11\n{\"value\":3}";
        assert_eq!(read(bytes), Ok(Some(Answer::Value(Value::Int(3)))));
        let mut reader = AnswerReader::default();
        for byte in &bytes[..bytes.len() - 1] {
            assert_eq!(reader.push(&[*byte], &all), Ok(None));
        }
        assert_eq!(reader.push(b"}", &all), Ok(Some(Answer::Value(Value::Int(3)))));
        assert_eq!(read(b"14\n{\"error\":\"no\"}"), Ok(Some(Answer::Error("no".into()))));
    }

    #[test]
    fn a_long_error_is_cut_between_letters() {
        let said = |text: &str| {
            let body = format!("{{\"error\":\"{text}\"}}");
            read(format!("{}\n{body}", body.len()).as_bytes())
        };
        let longest = "x".repeat(ERROR_BYTES_MAX);
        assert_eq!(said(&longest), Ok(Some(Answer::Error(longest.clone()))));
        let cut = "€".repeat(ERROR_BYTES_MAX / 3) + "…";
        assert_eq!(said(&"€".repeat(ERROR_BYTES_MAX)), Ok(Some(Answer::Error(cut))));
    }

    #[test]
    fn what_is_no_answer_is_refused_as_soon_as_that_is_known() {
        for (bytes, said) in [
            (&b"hello"[..], "begins with its length"),
            (b"99999999\n", "the most is"),
            (b"999999999", "begins with its length"),
            (b"\n{}", "begins with its length"),
            (b"2\n{}", "an answer is"),
            (b"2\n{}x", "bytes follow"),
            (b"2\n{} \r\n", "an answer is"),
            (b"4\nnull", "an answer is"),
            (b"3\n{x}", "JSON"),
            (b"11\n{\"error\":3}", "an answer is"),
        ] {
            let error = read(bytes).unwrap_err();
            assert!(error.to_lowercase().contains(&said.to_lowercase()), "{bytes:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64), length in 0usize..64) {
            let _ = read(&bytes);
            let _ = read(&[format!("{length}\n").as_bytes(), &bytes].concat());
        }
    }
}
