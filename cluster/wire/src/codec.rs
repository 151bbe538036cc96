//! Messages to bytes and back: the bodies of frames. Which version of the forms is meant is the frame header's to say;
//! there is version 1 so far.
//!
//! Decoding any bytes gives a message or an error, never a panic, and allocates at most a small multiple of their length.

use rkyv::util::AlignedVec;

use crate::archived::{
    ArchivedLeaderMessageV1, ArchivedRequestV1, ArchivedResponseV1, ArchivedWorkerMessageV1, Form, LeaderMessageV1,
    RequestV1, ResponseV1, WireError, WorkerMessageV1, archive, read,
};
use crate::limits::FRAME_BYTES_MAX;
use crate::message::{LeaderMessage, Request, Response, WorkerMessage};

/// The body of a request's frame. Fails where it would not fit a frame, or a job's argument is nested too deep.
pub fn encode_request(request: &Request) -> Result<Vec<u8>, WireError> {
    body(&RequestV1::try_from(request)?)
}

/// Reads what [`encode_request`] made.
pub fn decode_request(bytes: &[u8]) -> Result<Request, WireError> {
    check_size(bytes.len())?;
    read(bytes, |form: &ArchivedRequestV1<'_>| form.try_into())
}

/// The body of a response's frame. Fails where it would not fit a frame.
pub fn encode_response(response: &Response) -> Result<Vec<u8>, WireError> {
    body(&ResponseV1::from(response))
}

/// Reads what [`encode_response`] made.
pub fn decode_response(bytes: &[u8]) -> Result<Response, WireError> {
    check_size(bytes.len())?;
    read(bytes, |form: &ArchivedResponseV1<'_>| form.try_into())
}

/// The body of a worker message's frame. Fails where it would not fit a frame.
pub fn encode_worker_message(message: &WorkerMessage) -> Result<Vec<u8>, WireError> {
    body(&WorkerMessageV1::from(message))
}

/// Reads what [`encode_worker_message`] made.
pub fn decode_worker_message(bytes: &[u8]) -> Result<WorkerMessage, WireError> {
    check_size(bytes.len())?;
    read(bytes, |form: &ArchivedWorkerMessageV1<'_>| form.try_into())
}

/// The body of a leader message's frame. Fails where it would not fit a frame, or a job's argument is nested too deep.
pub fn encode_leader_message(message: &LeaderMessage) -> Result<Vec<u8>, WireError> {
    body(&LeaderMessageV1::try_from(message)?)
}

/// Reads what [`encode_leader_message`] made.
pub fn decode_leader_message(bytes: &[u8]) -> Result<LeaderMessage, WireError> {
    check_size(bytes.len())?;
    read(bytes, |form: &ArchivedLeaderMessageV1<'_>| form.try_into())
}

fn body(form: &impl Form) -> Result<Vec<u8>, WireError> {
    let bytes: AlignedVec = archive(form)?;
    check_size(bytes.len())?;
    Ok(bytes.into_vec())
}

fn check_size(bytes: usize) -> Result<(), WireError> {
    if bytes > FRAME_BYTES_MAX { Err(WireError::TooLarge(bytes)) } else { Ok(()) }
}
