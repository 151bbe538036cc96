//! What a machine is told that joins, and what it says of how it is.

use nexus_model::{GpuUse, NodeId, NodeRole, Vitals};
use nexus_wire::{AttemptRange, ClusterRequest, Health, JoinedNode, Request, Stopped, WorkerMessage};

pub(super) fn joined() -> JoinedNode {
    JoinedNode {
        node: NodeId(3),
        role: NodeRole::Voter,
        certificate_pem: "node's certificate".into(),
        client_certificate_pem: "client's certificate".into(),
        ca_pem: "authority's certificate".into(),
        cluster: "home".into(),
        peers: vec!["10.0.0.2:7401".into(), "10.0.0.3:7401".into()],
    }
}

fn vitals() -> Vitals {
    Vitals {
        cpu_permille: Some(380),
        memory_used_bytes: 61 << 30,
        memory_bytes: 64 << 30,
        gpu: None,
        held_by: vec!["memory > 95% (now 96%)".into()],
        warnings: vec!["cpu > 30% (now 38%)".into(), "on-battery".into()],
    }
}

pub(super) fn heartbeat(running: Vec<AttemptRange>) -> WorkerMessage {
    WorkerMessage::Heartbeat { running, vitals: Some(Box::new(vitals())) }
}

pub(super) fn health() -> Health {
    let stopped = Some(Stopped { by: "ada (operator)".into(), at_ms: 1_795_000_000_003 });
    Health { stopped, nodes: vec![(NodeId(1), vitals()), (NodeId(2), Vitals::default())] }
}

fn vitals_with_gpu() -> Vitals {
    Vitals { gpu: Some(GpuUse { busy_permille: Some(710), given_milli: 500 }), ..vitals() }
}

pub(super) fn heartbeat_of_gpu(running: Vec<AttemptRange>) -> WorkerMessage {
    WorkerMessage::Heartbeat { running, vitals: Some(Box::new(vitals_with_gpu())) }
}

pub(super) fn health_with_gpus() -> Health {
    Health { stopped: None, nodes: vec![(NodeId(1), vitals()), (NodeId(2), vitals_with_gpu())] }
}

pub(super) fn requests() -> Vec<(&'static str, Request)> {
    [
        ("read-health", ClusterRequest::ReadHealth),
        ("stop-work", ClusterRequest::StopWork { stopped: true }),
        ("resume-work", ClusterRequest::StopWork { stopped: false }),
    ]
    .map(|(name, request)| (name, Request::Cluster(Box::new(request))))
    .into()
}
