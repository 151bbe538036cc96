//! Which blobs the ledger refers to, for as long as it has the jobs and schedules that do.

#![expect(dead_code, reason = "the shared words are for members and snapshots, too")]

mod cluster;

use std::collections::BTreeSet;
use std::time::Duration;

use cluster::{Cluster, range, spec};
use nexus_ledger::{Command, Copied};
use nexus_model::{BlobHash, Cost, Input, JobSpec, NodeId, Outcome, Payload, Recurrence, ScheduleId, TaskOutput};
use nexus_wire::FinishedTasks;

fn blob(n: u8) -> Payload {
    Payload::Blob { hash: BlobHash([n; 32]), bytes: 1 << 20 }
}

fn with_input(n: u8) -> JobSpec {
    let mut spec = spec(2);
    spec.inputs.push(Input { name: "data".into(), payload: blob(n) });
    spec
}

fn blobs(cluster: &Cluster) -> BTreeSet<u8> {
    let here: BTreeSet<u8> = cluster.ledger.blobs().iter().map(|hash| hash.0[0]).collect();
    let restored: BTreeSet<u8> = cluster.restored().blobs().iter().map(|hash| hash.0[0]).collect();
    assert_eq!(here, restored, "a snapshot refers to the same");
    here
}

#[test]
fn what_went_in_and_what_came_out_is_referred_to_until_the_job_is_forgotten() {
    let mut cluster = Cluster::new();
    let job = cluster.submit(with_input(1));
    assert_eq!(blobs(&cluster), BTreeSet::from([1]));
    for (index, [result, output, stdout, stderr]) in [[2, 3, 4, 5], [6, 7, 8, 9]].into_iter().enumerate() {
        let attempt = cluster.assign(job, range(index as u32, index as u32 + 1), 1);
        let output = TaskOutput { result: blob(result), outputs: vec![("model".into(), blob(output))] };
        let cost = Cost {
            wall: Duration::from_millis(1),
            device: "cpu".into(),
            stdout: Some(blob(stdout)),
            stderr: Some(blob(stderr)),
            exit_code: None,
        };
        let ended = FinishedTasks { attempt, outcome: Outcome::Succeeded(output), cost };
        cluster.ok(Command::FinishTasks { node: NodeId(1), tasks: vec![ended], at_ms: 30 });
    }
    assert_eq!(blobs(&cluster), (1..=9).collect());
    cluster.ok(Command::ForgetJob { job });
    assert_eq!(blobs(&cluster), BTreeSet::new());
}

#[test]
fn results_that_are_wanted_on_several_machines_are_told_newest_first_and_no_others() {
    let mut cluster = Cluster::new();
    let mut wanted = Vec::new();
    for (copies, first) in [(0, 1), (2, 3), (3, 5)] {
        let mut spec = spec(2);
        spec.selection.copies = copies;
        let job = cluster.submit(spec);
        let attempt = cluster.assign(job, range(0, 1), 1);
        let output = TaskOutput { result: blob(first), outputs: vec![("model".into(), blob(first + 1))] };
        cluster.finish(1, attempt, Outcome::Succeeded(output));
        let attempt = cluster.assign(job, range(1, 2), 1);
        cluster.finish(
            1,
            attempt,
            Outcome::Succeeded(TaskOutput { result: Payload::Inline([1].as_slice().into()), outputs: vec![] }),
        );
        wanted.extend([first, first + 1].map(|n| Copied { job, blob: BlobHash([n; 32]), bytes: 1 << 20, copies }));
    }
    let newest = [wanted[4].clone(), wanted[5].clone(), wanted[2].clone(), wanted[3].clone()];
    assert_eq!(cluster.ledger.copied(None, 99), newest);
    assert_eq!(cluster.restored().copied(None, 3), newest[..3]);
    let behind = |result: &Copied, results| cluster.ledger.copied(Some((result.job, results)), 2);
    assert_eq!(behind(&newest[0], 1), newest[1..3]);
    assert_eq!(behind(&newest[0], 2), newest[2..]);
    assert_eq!(behind(&newest[2], 1), newest[3..]);
    assert_eq!(behind(&newest[2], 2), []);
}

#[test]
fn a_schedule_refers_to_its_inputs_until_it_ends() {
    let mut cluster = Cluster::new();
    let recurrence = Recurrence { cron: "@hourly".into(), utc_offset_minutes: 0 };
    cluster.ok(Command::CreateSchedule { spec: Box::new(with_input(1)), recurrence, at_ms: 10 });
    assert_eq!(blobs(&cluster), BTreeSet::from([1]));
    cluster.ok(Command::RemoveSchedule { schedule: ScheduleId(1) });
    assert_eq!(blobs(&cluster), BTreeSet::new());
}
