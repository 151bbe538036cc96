//! Frames on a QUIC stream: one end that sends and one that receives. Flow control is the back-pressure: a sender waits
//! while its peer does not read.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use nexus_wire::{Exchange, Frame, FrameDecoder, FrameHeader, MessageType, Progress, ProtocolVersion, TraceContext};
use quinn::{ReadError, RecvStream, SendStream, VarInt, WriteError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, timeout_at};

use crate::close;
use crate::error::LinkError;
use crate::settings::{Protocol, UNCOUNTED_BYTES};

/// Stream error code: the rest is not wanted or will not come.
const GIVEN_UP: VarInt = VarInt::from_u32(1);

/// What is sent: a body with its type and place in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What the body is.
    pub message_type: MessageType,
    /// Opaque here, at most [`nexus_wire::limits::FRAME_BYTES_MAX`].
    pub body: Bytes,
    /// Where it belongs in a trace.
    pub trace: Option<TraceContext>,
}

impl Message {
    /// A message outside any trace.
    pub fn new(message_type: MessageType, body: impl Into<Bytes>) -> Self {
        Message { message_type, body: body.into(), trace: None }
    }

    pub(crate) fn header(&self, version: ProtocolVersion) -> FrameHeader {
        FrameHeader { version, trace: self.trace, ..FrameHeader::new(self.message_type) }
    }
}

/// The sending end of a stream. Dropped without [`FrameSender::finish`], it ends the stream too.
#[derive(Debug)]
pub struct FrameSender {
    stream: SendStream,
    protocol: Protocol,
    address: Arc<str>,
    /// A frame was begun and its sending was cancelled: the peer could not tell it from the next.
    torn: bool,
}

impl FrameSender {
    pub(crate) fn new(stream: SendStream, protocol: Protocol, address: Arc<str>) -> Self {
        FrameSender { stream, protocol, address, torn: false }
    }

    /// Sends one message; waits while the peer does not take more. Returns when the frame is on its way, not when it has
    /// arrived. Where the future is dropped half-way, the stream ends with an error at the peer and here.
    pub async fn send(&mut self, message: Message) -> Result<(), LinkError> {
        let header = message.header(self.protocol.version);
        self.send_frame(header, message.body).await
    }

    pub(crate) async fn send_frame(&mut self, header: FrameHeader, body: Bytes) -> Result<(), LinkError> {
        let header = header.encode(&body)?;
        if self.torn {
            return Err(self.lost("an earlier message was not sent to its end"));
        }
        self.torn = true;
        let result = self.stream.write_all_chunks(&mut [Bytes::copy_from_slice(&header), body]).await;
        match result {
            Ok(()) => {
                self.torn = false;
                Ok(())
            }
            Err(WriteError::ConnectionLost(error)) => Err(close::lost(&self.address, &error)),
            Err(WriteError::Stopped(_)) => Err(self.lost("it does not read this stream any more")),
            Err(other @ (WriteError::ClosedStream | WriteError::ZeroRttRejected)) => Err(self.lost(&other.to_string())),
        }
    }

    /// Says that nothing more comes. What was sent still arrives.
    pub fn finish(&mut self) {
        // Fails only where the stream has ended already.
        let _ = self.stream.finish();
    }

    /// Waits until the peer has received everything, or does not want it, or is gone.
    pub(crate) async fn delivered(&mut self) {
        let _ = self.stream.stopped().await;
    }

    fn lost(&self, reason: &str) -> LinkError {
        LinkError::Lost { address: self.address.to_string(), reason: reason.to_owned() }
    }
}

impl Drop for FrameSender {
    fn drop(&mut self) {
        if self.torn {
            let _ = self.stream.reset(GIVEN_UP);
        }
    }
}

/// How much a receiver takes in.
#[derive(Debug, Clone)]
pub(crate) struct Intake {
    pub(crate) body_bytes_max: usize,
    /// One permit a KiB, shared by all peers of an acceptor.
    pub(crate) budget: Option<Arc<Semaphore>>,
    /// Long-lived streams end when this becomes true.
    pub(crate) closing: Option<watch::Receiver<bool>>,
}

/// The receiving end of a stream.
#[derive(Debug)]
pub struct FrameReceiver {
    stream: RecvStream,
    frame_timeout: Duration,
    decoder: FrameDecoder,
    /// Bytes of the stream that are not decoded yet.
    rest: Bytes,
    intake: Intake,
    address: Arc<str>,
    /// A body was announced and has no place yet.
    unplaced: Option<usize>,
    place: Option<OwnedSemaphorePermit>,
    /// Until when the frame that has begun must end.
    frame_until: Option<Instant>,
}

impl FrameReceiver {
    pub(crate) fn new(stream: RecvStream, protocol: Protocol, address: Arc<str>, intake: Intake) -> Self {
        FrameReceiver {
            stream,
            frame_timeout: protocol.frame_timeout,
            decoder: FrameDecoder::new(protocol.version, intake.body_bytes_max),
            rest: Bytes::new(),
            intake,
            address,
            unplaced: None,
            place: None,
            frame_until: None,
        }
    }

    /// The next frame counts as begun: it must be there in time.
    pub(crate) fn expect_soon(&mut self) {
        self.frame_until = Some(Instant::now() + self.frame_timeout);
    }

    /// Ends with [`LinkError::Closed`] when this becomes true.
    pub(crate) fn end_with(&mut self, closing: watch::Receiver<bool>) {
        self.intake.closing = Some(closing);
    }

    /// The next frame, or `None` where the peer has finished. It may be dropped and called again without loss. After an
    /// error the stream is of no further use; [`LinkError::Closed`] says that this end is stopping.
    pub async fn next(&mut self) -> Result<Option<Frame>, LinkError> {
        Ok(self.next_in_place().await?.map(|(frame, _)| frame))
    }

    /// The next frame with the share of memory that its body takes.
    pub(crate) async fn next_in_place(&mut self) -> Result<Option<(Frame, Option<OwnedSemaphorePermit>)>, LinkError> {
        loop {
            self.find_place().await?;
            let mut input = &self.rest[..];
            let progress = self.decoder.feed(&mut input);
            let used = self.rest.len() - input.len();
            self.rest.advance(used);
            match progress? {
                Progress::Header(header) => self.unplaced = Some(header.body_bytes),
                Progress::Frame(frame) => {
                    self.frame_until = None;
                    return Ok(Some((frame, self.place.take())));
                }
                Progress::Incomplete => match self.read().await? {
                    Some(bytes) => self.rest = bytes,
                    None => {
                        self.decoder.finish()?;
                        return Ok(None);
                    }
                },
            }
        }
    }

    /// Waits until a large body that was announced fits into the budget.
    async fn find_place(&mut self) -> Result<(), LinkError> {
        let (Some(bytes), Some(budget)) = (self.unplaced, &self.intake.budget) else {
            return Ok(());
        };
        if bytes > UNCOUNTED_BYTES {
            let kibibytes = u32::try_from(bytes.div_ceil(1024)).expect("the decoder bounds the body");
            let until = *self.frame_until.get_or_insert_with(|| Instant::now() + self.frame_timeout);
            let permit = timeout_at(until, Arc::clone(budget).acquire_many_owned(kibibytes)).await;
            self.place = Some(permit.map_err(|_| self.slow())?.map_err(|_| LinkError::Closed)?);
        }
        self.unplaced = None;
        Ok(())
    }

    async fn read(&mut self) -> Result<Option<Bytes>, LinkError> {
        if self.decoder.finish().is_err() {
            self.frame_until.get_or_insert_with(|| Instant::now() + self.frame_timeout);
        }
        let until = self.frame_until;
        let stream = &mut self.stream;
        let read = async move {
            match until {
                Some(until) => timeout_at(until, stream.read_chunk(usize::MAX, true)).await.ok(),
                None => Some(stream.read_chunk(usize::MAX, true).await),
            }
        };
        let read = match &mut self.intake.closing {
            None => read.await,
            Some(closing) => tokio::select! {
                biased;
                read = read => read,
                _ = closing.wait_for(|closing| *closing) => return Err(LinkError::Closed),
            },
        };
        match read {
            None => Err(self.slow()),
            Some(Ok(chunk)) => Ok(chunk.map(|chunk| chunk.bytes)),
            Some(Err(ReadError::ConnectionLost(error))) => Err(close::lost(&self.address, &error)),
            Some(Err(ReadError::Reset(_))) => Err(self.lost("it gave up the stream")),
            Some(Err(other)) => Err(self.lost(&other.to_string())),
        }
    }

    fn slow(&self) -> LinkError {
        LinkError::Slow { address: self.address.to_string() }
    }

    fn lost(&self, reason: &str) -> LinkError {
        LinkError::Lost { address: self.address.to_string(), reason: reason.to_owned() }
    }
}

/// The header of the first frame of a long-lived stream.
pub(crate) fn opening_header(message: &Message, version: ProtocolVersion) -> FrameHeader {
    FrameHeader { exchange: Exchange::Stream, ..message.header(version) }
}
