//! The emergency stop: nothing is given out, what is said, and that it outlives a snapshot.

#![expect(dead_code, reason = "the shared words are for members, too")]

mod cluster;

use nexus_ledger::{
    Assignment, Command, Effect, ExplainFacts, Ledger, ReleaseReason, Released, Reply, Suspect, decode_command,
    encode_command,
};
use nexus_model::NodeId;
use nexus_wire::{ProtocolVersion, Stopped};

use cluster::{Cluster, left, range, ready, spec, succeeded};

fn stop(cluster: &mut Cluster) -> Vec<Effect> {
    cluster.ok(Command::StopWork { by: "ada (operator)".into(), at_ms: 1_000 }).1
}

#[test]
fn while_all_work_is_stopped_nothing_is_given_out_and_what_ended_before_counts() {
    let mut cluster = Cluster::new();
    let job = cluster.submit(spec(3));
    let (first, second) = (cluster.assign(job, range(0, 1), 1), cluster.assign(job, range(1, 2), 2));
    assert_eq!(stop(&mut cluster), [Effect::WorkStopped]);
    assert_eq!(stop(&mut cluster), [], "it is stopped once");
    let assignments = vec![Assignment { job, range: range(2, 3), node: NodeId(1) }];
    let (reply, effects) = cluster.ok(Command::AssignTasks { assignments, at_ms: 1_001 });
    assert_eq!(reply, Reply::Assigned { tasks: 0, refused: 1 });
    let refused = Effect::AssignmentRefused { job, range: range(2, 3), node: NodeId(1) };
    assert_eq!(effects, [refused, ready(job, range(2, 3), Suspect::No)], "it stays ready");
    assert_eq!(cluster.finish(1, first, succeeded(1)).0, Reply::Finished { recorded: 1, stale: 0 });
    // The leader takes back the rest; what its worker reports of it later is stale.
    let (_, effects) = cluster.release(2, Released::Attempts(vec![second]), ReleaseReason::WorkerStopped);
    assert_eq!(effects, [left(2, second, range(1, 2), None), ready(job, range(1, 2), Suspect::No)]);
    assert_eq!(cluster.finish(2, second, succeeded(2)).0, Reply::Finished { recorded: 0, stale: 1 });
    // A job that would be given away as it is accepted is accepted and waits.
    let placed = Command::SubmitPlaced { spec: Box::new(spec(1)), key: None, node: NodeId(1), at_ms: 1_002 };
    let (reply, effects) = cluster.ok(placed);
    assert!(matches!(reply, Reply::Job(_)) && !effects.iter().any(|e| matches!(e, Effect::TasksAssigned { .. })));

    assert_eq!(cluster.ok(Command::ResumeWork).1, [Effect::WorkResumed]);
    assert_eq!(cluster.ok(Command::ResumeWork).1, []);
    cluster.assign(job, range(1, 3), 1);
}

#[test]
fn a_stop_outlives_a_snapshot_and_a_change_of_leader_and_says_whose_it_is() {
    let mut cluster = Cluster::new();
    let job = cluster.submit(spec(1));
    stop(&mut cluster);
    let restored = cluster.restored();
    assert_eq!(restored.stopped(), Some(&Stopped { by: "ada (operator)".into(), at_ms: 1_000 }));
    assert!(restored.encode_snapshot().unwrap() == cluster.ledger.encode_snapshot().unwrap());
    assert!(restored.standing().contains(&Effect::WorkStopped), "the next leader hears of it");
    let facts = ExplainFacts { now_ms: 61_000, up: vec![NodeId(1)], held: [].into() };
    let line = "ada (operator) stopped all work 60 s ago; `nexus cluster resume` gives it out again";
    for ledger in [&cluster.ledger, &restored] {
        let said = ledger.explain(job, None, &facts).unwrap().join("; ");
        assert!(said.contains(&format!("1 task ready, and nowhere to run: {line}")), "{said}");
        assert!(ledger.explain(job, Some(0), &facts).unwrap().contains(&line.to_owned()));
    }
    cluster.ok(Command::ResumeWork);
    assert_eq!(cluster.restored().stopped(), None);
    assert!(cluster.ledger.has_somewhere(job, &facts));
}

#[test]
fn a_stop_needs_a_cluster_whose_members_know_it() {
    let stop = Command::StopWork { by: "ada".into(), at_ms: 7 };
    for command in [stop.clone(), Command::ResumeWork] {
        assert_eq!(command.since(), ProtocolVersion { major: 1, minor: 2 });
        assert_eq!(decode_command(&encode_command(&command).unwrap()).unwrap(), command);
        assert!(Ledger::new().apply(1, command).reply.is_err());
    }
    let long = Command::StopWork { by: "a".repeat(1_000), at_ms: 7 };
    Cluster::new().rejected(long);
}
