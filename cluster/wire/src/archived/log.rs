//! Pieces of the logs of running tasks.

use nexus_model::{JobId, TaskId};
use rkyv::with::InlineAsBox;
use rkyv::{Archive, Serialize};

use super::body::{Body, Kind, SMALL_BYTES};
use super::bounds::{Bounded, bytes, duration};
use super::{DurationV1, WireError, plain_enum};
use crate::limits::LOG_PIECE_BYTES;
use crate::log::{LogPiece, LogPosition, LogQuery, LogState};

#[derive(Archive, Serialize)]
struct LogQueryV1 {
    job: u64,
    index: u32,
    attempt: u32,
    stdout_from: u64,
    stderr_from: u64,
    patience: DurationV1,
}

plain_enum!(
    /// [`LogState`].
    LogStateV1, ArchivedLogStateV1, LogState { Waiting = 0, Running = 1, Ended = 2 }
);

#[derive(Archive, Serialize)]
struct LogPieceV1<'a> {
    state: LogStateV1,
    attempt: u32,
    stdout_from: u64,
    stderr_from: u64,
    #[rkyv(with = InlineAsBox)]
    stdout: &'a [u8],
    #[rkyv(with = InlineAsBox)]
    stderr: &'a [u8],
}

pub(super) fn encode_log_query(kind: Kind, query: &LogQuery) -> Result<Vec<u8>, WireError> {
    kind.write(&LogQueryV1 {
        job: query.task.job.0,
        index: query.task.index,
        attempt: query.attempt,
        stdout_from: query.from.stdout,
        stderr_from: query.from.stderr,
        patience: query.patience.into(),
    })
}

pub(super) fn log_query(body: Body<'_>) -> Result<LogQuery, WireError> {
    let form: &ArchivedLogQueryV1 = body.form()?;
    Ok(LogQuery {
        task: TaskId { job: JobId(form.job.to_native()), index: form.index.to_native() },
        attempt: form.attempt.to_native(),
        from: LogPosition { stdout: form.stdout_from.to_native(), stderr: form.stderr_from.to_native() },
        patience: (&form.patience).try_into()?,
    })
}

pub(super) fn encode_log_piece(kind: Kind, piece: &LogPiece) -> Result<Vec<u8>, WireError> {
    let room = piece.stdout.len() + piece.stderr.len() + SMALL_BYTES;
    kind.write_large(
        room,
        &LogPieceV1 {
            state: piece.state.into(),
            attempt: piece.attempt,
            stdout_from: piece.from.stdout,
            stderr_from: piece.from.stderr,
            stdout: &piece.stdout,
            stderr: &piece.stderr,
        },
    )
}

pub(super) fn log_piece(body: Body<'_>) -> Result<LogPiece, WireError> {
    let form: &ArchivedLogPieceV1<'_> = body.form()?;
    Ok(LogPiece {
        state: (&form.state).into(),
        attempt: form.attempt.to_native(),
        from: LogPosition { stdout: form.stdout_from.to_native(), stderr: form.stderr_from.to_native() },
        stdout: form.stdout.to_vec(),
        stderr: form.stderr.to_vec(),
    })
}

impl Bounded for LogQuery {
    fn check_bounds(&self) -> Result<(), WireError> {
        duration("patience", Some(self.patience))
    }
}

impl Bounded for LogPiece {
    fn check_bounds(&self) -> Result<(), WireError> {
        bytes("piece of stdout", self.stdout.len(), LOG_PIECE_BYTES)?;
        bytes("piece of stderr", self.stderr.len(), LOG_PIECE_BYTES)
    }
}
