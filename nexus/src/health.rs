//! How the machines are, asked for beside a status or a list of nodes, which say only who is there.

use std::time::Duration;

use nexus_wire::{ClusterRequest, ClusterResponse, Health, Refusal, Request, Response};
use tokio::time::timeout;

/// How long the leader may take to say it; then the answer goes without.
const PATIENCE: Duration = Duration::from_secs(2);

/// The question.
pub(crate) fn request() -> Request {
    Request::Cluster(Box::new(ClusterRequest::ReadHealth))
}

/// What is answered to [`request`]; nothing where there is no leader, or one of an earlier version.
pub(crate) async fn read(answer: impl Future<Output = Result<Response, Refusal>>) -> Health {
    match timeout(PATIENCE, answer).await {
        Ok(Ok(Response::Cluster(answer))) => match *answer {
            ClusterResponse::Health(health) => health,
            ClusterResponse::Leader { .. }
            | ClusterResponse::Renewed(_)
            | ClusterResponse::Experience(_)
            | ClusterResponse::Labels(_)
            | ClusterResponse::Audit(_)
            | ClusterResponse::BlobOutline(_)
            | ClusterResponse::FoundBlobs(_)
            | ClusterResponse::Engine(_) => Health::default(),
        },
        Ok(Ok(_) | Err(_)) | Err(_) => Health::default(),
    }
}
