//! Source text and places in it.
//!
//! Inside the compiler a place is a [`ByteSpan`], eight bytes; it becomes a line and a column ([`Span`]) only when a
//! diagnostic is made.

use std::sync::Arc;

use nexus_model::Span;

/// Longest source text that is read, in bytes. Offsets are 32 bits; nobody writes sixteen megabytes of program.
pub(crate) const SOURCE_BYTES_MAX: usize = 16 << 20;

/// A range of bytes of one source text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct ByteSpan {
    /// First byte.
    pub(crate) start: u32,
    /// One past the last byte.
    pub(crate) end: u32,
}

impl ByteSpan {
    /// A range; `start <= end`.
    pub(crate) fn new(start: usize, end: usize) -> Self {
        debug_assert!(start <= end && end <= SOURCE_BYTES_MAX + 1);
        ByteSpan { start: start as u32, end: end as u32 }
    }

    /// The smallest range that holds both.
    pub(crate) fn to(self, other: ByteSpan) -> ByteSpan {
        ByteSpan { start: self.start.min(other.start), end: self.end.max(other.end) }
    }
}

/// One source text with its name.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// Name as the user gave it.
    pub(crate) name: Arc<str>,
    /// The text.
    pub(crate) text: Arc<str>,
    /// The interface of an external module: nobody wrote it, and what goes wrong in it is told where it was called.
    pub(crate) is_interface: bool,
}

impl Source {
    /// A named text.
    pub(crate) fn new(name: &str, text: &str) -> Self {
        Source { name: name.into(), text: text.into(), is_interface: false }
    }

    /// The text of a range; empty where the range does not fall on characters.
    pub(crate) fn slice(&self, span: ByteSpan) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// The place as people count it. Takes time in the length of the text before it: for several places, see [`Lines`].
    pub(crate) fn locate(&self, span: ByteSpan) -> Span {
        Lines::new(self).locate(span)
    }
}

/// A text with the places where its lines begin.
#[derive(Debug)]
pub(crate) struct Lines<'s> {
    source: &'s Source,
    starts: Vec<usize>,
}

impl<'s> Lines<'s> {
    /// Finds the lines.
    pub(crate) fn new(source: &'s Source) -> Self {
        let ends = source.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Lines { source, starts: std::iter::once(0).chain(ends).collect() }
    }

    /// The place as people count it.
    pub(crate) fn locate(&self, span: ByteSpan) -> Span {
        let text = &self.source.text;
        let start = text.floor_char_boundary((span.start as usize).min(text.len()));
        let line = self.starts.partition_point(|&begin| begin <= start);
        let begin = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let column = text[begin..start].chars().count() + 1;
        Span { start: span.start, end: span.end.max(span.start), line: line as u32, column: column as u32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters() {
        let source = Source::new("a", "x = 1\nß = y\n");
        let at = source.text.find('y').unwrap();
        let span = source.locate(ByteSpan::new(at, at + 1));
        assert_eq!((span.line, span.column), (2, 5));
    }
}
