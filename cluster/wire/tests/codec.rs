//! Messages survive the trip through bytes; any bytes at all are answered with a message within its bounds or an error; and
//! what one side would refuse, the other does not send.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod messages;

use std::time::Duration;

use messages::{leader_message, request, response, worker_message};
use nexus_model::*;
use nexus_wire::archived::{ARGUMENTS_BYTES_MAX, DURATION_MAX, NAME_BYTES_MAX, TEXT_BYTES_MAX};
use nexus_wire::*;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// Decodes as each type of message. What is a message can be encoded and is the same message again.
fn decode_everything(bytes: &[u8]) {
    if let Ok(message) = decode_request(bytes) {
        assert_same(decode_request(&encode_request(&message).unwrap()), message);
    }
    if let Ok(message) = decode_response(bytes) {
        assert_same(decode_response(&encode_response(&message).unwrap()), message);
    }
    if let Ok(message) = decode_worker_message(bytes) {
        assert_same(decode_worker_message(&encode_worker_message(&message).unwrap()), message);
    }
    if let Ok(message) = decode_leader_message(bytes) {
        assert_same(decode_leader_message(&encode_leader_message(&message).unwrap()), message);
    }
    let _ = decode_join(bytes);
}

/// Equal as text, in which NaN is itself.
fn assert_same<T: std::fmt::Debug>(again: Result<T, WireError>, message: T) {
    assert_eq!(format!("{:?}", again.unwrap()), format!("{message:?}"));
}

/// The same bytes at an odd address.
fn shifted(bytes: &[u8]) -> Vec<u8> {
    [[0].as_slice(), bytes].concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn requests_survive_the_round_trip(message in request()) {
        let bytes = encode_request(&message).unwrap();
        prop_assert_eq!(decode_request(&shifted(&bytes)[1..]), Ok(message.clone()));
        prop_assert_eq!(decode_request(&bytes), Ok(message));
    }

    #[test]
    fn responses_survive_the_round_trip(message in response()) {
        let bytes = encode_response(&message).unwrap();
        prop_assert_eq!(decode_response(&shifted(&bytes)[1..]), Ok(message.clone()));
        prop_assert_eq!(decode_response(&bytes), Ok(message));
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
    fn any_bytes_are_answered(version in 0..3u8, kind in 0..20u8, archive in vec(any::<u8>(), 0..400)) {
        decode_everything(&archive);
        decode_everything(&[[version, kind].as_slice(), &archive].concat());
    }

    #[test]
    fn damaged_messages_are_answered(
        messages in (request(), response(), worker_message(), leader_message()),
        bits in vec((any::<Index>(), 0..8u8), 1..4),
        bytes in vec((any::<Index>(), any::<u8>()), 0..3),
        cut in any::<Index>(),
    ) {
        let (request, response, worker_message, leader_message) = messages;
        for mut body in [
            encode_request(&request).unwrap(),
            encode_response(&response).unwrap(),
            encode_worker_message(&worker_message).unwrap(),
            encode_leader_message(&leader_message).unwrap(),
        ] {
            let length = body.len();
            bits.iter().for_each(|(index, bit)| body[index.index(length)] ^= 1 << bit);
            decode_everything(&body);
            bytes.iter().for_each(|(index, byte)| body[index.index(length)] = *byte);
            decode_everything(&body);
            decode_everything(&body[..cut.index(length)]);
        }
    }
}

/// A body of our version and that kind, with an archive that ends in many zeros.
fn body(version: u8, kind: u8) -> Vec<u8> {
    [[version, kind].as_slice(), &[0; 500]].concat()
}

#[test]
fn a_relay_in_a_relay_is_refused_on_both_sides() {
    let caller = RelayedCaller { role: NodeRole::Admin, node: None, name: "ada".into() };
    let relay = |request| {
        let request = Box::new(request);
        Request::Cluster(Box::new(ClusterRequest::Relay { caller: caller.clone(), request }))
    };
    let once = relay(Request::GetStatus);
    assert_eq!(decode_request(&encode_request(&once).unwrap()).as_ref(), Ok(&once));
    assert!(matches!(encode_request(&relay(once.clone())), Err(WireError::Kind { .. })));
    // The same as bytes: the inner request's kind is that of a relay.
    let mut bytes = encode_request(&once).unwrap();
    let inner = encode_request(&Request::GetStatus).unwrap();
    let at = bytes.windows(inner.len()).position(|window| window == inner).unwrap();
    bytes[at + 1] = bytes[1];
    assert!(matches!(decode_request(&bytes), Err(WireError::Kind { .. })));
}

#[test]
fn a_kind_of_a_newer_neighbour_is_named_in_the_error() {
    for kind in [0, 99, 255] {
        let expected = |what| Err::<(), _>(WireError::Kind { what, kind });
        assert_eq!(decode_request(&body(1, kind)).map(|_| ()), expected("request"));
        assert_eq!(decode_response(&body(1, kind)).map(|_| ()), expected("response"));
        assert_eq!(decode_worker_message(&body(1, kind)).map(|_| ()), expected("worker message"));
        assert_eq!(decode_leader_message(&body(1, kind)).map(|_| ()), expected("leader message"));
    }
    let error = decode_request(&body(1, 99)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "this build does not know request kind 99; the sender may be newer: upgrade this node"
    );
}

#[test]
fn a_variant_of_a_newer_neighbour_is_named_in_the_error() {
    // The detail is the last byte of the form.
    let list = Request::ListTasks { job: JobId(1), range: IndexRange::new(0, 9), detail: TaskDetail::Full };
    let mut bytes = encode_request(&list).unwrap();
    *bytes.last_mut().unwrap() = 9;
    let error = decode_request(&bytes).unwrap_err().to_string();
    assert!(error.contains('9') && error.contains("TaskDetail"), "{error}");
}

#[test]
fn another_body_version_is_refused_by_number() {
    for version in [0, 2, 255] {
        assert_eq!(decode_request(&body(version, 1)), Err(WireError::Version { what: "request", version }));
    }
    assert_eq!(decode_response(&[1]), Err(WireError::Truncated { what: "response", found: 1 }));
}

#[test]
fn a_machine_without_a_certificate_can_only_ask_to_join() {
    let join = JoinRequest {
        token: "nxt-1".into(),
        csr_pem: "csr".into(),
        client_csr_pem: "client".into(),
        name: "mini".into(),
        address: "10.0.0.2:7401".into(),
        capacity: NodeCapacity { slots: 8, memory_bytes: 1 << 34, devices: vec![] },
    };
    let bytes = encode_request(&Request::Join(Box::new(join.clone()))).unwrap();
    assert_eq!(decode_join(&bytes), Ok(join));
    let bytes = encode_request(&Request::GetStatus).unwrap();
    assert!(matches!(decode_join(&bytes), Err(WireError::Kind { what: "join request", .. })));
}

#[test]
fn what_does_not_fit_a_frame_is_refused_on_both_sides() {
    let large = Request::Raft(vec![0; limits::FRAME_BYTES_MAX - 2]);
    let bytes = encode_request(&large).unwrap();
    assert_eq!(bytes.len(), limits::FRAME_BYTES_MAX);
    assert_eq!(decode_request(&bytes), Ok(large));
    let larger = Request::Raft(vec![0; limits::FRAME_BYTES_MAX - 1]);
    assert!(matches!(encode_request(&larger), Err(WireError::TooLarge { what: "request", .. })));
    let bytes = vec![1; limits::FRAME_BYTES_MAX + 1];
    assert!(matches!(decode_response(&bytes), Err(WireError::TooLarge { what: "response", .. })));
}

#[test]
fn what_becomes_an_entry_of_the_log_fits_one() {
    let submit = |bytes: usize| {
        let program = Program::MCode { file: "a.mcode".into(), source: "x".repeat(bytes).into() };
        encode_request(&Request::SubmitJob { spec: Box::new(JobSpec::single("a", program)), key: None })
    };
    let most = limits::COMMAND_MESSAGE_BYTES_MAX;
    let beside = submit(0).unwrap().len();
    assert_eq!(submit(most - beside).unwrap().len(), most);
    assert_eq!(submit(most - beside + 1), Err(WireError::TooLarge { what: "request", found: most + 1, most }));

    let outputs = |count: usize| {
        let output = Payload::Inline(vec![7; INLINE_BYTES_MAX].into());
        finished(Outcome::Succeeded(TaskOutput { result: output.clone(), outputs: vec![("y".into(), output); count] }))
    };
    assert!(encode_worker_message(&outputs(29)).is_ok());
    let error = encode_worker_message(&outputs(31)).unwrap_err();
    assert!(matches!(error, WireError::TooLarge { what: "end of a task", .. }), "{error}");
}

fn finished(outcome: Outcome) -> WorkerMessage {
    let attempt = AttemptRange { job: JobId(1), range: IndexRange::new(0, 1), token: AttemptToken(2) };
    WorkerMessage::TasksFinished { sequence: 1, tasks: vec![FinishedTasks { attempt, outcome, cost: Cost::default() }] }
}

#[test]
fn what_is_beyond_its_bound_is_refused_before_it_is_sent() {
    let piece = |total, offset, len| Request::WriteBlob { hash: BlobHash([0; 32]), total, offset, bytes: vec![0; len] };
    let most = limits::BLOB_CHUNK_BYTES;
    let error = WireError::TooLarge { what: "piece of a blob", found: most + 1, most };
    assert_eq!(encode_request(&piece(1 << 30, 0, most + 1)), Err(error));
    for (total, offset) in [(9, 0), (10, 1), (20, u64::MAX)] {
        assert_eq!(encode_request(&piece(total, offset, 10)), Err(WireError::Piece { offset, found: 10, total }));
    }

    let result = Payload::Inline(vec![0; INLINE_BYTES_MAX + 1].into());
    let succeeded = finished(Outcome::Succeeded(TaskOutput { result, outputs: vec![] }));
    let error = encode_worker_message(&succeeded).unwrap_err();
    assert_eq!(error.to_string(), "the inline payload takes 65537 bytes; the most is 65536");

    let failure = |code: usize, message: usize| {
        let (code, message) = ("c".repeat(code), "m".repeat(message));
        encode_worker_message(&finished(Outcome::Failed(Failure { code, message, diagnostic: None, retryable: true })))
    };
    assert!(failure(NAME_BYTES_MAX, TEXT_BYTES_MAX).is_ok());
    assert!(matches!(failure(NAME_BYTES_MAX + 1, 0), Err(WireError::TooLarge { what: "failure's code", .. })));
    assert!(matches!(failure(6, TEXT_BYTES_MAX + 1), Err(WireError::TooLarge { what: "failure's message", .. })));

    let wait = Request::WaitJob { job: JobId(1), seen: 0, patience: Duration::MAX };
    assert_eq!(encode_request(&wait), Err(WireError::TooLong { what: "patience", found: Duration::MAX }));
    let range = IndexRange::new(2, 1);
    let list = Request::ListTasks { job: JobId(1), range, detail: TaskDetail::State };
    assert_eq!(encode_request(&list), Err(WireError::Range(range)));
}

#[test]
fn what_is_beyond_its_bound_is_refused_when_it_comes_all_the_same() {
    let find = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).position(|window| window == what).unwrap();
    let patience = DURATION_MAX - Duration::from_secs(1);
    let wait = Request::WaitJob { job: JobId(1), seen: 0, patience };
    let mut bytes = encode_request(&wait).unwrap();
    let at = find(&bytes, &patience.as_secs().to_le_bytes());
    bytes[at..at + 8].fill(0xff);
    assert!(matches!(decode_request(&bytes), Err(WireError::TooLong { what: "patience", .. })));
    bytes[at + 8..at + 12].fill(0xff);
    assert!(matches!(decode_request(&bytes), Err(WireError::Value(_))));

    let list = Request::ListTasks { job: JobId(1), range: IndexRange::new(0x0101, 0x0202), detail: TaskDetail::State };
    let mut bytes = encode_request(&list).unwrap();
    let at = find(&bytes, &0x0202u32.to_le_bytes());
    bytes[at..at + 4].fill(0);
    assert_eq!(decode_request(&bytes), Err(WireError::Range(IndexRange::new(0x0101, 0))));
}

#[test]
fn arguments_are_bounded_in_depth_and_in_all() {
    let submit = |values: Vec<Value>| {
        let mut spec = JobSpec::single("a", Program::MCode { file: "a.mcode".into(), source: "".into() });
        let arguments = values.into_iter().enumerate();
        spec.arguments = arguments.map(|(i, value)| (format!("a{i}"), ArgumentSource::Value(value))).collect();
        encode_request(&Request::SubmitJob { spec: Box::new(spec), key: None })
    };
    let mut deep = Value::None;
    for _ in 0..=VALUE_DEPTH_MAX {
        deep = Value::List(vec![deep]);
    }
    assert_eq!(submit(vec![deep]), Err(WireError::Argument(CodecError::Depth)));
    let text = |bytes| Value::String("x".repeat(bytes));
    assert!(submit(vec![text(ARGUMENTS_BYTES_MAX / 2), text(ARGUMENTS_BYTES_MAX / 2 - 100)]).is_ok());
    let error = submit(vec![text(ARGUMENTS_BYTES_MAX / 2), text(ARGUMENTS_BYTES_MAX / 2)]).unwrap_err();
    assert!(matches!(error, WireError::TooLarge { what: "job's arguments", .. }), "{error}");
}
