//! How many bytes an end of tasks takes in a message, without encoding it: so that a worker cuts what it reports into
//! messages that fit, and knows beforehand what never will.

use nexus_model::{Cost, Diagnostic, Failure, Label, Outcome, Payload, TaskOutput};

use super::attempt::ArchivedFinishedTasksV1;
use super::outcome::{ArchivedDiagnosticV1, ArchivedFailureV1, ArchivedLabelV1, ArchivedNamedPayloadV1};
use crate::limits::COMMAND_MESSAGE_BYTES_MAX;
use crate::message::FinishedTasks;

/// Room for what stands in a message of ended tasks beside the ends.
const ENVELOPE_BYTES: usize = 64;

/// Bytes that `finished` takes in [`WorkerMessage::TasksFinished`](crate::WorkerMessage::TasksFinished), exactly.
pub fn finished_bytes(finished: &FinishedTasks) -> usize {
    size_of::<ArchivedFinishedTasksV1<'_>>() + outcome(&finished.outcome) + cost(&finished.cost)
}

/// Cuts ended tasks into parts, in order, each of which fits one message. An end that fits none (it is beyond
/// [`FINISHED_BYTES_MAX`](crate::limits::FINISHED_BYTES_MAX)) is a part of its own.
pub fn batches(tasks: Vec<FinishedTasks>) -> Vec<Vec<FinishedTasks>> {
    let mut batches: Vec<Vec<FinishedTasks>> = Vec::new();
    let mut filled = 0;
    for finished in tasks {
        let bytes = finished_bytes(&finished);
        match batches.last_mut() {
            Some(batch) if filled + bytes <= COMMAND_MESSAGE_BYTES_MAX - ENVELOPE_BYTES => {
                filled += bytes;
                batch.push(finished);
            }
            _ => {
                filled = bytes;
                batches.push(vec![finished]);
            }
        }
    }
    batches
}

/// What is archived beside the form itself, here and below.
fn outcome(outcome: &Outcome) -> usize {
    match outcome {
        Outcome::Succeeded(TaskOutput { result, outputs }) => {
            let named = |(name, output): &(String, Payload)| name.len() + payload(output);
            payload(result)
                + outputs.len() * size_of::<ArchivedNamedPayloadV1<'_>>()
                + outputs.iter().map(named).sum::<usize>()
        }
        Outcome::Failed(failed) => size_of::<ArchivedFailureV1<'_>>() + failure(failed),
        Outcome::Cancelled | Outcome::TimedOut => 0,
    }
}

fn payload(payload: &Payload) -> usize {
    match payload {
        Payload::Inline(bytes) => bytes.len(),
        Payload::Blob { hash, bytes: _ } => hash.0.len(),
    }
}

fn failure(failure: &Failure) -> usize {
    let found =
        failure.diagnostic.as_ref().map_or(0, |found| size_of::<ArchivedDiagnosticV1<'_>>() + diagnostic(found));
    failure.code.len() + failure.message.len() + found
}

fn diagnostic(diagnostic: &Diagnostic) -> usize {
    let Diagnostic { severity: _, code, message, file, primary, secondary, help } = diagnostic;
    let text = |label: &Label| label.text.len();
    code.len()
        + message.len()
        + file.len()
        + primary.as_ref().map_or(0, text)
        + secondary.len() * size_of::<ArchivedLabelV1<'_>>()
        + secondary.iter().map(text).sum::<usize>()
        + help.as_ref().map_or(0, String::len)
}

fn cost(cost: &Cost) -> usize {
    let Cost { wall: _, device, stdout, stderr, exit_code: _ } = cost;
    device.len() + stdout.iter().chain(stderr).map(payload).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use nexus_model::{AttemptToken, IndexRange, JobId, Severity, Span};

    use super::*;
    use crate::message::{AttemptRange, WorkerMessage};
    use crate::{decode_worker_message, encode_worker_message};

    fn finished(outcome: Outcome) -> FinishedTasks {
        let attempt = AttemptRange { job: JobId(1), range: IndexRange::new(0, 1), token: AttemptToken(2) };
        FinishedTasks { attempt, outcome, cost: Cost::default() }
    }

    fn inline(bytes: usize) -> Payload {
        Payload::Inline(vec![7; bytes].into())
    }

    #[test]
    fn the_size_of_an_end_is_exact() {
        let blob = Payload::Blob { hash: nexus_model::BlobHash([1; 32]), bytes: 9 };
        let label = Label { span: Span { start: 1, end: 2, line: 3, column: 4 }, text: "here".into() };
        let diagnostic = Diagnostic {
            severity: Severity::Error,
            code: "MC0407".into(),
            message: "no".into(),
            file: "a.mcode".into(),
            primary: Some(label.clone()),
            secondary: vec![label.clone(), label],
            help: Some("do".into()),
        };
        let failure = |diagnostic| Failure { code: "c".into(), message: "m".into(), diagnostic, retryable: true };
        let outputs = vec![("a".into(), inline(3)), ("bc".into(), blob.clone())];
        let mut ends = vec![
            finished(Outcome::Succeeded(TaskOutput { result: inline(9), outputs })),
            finished(Outcome::Failed(failure(None))),
            finished(Outcome::Failed(failure(Some(Box::new(diagnostic))))),
            finished(Outcome::Cancelled),
        ];
        ends[0].cost = Cost { device: "cpu".into(), stdout: Some(inline(5)), stderr: Some(blob), ..Cost::default() };
        let bytes = |tasks| encode_worker_message(&WorkerMessage::TasksFinished { sequence: 1, tasks }).unwrap().len();
        let empty = bytes(Vec::new());
        assert!(empty <= ENVELOPE_BYTES);
        for end in ends {
            assert_eq!(bytes(vec![end.clone()]) - empty, finished_bytes(&end), "{end:?}");
        }
    }

    #[test]
    fn batches_keep_the_order_and_fit_a_message() {
        let ends: Vec<FinishedTasks> = (0..200)
            .map(|i| finished(Outcome::Succeeded(TaskOutput { result: inline(65_536 - i), outputs: vec![] })))
            .collect();
        let batches = batches(ends.clone());
        assert_eq!(batches.len(), 4, "12.5 MiB in pieces of almost 4 MiB");
        for tasks in batches.iter().cloned() {
            let message = WorkerMessage::TasksFinished { sequence: 1, tasks };
            assert_eq!(decode_worker_message(&encode_worker_message(&message).unwrap()), Ok(message));
        }
        assert_eq!(batches.concat(), ends);
        assert!(super::batches(Vec::new()).is_empty());
    }
}
