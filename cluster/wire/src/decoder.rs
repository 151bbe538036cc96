//! Reads frames from bytes that arrive in pieces of any size. Pure: whoever reads the bytes feeds it.

use crate::frame::{Frame, FrameError, FrameHeader, HEADER_BYTES, IncomingHeader, check_magic, checksum};
use crate::limits::FRAME_BYTES_MAX;
use crate::version::ProtocolVersion;

/// The most that is allocated on the word of a header alone. Beyond it the buffer grows with the bytes that came.
const BODY_BYTES_ON_TRUST: usize = 64 << 10;

/// What a call of [`FrameDecoder::feed`] came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// All input is used up, more is needed.
    Incomplete,
    /// A header is complete and acceptable; its body has not been looked at. Feed again, also with what is left.
    Header(IncomingHeader),
    /// A frame is complete and its checksum is right. What is left of the input belongs to the next.
    Frame(Frame),
}

/// An incremental decoder. After an error the stream cannot be used: each further call answers the same error.
#[derive(Debug)]
pub struct FrameDecoder {
    ours: ProtocolVersion,
    body_bytes_max: usize,
    state: State,
}

#[derive(Debug)]
enum State {
    Header { bytes: [u8; HEADER_BYTES], filled: usize },
    Body { bytes: [u8; HEADER_BYTES], header: IncomingHeader, body: Vec<u8> },
    Failed(FrameError),
}

impl State {
    const START: State = State::Header { bytes: [0; HEADER_BYTES], filled: 0 };
}

impl FrameDecoder {
    /// A decoder for a node that speaks `ours` and takes bodies of up to `body_bytes_max` bytes (at most
    /// [`FRAME_BYTES_MAX`], whatever is asked for).
    pub fn new(ours: ProtocolVersion, body_bytes_max: usize) -> Self {
        FrameDecoder { ours, body_bytes_max: body_bytes_max.min(FRAME_BYTES_MAX), state: State::START }
    }

    /// Takes bytes from the front of `input` up to the next event. Never panics, allocates no more than twice what it
    /// was fed plus 64 KiB.
    pub fn feed(&mut self, input: &mut &[u8]) -> Result<Progress, FrameError> {
        let result = self.step(input);
        if let Err(error) = &result {
            self.state = State::Failed(error.clone());
        }
        result
    }

    /// To be called when the bytes end: fails with [`FrameError::Truncated`] inside a frame.
    pub fn finish(&self) -> Result<(), FrameError> {
        match &self.state {
            State::Header { filled: 0, .. } => Ok(()),
            State::Header { filled, .. } => Err(FrameError::Truncated { missing: HEADER_BYTES - filled }),
            State::Body { header, body, .. } => Err(FrameError::Truncated { missing: header.body_bytes - body.len() }),
            State::Failed(error) => Err(error.clone()),
        }
    }

    fn step(&mut self, input: &mut &[u8]) -> Result<Progress, FrameError> {
        match &mut self.state {
            State::Failed(error) => Err(error.clone()),
            State::Header { bytes, filled } => {
                let piece = take(input, HEADER_BYTES - *filled);
                bytes[*filled..*filled + piece.len()].copy_from_slice(piece);
                *filled += piece.len();
                // What cannot become a frame is refused at its first bytes, not after 48.
                check_magic(&bytes[..*filled])?;
                if *filled < HEADER_BYTES {
                    return Ok(Progress::Incomplete);
                }
                let header = FrameHeader::parse(bytes, self.ours, self.body_bytes_max)?;
                let body = Vec::with_capacity(header.body_bytes.min(BODY_BYTES_ON_TRUST));
                self.state = State::Body { bytes: *bytes, header, body };
                Ok(Progress::Header(header))
            }
            State::Body { bytes, header, body } => {
                let piece = take(input, header.body_bytes - body.len());
                append(body, piece, header.body_bytes);
                if body.len() < header.body_bytes {
                    return Ok(Progress::Incomplete);
                }
                let found = checksum(bytes, body);
                if found != header.checksum {
                    return Err(FrameError::Checksum { expected: header.checksum, found });
                }
                let frame = Frame { header: header.header, body: std::mem::take(body) };
                self.state = State::START;
                Ok(Progress::Frame(frame))
            }
        }
    }
}

/// The first `count` bytes of `input` or all of them, taken from it.
fn take<'a>(input: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (piece, rest) = input.split_at(count.min(input.len()));
    *input = rest;
    piece
}

/// Appends, doubling the buffer but never beyond the announced length.
fn append(body: &mut Vec<u8>, piece: &[u8], announced: usize) {
    let needed = body.len() + piece.len();
    if needed > body.capacity() {
        let capacity = needed.max(body.capacity() * 2).min(announced);
        body.reserve_exact(capacity - body.len());
    }
    body.extend_from_slice(piece);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::frame::{Exchange, MessageType, TraceContext};

    const OURS: ProtocolVersion = ProtocolVersion::CURRENT;

    /// Feeds `bytes` in pieces that end at `cuts` and returns the frames and how it ended.
    fn decode(bytes: &[u8], cuts: &[usize]) -> (Vec<Frame>, Result<(), FrameError>) {
        let mut decoder = FrameDecoder::new(OURS, FRAME_BYTES_MAX);
        let mut frames = Vec::new();
        let mut ends: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).chain([bytes.len()]).collect();
        ends.sort_unstable();
        let mut start = 0;
        for end in ends {
            let mut piece = &bytes[start..end];
            start = end;
            loop {
                match decoder.feed(&mut piece) {
                    Ok(Progress::Incomplete) => break,
                    Ok(Progress::Header(_)) => {}
                    Ok(Progress::Frame(frame)) => frames.push(frame),
                    Err(error) => return (frames, Err(error)),
                }
            }
        }
        let end = decoder.finish();
        (frames, end)
    }

    fn frames() -> impl Strategy<Value = Frame> {
        let trace = (any::<[u8; 16]>(), any::<[u8; 8]>(), any::<u8>());
        (any::<u16>(), any::<bool>(), any::<u32>(), trace, prop::collection::vec(any::<u8>(), 0..300)).prop_map(
            |(message_type, stream, millis, (trace_id, span_id, flags), body)| {
                let mut header = FrameHeader::new(MessageType(message_type));
                header.exchange = if stream { Exchange::Stream } else { Exchange::Request };
                header.deadline = (millis > 0).then(|| std::time::Duration::from_millis(millis.into()));
                header.trace = TraceContext::new(trace_id, span_id, flags);
                Frame { header, body }
            },
        )
    }

    proptest! {
        #[test]
        fn frames_survive_any_split_of_their_bytes(
            sent in prop::collection::vec(frames(), 0..5),
            cuts in prop::collection::vec(any::<usize>(), 0..40),
        ) {
            let bytes: Vec<u8> = sent.iter().flat_map(|frame| frame.to_bytes().unwrap()).collect();
            prop_assert_eq!(decode(&bytes, &cuts), (sent, Ok(())));
        }

        #[test]
        fn garbage_is_an_error_or_incomplete_and_never_a_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            cuts in prop::collection::vec(any::<usize>(), 0..5),
        ) {
            let (frames, end) = decode(&bytes, &cuts);
            prop_assert!(frames.is_empty());
            prop_assert_eq!(end.is_ok(), bytes.is_empty());
        }

        #[test]
        fn any_changed_bit_is_noticed(frame in frames(), at in any::<usize>(), bit in 0..8u8) {
            let mut bytes = frame.to_bytes().unwrap();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            let (frames, end) = decode(&bytes, &[]);
            prop_assert!(frames.is_empty() && end.is_err());
        }
    }

    #[test]
    fn a_lying_length_is_refused_before_anything_is_allocated() {
        let mut bytes = FrameHeader::new(MessageType::REQUEST).encode(b"").unwrap();
        bytes[12..16].copy_from_slice(&u32::MAX.to_le_bytes());
        let expected = FrameError::TooLarge { bytes: u32::MAX as usize, limit: FRAME_BYTES_MAX };
        assert_eq!(decode(&bytes, &[]).1, Err(expected));

        bytes[12..16].copy_from_slice(&(FRAME_BYTES_MAX as u32).to_le_bytes());
        let mut decoder = FrameDecoder::new(OURS, FRAME_BYTES_MAX);
        decoder.feed(&mut bytes.as_slice()).unwrap();
        let State::Body { body, .. } = &decoder.state else { panic!("{decoder:?}") };
        assert!(body.capacity() <= BODY_BYTES_ON_TRUST);
    }

    #[test]
    fn the_bound_of_the_decoder_holds_where_it_is_smaller() {
        let bytes = Frame { header: FrameHeader::new(MessageType::JOIN), body: vec![7; 101] }.to_bytes().unwrap();
        let mut decoder = FrameDecoder::new(OURS, 100);
        assert_eq!(decoder.feed(&mut &bytes[..]), Err(FrameError::TooLarge { bytes: 101, limit: 100 }));
        assert!(decoder.feed(&mut &b"more"[..]).is_err(), "a failed decoder stays failed");
    }

    #[test]
    fn only_versions_that_interoperate_are_read() {
        let mut header = FrameHeader::new(MessageType::HELLO);
        header.version = ProtocolVersion { major: OURS.major, minor: OURS.minor + 1 };
        assert_eq!(decode(&header.encode(b"").unwrap(), &[]).0.len(), 1);
        header.version = ProtocolVersion { major: OURS.major + 1, minor: 0 };
        let error = decode(&header.encode(b"").unwrap(), &[]).1.unwrap_err();
        assert_eq!(error, FrameError::Version { theirs: header.version, ours: OURS });
    }

    #[test]
    fn a_body_over_the_limit_is_not_encoded() {
        let header = FrameHeader::new(MessageType::REQUEST);
        assert!(header.encode(&vec![0; FRAME_BYTES_MAX]).is_ok());
        assert!(matches!(header.encode(&vec![0; FRAME_BYTES_MAX + 1]), Err(FrameError::TooLarge { .. })));
    }

    #[test]
    fn the_bytes_of_version_one_stay_as_they_are() {
        let mut header = FrameHeader { version: ProtocolVersion::FIRST, ..FrameHeader::new(MessageType::REQUEST) };
        header.deadline = Some(std::time::Duration::from_micros(1_500));
        header.trace = TraceContext::new([0xaa; 16], [0xbb; 8], 1);
        let bytes = Frame { header, body: b"hi".to_vec() }.to_bytes().unwrap();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            hex,
            "4e58463101000000110000010200000002000000504f0e4f\
             aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbb6869"
        );
        let trace = header.trace.unwrap().to_string();
        assert_eq!(trace, "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01");
    }
}
