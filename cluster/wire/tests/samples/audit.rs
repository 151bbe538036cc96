//! Messages about what people did.

use nexus_wire::{AuditEntry, AuditPage, AuditRequest, ClusterRequest, Request};

pub(super) fn requests() -> [(&'static str, Request); 2] {
    let audit = |request| Request::Cluster(Box::new(ClusterRequest::Audit(request)));
    [
        ("audit-read", audit(AuditRequest::Read { from: 7 })),
        ("audit-write", audit(AuditRequest::Write { by: "ada".into(), act: "node stop node-3".into() })),
    ]
}

/// Two acts after others.
pub(super) fn acts() -> AuditPage {
    let first = AuditEntry::after(&[7; 32], 3, 1_795_294_175_187, "ada (admin)".into(), "token create".into());
    let second = AuditEntry::after(&first.hash, 4, 1_795_294_175_188, "ada (admin)".into(), "node stop node-3".into());
    AuditPage { before: [7; 32], entries: vec![first, second], newest: 9 }
}
