//! Acts in the ledger: in order, chained, bounded, and in snapshots.

#![expect(dead_code, reason = "the shared words are for members and snapshots, too")]

mod cluster;

use cluster::Cluster;
use nexus_ledger::{Command, Ledger, Rejection};
use nexus_wire::limits::{AUDIT_PAGE_MAX, AUDIT_TEXT_BYTES_MAX};

fn record(n: u64) -> Command {
    Command::Record { by: "ada (admin)".into(), act: format!("node label node-1 n={n}"), at_ms: n }
}

#[test]
fn acts_are_kept_in_a_chain_that_a_snapshot_continues() {
    let mut cluster = Cluster::new();
    (1..=5).for_each(|n| drop(cluster.ok(record(n))));
    let all = cluster.ledger.audit(0);
    assert_eq!((all.before, all.entries.len(), all.newest, all.first_broken()), ([0; 32], 5, 5, None));
    let part = cluster.ledger.audit(4);
    assert_eq!((part.before, part.entries.len()), (all.entries[2].hash, 2));
    assert_eq!((cluster.ledger.audit(6).entries.len(), cluster.ledger.audit(u64::MAX).entries.len()), (0, 0));
    let mut restored = cluster.restored();
    assert_eq!(restored.audit(0), all);
    let index = restored.applied() + 1;
    assert!(restored.apply(index, record(6)).reply.is_ok());
    cluster.ok(record(6));
    assert_eq!(restored.audit(0), cluster.ledger.audit(0), "and it goes on as if it had never stopped");
}

#[test]
fn the_oldest_acts_go_and_the_rest_can_still_be_checked() {
    let mut cluster = Cluster::new();
    (1..=10_003).for_each(|n| drop(cluster.ok(record(n))));
    let page = cluster.ledger.audit(1);
    assert_eq!((page.entries[0].number, page.entries.len(), page.newest), (4, AUDIT_PAGE_MAX, 10_003));
    assert_eq!(page.first_broken(), None);
    let last = cluster.ledger.audit(10_003);
    assert_eq!((last.entries.len(), last.first_broken()), (1, None));
    assert_eq!(cluster.restored().audit(1), page);
}

#[test]
fn long_texts_are_refused_and_so_is_an_act_without_a_cluster() {
    let mut cluster = Cluster::new();
    let long = "a".repeat(AUDIT_TEXT_BYTES_MAX + 1);
    for (by, act) in [(long.clone(), String::new()), (String::new(), long)] {
        let refused = cluster.rejected(Command::Record { by, act, at_ms: 1 });
        assert!(matches!(refused, Rejection::Full { .. }), "{refused:?}");
    }
    assert_eq!(Ledger::new().apply(1, record(1)).reply, Err(Rejection::NoCluster));
}
