//! What slots begin, and what they do not.

use std::sync::{Mutex, mpsc};

use nexus_model::{AttemptToken, Program};

use super::*;
use crate::payloads::MemoryPayloads;

const JOB: JobId = JobId(1);

/// A slot that knows a job of short tasks, and what it hands in.
fn slots() -> (Slots, mpsc::Receiver<Vec<FinishedTasks>>) {
    let (sender, received) = mpsc::channel();
    let sender = Mutex::new(sender);
    let hand_in = move |tasks| drop(sender.lock().expect("a sender").send(tasks));
    let capacity = NodeCapacity { slots: 1, memory_bytes: 0, devices: Vec::new() };
    let runner = TaskRunner::of_tests(Arc::new(MemoryPayloads::default()));
    let slots = Slots::start(&capacity, runner, (Box::new(hand_in), Box::new(|_| {}))).expect("a thread");
    let program = Program::MCode { file: "one.mcode".to_owned(), source: "1\n".into() };
    slots.describe(JOB, JobSpec::single("one", program));
    (slots, received)
}

fn attempt(start: u32, end: u32) -> AttemptRange {
    AttemptRange { job: JOB, range: IndexRange::new(start, end), token: AttemptToken(9) }
}

fn reason() -> Option<String> {
    Some("too much waits".to_owned())
}

#[test]
fn what_is_held_back_in_the_middle_of_a_chunk_is_not_begun() {
    let (slots, _received) = slots();
    slots.hold_back(reason());
    let chunk = Chunk { attempt: attempt(0, 100), is_suspect: false, cpus: 1, gpus: Default::default() };
    let job = slots.shared.lock().jobs[&JOB].clone();
    let ran = run_chunk(&slots.shared, 0, &slots.shared.places[0], &chunk, &job);
    assert_eq!((ran.tasks, ran.rest), (5, Some(attempt(5, 100))), "what was noted as begun runs");
}

#[test]
fn however_often_slots_are_held_back_each_task_ends_once() {
    const TASKS: u32 = 2000;
    let (slots, received) = slots();
    slots.assign([attempt(0, TASKS)]);
    let mut ended = vec![0; TASKS as usize];
    while ended.iter().sum::<u32>() < TASKS {
        slots.hold_back(reason());
        slots.hold_back(None);
        let tasks = received.recv().expect("the slot hands in what ended, also where it begins nothing more");
        for index in tasks.iter().flat_map(|finished| finished.attempt.range.start..finished.attempt.range.end) {
            ended[index as usize] += 1;
        }
    }
    assert_eq!(ended, vec![1; TASKS as usize]);
}
