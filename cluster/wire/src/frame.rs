//! The frame: a fixed header and a body of opaque bytes. Encoding only; [`crate::FrameDecoder`] reads them back. Neither
//! looks into the body. `nexus-link` is the only one that sends frames.
//!
//! ```text
//! offset  0  magic "NXF1"          4        offset 16  deadline, ms from receipt, 0 = none  4
//!         4  version major, minor  2 + 2           20  CRC-32 of all other bytes            4
//!         8  message type          2               24  trace id (zero = no trace)          16
//!        10  flags                 1               40  span id                              8
//!        11  trace flags           1               48  body
//!        12  body length           4        All numbers are little-endian.
//! ```
//! QUIC already authenticates every packet; the checksum is there against mistakes above it, on both sides.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::limits::FRAME_BYTES_MAX;
use crate::version::ProtocolVersion;

/// Bytes of a header: a multiple of 16, so that a body behind it is as aligned as the buffer.
pub const HEADER_BYTES: usize = 48;
const MAGIC: [u8; 4] = *b"NXF1";
const CHECKSUM_AT: usize = 20;

const _: () = assert!(HEADER_BYTES.is_multiple_of(16));
const _: () = assert!(FRAME_BYTES_MAX <= u32::MAX as usize);

/// What a body is. An open set: a neighbouring version may know more, and answers what it does not know with
/// [`MessageType::FAULT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageType(pub u16);

impl MessageType {
    /// Both ways, first on each connection: who speaks which version. No body.
    pub const HELLO: MessageType = MessageType(1);
    /// In place of a response: not now. The body is how many milliseconds to wait (u32).
    pub const BUSY: MessageType = MessageType(2);
    /// In place of a response: the frame was not understood or not allowed. The body is a sentence (UTF-8).
    pub const FAULT: MessageType = MessageType(3);
    /// A request of a machine without a certificate: the archived `Request::Join`, and nothing else.
    pub const JOIN: MessageType = MessageType(16);
    /// An archived [`crate::Request`].
    pub const REQUEST: MessageType = MessageType(17);
    /// An archived [`crate::Response`].
    pub const RESPONSE: MessageType = MessageType(18);
    /// An archived [`crate::WorkerMessage`].
    pub const WORKER: MessageType = MessageType(19);
    /// An archived [`crate::LeaderMessage`].
    pub const LEADER: MessageType = MessageType(20);
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            MessageType::HELLO => f.write_str("hello"),
            MessageType::BUSY => f.write_str("busy"),
            MessageType::FAULT => f.write_str("fault"),
            MessageType::JOIN => f.write_str("join"),
            MessageType::REQUEST => f.write_str("request"),
            MessageType::RESPONSE => f.write_str("response"),
            MessageType::WORKER => f.write_str("worker message"),
            MessageType::LEADER => f.write_str("leader message"),
            MessageType(other) => write!(f, "message type {other}"),
        }
    }
}

/// What the first frame of a QUIC stream begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exchange {
    /// One request, one response, end.
    Request,
    /// A stream of frames both ways that stays open.
    Stream,
}

const FLAG_STREAM: u8 = 1;

/// A position in a distributed trace, as in the W3C recommendation "Trace Context". Prints as a `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace_id: [u8; 16],
    span_id: [u8; 8],
    flags: u8,
}

impl TraceContext {
    /// A context, unless one of the ids is all zero, which the recommendation forbids.
    pub fn new(trace_id: [u8; 16], span_id: [u8; 8], flags: u8) -> Option<Self> {
        (trace_id != [0; 16] && span_id != [0; 8]).then_some(TraceContext { trace_id, span_id, flags })
    }

    /// The whole trace.
    pub fn trace_id(&self) -> [u8; 16] {
        self.trace_id
    }

    /// The span of the sender.
    pub fn span_id(&self) -> [u8; 8] {
        self.span_id
    }

    /// Bit 0: sampled.
    pub fn flags(&self) -> u8 {
        self.flags
    }
}

impl FromStr for TraceContext {
    type Err = NoTraceContext;

    /// Reads a `traceparent` of version 00, and of later versions what they share with it.
    fn from_str(text: &str) -> Result<Self, NoTraceContext> {
        let mut fields = text.split('-');
        let mut field = |digits: usize| {
            let is_hex = |text: &&str| text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
            fields.next().filter(|text| text.len() == digits).filter(is_hex).ok_or(NoTraceContext)
        };
        let (version, trace, span, flags) = (field(2)?, field(32)?, field(16)?, field(2)?);
        if version == "ff" || (version == "00" && fields.next().is_some()) {
            return Err(NoTraceContext);
        }
        let number = |digits: &str| u128::from_str_radix(digits, 16).map_err(|_| NoTraceContext);
        let [.., a, b, c, d, e, f, g, h] = number(span)?.to_be_bytes();
        let [.., flags] = number(flags)?.to_be_bytes();
        TraceContext::new(number(trace)?.to_be_bytes(), [a, b, c, d, e, f, g, h], flags).ok_or(NoTraceContext)
    }
}

/// A text is no `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write a W3C traceparent, like 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]
pub struct NoTraceContext;

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("00-")?;
        self.trace_id.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("-")?;
        self.span_id.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        write!(f, "-{:02x}", self.flags)
    }
}

/// Everything about a frame but its body and the length and checksum of that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// The sender's version.
    pub version: ProtocolVersion,
    /// What the body is.
    pub message_type: MessageType,
    /// What this frame begins, where it is the first of its QUIC stream.
    pub exchange: Exchange,
    /// How long the sender waits for the answer, to the millisecond, rounded up.
    pub deadline: Option<Duration>,
    /// Where this belongs in a trace.
    pub trace: Option<TraceContext>,
}

/// A header that came in, with the length of the body that it announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IncomingHeader {
    /// The header.
    pub header: FrameHeader,
    /// Length of the body, within the bound of the decoder.
    pub body_bytes: usize,
    pub(crate) checksum: u32,
}

/// A whole frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The header.
    pub header: FrameHeader,
    /// The body.
    pub body: Vec<u8>,
}

/// Bytes that are no frame of ours, or a frame that must not be sent. The stream it came from is of no further use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The peer speaks something else.
    #[error("the bytes are not a frame of this protocol (byte {at} is {found:02x})")]
    Magic {
        /// Place of the first byte that no frame has there, from 0.
        at: usize,
        /// What it is.
        found: u8,
    },
    /// The peer's version and ours do not interoperate.
    #[error("the peer speaks protocol {theirs}, this build speaks {ours}")]
    Version {
        /// In the frame.
        theirs: ProtocolVersion,
        /// Of the decoder.
        ours: ProtocolVersion,
    },
    /// Flags of a version that we do not know.
    #[error("the frame has unknown flags {0:#04x}")]
    Flags(u8),
    /// The body is longer than the receiver allows. Nothing was allocated.
    #[error("a frame of {bytes} bytes is over the limit of {limit} bytes")]
    TooLarge {
        /// Announced or to be sent.
        bytes: usize,
        /// Allowed.
        limit: usize,
    },
    /// The frame was changed on its way, or the sender is broken.
    #[error("the checksum of the frame is wrong ({found:08x}, expected {expected:08x})")]
    Checksum {
        /// In the header.
        expected: u32,
        /// Of the bytes.
        found: u32,
    },
    /// The stream ended inside a frame.
    #[error("the stream ended inside a frame, {missing} bytes early")]
    Truncated {
        /// At least so many bytes are missing.
        missing: usize,
    },
}

impl FrameHeader {
    /// A header of this build's version that begins a request, without deadline and trace.
    pub fn new(message_type: MessageType) -> Self {
        FrameHeader {
            version: ProtocolVersion::CURRENT,
            message_type,
            exchange: Exchange::Request,
            deadline: None,
            trace: None,
        }
    }

    /// The header bytes that go before `body`. Fails with [`FrameError::TooLarge`] over [`FRAME_BYTES_MAX`].
    pub fn encode(&self, body: &[u8]) -> Result<[u8; HEADER_BYTES], FrameError> {
        if body.len() > FRAME_BYTES_MAX {
            return Err(FrameError::TooLarge { bytes: body.len(), limit: FRAME_BYTES_MAX });
        }
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..6].copy_from_slice(&self.version.major.to_le_bytes());
        bytes[6..8].copy_from_slice(&self.version.minor.to_le_bytes());
        bytes[8..10].copy_from_slice(&self.message_type.0.to_le_bytes());
        bytes[10] = match self.exchange {
            Exchange::Request => 0,
            Exchange::Stream => FLAG_STREAM,
        };
        bytes[12..16].copy_from_slice(&(body.len() as u32).to_le_bytes());
        bytes[16..20].copy_from_slice(&self.deadline.map_or(0, deadline_millis).to_le_bytes());
        if let Some(trace) = self.trace {
            bytes[11] = trace.flags;
            bytes[24..40].copy_from_slice(&trace.trace_id);
            bytes[40..48].copy_from_slice(&trace.span_id);
        }
        let checksum = checksum(&bytes, body);
        bytes[CHECKSUM_AT..CHECKSUM_AT + 4].copy_from_slice(&checksum.to_le_bytes());
        Ok(bytes)
    }

    /// Reads a header; the body's checksum is checked later, by the caller.
    pub(crate) fn parse(
        bytes: &[u8; HEADER_BYTES],
        ours: ProtocolVersion,
        body_bytes_max: usize,
    ) -> Result<IncomingHeader, FrameError> {
        let u16_at = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let u32_at = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        check_magic(&bytes[..MAGIC.len()])?;
        let version = ProtocolVersion { major: u16_at(4), minor: u16_at(6) };
        if !version.interoperates(ours) {
            return Err(FrameError::Version { theirs: version, ours });
        }
        let exchange = match bytes[10] {
            0 => Exchange::Request,
            FLAG_STREAM => Exchange::Stream,
            unknown => return Err(FrameError::Flags(unknown)),
        };
        let body_bytes = u32_at(12) as usize;
        if body_bytes > body_bytes_max {
            return Err(FrameError::TooLarge { bytes: body_bytes, limit: body_bytes_max });
        }
        let deadline = Some(u32_at(16)).filter(|millis| *millis > 0).map(|millis| Duration::from_millis(millis.into()));
        let (mut trace_id, mut span_id) = ([0; 16], [0; 8]);
        trace_id.copy_from_slice(&bytes[24..40]);
        span_id.copy_from_slice(&bytes[40..48]);
        let header = FrameHeader {
            version,
            message_type: MessageType(u16_at(8)),
            exchange,
            deadline,
            trace: TraceContext::new(trace_id, span_id, bytes[11]),
        };
        Ok(IncomingHeader { header, body_bytes, checksum: u32_at(CHECKSUM_AT) })
    }
}

impl Frame {
    /// The whole frame in one buffer. Fails with [`FrameError::TooLarge`] over [`FRAME_BYTES_MAX`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, FrameError> {
        let header = self.header.encode(&self.body)?;
        Ok([header.as_slice(), &self.body].concat())
    }
}

/// Whether a frame can begin like this, as far as it has come.
pub(crate) fn check_magic(begin: &[u8]) -> Result<(), FrameError> {
    let differs = begin.iter().zip(MAGIC).position(|(found, wanted)| *found != wanted);
    differs.map_or(Ok(()), |at| Err(FrameError::Magic { at, found: begin[at] }))
}

/// CRC-32 (IEEE 802.3) of a frame without its checksum field.
pub(crate) fn checksum(header: &[u8; HEADER_BYTES], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&header[..CHECKSUM_AT]);
    hasher.update(&header[CHECKSUM_AT + 4..]);
    hasher.update(body);
    hasher.finalize()
}

/// Rounded up, so that a deadline never becomes "none", and cut at 49 days.
fn deadline_millis(deadline: Duration) -> u32 {
    let millis = deadline.as_nanos().div_ceil(1_000_000).max(1);
    u32::try_from(millis).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_traceparent_is_read_as_it_is_printed() {
        // The example of the W3C recommendation.
        let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let context: TraceContext = text.parse().unwrap();
        assert_eq!((context.to_string().as_str(), context.flags()), (text, 1));
        assert_eq!("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-later".parse(), Ok(context));
        for wrong in [
            "",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(wrong.parse::<TraceContext>(), Err(NoTraceContext), "{wrong}");
        }
    }
}
