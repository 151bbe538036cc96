//! Who has which blobs: machines are asked for many at a time, many machines at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use nexus_blobs::BlobStore;
use nexus_ledger::Ledger;
use nexus_link::Peer;
use nexus_model::{BlobHash, NodeId};
use nexus_wire::limits::BLOBS_FOUND_MAX;
use nexus_wire::{ClusterRequest, ClusterResponse, Request, Response};

use crate::codes;
use crate::control::ControlPlane;
use crate::leader_link::{LeaderLink, ask_peer};

/// How long machines are dialled before they are asked.
const DIAL_MAX: Duration = Duration::from_secs(5);
/// Machines that are asked at once: a thousand answers of a thousand blobs each are small.
const ASKED_AT_ONCE: usize = 64;
/// Blobs that a machine of the protocol before [`ClusterRequest::FindBlobs`] is asked for at once, a request for each.
const SINGLE_AT_ONCE: usize = 16;

/// Blobs that are looked for together: what they cost in memory, with the answers of a thousand machines, is some megabytes.
pub(crate) const PAGE: usize = 10_000;

/// What the machines of a cluster said of some blobs.
#[derive(Debug, Default)]
pub(crate) struct Holders {
    /// Of each blob, in the order of the question; nothing where the machine did not say.
    answers: BTreeMap<NodeId, Vec<Option<bool>>>,
}

impl Holders {
    /// Asks this machine, and the others that can be reached, for blobs and their lengths.
    pub(crate) async fn ask(
        own: (NodeId, &Arc<BlobStore>),
        peers: &BTreeMap<NodeId, Peer>,
        wanted: &[(BlobHash, u64)],
    ) -> Holders {
        let hashes = wanted.iter().map(|(hash, _)| *hash).collect();
        let here = are_here(Arc::clone(own.1), hashes).await.into_iter().map(Some).collect();
        let asked = peers.iter().map(|(node, peer)| async move { (*node, ask_for(peer, wanted).await) });
        let asked: Vec<_> = asked.collect();
        let mut answers: BTreeMap<_, _> = futures::stream::iter(asked).buffer_unordered(ASKED_AT_ONCE).collect().await;
        answers.insert(own.0, here);
        Holders { answers }
    }

    /// Which machines said of the blob at this place of the question whether they have it.
    pub(crate) fn of(&self, at: usize) -> impl Iterator<Item = (NodeId, bool)> + '_ {
        self.answers.iter().filter_map(move |(node, of_all)| Some((*node, (*of_all.get(at)?)?)))
    }
}

/// The machines of a cluster.
pub(crate) async fn machines(control: &ControlPlane) -> BTreeSet<NodeId> {
    let machines =
        |ledger: &Ledger| ledger.members().filter(|(_, member)| member.is_machine()).map(|(node, _)| node).collect();
    control.read_local(machines).await
}

/// The other machines that can be reached now.
pub(crate) async fn dialled(leader: &LeaderLink) -> BTreeMap<NodeId, Peer> {
    let named = |peer: Option<Peer>| async move { peer.and_then(|peer| Some((peer.info().node()?, peer))) };
    leader.others().filter_map(named).take_until(tokio::time::sleep(DIAL_MAX)).collect().await
}

/// Which of these blobs are on this machine's disk.
pub(crate) async fn are_here(blobs: Arc<BlobStore>, hashes: Vec<BlobHash>) -> Vec<bool> {
    let asked = hashes.len();
    let look = move || hashes.iter().map(|hash| blobs.has(hash)).collect();
    tokio::task::spawn_blocking(look).await.unwrap_or_else(|_| vec![false; asked])
}

/// What one machine says of each.
async fn ask_for(peer: &Peer, wanted: &[(BlobHash, u64)]) -> Vec<Option<bool>> {
    let mut answers = Vec::with_capacity(wanted.len());
    for some in wanted.chunks(BLOBS_FOUND_MAX) {
        answers.extend(ask_for_some(peer, some).await);
    }
    answers
}

async fn ask_for_some(peer: &Peer, wanted: &[(BlobHash, u64)]) -> Vec<Option<bool>> {
    let hashes = wanted.iter().map(|(hash, _)| *hash).collect();
    let request = Request::Cluster(Box::new(ClusterRequest::FindBlobs(hashes)));
    match ask_peer(peer, &request).await {
        Ok(Ok(Response::Cluster(answer))) => match *answer {
            ClusterResponse::FoundBlobs(found) if found.len() == wanted.len() => found.into_iter().map(Some).collect(),
            _ => vec![None; wanted.len()],
        },
        Ok(Err(refusal)) if refusal.code == codes::BAD_MESSAGE => {
            let single: Vec<_> = wanted.iter().map(|(hash, bytes)| holds(peer, *hash, *bytes)).collect();
            futures::stream::iter(single).buffered(SINGLE_AT_ONCE).collect().await
        }
        Ok(_) | Err(_) => vec![None; wanted.len()],
    }
}

/// Whether a peer has a blob on its own disk; nothing where it does not say.
pub(crate) async fn holds(peer: &Peer, hash: BlobHash, total: u64) -> Option<bool> {
    let last_byte = Request::ReadBlob { hash, offset: total.saturating_sub(1) };
    match ask_peer(peer, &last_byte).await {
        Ok(Ok(Response::BlobChunk { total: theirs, .. })) => Some(theirs == total),
        // Who is busy now may have it.
        Ok(Err(refusal)) if refusal.retry_after.is_some() => None,
        Ok(_) => Some(false),
        Err(_) => None,
    }
}
