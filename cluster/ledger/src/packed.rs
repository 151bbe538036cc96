//! Primitives of the packed bytes in which the ledger keeps ends of tasks: variable-length numbers, texts, options.
//!
//! Reading any bytes gives a value or [`Unreadable`], never a panic, and allocates no more than the bytes that are there.

use thiserror::Error;

/// Bytes that are not what they should be. Nothing changed; a retry gives the same answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the record is damaged at its byte {at}")]
pub(crate) struct Unreadable {
    /// Where the reader stood.
    pub(crate) at: usize,
}

/// Appends a number: seven bits a byte, the lowest first.
pub(crate) fn write_number(mut n: u64, out: &mut Vec<u8>) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Appends a length and the bytes.
pub(crate) fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    write_number(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// Reads what the functions above wrote.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Reads from the beginning of `bytes`.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, at: 0 }
    }

    /// The error at this place.
    pub(crate) fn damaged(&self) -> Unreadable {
        Unreadable { at: self.at }
    }

    /// The next `len` bytes.
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Unreadable> {
        let taken = self.bytes[self.at..].get(..len).ok_or(self.damaged())?;
        self.at += len;
        Ok(taken)
    }

    /// The next byte.
    pub(crate) fn byte(&mut self) -> Result<u8, Unreadable> {
        Ok(self.take(1)?[0])
    }

    /// A number in its shortest form.
    pub(crate) fn number(&mut self) -> Result<u64, Unreadable> {
        let mut n = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits || (byte == 0 && shift > 0) {
                return Err(self.damaged());
            }
            n |= bits << shift;
            if byte < 0x80 {
                return Ok(n);
            }
        }
        Err(self.damaged())
    }

    /// A number that fits 32 bits.
    pub(crate) fn number_u32(&mut self) -> Result<u32, Unreadable> {
        let n = self.number()?;
        u32::try_from(n).map_err(|_| self.damaged())
    }

    /// How many items of at least one byte each follow.
    pub(crate) fn count(&mut self) -> Result<usize, Unreadable> {
        let n = self.number()?;
        if n > (self.bytes.len() - self.at) as u64 { Err(self.damaged()) } else { Ok(n as usize) }
    }

    /// A length and as many bytes.
    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Unreadable> {
        let len = self.count()?;
        self.take(len)
    }

    /// A text.
    pub(crate) fn text(&mut self) -> Result<String, Unreadable> {
        let bytes = self.bytes()?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| self.damaged())
    }

    /// Succeeds where everything has been read.
    pub(crate) fn end(&self) -> Result<(), Unreadable> {
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.damaged()) }
    }
}
