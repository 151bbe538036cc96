//! The scheduler's choice is a decision as Q-Logik makes it: the same numbers as an influence diagram give the same worth
//! and the same node.

use std::time::Duration;

use nexus_model::{IndexRange, JobId, NodeId};
use nexus_qlogik::influence::{DiagramBuilder, Risk};
use nexus_qlogik::{Distribution, Evidence, MEMORY_MAX, answer};
use nexus_scheduler::{Estimate, Input, JobFacts, Scheduler};

/// What an influence diagram makes of the candidates: the best node, and its expected utility.
fn decided(candidates: &[Estimate], scale_ns: f64) -> (String, f64) {
    let mut builder = DiagramBuilder::new("placement");
    let names = candidates.iter().map(|candidate| candidate.node.to_string());
    let node = builder.decision("node", names).expect("nodes have names of their own");
    let fate = builder.network().variable("fate", ["well", "lost"]).expect("a new name");
    let ways = || candidates.iter().flat_map(Estimate::outcomes);
    let table = Distribution::Table(ways().map(|(probability, _)| probability).collect());
    builder.network().depends(fate, &[node], table).expect("probabilities");
    builder.utility("time", &[node, fate], ways().map(|(_, cost)| -cost).collect()).expect("amounts");
    // The exponential utility of Q-Logik with this tolerance is exp(-cost / scale), less 1.
    builder.risk(Risk::Tolerance(-scale_ns));
    let diagram = builder.build().expect("a decision with a utility");
    let found = answer::policy(&diagram, &Evidence::new(), MEMORY_MAX).expect("small");
    (found.policies[0].rows[0].choice.clone(), found.expected_utility + 1.0)
}

#[test]
fn placements_are_what_an_influence_diagram_of_the_same_numbers_gives() {
    let mut scheduler = Scheduler::new();
    let mut proposals = Vec::new();
    let slots = 1;
    for node in 1..=4 {
        scheduler.step(Input::NodeAttached { node: NodeId(node), slots, memory_bytes: 0 }, &mut proposals);
    }
    let job = JobId(1);
    let facts = JobFacts {
        user: "u".into(),
        priority: 0,
        cpus: 1,
        memory_bytes: 0,
        gpu_milli: 0,
        selection: None,
        input_bytes: 1 << 28,
        family: 1,
        expected: None,
    };
    scheduler.step(Input::JobAccepted { job, facts }, &mut proposals);
    let mut checked = 0;
    for round in 0..12_u32 {
        let range = IndexRange::new(round, round + 1);
        // Each round one task, placed among all nodes, which differ in speed.
        scheduler.step(Input::TasksReady { job, range, suspect: false }, &mut proposals);
        let explanation = scheduler.explain(job).expect("the job is there");
        let placement = explanation.placement.expect("a task was placed");
        let placed = proposals.pop().expect("a proposal");
        assert_eq!(placed.node, placement.chosen.node);
        // Nodes that are worth nearly as much go by idleness.
        if let Some(other) = placement.runner_up.filter(|other| placement.chosen.utility > other.utility * 1.02) {
            let (node, utility) = decided(&[other, placement.chosen], placement.scale_ns);
            assert_eq!(node, placement.chosen.node.to_string());
            assert!((utility - placement.chosen.utility).abs() < 1e-9, "{utility} {}", placement.chosen.utility);
            checked += 1;
        }
        let busy = Some(Duration::from_secs(2 + 3 * placed.node.0));
        scheduler.step(Input::TasksLeft { node: placed.node, job, range, busy }, &mut proposals);
    }
    assert!(checked > 5, "{checked}");
}
