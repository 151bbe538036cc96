//! Timelines made at random from choices that a property test can shrink.

use std::sync::Arc;

use nexus_echo::{Delay, Edit, EventKind, Micros, TimeNode, Timeline, TimelineKind, Trigger, TriggerKind};
use proptest::prelude::*;

/// Few names, so that edits meet one another.
pub(crate) const NAMES: usize = 9;

fn name(at: usize) -> String {
    format!("e{at}")
}

fn node() -> impl Strategy<Value = TimeNode> {
    let kind = prop_oneof![3 => Just(EventKind::Planned), 1 => Just(EventKind::Fact), 1 => Just(EventKind::Decision)];
    (0..NAMES, kind, 0_i64..30, proptest::option::weighted(0.2, 0..=10_i32)).prop_map(|(at, kind, time, tenths)| {
        let mut node = TimeNode::new(name(at), kind, Micros(time));
        node.probability = tenths.map(|tenths| f64::from(tenths) / 10.0);
        node
    })
}

fn trigger() -> impl Strategy<Value = Trigger> {
    let kind = prop_oneof![
        4 => Just(TriggerKind::Causes),
        3 => Just(TriggerKind::Enables),
        1 => Just(TriggerKind::Prevents),
        1 => Just(TriggerKind::Excludes),
        1 => Just(TriggerKind::Informs),
        1 => Just(TriggerKind::Option),
    ];
    (0..NAMES, 0..NAMES, kind, 0_i64..12, proptest::option::of(0_i64..12)).prop_map(|(from, to, kind, min, more)| {
        let mut trigger = Trigger::new(name(from), kind, name(to));
        trigger.delay = Delay { min: Micros(min), max: more.map(|more| Micros(min + more)) };
        trigger
    })
}

/// Any edit; many do not fit the timeline that they meet.
pub(crate) fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        8 => node().prop_map(|node| Edit::Append(Arc::new(node))),
        10 => trigger().prop_map(|trigger| Edit::Link(Arc::new(trigger))),
        2 => node().prop_map(|node| Edit::Replace(Arc::new(node))),
        2 => trigger().prop_map(|trigger| Edit::Relink(Arc::new(trigger))),
        1 => (0..NAMES).prop_map(|at| Edit::Remove { event: name(at) }),
        1 => trigger().prop_map(|t| Edit::Cut { from: t.from, kind: t.kind, to: t.to }),
        1 => node().prop_map(|node| Edit::Dispute(Arc::new(node))),
        1 => (0_u64..40).prop_map(|to| Edit::Rollback { to }),
    ]
}

/// Events and triggers in good order, but for probabilities and what excludes, prevents or informs: every delay holds, most
/// triggers go from older to newer events. Most of it is what a checker that follows need not look at twice.
pub(crate) fn orderly() -> impl Strategy<Value = Vec<Edit>> {
    let node = |at: usize, probability: Option<i32>| {
        let mut node = TimeNode::new(name(at), EventKind::Planned, Micros(at as i64 / 2));
        node.probability = probability.map(|tenths| f64::from(tenths) / 10.0);
        Edit::Append(Arc::new(node))
    };
    let nodes = proptest::collection::vec(proptest::option::weighted(0.4, 0..=10_i32), NAMES);
    let kind = prop_oneof![
        6 => Just(TriggerKind::Causes),
        4 => Just(TriggerKind::Enables),
        2 => Just(TriggerKind::Option),
        1 => Just(TriggerKind::Prevents),
        2 => Just(TriggerKind::Excludes),
        3 => Just(TriggerKind::Informs),
    ];
    let trigger = (0..NAMES, 0..NAMES, kind, 0..=2_i32, proptest::bool::weighted(0.9)).prop_map(
        |(a, b, kind, probability, forward)| {
            let [from, to] = if (a < b) == forward { [a, b] } else { [b, a] };
            let mut trigger = Trigger::new(name(from), kind, name(to));
            trigger.delay = Delay { min: Micros::ZERO, max: None };
            trigger.probability = f64::from(probability) / 2.0;
            Edit::Link(Arc::new(trigger))
        },
    );
    (nodes, proptest::collection::vec(trigger, 0..14)).prop_map(move |(nodes, triggers)| {
        let nodes = nodes.into_iter().enumerate().map(|(at, probability)| node(at, probability));
        nodes.chain(triggers).collect()
    })
}

/// A timeline to which those of the edits were done that fit.
pub(crate) fn timeline(edits: impl IntoIterator<Item = Edit>) -> Timeline {
    let mut timeline = Timeline::new("random", TimelineKind::Primary);
    edits.into_iter().for_each(|edit| drop(timeline.apply(edit)));
    timeline
}
