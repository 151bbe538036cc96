//! What the fuzz targets promise: any bytes are read or refused, in bounded memory and without a panic, and what was read
//! is written and read again as it was. `tests/tests/fuzz_corpus.rs` runs the same functions on the stable compiler.

use std::fmt::Debug;

use nexus_ledger::{Ledger, decode_command, encode_command};
use nexus_wire::{
    Frame, FrameDecoder, FrameError, Progress, ProtocolVersion, WireError, decode_join, decode_leader_message,
    decode_request, decode_response, decode_worker_message, encode_leader_message, encode_request, encode_response,
    encode_worker_message,
};

/// The largest body that the decoder under test takes; smaller than the protocol's, so that the bound is met.
const BODY_BYTES_MAX: usize = 4096;
/// Entries of the log that one input may hold.
const ENTRIES_MAX: usize = 64;
/// Bytes before the body of a snapshot; the checksum is in the second four.
const SNAPSHOT_HEADER_BYTES: usize = 16;

/// A stream that arrives at once and the same stream in pieces give the same frames and the same end, and a frame is
/// written as it was read. The first byte is the size of the pieces.
pub fn frames(bytes: &[u8]) {
    let Some((&piece, stream)) = bytes.split_first() else { return };
    let whole = decoded(stream.chunks(stream.len().max(1)));
    let pieces = decoded(stream.chunks(usize::from(piece).max(1)));
    assert_eq!(whole, pieces);
    for frame in whole.0 {
        let again = decoded(std::iter::once(frame.to_bytes().expect("it came within the bound").as_slice()));
        assert_eq!(again, (vec![frame], Ok(())));
    }
}

fn decoded<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Frame>, Result<(), FrameError>) {
    let mut decoder = FrameDecoder::new(ProtocolVersion::CURRENT, BODY_BYTES_MAX);
    let mut frames = Vec::new();
    for mut piece in pieces {
        loop {
            match decoder.feed(&mut piece) {
                Ok(Progress::Incomplete) => break,
                Ok(Progress::Header(header)) => assert!(header.body_bytes <= BODY_BYTES_MAX),
                Ok(Progress::Frame(frame)) => frames.push(frame),
                Err(error) => {
                    assert_eq!(decoder.feed(&mut piece).as_ref(), Err(&error), "a stream that failed stays failed");
                    return (frames, Err(error));
                }
            }
        }
    }
    let end = decoder.finish();
    (frames, end)
}

/// A message of each kind: what is read is written, and read again as it was.
pub fn messages(bytes: &[u8]) {
    again(bytes, decode_request, encode_request);
    again(bytes, decode_response, encode_response);
    again(bytes, decode_worker_message, encode_worker_message);
    again(bytes, decode_leader_message, encode_leader_message);
    if decode_join(bytes).is_ok() {
        assert!(decode_request(bytes).is_ok(), "who may only join asks as everybody does");
    }
}

fn again<T: Debug>(
    bytes: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, WireError>,
    encode: impl Fn(&T) -> Result<Vec<u8>, WireError>,
) {
    let Ok(message) = decode(bytes) else { return };
    let written = encode(&message).expect("what was read can be written");
    let read = decode(&written).expect("what was written can be read");
    // Compared as text, because a number that is none is not equal to itself.
    assert_eq!(format!("{read:?}"), format!("{message:?}"));
    assert_eq!(encode(&read).expect("what was read can be written"), written);
}

/// Entries of the log, each behind its length (two bytes, little-endian), applied one after the other; and the whole as a
/// snapshot, with the checksum that it needs. However strange the commands, the ledger's books balance, and its snapshot is
/// read as it was written.
pub fn ledger(bytes: &[u8]) {
    if let Some((head, body)) = bytes.split_first_chunk::<SNAPSHOT_HEADER_BYTES>() {
        let mut head = *head;
        head[4..8].copy_from_slice(&crc32fast::hash(body).to_le_bytes());
        if let Ok(ledger) = Ledger::decode_snapshot(&[&head, body].concat()) {
            survives_a_restart(&ledger);
        }
    }
    let mut ledger = Ledger::new();
    let mut rest = bytes;
    for index in 1..=ENTRIES_MAX as u64 {
        let Some((length, tail)) = rest.split_first_chunk::<2>() else { break };
        let (entry, tail) = tail.split_at(usize::from(u16::from_le_bytes(*length)).min(tail.len()));
        rest = tail;
        let Ok(command) = decode_command(entry) else { continue };
        let written = encode_command(&command).expect("what was read can be written");
        assert_eq!(encode_command(&decode_command(&written).expect("it was written")), Ok(written));
        let applied = ledger.apply(index, command);
        assert!(applied.reply.is_ok() || applied.effects.is_empty(), "what is refused changes nothing");
    }
    survives_a_restart(&ledger);
}

fn survives_a_restart(ledger: &Ledger) {
    let written = ledger.encode_snapshot().expect("every state can be written");
    let read = Ledger::decode_snapshot(&written).expect("what was written can be read");
    assert!(read.encode_snapshot().expect("every state can be written") == written, "a restart changes nothing");
    assert_eq!((read.tasks_queued(), read.jobs_active()), (ledger.tasks_queued(), ledger.jobs_active()));
    assert_eq!(read.standing(), ledger.standing(), "a new leader begins with the same work");
}

/// A join token is read or refused; one that is read is printed as it was, and so is a name that may stand in a
/// certificate.
pub fn tokens(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(token) = nexus_link::Token::parse(text) {
        assert_eq!(token.to_string(), text.trim());
    }
    if nexus_link::check_name(text).is_ok() {
        assert!(!text.chars().any(char::is_control), "a name can be shown");
    }
}
