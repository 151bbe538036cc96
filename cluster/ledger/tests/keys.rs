//! Idempotency keys of jobs that were forgotten.

#![expect(dead_code, reason = "the shared words are for jobs and members, too")]

mod cluster;

use cluster::{Cluster, spec};
use nexus_ledger::{Command, FORGOTTEN_KEYS_MAX, Reply};
use nexus_model::JobId;

fn submit(key: u64) -> Command {
    Command::SubmitJob { spec: Box::new(spec(1)), key: Some(key.to_string()), at_ms: 10 }
}

/// So many jobs with keys that have come and gone.
fn forget(cluster: &mut Cluster, keys: impl Iterator<Item = u64>) {
    for key in keys {
        let Reply::Job(job) = cluster.ok(submit(key)).0 else { panic!("it is a job") };
        cluster.ok(Command::CancelJob { job, at_ms: 11 });
        cluster.ok(Command::ForgetJob { job });
    }
}

#[test]
fn keys_of_forgotten_jobs_are_forgotten_when_there_are_too_many() {
    let mut cluster = Cluster::new();
    assert_eq!(cluster.ok(submit(0)).0, Reply::Job(JobId(1)), "it stays");
    let most = FORGOTTEN_KEYS_MAX as u64;
    forget(&mut cluster, 1..=most + 1);
    let job = |cluster: &Cluster, key: u64| cluster.ledger.job_of_key(&spec(1).user, &key.to_string());
    assert_eq!(job(&cluster, 1), Some(JobId(2)), "members of an earlier version keep all");
    cluster.ok(Command::RaiseProtocol { protocol: Command::FORGETS_KEYS });
    forget(&mut cluster, most + 2..most + 3);
    for ledger in [&cluster.ledger, &cluster.restored()] {
        let kept = |key: u64| ledger.job_of_key(&spec(1).user, &key.to_string());
        assert_eq!((kept(1), kept(2)), (None, None), "the oldest go");
        assert_eq!(kept(3), Some(JobId(4)), "and no others");
        assert_eq!(kept(0), Some(JobId(1)), "that of a job that is there stays");
    }
    assert_eq!(cluster.ok(submit(3)).0, Reply::Job(JobId(4)), "a late repetition is no second job");
    assert_eq!(cluster.ok(submit(1)).0, Reply::Job(JobId(most + 4)), "and may be a new one when it is forgotten");
    // A node that began with a snapshot forgets the same.
    let mut other = cluster.restored();
    let index = cluster.ledger.applied() + 1;
    other.apply(index, Command::CancelJob { job: JobId(1), at_ms: 11 });
    other.apply(index + 1, Command::ForgetJob { job: JobId(1) });
    cluster.ok(Command::CancelJob { job: JobId(1), at_ms: 11 });
    cluster.ok(Command::ForgetJob { job: JobId(1) });
    assert_eq!(other.encode_snapshot().unwrap(), cluster.ledger.encode_snapshot().unwrap());
}
