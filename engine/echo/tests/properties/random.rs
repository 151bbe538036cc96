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

/// A timeline to which those of the edits were done that fit.
pub(crate) fn timeline(edits: impl IntoIterator<Item = Edit>) -> Timeline {
    let mut timeline = Timeline::new("random", TimelineKind::Primary);
    edits.into_iter().for_each(|edit| drop(timeline.apply(edit)));
    timeline
}
