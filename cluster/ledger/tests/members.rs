//! Members, tokens and voters.

#![expect(dead_code, reason = "the shared words are for jobs, too")]

mod cluster;

use cluster::{Cluster, capacity, machine, range, spec};
use nexus_ledger::{Command, Effect, Ledger, NewNode, Rejection, Reply, StatusFacts};
use nexus_model::{NodeId, NodeRole};

fn token(byte: u8, expires_at_ms: u64, at_ms: u64) -> Command {
    Command::CreateToken { hash: [byte; 32], role: NodeRole::Worker, expires_at_ms, at_ms }
}

fn join(node: NewNode, token: u8, at_ms: u64) -> Command {
    Command::AddNode { node, token_hash: [token; 32], at_ms }
}

#[test]
fn nothing_happens_before_there_is_a_cluster() {
    let mut ledger = Ledger::new();
    let submit = Command::SubmitJob { spec: Box::new(spec(1)), key: None, at_ms: 1 };
    for (index, command) in [submit, token(1, 2, 1), join(machine("a", 1), 1, 1)].into_iter().enumerate() {
        assert_eq!(ledger.apply(index as u64 + 1, command).reply, Err(Rejection::NoCluster));
    }
}

#[test]
fn the_founder_is_the_only_voter_and_there_is_one_founding() {
    let mut cluster = Cluster::new();
    assert_eq!(cluster.ledger.voters(), vec![NodeId(1)]);
    assert_eq!(cluster.ledger.member(NodeId(1)).unwrap().role, NodeRole::Voter);
    let again = Command::CreateCluster {
        name: "other".into(),
        ca_certificate_pem: String::new(),
        founder: machine("x", 9),
        at_ms: 5,
    };
    assert_eq!(cluster.rejected(again), Rejection::ClusterExists("studio".into()));
}

#[test]
fn a_token_admits_one_member_and_answers_the_same_member_again() {
    let mut cluster = Cluster::new();
    cluster.ok(token(7, 100, 10));
    let reply = Reply::Node { node: NodeId(4), role: NodeRole::Worker, name: "box".into() };
    let added = vec![Effect::NodeAdded { node: NodeId(4) }];
    assert_eq!(cluster.ok(join(machine("box", 4), 7, 20)), (reply.clone(), added));
    assert_eq!(cluster.ok(join(machine("box", 4), 7, 500)), (reply, vec![]), "a lost answer does no harm");
    assert_eq!(cluster.rejected(join(machine("thief", 5), 7, 21)), Rejection::TokenUsed);
}

#[test]
fn wrong_old_and_doubled_tokens_are_refused() {
    let mut cluster = Cluster::new();
    assert_eq!(cluster.rejected(join(machine("box", 4), 7, 20)), Rejection::UnknownToken);
    cluster.ok(token(7, 100, 10));
    assert_eq!(cluster.rejected(token(7, 200, 11)), Rejection::TokenExists);
    assert_eq!(cluster.rejected(join(machine("box", 4), 7, 100)), Rejection::TokenExpired);
    cluster.ok(token(8, 300, 150));
    assert_eq!(cluster.rejected(join(machine("box", 4), 7, 151)), Rejection::UnknownToken, "old tokens are dropped");
}

#[test]
fn an_identity_is_a_member_once_and_never_again_after_its_removal() {
    let mut cluster = Cluster::new();
    cluster.ok(token(7, 100, 10));
    assert_eq!(cluster.rejected(join(machine("clone", 2), 7, 20)), Rejection::IdentityInUse(NodeId(2)));
    cluster.ok(Command::RemoveNode { node: NodeId(2), at_ms: 30 });
    assert!(cluster.ledger.is_removed(&[2; 32]));
    assert_eq!(cluster.rejected(join(machine("back", 2), 7, 40)), Rejection::IdentityRemoved);
    cluster.ok(join(machine("new", 4), 7, 41));
    assert_eq!(cluster.ledger.member_by_fingerprint(&[4; 32]), Some(NodeId(4)), "ids are never used twice");
}

#[test]
fn names_are_made_unique() {
    let cluster = Cluster::new();
    let names: Vec<_> = cluster.ledger.members().map(|(_, member)| member.name.clone()).collect();
    assert_eq!(names, ["studio", "air", "air-2"]);
}

#[test]
fn removing_a_node_returns_its_tasks() {
    let mut cluster = Cluster::new();
    let job = cluster.submit(spec(3));
    let attempt = cluster.assign(job, range(0, 2), 2);
    let (_, effects) = cluster.ok(Command::RemoveNode { node: NodeId(2), at_ms: 30 });
    assert_eq!(
        effects,
        vec![
            cluster::left(2, attempt, range(0, 2), None),
            cluster::ready(job, range(0, 2), nexus_ledger::Suspect::No),
            Effect::NodeRemoved { node: NodeId(2) },
        ]
    );
    assert_eq!(cluster.rejected(Command::RemoveNode { node: NodeId(2), at_ms: 31 }), Rejection::UnknownNode(NodeId(2)));
}

#[test]
fn voters_are_machines_and_an_odd_number_and_stay() {
    let mut cluster = Cluster::new();
    let set = |voters: &[u64]| Command::SetVoters { voters: voters.iter().map(|n| NodeId(*n)).collect() };
    assert_eq!(cluster.rejected(set(&[])), Rejection::VoterCount(0));
    assert_eq!(cluster.rejected(set(&[1, 2])), Rejection::VoterCount(2));
    assert_eq!(cluster.rejected(set(&[1, 2, 9])), Rejection::UnknownNode(NodeId(9)));
    let all = vec![NodeId(1), NodeId(2), NodeId(3)];
    let changed = vec![Effect::VotersChanged { voters: all }];
    assert_eq!(cluster.ok(set(&[3, 1, 2, 1])), (Reply::Done, changed));
    assert_eq!(cluster.rejected(Command::RemoveNode { node: NodeId(2), at_ms: 1 }), Rejection::NodeIsVoter(NodeId(2)));
    cluster.ok(set(&[2]));
    cluster.ok(Command::RemoveNode { node: NodeId(1), at_ms: 1 });
    cluster.ok(Command::CreateToken { hash: [9; 32], role: NodeRole::Admin, expires_at_ms: 9, at_ms: 1 });
    cluster.ok(join(machine("me", 9), 9, 2));
    assert_eq!(cluster.rejected(set(&[4])), Rejection::NotAMachine(NodeId(4)));
}

#[test]
fn an_update_is_told_when_something_changed() {
    let mut cluster = Cluster::new();
    let update = |slots| Command::UpdateNode { node: NodeId(2), address: "h:1".into(), capacity: capacity(slots) };
    assert_eq!(cluster.ok(update(8)), (Reply::Done, vec![Effect::NodeUpdated { node: NodeId(2) }]));
    assert_eq!(cluster.ok(update(8)), (Reply::Done, vec![]));
    let long = Command::UpdateNode { node: NodeId(2), address: "h".repeat(1000), capacity: capacity(1) };
    assert!(matches!(cluster.rejected(long), Rejection::TooLong { .. }));
}

#[test]
fn a_status_names_nodes_roles_and_what_they_hold() {
    let mut cluster = Cluster::new();
    let job = cluster.submit(spec(5));
    cluster.assign(job, range(0, 2), 2);
    let facts = StatusFacts { node: NodeId(1), leader: Some(NodeId(1)), term: 3, version: "0.1.0".into() };
    let status = cluster.ledger.status(facts);
    assert_eq!((status.cluster.as_str(), status.applied, status.term), ("studio", cluster.index, 3));
    assert_eq!((status.jobs_active, status.tasks_queued), (1, 3));
    let nodes: Vec<_> = status.nodes.iter().map(|node| (node.node.0, node.roles.len(), node.running)).collect();
    assert_eq!(nodes, [(1, 2, 0), (2, 1, 2), (3, 1, 0)]);
}

#[test]
fn labels_are_given_and_taken_whole_and_outlive_a_snapshot() {
    let mut cluster = Cluster::new();
    let label = |node, changes: &[(&str, Option<&str>)]| Command::LabelNode {
        node: NodeId(node),
        changes: changes.iter().map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned))).collect(),
    };
    let (_, effects) = cluster.ok(label(2, &[("zone", Some("home")), ("rack", Some("3"))]));
    let [Effect::NodeLabelled { node: NodeId(2), labels }] = effects.as_slice() else { panic!("{effects:?}") };
    assert_eq!(labels.to_string(), format!("node={} rack=3 zone=home", cluster.ledger.member(NodeId(2)).unwrap().name));
    assert_eq!(cluster.ok(label(2, &[("zone", Some("home"))])).1, vec![], "nothing new");
    assert!(cluster.rejected(label(2, &[("rack", None), ("a b", Some("x"))])).to_string().contains("`a b`"));
    let restored = Ledger::decode_snapshot(&cluster.ledger.encode_snapshot().unwrap()).unwrap();
    for ledger in [&cluster.ledger, &restored] {
        assert_eq!(ledger.member(NodeId(2)).unwrap().labels.to_string(), "rack=3 zone=home");
    }
    assert_eq!(restored.encode_snapshot().unwrap(), cluster.ledger.encode_snapshot().unwrap());
    assert_eq!(cluster.rejected(label(9, &[])), Rejection::UnknownNode(NodeId(9)));
}

#[test]
fn what_no_machine_has_is_named() {
    let mut cluster = Cluster::new();
    let mut unmet = |change: &dyn Fn(&mut nexus_model::JobSpec)| {
        let mut spec = spec(1);
        change(&mut spec);
        let job = cluster.submit(spec);
        cluster.ledger.unmet_needs(job).unwrap().join("; ")
    };
    assert_eq!(unmet(&|_| {}), "");
    assert_eq!(
        unmet(&|spec| spec.resources.cpus = 100),
        "a task needs 100 slots; the largest machine of this cluster has 4"
    );
    assert_eq!(
        unmet(&|spec| spec.resources.memory_bytes = 1 << 40),
        "a task needs 1024.0 GiB of memory; the largest machine of this cluster has 16.0 GiB"
    );
    assert_eq!(
        unmet(&|spec| spec.resources.gpu_milli = 500),
        "a task needs 0.5 of a gpu; the machine of this cluster that has most has 0"
    );
    assert_eq!(
        unmet(&|spec| spec.selection.require = vec!["zone=attic".parse().unwrap()]),
        "it is to run where zone=attic, and no machine of this cluster is so"
    );
}

#[test]
fn a_task_that_nobody_has_room_for_is_not_said_to_go_anywhere() {
    let mut cluster = Cluster::new();
    let facts = nexus_ledger::ExplainFacts { now_ms: 1, up: vec![NodeId(1)], held: [].into() };
    let mut large = spec(1);
    large.resources.cpus = 100;
    let (large, small) = (cluster.submit(large), cluster.submit(spec(1)));
    let said = |job, task| cluster.ledger.explain(job, task, &facts).unwrap().join("; ");
    assert!(
        said(large, None).contains("1 task ready, and nowhere to run: a task needs 100 slots"),
        "{}",
        said(large, None)
    );
    assert!(said(large, Some(0)).contains("it is ready, and has nowhere to run; a task needs 100 slots"));
    assert!(said(small, None).contains("1 task could run now: the 4 slots"), "{}", said(small, None));
    assert!(!cluster.ledger.has_somewhere(large, &facts) && cluster.ledger.has_somewhere(small, &facts));
}

#[test]
fn a_job_that_waits_for_holders_of_copies_says_so() {
    let mut cluster = Cluster::new();
    let mut copied = spec(2);
    copied.selection.copies = 5;
    let job = cluster.submit(copied);
    let said = |cluster: &Cluster, up: Vec<NodeId>, task| {
        let facts = nexus_ledger::ExplainFacts { now_ms: 1, up, held: [].into() };
        cluster.ledger.explain(job, task, &facts).unwrap().join("; ")
    };
    let up = vec![NodeId(1)];
    let missing = "each result is to lie on 5 machines, and 1 machine is up and taking work";
    assert!(said(&cluster, up.clone(), None).contains(&format!("2 tasks ready, and nowhere to run: {missing}")));
    assert!(said(&cluster, up.clone(), Some(0)).contains(missing));
    let unmet = cluster.ledger.unmet_needs(job).unwrap();
    assert_eq!(unmet, ["each result is to lie on 5 machines, and 3 machines are in this cluster"]);
    // A machine may go while a task runs.
    cluster.assign(job, range(0, 1), 1);
    assert!(said(&cluster, up.clone(), None).contains(&format!("what ends now waits for its copies: {missing}")));
    assert!(said(&cluster, up, Some(0)).contains(&format!("once it has run it waits for its copies: {missing}")));
}

#[test]
fn machines_that_their_rules_hold_back_are_named_and_are_nowhere_to_run() {
    let mut cluster = Cluster::new();
    let job = cluster.submit(spec(1));
    let said = |held: &[u64], task| {
        let held = held.iter().map(|node| (NodeId(*node), "memory > 95% (now 97%)".to_owned())).collect();
        let facts = nexus_ledger::ExplainFacts { now_ms: 1, up: vec![NodeId(1), NodeId(2)], held };
        (cluster.ledger.explain(job, task, &facts).unwrap().join("; "), cluster.ledger.has_somewhere(job, &facts))
    };
    let (some, has_somewhere) = said(&[2], None);
    assert!(some.contains("1 task could run now: the 4 slots") && has_somewhere, "{some}");
    assert!(some.ends_with("takes no new tasks: memory > 95% (now 97%)"), "{some}");
    for task in [None, Some(0)] {
        let (all, has_somewhere) = said(&[1, 2], task);
        assert!(all.contains("every machine that could run it is held by a rule of its own"), "{all}");
        assert!(all.matches("takes no new tasks: memory > 95%").count() == 2 && !has_somewhere, "{all}");
    }
    assert!(!said(&[3], None).0.contains("takes no new tasks"), "of one that is not up nothing is known");
}

#[test]
fn of_hundreds_of_machines_a_few_are_named() {
    let mut cluster = Cluster::new();
    let job = cluster.submit(spec(100));
    let held = (1..=100).map(|node| (NodeId(node), "memory > 95% (now 97%)".to_owned())).collect();
    let facts = nexus_ledger::ExplainFacts { now_ms: 1, up: (1..=100).map(NodeId).collect(), held };
    let said = cluster.ledger.explain(job, None, &facts).unwrap();
    assert_eq!(said.iter().filter(|line| line.contains("takes no new tasks: memory")).count(), 3, "{said:?}");
    assert!(said.contains(&"and 97 more take none by rules of their own".to_owned()), "{said:?}");
    for task in 0..100 {
        cluster.assign(job, range(task, task + 1), 1 + u64::from(task) % 2);
    }
    let said = cluster.ledger.explain(job, None, &facts).unwrap();
    assert_eq!(said.iter().filter(|line| line.contains("1 task with")).count(), 12, "{said:?}");
    assert!(said.contains(&"and 88 tasks in 88 more pieces".to_owned()), "{said:?}");
    let mut waits = spec(1);
    waits.conditions.after = (0..5).map(|_| cluster.submit(spec(1))).collect();
    let waits = cluster.submit(waits);
    let said = cluster.ledger.explain(waits, None, &facts).unwrap();
    assert_eq!(said.iter().filter(|line| line.starts_with("it waits for job-")).count(), 3, "{said:?}");
    assert!(said.contains(&"and for 2 more jobs".to_owned()), "{said:?}");
}
