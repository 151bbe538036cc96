//! How a task ended, and its packed form: what a result costs in memory and in a snapshot.
//!
//! Version 1 of the form (the snapshot names the version): a byte of kind, the node, the outcome, the cost. A number that
//! was returned in a microsecond on the CPU takes about 20 bytes.

use std::time::Duration;

use nexus_model::{
    BlobHash, Cost, Diagnostic, Failure, INLINE_BYTES_MAX, JobId, Label, NodeId, Outcome, Payload, Reused, Severity,
    Span, TaskOutput, TaskState,
};

use crate::packed::{Reader, Unreadable, write_bytes, write_number};

/// Most bytes of one packed end: a frame holds it.
pub(crate) const END_BYTES_MAX: usize = 4 << 20;

/// The end of a task.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct End {
    /// Where its last attempt was; `None` for a task that was on no node.
    pub(crate) node: Option<NodeId>,
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// What the last attempt used.
    pub(crate) cost: Cost,
    /// Where its result is from, if it was taken from an earlier job.
    pub(crate) reused: Option<Reused>,
}

mod kind {
    pub(super) const SUCCEEDED: u8 = 0;
    pub(super) const FAILED: u8 = 1;
    pub(super) const CANCELLED: u8 = 2;
    pub(super) const TIMED_OUT: u8 = 3;
    /// With the result of an earlier job; in place of the node, that job and when it was committed.
    pub(super) const REUSED: u8 = 4;
}

mod part {
    pub(super) const STDOUT: u8 = 1;
    pub(super) const STDERR: u8 = 2;
    pub(super) const EXIT_CODE: u8 = 4;
    pub(super) const ALL: u8 = 7;
}

/// Devices that take one byte. Codes are part of the stored form: append only. 0 is followed by the name.
const DEVICES: [&str; 3] = ["", "cpu", "gpu"];

/// Whether the ledger keeps such an outcome: every inline payload within its bound, and all of it within
/// [`END_BYTES_MAX`].
pub(crate) fn fits(outcome: &Outcome, cost: &Cost) -> bool {
    let inline = |payload: &Payload| match payload {
        Payload::Inline(bytes) => bytes.len(),
        Payload::Blob { .. } => 0,
    };
    let mut bytes = 0usize;
    let mut largest = 0usize;
    for payload in cost.stdout.iter().chain(&cost.stderr) {
        bytes += inline(payload);
        largest = largest.max(inline(payload));
    }
    bytes += cost.device.len();
    match outcome {
        Outcome::Succeeded(output) => {
            for payload in output.outputs.iter().map(|(_, payload)| payload).chain([&output.result]) {
                bytes += inline(payload) + 48;
                largest = largest.max(inline(payload));
            }
            bytes += output.outputs.iter().map(|(name, _)| name.len()).sum::<usize>();
        }
        Outcome::Failed(failure) => bytes += failure_bytes(failure),
        Outcome::Cancelled | Outcome::TimedOut => {}
    }
    largest <= INLINE_BYTES_MAX && bytes <= END_BYTES_MAX / 2
}

/// Bytes of the texts of a failure, roughly.
pub(crate) fn failure_bytes(failure: &Failure) -> usize {
    let diagnostic = failure.diagnostic.as_ref().map_or(0, |d| {
        let labels: usize = d.primary.iter().chain(&d.secondary).map(|l| l.text.len() + 24).sum();
        labels + d.code.len() + d.message.len() + d.file.len() + d.help.as_ref().map_or(0, String::len)
    });
    failure.code.len() + failure.message.len() + diagnostic
}

/// Appends the packed form.
pub(crate) fn pack(node: Option<NodeId>, outcome: &Outcome, cost: &Cost, out: &mut Vec<u8>) {
    out.push(match outcome {
        Outcome::Succeeded(_) => kind::SUCCEEDED,
        Outcome::Failed(_) => kind::FAILED,
        Outcome::Cancelled => kind::CANCELLED,
        Outcome::TimedOut => kind::TIMED_OUT,
    });
    write_number(node.map_or(0, |node| node.0), out);
    match outcome {
        Outcome::Succeeded(output) => pack_output(output, out),
        Outcome::Failed(failure) => pack_failure(failure, out),
        Outcome::Cancelled | Outcome::TimedOut => {}
    }
    pack_cost(cost, out);
}

/// Appends the packed form of a task that took its result from an earlier job.
pub(crate) fn pack_reused(from: Reused, output: &TaskOutput, cost: &Cost, out: &mut Vec<u8>) {
    out.push(kind::REUSED);
    write_number(from.job.0, out);
    write_number(from.committed_at_ms, out);
    pack_output(output, out);
    pack_cost(cost, out);
}

/// Reads the packed form; all of `bytes`.
pub(crate) fn unpack(bytes: &[u8]) -> Result<End, Unreadable> {
    let mut reader = Reader::new(bytes);
    let kind = reader.byte()?;
    let (node, reused) = match (kind, reader.number()?) {
        (kind::REUSED, job) => (None, Some(Reused { job: JobId(job), committed_at_ms: reader.number()? })),
        (_, 0) => (None, None),
        (_, node) => (Some(NodeId(node)), None),
    };
    let outcome = match kind {
        kind::SUCCEEDED | kind::REUSED => Outcome::Succeeded(unpack_output(&mut reader)?),
        kind::FAILED => Outcome::Failed(unpack_failure(&mut reader)?),
        kind::CANCELLED => Outcome::Cancelled,
        kind::TIMED_OUT => Outcome::TimedOut,
        _ => return Err(reader.damaged()),
    };
    let cost = unpack_cost(&mut reader)?;
    reader.end()?;
    Ok(End { node, outcome, cost, reused })
}

/// The state of a task whose packed end begins with `kind`.
pub(crate) fn state(kind: u8) -> Option<TaskState> {
    match kind {
        kind::SUCCEEDED | kind::REUSED => Some(TaskState::Succeeded),
        kind::FAILED => Some(TaskState::Failed),
        kind::CANCELLED => Some(TaskState::Cancelled),
        kind::TIMED_OUT => Some(TaskState::TimedOut),
        _ => None,
    }
}

/// Nanoseconds, at most the 584 years that 64 bits hold.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn pack_cost(cost: &Cost, out: &mut Vec<u8>) {
    let part = |present: bool, bit: u8| if present { bit } else { 0 };
    out.push(
        part(cost.stdout.is_some(), part::STDOUT)
            | part(cost.stderr.is_some(), part::STDERR)
            | part(cost.exit_code.is_some(), part::EXIT_CODE),
    );
    write_number(nanoseconds(cost.wall), out);
    match DEVICES.iter().position(|device| *device == cost.device) {
        Some(position) => out.push(position as u8 + 1),
        None => {
            out.push(0);
            write_bytes(cost.device.as_bytes(), out);
        }
    }
    for payload in cost.stdout.iter().chain(&cost.stderr) {
        pack_payload(payload, out);
    }
    if let Some(code) = cost.exit_code {
        out.extend_from_slice(&code.to_le_bytes());
    }
}

fn unpack_cost(reader: &mut Reader<'_>) -> Result<Cost, Unreadable> {
    let parts = reader.byte()?;
    if parts & !part::ALL != 0 {
        return Err(reader.damaged());
    }
    let wall = Duration::from_nanos(reader.number()?);
    let device = match reader.byte()? {
        0 => reader.text()?,
        n => DEVICES.get(usize::from(n) - 1).ok_or(reader.damaged())?.to_string(),
    };
    let mut payload = |bit: u8| (parts & bit != 0).then(|| unpack_payload(reader)).transpose();
    let stdout = payload(part::STDOUT)?;
    let stderr = payload(part::STDERR)?;
    let exit_code = match parts & part::EXIT_CODE {
        0 => None,
        _ => Some(i32::from_le_bytes(reader.take(4)?.try_into().expect("take(4) gives four bytes"))),
    };
    Ok(Cost { wall, device, stdout, stderr, exit_code })
}

fn pack_output(output: &TaskOutput, out: &mut Vec<u8>) {
    pack_payload(&output.result, out);
    write_number(output.outputs.len() as u64, out);
    for (name, payload) in &output.outputs {
        write_bytes(name.as_bytes(), out);
        pack_payload(payload, out);
    }
}

fn unpack_output(reader: &mut Reader<'_>) -> Result<TaskOutput, Unreadable> {
    let result = unpack_payload(reader)?;
    let count = reader.count()?;
    let outputs =
        (0..count).map(|_| Ok((reader.text()?, unpack_payload(reader)?))).collect::<Result<_, Unreadable>>()?;
    Ok(TaskOutput { result, outputs })
}

fn pack_payload(payload: &Payload, out: &mut Vec<u8>) {
    match payload {
        Payload::Inline(bytes) => {
            out.push(0);
            write_bytes(bytes, out);
        }
        Payload::Blob { hash, bytes } => {
            out.push(1);
            out.extend_from_slice(&hash.0);
            write_number(*bytes, out);
        }
    }
}

fn unpack_payload(reader: &mut Reader<'_>) -> Result<Payload, Unreadable> {
    match reader.byte()? {
        0 => Ok(Payload::Inline(reader.bytes()?.into())),
        1 => {
            let hash = BlobHash(reader.take(32)?.try_into().expect("take(32) gives 32 bytes"));
            Ok(Payload::Blob { hash, bytes: reader.number()? })
        }
        _ => Err(reader.damaged()),
    }
}

fn pack_failure(failure: &Failure, out: &mut Vec<u8>) {
    write_bytes(failure.code.as_bytes(), out);
    write_bytes(failure.message.as_bytes(), out);
    out.push(u8::from(failure.retryable));
    out.push(u8::from(failure.diagnostic.is_some()));
    if let Some(diagnostic) = &failure.diagnostic {
        out.push(match diagnostic.severity {
            Severity::Warning => 0,
            Severity::Error => 1,
        });
        for text in [&diagnostic.code, &diagnostic.message, &diagnostic.file] {
            write_bytes(text.as_bytes(), out);
        }
        out.push(u8::from(diagnostic.primary.is_some()));
        diagnostic.primary.iter().for_each(|label| pack_label(label, out));
        write_number(diagnostic.secondary.len() as u64, out);
        diagnostic.secondary.iter().for_each(|label| pack_label(label, out));
        out.push(u8::from(diagnostic.help.is_some()));
        diagnostic.help.iter().for_each(|help| write_bytes(help.as_bytes(), out));
    }
}

fn unpack_failure(reader: &mut Reader<'_>) -> Result<Failure, Unreadable> {
    let code = reader.text()?;
    let message = reader.text()?;
    let retryable = unpack_bool(reader)?;
    let diagnostic = if unpack_bool(reader)? { Some(Box::new(unpack_diagnostic(reader)?)) } else { None };
    Ok(Failure { code, message, diagnostic, retryable })
}

fn unpack_diagnostic(reader: &mut Reader<'_>) -> Result<Diagnostic, Unreadable> {
    let severity = if unpack_bool(reader)? { Severity::Error } else { Severity::Warning };
    let (code, message, file) = (reader.text()?, reader.text()?, reader.text()?);
    let primary = if unpack_bool(reader)? { Some(unpack_label(reader)?) } else { None };
    let count = reader.count()?;
    let secondary = (0..count).map(|_| unpack_label(reader)).collect::<Result<_, _>>()?;
    let help = if unpack_bool(reader)? { Some(reader.text()?) } else { None };
    Ok(Diagnostic { severity, code, message, file, primary, secondary, help })
}

fn unpack_bool(reader: &mut Reader<'_>) -> Result<bool, Unreadable> {
    match reader.byte()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(reader.damaged()),
    }
}

fn pack_label(label: &Label, out: &mut Vec<u8>) {
    let Span { start, end, line, column } = label.span;
    [start, end, line, column].into_iter().for_each(|n| write_number(u64::from(n), out));
    write_bytes(label.text.as_bytes(), out);
}

fn unpack_label(reader: &mut Reader<'_>) -> Result<Label, Unreadable> {
    let mut number = || reader.number_u32();
    let span = Span { start: number()?, end: number()?, line: number()?, column: number()? };
    Ok(Label { span, text: reader.text()? })
}
