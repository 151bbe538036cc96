//! What a machine is told that joins.

use nexus_model::{NodeId, NodeRole};
use nexus_wire::JoinedNode;

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
