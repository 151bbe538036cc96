//! Messages survive the trip through bytes, any bytes are answered with a message or an error, and the bytes of version 1
//! never change.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod messages;

use std::time::Duration;

use messages::{leader_message, request, response, worker_message};
use nexus_model::*;
use nexus_wire::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// The same bytes where no archive can be read in place.
fn unaligned(bytes: &[u8]) -> Vec<u8> {
    let mut shifted = vec![0; 1];
    shifted.extend_from_slice(bytes);
    shifted
}

fn decode_everything(bytes: &[u8]) {
    let _ = decode_request(bytes);
    let _ = decode_response(bytes);
    let _ = decode_worker_message(bytes);
    let _ = decode_leader_message(bytes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn requests_survive_the_round_trip(message in request()) {
        let bytes = encode_request(&message).unwrap();
        prop_assert_eq!(decode_request(&bytes), Ok(message.clone()));
        prop_assert_eq!(decode_request(&unaligned(&bytes)[1..]), Ok(message));
    }

    #[test]
    fn responses_survive_the_round_trip(message in response()) {
        let bytes = encode_response(&message).unwrap();
        prop_assert_eq!(decode_response(&bytes), Ok(message.clone()));
        prop_assert_eq!(decode_response(&unaligned(&bytes)[1..]), Ok(message));
    }

    #[test]
    fn worker_messages_survive_the_round_trip(message in worker_message()) {
        let bytes = encode_worker_message(&message).unwrap();
        prop_assert_eq!(decode_worker_message(&bytes), Ok(message));
    }

    #[test]
    fn leader_messages_survive_the_round_trip(message in leader_message()) {
        let bytes = encode_leader_message(&message).unwrap();
        prop_assert_eq!(decode_leader_message(&bytes), Ok(message));
    }

    #[test]
    fn any_bytes_are_answered(bytes in vec(any::<u8>(), 0..400)) {
        decode_everything(&bytes);
    }

    #[test]
    fn damaged_messages_are_answered(
        message in request(),
        finished in worker_message(),
        changes in vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<proptest::sample::Index>(),
    ) {
        for mut bytes in [encode_request(&message).unwrap(), encode_worker_message(&finished).unwrap()] {
            for (index, byte) in &changes {
                let index = index.index(bytes.len());
                bytes[index] = *byte;
            }
            decode_everything(&bytes);
            decode_everything(&bytes[..cut.index(bytes.len())]);
        }
    }
}

#[test]
fn what_does_not_fit_a_frame_is_refused_on_both_sides() {
    let large = Request::Raft(vec![0; limits::FRAME_BYTES_MAX]);
    assert!(matches!(encode_request(&large), Err(WireError::TooLarge(_))));
    assert!(matches!(decode_request(&vec![0; limits::FRAME_BYTES_MAX + 1]), Err(WireError::TooLarge(_))));
}

#[test]
fn values_that_no_type_allows_are_refused() {
    let piece = vec![0; limits::BLOB_CHUNK_BYTES + 1];
    let write = Request::WriteBlob { hash: BlobHash([0; 32]), total: 9, offset: 0, bytes: piece };
    let error = WireError::Value("a piece of a blob above its bound");
    assert_eq!(decode_request(&encode_request(&write).unwrap()), Err(error));

    let mut deep = Value::None;
    for _ in 0..=VALUE_DEPTH_MAX {
        deep = Value::List(vec![deep]);
    }
    let mut spec = sample_spec();
    spec.arguments = vec![("n".into(), ArgumentSource::Value(deep))];
    let submit = Request::SubmitJob { spec: Box::new(spec), key: None };
    assert_eq!(encode_request(&submit), Err(WireError::Argument(CodecError::Depth)));

    let result = Payload::Inline(vec![0; INLINE_BYTES_MAX + 1].into());
    let outcome = Outcome::Succeeded(TaskOutput { result, outputs: vec![] });
    let attempt = AttemptRange { job: JobId(1), range: IndexRange::new(0, 1), token: AttemptToken(2) };
    let finished = FinishedTasks { attempt, outcome, cost: Cost::default() };
    let message = WorkerMessage::TasksFinished { sequence: 1, tasks: vec![finished] };
    let error = WireError::Value("an inline payload above its bound");
    assert_eq!(decode_worker_message(&encode_worker_message(&message).unwrap()), Err(error));
}

fn sample_spec() -> JobSpec {
    let source = "function f(n)\n    return n\nend\n".into();
    let mut spec = JobSpec::single("sweep.mcode", Program::MCode { file: "sweep.mcode".into(), source });
    spec.user = "ada".into();
    spec.tasks = IndexRange::new(0, 400);
    spec.is_array = true;
    spec.arguments = vec![
        ("lr".into(), ArgumentSource::Logarithmic { from: 1e-4, to: 1e-1 }),
        ("n".into(), ArgumentSource::Value(Value::Int(10))),
    ];
    spec.inputs = vec![Input { name: "x".into(), payload: Payload::Inline([1, 3].as_slice().into()) }];
    spec.limits = Limits::level(LimitLevel::Medium);
    spec.timeout = Some(Duration::from_millis(1500));
    spec.priority = -3;
    spec
}

fn sample_worker_message() -> WorkerMessage {
    let attempt = AttemptRange { job: JobId(17), range: IndexRange::new(112, 113), token: AttemptToken(9001) };
    let output = TaskOutput {
        result: Payload::Inline([1, 0].as_slice().into()),
        outputs: vec![("y".into(), Payload::Blob { hash: BlobHash([7; 32]), bytes: 1 << 20 })],
    };
    let cost = Cost {
        wall: Duration::from_micros(41),
        device: "cpu".into(),
        stdout: Some(Payload::Inline(b"hello\n".as_slice().into())),
        stderr: None,
        exit_code: Some(0),
    };
    let tasks = vec![FinishedTasks { attempt, outcome: Outcome::Succeeded(output), cost }];
    WorkerMessage::TasksFinished { sequence: 3, tasks }
}

fn sample_response() -> Response {
    let failure = Failure { code: "NX0301".into(), message: "gone".into(), diagnostic: None, retryable: true };
    Response::Job(Box::new(JobView {
        job: JobId(17),
        name: "sweep.mcode".into(),
        user: "ada".into(),
        state: JobState::Failed,
        tasks: IndexRange::new(0, 400),
        is_array: true,
        counts: [0, 0, 0, 0, 399, 1, 0, 0],
        by_node: vec![(NodeId(1), 141), (NodeId(2), 258)],
        submitted_at_ms: 1_795_000_000_000,
        started_at_ms: Some(1_795_000_000_001),
        finished_at_ms: None,
        first_failure: Some((TaskId { job: JobId(17), index: 112 }, failure)),
    }))
}

fn hex(bytes: &[u8]) -> String {
    bytes.chunks(32).map(|line| line.iter().map(|b| format!("{b:02x}")).collect::<String>() + "\n").collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Bytes that were written once and are never changed. `NEXUS_WRITE_FIXTURES=1 cargo test` writes those that are missing.
fn fixture(name: &str, bytes: &[u8]) -> Vec<u8> {
    let path = format!("{}/tests/fixtures/{name}.hex", env!("CARGO_MANIFEST_DIR"));
    if std::env::var_os("NEXUS_WRITE_FIXTURES").is_some() && !std::path::Path::new(&path).exists() {
        std::fs::write(&path, hex(bytes)).unwrap();
    }
    unhex(&std::fs::read_to_string(&path).unwrap())
}

#[test]
fn the_bytes_of_version_1_never_change() {
    let submit = Request::SubmitJob { spec: Box::new(sample_spec()), key: Some("run-1".into()) };
    let bytes = encode_request(&submit).unwrap();
    let kept = fixture("submit-v1", &bytes);
    assert_eq!((decode_request(&kept), kept), (Ok(submit.clone()), bytes));

    let bytes = encode_worker_message(&sample_worker_message()).unwrap();
    let kept = fixture("tasks-finished-v1", &bytes);
    assert_eq!((decode_worker_message(&kept), kept), (Ok(sample_worker_message()), bytes));

    let bytes = encode_response(&sample_response()).unwrap();
    let kept = fixture("job-v1", &bytes);
    assert_eq!((decode_response(&kept), kept), (Ok(sample_response()), bytes));

    let Request::SubmitJob { spec, .. } = submit else { unreachable!() };
    let describe = LeaderMessage::DescribeJob { job: JobId(17), spec };
    let bytes = encode_leader_message(&describe).unwrap();
    let kept = fixture("describe-job-v1", &bytes);
    assert_eq!((decode_leader_message(&kept), kept), (Ok(describe), bytes));
}
