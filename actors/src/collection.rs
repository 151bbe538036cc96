//! Removes the blobs of this node that the ledger has no reference to any more, now and then.
//!
//! It looks only at a ledger that is as new as the leader's, so that a node that comes back after a week does not take
//! for unused what it has not heard of yet.

use std::sync::Arc;
use std::time::Duration;

use nexus_blobs::{BlobStore, Collected};
use nexus_wire::{Refusal, Request, Response};

use crate::codes;
use crate::control::{ControlPlane, refusal};
use crate::leader_link::{Found, LeaderLink, ask_peer, from_link};

/// The pause after a look that could not be done: nobody leads, or this node is behind.
const RETRY_INTERVAL: Duration = Duration::from_secs(60);

/// Looks once every `interval` for as long as the node runs. What nobody refers to goes at the second look.
pub(crate) async fn collect_blobs(
    interval: Duration,
    blobs: Arc<BlobStore>,
    leader: LeaderLink,
    control: ControlPlane,
) {
    loop {
        tokio::time::sleep(interval).await;
        while let Err(refusal) = look(&blobs, &leader, &control).await {
            tracing::debug!(reason = %refusal, "unused blobs are looked for later");
            tokio::time::sleep(RETRY_INTERVAL.min(interval)).await;
        }
    }
}

async fn look(blobs: &Arc<BlobStore>, leader: &LeaderLink, control: &ControlPlane) -> Result<(), Refusal> {
    let newest = newest(leader, control).await?;
    let referenced = control.read_local(|ledger| (ledger.applied() >= newest).then(|| ledger.blobs())).await;
    let Some(referenced) = referenced else {
        return Err(refusal(codes::NO_LEADER, "this node does not have all of the log yet".to_owned()));
    };
    let store = Arc::clone(blobs);
    let collected = tokio::task::spawn_blocking(move || store.collect(&referenced)).await;
    match collected {
        Ok(Ok(Collected { removed: 0, .. })) => Ok(()),
        Ok(Ok(Collected { removed, removed_bytes, .. })) => {
            tracing::info!(removed, bytes = removed_bytes, "removed blobs that no job needs any more");
            Ok(())
        }
        // The disk may be better at the next look; until then nothing is lost but room.
        Ok(Err(error)) => {
            tracing::warn!(%error, "unused blobs could not be removed");
            Ok(())
        }
        Err(error) => Err(refusal(codes::ACTOR_LOST, format!("the look for unused blobs ended early: {error}"))),
    }
}

/// The newest entry that the leader has applied.
async fn newest(leader: &LeaderLink, control: &ControlPlane) -> Result<u64, Refusal> {
    match leader.find().await.map_err(from_link)? {
        Found::Here => control.read(|ledger| ledger.applied()).await,
        Found::There { peer, .. } => match ask_peer(&peer, &Request::GetStatus).await.map_err(from_link)?? {
            Response::Status(status) if status.leader == Some(status.node) => Ok(status.applied),
            Response::Status(_) => Err(refusal(codes::NO_LEADER, "another node leads by now".to_owned())),
            _ => Err(refusal(codes::BAD_MESSAGE, "the leader's answer is not its status".to_owned())),
        },
    }
}
