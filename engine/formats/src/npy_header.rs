//! The header of an `.npy` file: a Python dict literal such as
//! `{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }`.
//!
//! Source: NumPy's format specification (numpy.lib.format), versions 1.0, 2.0 and 3.0. Only the literals that NumPy
//! writes are read; nothing is ever evaluated.

use crate::error::{FormatError, Place};
use crate::format::Format;

/// The magic string before the version.
pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";
/// The longest header that is read. NumPy's own bound is 10,000 characters; a header of 64 axes takes under 2,000.
const HEADER_BYTES_MAX: usize = 64 << 10;
/// NumPy's bound on the number of axes.
const RANK_MAX: usize = 64;

/// What a header says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// NumPy's name of the element type, like `<f4`.
    pub(crate) descr: String,
    /// Where `descr` stands in the file.
    pub(crate) descr_at: usize,
    /// Whether the first axis varies fastest.
    pub(crate) fortran_order: bool,
    /// Sizes of the axes.
    pub(crate) shape: Vec<usize>,
    /// Where the elements begin in the file.
    pub(crate) data_at: usize,
}

/// Reads the header at the start of `file`.
pub(crate) fn parse(file: &[u8]) -> Result<Header, FormatError> {
    let (text_at, data_at) = preamble(file)?;
    Parser { file: &file[..data_at], at: text_at }.header(data_at)
}

/// Checks magic, version and length; answers where the dict begins and ends.
fn preamble(file: &[u8]) -> Result<(usize, usize), FormatError> {
    let shown = |bytes: &[u8]| if bytes.is_empty() { "the end of the file".to_owned() } else { quoted(bytes) };
    if !file.starts_with(MAGIC) {
        return Err(malformed(0, "the mark of an .npy file, `\\x93NUMPY`", shown(&file[..file.len().min(6)])));
    }
    let length_bytes = match file.get(6..8) {
        Some([1, _]) => 2,
        Some([2 | 3, _]) => 4,
        Some([major, minor]) => return Err(malformed(6, "version 1.0, 2.0 or 3.0", format!("{major}.{minor}"))),
        _ => return Err(malformed(file.len(), "a version", "the end of the file")),
    };
    let text_at = 8 + length_bytes;
    let Some(length) = file.get(8..text_at) else {
        return Err(malformed(file.len(), "the header's length", "the end of the file"));
    };
    let length = length.iter().rev().fold(0, |sum, &byte| sum << 8 | usize::from(byte));
    if length > HEADER_BYTES_MAX {
        return Err(malformed(8, format!("a header of at most {HEADER_BYTES_MAX} bytes"), format!("{length} bytes")));
    }
    if file.len() - text_at < length {
        let found = format!("{} bytes and the end of the file", file.len() - text_at);
        return Err(malformed(8, format!("a header of {length} bytes"), found));
    }
    Ok((text_at, text_at + length))
}

pub(crate) fn malformed(at: usize, expected: impl Into<String>, found: impl Into<String>) -> FormatError {
    FormatError::Malformed {
        format: Format::Npy,
        place: Place::Byte(at),
        expected: expected.into(),
        found: found.into(),
    }
}

fn quoted(bytes: &[u8]) -> String {
    format!("`{}`", bytes.escape_ascii())
}

/// Reads the dict; `file` ends where the dict ends, so that positions are those of the file.
struct Parser<'a> {
    file: &'a [u8],
    at: usize,
}

impl Parser<'_> {
    fn header(mut self, data_at: usize) -> Result<Header, FormatError> {
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        self.expect(b'{')?;
        while self.peek() != Some(b'}') {
            let key_at = self.at;
            let key = self.string()?;
            self.expect(b':')?;
            let fresh = match key.as_str() {
                "descr" => descr.replace(self.descr()?).is_none(),
                "fortran_order" => fortran_order.replace(self.boolean()?).is_none(),
                "shape" => shape.replace(self.shape()?).is_none(),
                _ => false,
            };
            if !fresh {
                let expected = "the keys `descr`, `fortran_order` and `shape`, each once";
                return Err(malformed(key_at, expected, format!("`{}`", key.escape_default())));
            }
            if self.peek() != Some(b'}') {
                self.expect(b',')?;
            }
        }
        self.expect(b'}')?;
        if let Some(byte) = self.peek() {
            return Err(malformed(self.at, "only spaces after the header's dict", quoted(&[byte])));
        }
        let missing = |name: &str| malformed(self.at, format!("the key `{name}`"), "the end of the header");
        let (descr, descr_at) = descr.ok_or_else(|| missing("descr"))?;
        Ok(Header {
            descr,
            descr_at,
            fortran_order: fortran_order.ok_or_else(|| missing("fortran_order"))?,
            shape: shape.ok_or_else(|| missing("shape"))?,
            data_at,
        })
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        while self.file.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.file.get(self.at).copied()
    }

    fn wrong<T>(&mut self, expected: &str) -> Result<T, FormatError> {
        let found = self.peek().map_or_else(|| "the end of the header".to_owned(), |byte| quoted(&[byte]));
        Err(malformed(self.at, expected, found))
    }

    fn expect(&mut self, byte: u8) -> Result<(), FormatError> {
        if self.peek() != Some(byte) {
            return self.wrong(&format!("`{}`", char::from(byte)));
        }
        self.at += 1;
        Ok(())
    }

    /// A quoted string without escapes: NumPy writes none in the headers of plain arrays.
    fn string(&mut self) -> Result<String, FormatError> {
        let Some(quote @ (b'\'' | b'"')) = self.peek() else { return self.wrong("a quoted string") };
        let start = self.at + 1;
        let Some(len) = self.file[start..].iter().position(|&byte| byte == quote) else {
            return Err(malformed(start, "a closing quote", "the end of the header"));
        };
        self.at = start + len + 1;
        match std::str::from_utf8(&self.file[start..start + len]) {
            Ok(text) if !text.contains('\\') => Ok(text.to_owned()),
            _ => Err(malformed(start, "plain text", quoted(&self.file[start..start + len]))),
        }
    }

    fn descr(&mut self) -> Result<(String, usize), FormatError> {
        if matches!(self.peek(), Some(b'[' | b'(')) {
            return Err(FormatError::Unsupported {
                format: Format::Npy,
                place: Place::Byte(self.at),
                what: "a structured array (fields of several types) is no tensor; save one array for each field"
                    .to_owned(),
            });
        }
        let at = self.at;
        Ok((self.string()?, at))
    }

    fn boolean(&mut self) -> Result<bool, FormatError> {
        self.peek();
        let rest = &self.file[self.at..];
        let (truth, len) = match rest {
            _ if rest.starts_with(b"True") => (true, 4),
            _ if rest.starts_with(b"False") => (false, 5),
            _ => return self.wrong("True or False"),
        };
        self.at += len;
        Ok(truth)
    }

    fn shape(&mut self) -> Result<Vec<usize>, FormatError> {
        let mut sizes = Vec::new();
        self.expect(b'(')?;
        while self.peek() != Some(b')') {
            if sizes.len() == RANK_MAX {
                return self.wrong(&format!("at most {RANK_MAX} axes"));
            }
            sizes.push(self.size()?);
            if self.peek() != Some(b')') {
                self.expect(b',')?;
            }
        }
        self.expect(b')')?;
        Ok(sizes)
    }

    fn size(&mut self) -> Result<usize, FormatError> {
        self.peek();
        let start = self.at;
        let digits = self.file[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number =
            std::str::from_utf8(&self.file[start..start + digits]).ok().and_then(|text| text.parse::<usize>().ok());
        let Some(number) = number else {
            return match digits {
                0 => self.wrong("the size of an axis"),
                _ => {
                    let found = quoted(&self.file[start..start + digits.min(40)]);
                    Err(malformed(start, "the size of an axis below 2^64", found))
                }
            };
        };
        self.at += digits;
        // Python 2 wrote long integers with a final L.
        if self.file.get(self.at) == Some(&b'L') {
            self.at += 1;
        }
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(version: u8, dict: &str) -> Vec<u8> {
        let mut file = MAGIC.to_vec();
        file.extend_from_slice(&[version, 0]);
        match version {
            1 => file.extend_from_slice(&(dict.len() as u16).to_le_bytes()),
            _ => file.extend_from_slice(&(dict.len() as u32).to_le_bytes()),
        }
        file.extend_from_slice(dict.as_bytes());
        file
    }

    #[test]
    fn headers_of_every_version_and_spelling_are_read() {
        for version in [1, 2, 3] {
            let header =
                parse(&file(version, "{ \"shape\":(3L, 4,) ,'descr':'<f4','fortran_order': True}  \n")).unwrap();
            assert_eq!((header.descr.as_str(), header.fortran_order, header.shape), ("<f4", true, vec![3, 4]));
        }
        let scalar = parse(&file(1, "{'descr': '|b1', 'fortran_order': False, 'shape': (), }")).unwrap();
        assert!(scalar.shape.is_empty());
    }

    #[test]
    fn hostile_headers_are_refused_by_the_byte() {
        let message = |bytes: &[u8]| parse(bytes).unwrap_err().to_string();
        assert_eq!(
            message(b"PK\x03\x04..."),
            "npy, byte 0: expected the mark of an .npy file, `\\x93NUMPY`, found `PK\\x03\\x04..`"
        );
        assert_eq!(
            message(b""),
            "npy, byte 0: expected the mark of an .npy file, `\\x93NUMPY`, found the end of the file"
        );
        assert_eq!(message(b"\x93NUMPY\x09\x00"), "npy, byte 6: expected version 1.0, 2.0 or 3.0, found 9.0");
        assert_eq!(
            message(b"\x93NUMPY\x02\x00\xff\xff\xff\xff"),
            "npy, byte 8: expected a header of at most 65536 bytes, found 4294967295 bytes"
        );
        assert_eq!(
            message(b"\x93NUMPY\x01\x00\x10\x00{"),
            "npy, byte 8: expected a header of 16 bytes, found 1 bytes and the end of the file"
        );
        assert_eq!(
            message(&file(1, "{'descr': '<f4'}")),
            "npy, byte 26: expected the key `fortran_order`, found the end of the header"
        );
        assert_eq!(
            message(&file(1, "{'descr': '<f4', 'descr': '<f4'}")),
            "npy, byte 27: expected the keys `descr`, `fortran_order` and `shape`, each once, found `descr`"
        );
        assert_eq!(message(&file(1, "{'shape': (-1,)}")), "npy, byte 21: expected the size of an axis, found `-`");
        assert_eq!(
            message(&file(1, "{'shape': (99999999999999999999,)}")),
            "npy, byte 21: expected the size of an axis below 2^64, found `99999999999999999999`"
        );
        assert!(message(&file(1, "{'descr': [('x', '<f4')]}")).contains("structured array"));
        assert!(message(&file(1, &format!("{{'shape': ({})}}", "1,".repeat(65)))).contains("at most 64 axes"));
        assert!(message(&file(1, "{'shape: ")).contains("closing quote"));
    }
}
