//! Jobs that recur: one job for each time, whoever leads and whatever was missed.

#![expect(dead_code, reason = "the shared words are for members and snapshots, too")]

mod cluster;

use cluster::{Cluster, range, spec, succeeded};
use nexus_ledger::{Command, Ledger, Rejection, Reply};
use nexus_model::{JobId, JobState, Recurrence, ScheduleId};

const HOUR: u64 = 3_600_000;

fn hourly() -> Recurrence {
    Recurrence { cron: "@hourly".into(), utc_offset_minutes: 0 }
}

fn create(cluster: &mut Cluster, job: nexus_model::JobSpec) -> Reply {
    cluster.ok(Command::CreateSchedule { spec: Box::new(job), recurrence: hourly(), at_ms: 10 }).0
}

fn wake(cluster: &mut Cluster, at_ms: u64) {
    cluster.ok(Command::Wake { at_ms });
}

fn end(cluster: &mut Cluster, job: u64) {
    let attempt = cluster.assign(JobId(job), range(0, 1), 1);
    cluster.finish(1, attempt, succeeded(1));
}

#[test]
fn each_time_makes_one_job_and_no_time_makes_two() {
    let mut cluster = Cluster::new();
    assert_eq!(create(&mut cluster, spec(1)), Reply::Schedule { schedule: ScheduleId(1), next_ms: HOUR });
    assert!(!cluster.ledger.has_wakes(HOUR - 1) && cluster.ledger.has_wakes(HOUR));
    wake(&mut cluster, HOUR);
    assert!(!cluster.ledger.has_wakes(2 * HOUR - 1), "the next time is set in the same entry");
    wake(&mut cluster, HOUR);
    assert_eq!(cluster.ledger.jobs(10, None).len(), 1, "the second of two wake-ups for one time finds nothing");
    end(&mut cluster, 1);
    // Nobody led for five hours: one job for all of them.
    wake(&mut cluster, 7 * HOUR + 5);
    let view = &cluster.ledger.schedules()[0];
    assert_eq!((view.begun, view.skipped, view.last_job, view.next_at_ms), (2, 0, Some(JobId(2)), 8 * HOUR));
}

#[test]
fn a_time_is_left_out_while_the_job_before_has_not_ended() {
    let mut cluster = Cluster::new();
    create(&mut cluster, spec(1));
    wake(&mut cluster, HOUR);
    wake(&mut cluster, 2 * HOUR);
    let view = &cluster.ledger.schedules()[0];
    assert_eq!((view.begun, view.skipped), (1, 1));
    end(&mut cluster, 1);
    wake(&mut cluster, 3 * HOUR);
    assert_eq!(cluster.ledger.schedules()[0].begun, 2);
}

#[test]
fn the_deadline_of_each_job_counts_from_its_beginning() {
    let mut cluster = Cluster::new();
    let mut job = spec(1);
    job.conditions.deadline_ms = Some(60_000);
    create(&mut cluster, job);
    wake(&mut cluster, HOUR);
    wake(&mut cluster, HOUR + 59_999);
    assert_eq!(cluster.ledger.job(JobId(1)).unwrap().state, JobState::Queued);
    wake(&mut cluster, HOUR + 60_000);
    assert_eq!(cluster.ledger.job(JobId(1)).unwrap().state, JobState::Failed);
}

#[test]
fn schedules_outlive_a_snapshot_and_their_ids_are_never_given_again() {
    let mut cluster = Cluster::new();
    create(&mut cluster, spec(1));
    create(&mut cluster, spec(3));
    wake(&mut cluster, HOUR);
    cluster.ok(Command::RemoveSchedule { schedule: ScheduleId(2) });
    let bytes = cluster.ledger.encode_snapshot().unwrap();
    let mut restored = Ledger::decode_snapshot(&bytes).unwrap();
    assert_eq!(restored.schedules(), cluster.ledger.schedules());
    assert_eq!(restored.encode_snapshot().unwrap(), bytes);
    let again = Command::CreateSchedule { spec: Box::new(spec(1)), recurrence: hourly(), at_ms: HOUR };
    let reply = restored.apply(cluster.index + 1, again).reply;
    assert_eq!(reply, Ok(Reply::Schedule { schedule: ScheduleId(3), next_ms: 2 * HOUR }));
}

#[test]
fn what_never_recurs_or_waits_for_others_is_refused() {
    let mut cluster = Cluster::new();
    let never = Recurrence { cron: "0 0 31 2 *".into(), utc_offset_minutes: 0 };
    let refused = cluster.rejected(Command::CreateSchedule { spec: Box::new(spec(1)), recurrence: never, at_ms: 1 });
    assert!(refused.to_string().contains("no time that ever comes"), "{refused}");
    let mut job = spec(1);
    job.conditions.after = vec![JobId(1)];
    let refused = cluster.rejected(Command::CreateSchedule { spec: Box::new(job), recurrence: hourly(), at_ms: 1 });
    assert!(refused.to_string().contains("cannot wait for one that ends once"), "{refused}");
    let unknown = cluster.rejected(Command::RemoveSchedule { schedule: ScheduleId(9) });
    assert_eq!(unknown, Rejection::UnknownSchedule(ScheduleId(9)));
}
