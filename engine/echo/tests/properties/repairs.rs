//! Repairs: they work, and none is cheaper.

use nexus_echo::check::check;
use nexus_echo::repair::{Weights, repairs};
use nexus_echo::{Edit, Timeline, TriggerKind};
use proptest::prelude::*;

use crate::random::{edit, timeline};

/// The fewest triggers whose cut makes a timeline consistent, by trying every set.
fn fewest_cuts(timeline: &Timeline) -> Option<usize> {
    let triggers: Vec<_> = timeline.state().iter_triggers().map(|(_, trigger)| trigger.clone()).collect();
    let sets = (0_u32..1 << triggers.len()).filter(|set| {
        let mut mended = timeline.clone();
        for (_, trigger) in triggers.iter().enumerate().filter(|(at, _)| set >> at & 1 == 1) {
            let cut = Edit::Cut { from: trigger.from.clone(), kind: trigger.kind, to: trigger.to.clone() };
            mended.apply(cut).expect("the trigger is there");
        }
        check(&mended).is_consistent()
    });
    sets.map(|set| set.count_ones() as usize).min()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn a_repair_leaves_nothing_wrong(edits in proptest::collection::vec(edit(), 0..40)) {
        let timeline = timeline(edits);
        let Ok(found) = repairs(&timeline, Weights::default(), 2) else { return Ok(()) };
        prop_assert_eq!(found.is_empty(), check(&timeline).is_consistent());
        for repair in found {
            let mut mended = timeline.clone();
            mended.apply_all(repair.edits).unwrap();
            prop_assert!(check(&mended).is_consistent());
        }
    }

    #[test]
    fn loops_are_cut_with_the_fewest_cuts(edges in proptest::collection::btree_set((0_usize..5, 0_usize..5), 0..9)) {
        let mut timeline = Timeline::new("t", nexus_echo::TimelineKind::Primary);
        for at in 0..5 {
            let node = nexus_echo::TimeNode::new(format!("e{at}"), nexus_echo::EventKind::Planned, nexus_echo::Micros(0));
            timeline.append(node).unwrap();
        }
        for (from, to) in edges {
            timeline.link(nexus_echo::Trigger::new(format!("e{from}"), TriggerKind::Causes, format!("e{to}"))).unwrap();
        }
        let weights = Weights { isolate: 1_000, ..Weights::default() };
        let found = repairs(&timeline, weights, 1).unwrap();
        let cost = found.first().map_or(0, |repair| repair.cost);
        prop_assert_eq!(Some((cost / weights.cut) as usize), fewest_cuts(&timeline));
    }
}
