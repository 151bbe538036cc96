//! Checks: the one that follows against the full one, and the temporal network against all-pairs shortest paths.

use nexus_echo::check::{Checker, FindingKind, Schedule, check, feasible_schedule};
use nexus_echo::{EventKind, Graph, Micros, TimeNode, Timeline, TimelineKind, Trigger, TriggerKind};
use proptest::prelude::*;

use crate::random::{edit, orderly, timeline};

/// Whether the bounds have a solution, by Floyd and Warshall's all-pairs shortest paths over the distance graph.
fn solvable(graph: &Graph) -> bool {
    const FAR: i64 = i64::MAX / 4;
    let origin = graph.len();
    let mut distance = vec![vec![FAR; origin + 1]; origin + 1];
    (0..=origin).for_each(|at| distance[at][at] = 0);
    let mut bound = |from: usize, to: usize, most: i64| distance[from][to] = distance[from][to].min(most);
    let binding = graph.edges.iter().zip(&graph.triggers).enumerate().filter(|(at, _)| graph.binds(*at as u32));
    for (_, (edge, trigger)) in binding {
        let (source, target) = (edge.source as usize, edge.target as usize);
        bound(target, source, -trigger.delay.min.0);
        if let Some(max) = trigger.delay.max {
            bound(source, target, max.0);
        }
    }
    for (at, node) in graph.nodes.iter().enumerate().filter(|(_, node)| node.kind == EventKind::Fact) {
        bound(origin, at, node.timestamp.0);
        bound(at, origin, -node.timestamp.0);
    }
    for via in 0..=origin {
        for from in 0..=origin {
            for to in 0..=origin {
                if distance[from][via] < FAR && distance[via][to] < FAR {
                    distance[from][to] = distance[from][to].min(distance[from][via] + distance[via][to]);
                }
            }
        }
    }
    (0..=origin).all(|at| distance[at][at] >= 0)
}

#[test]
fn a_new_way_to_what_prevents_is_seen_at_once() {
    let mut timeline = Timeline::new("t", TimelineKind::Primary);
    for (at, name) in ["cause", "ruler", "leaf"].into_iter().enumerate() {
        timeline.append(TimeNode::new(name, EventKind::Planned, Micros(at as i64))).unwrap();
    }
    timeline.link(Trigger::new("ruler", TriggerKind::Prevents, "cause")).unwrap();
    let mut checker = Checker::new();
    checker.follow(&timeline);
    assert!(checker.report().is_consistent());
    // To what leads nowhere nothing changes; to what rules out its own cause everything does.
    timeline.link(Trigger::new("cause", TriggerKind::Causes, "leaf")).unwrap();
    checker.follow(&timeline);
    assert!(checker.report().is_consistent());
    timeline.link(Trigger::new("cause", TriggerKind::Causes, "ruler")).unwrap();
    checker.follow(&timeline);
    let report = checker.report();
    assert_eq!(report, check(&timeline));
    assert_eq!(report.findings[0].kind, FindingKind::Grandfather);
}

#[test]
fn a_trigger_that_two_facts_cannot_keep_is_seen_at_once() {
    let mut timeline = Timeline::new("t", TimelineKind::Primary);
    for (name, at) in [("a", 0), ("b", 10)] {
        timeline.append(TimeNode::new(name, EventKind::Fact, Micros(at))).unwrap();
    }
    let mut checker = Checker::new();
    checker.follow(&timeline);
    assert!(checker.report().is_consistent());
    // After the cause, and later than the trigger allows: the order is right, the bound is not.
    timeline.link(Trigger::new("a", TriggerKind::Causes, "b").within(Micros(0), Micros(9))).unwrap();
    checker.follow(&timeline);
    let report = checker.report();
    assert_eq!(report, check(&timeline));
    assert_eq!(report.findings[0].kind, FindingKind::TemporalInconsistency);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_checker_that_follows_says_what_a_full_check_says(
        edits in proptest::collection::vec(edit(), 0..80), strides in proptest::collection::vec(1_usize..5, 80),
    ) {
        let mut timeline = Timeline::new("t", TimelineKind::Primary);
        let mut checker = Checker::new();
        let mut wait = 0;
        for (edit, stride) in edits.into_iter().zip(strides) {
            drop(timeline.apply(edit));
            wait += 1;
            if wait >= stride {
                wait = 0;
                checker.follow(&timeline);
                prop_assert_eq!(checker.report(), check(&timeline));
            }
        }
    }

    #[test]
    fn what_follows_in_good_order_is_judged_as_by_a_full_check(edits in orderly()) {
        let mut timeline = Timeline::new("t", TimelineKind::Primary);
        let mut checker = Checker::new();
        for edit in edits {
            drop(timeline.apply(edit));
            checker.follow(&timeline);
            prop_assert_eq!(checker.report(), check(&timeline));
        }
    }

    #[test]
    fn delay_bounds_are_judged_as_all_pairs_shortest_paths_judge_them(
        edits in proptest::collection::vec(edit(), 0..60),
    ) {
        let timeline = timeline(edits);
        let graph = Graph::new(timeline.state());
        let expected = solvable(&graph);
        let found = check(&timeline).findings.iter().any(|finding| finding.kind == FindingKind::TemporalInconsistency);
        prop_assert_eq!(!found, expected);
        match feasible_schedule(&graph) {
            Schedule::Feasible(times) => {
                prop_assert!(expected);
                let binding = graph.edges.iter().zip(&graph.triggers).enumerate().filter(|(at, _)| graph.binds(*at as u32));
                for (_, (edge, trigger)) in binding {
                    let gap = times[edge.target as usize] - times[edge.source as usize];
                    prop_assert!(gap >= trigger.delay.min.0.into());
                    prop_assert!(trigger.delay.max.is_none_or(|max| gap <= max.0.into()));
                }
                let facts = graph.nodes.iter().zip(&times).filter(|(node, _)| node.kind == EventKind::Fact);
                for (node, time) in facts {
                    prop_assert_eq!(*time, node.timestamp.0.into());
                }
            }
            Schedule::Impossible { excess, .. } => prop_assert!(!expected && excess > 0),
            Schedule::Undecided => prop_assert!(false, "small networks are decided"),
        }
    }
}
