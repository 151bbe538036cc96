//! Messages of the language server protocol as bytes: headers, an empty line, JSON.

use std::io::{self, BufRead, BufReader, Read, Write};

use serde_json::Value;

/// Largest message that is read, in bytes. The largest program is 16 MiB, which JSON may write with escapes.
const MESSAGE_BYTES_MAX: usize = 64 << 20;
/// Longest line of a header.
const HEADER_BYTES_MAX: u64 = 4096;
/// Most lines of a header.
const HEADERS_MAX: usize = 16;

/// What came in.
#[derive(Debug, PartialEq)]
pub(super) enum Received {
    /// A message.
    Message(Value),
    /// A frame whose content is not JSON.
    NotJson,
    /// The other side has closed.
    End,
}

/// Reads one message. Blocks. A header that makes no sense is an error: nothing behind it can be found.
pub(super) fn receive(from: &mut BufReader<impl Read>) -> io::Result<Received> {
    let mut length: Option<usize> = None;
    for _ in 0..HEADERS_MAX {
        let mut line = Vec::new();
        let read = from.by_ref().take(HEADER_BYTES_MAX).read_until(b'\n', &mut line)?;
        if read == 0 {
            return if length.is_none() { Ok(Received::End) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim();
        if line.is_empty() {
            let Some(length) = length else { return Err(invalid("a header without Content-Length")) };
            return body(from, length);
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            let bytes = value.trim().parse().map_err(|_| invalid("Content-Length is no number"))?;
            length = Some(bytes);
        }
    }
    Err(invalid("a header without end"))
}

fn body(from: &mut BufReader<impl Read>, length: usize) -> io::Result<Received> {
    if length > MESSAGE_BYTES_MAX {
        return Err(invalid("a message of more than 64 MiB"));
    }
    let mut bytes = Vec::new();
    from.by_ref().take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_slice(&bytes).map_or(Received::NotJson, Received::Message))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

/// Writes one message.
pub(super) fn send(to: &mut impl Write, message: &Value) -> io::Result<()> {
    let body = message.to_string();
    write!(to, "Content-Length: {}\r\n\r\n{body}", body.len())?;
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(bytes: &[u8]) -> io::Result<Received> {
        receive(&mut BufReader::new(bytes))
    }

    #[test]
    fn frames_come_back_as_they_were_sent() {
        let message = serde_json::json!({"id": 1, "method": "grüße"});
        let mut bytes = Vec::new();
        send(&mut bytes, &message).unwrap();
        assert_eq!(received(&bytes).unwrap(), Received::Message(message));
        assert_eq!(received(b"").unwrap(), Received::End);
        assert_eq!(received(b"Content-Length: 3\r\n\r\n{a}").unwrap(), Received::NotJson);
    }

    #[test]
    fn headers_that_lie_are_refused() {
        for bytes in [
            &b"Content-Length: 99999999999\r\n\r\n{}"[..],
            b"Content-Length: -1\r\n\r\n{}",
            b"Content-Length: 50\r\n\r\n{}",
            b"\r\n\r\n",
            b"X: 1\nX: 1\nX: 1\nX: 1\nX: 1\nX: 1\nX: 1\nX: 1\nX: 1\nX: 1\nX: 1\nX: 1\nX: 1\nX: 1\nX: 1\nX: 1\nX: 1\n",
        ] {
            assert!(received(bytes).is_err(), "{}", String::from_utf8_lossy(bytes));
        }
    }
}
