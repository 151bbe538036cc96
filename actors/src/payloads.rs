//! Where large payloads are kept: in memory (`nexus run`), in this node's blob store, or (a node without a ledger) in
//! this node's store and with the leader, so that a result outlives the worker that made it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use nexus_blobs::BlobStore;
use nexus_link::Peer;
use nexus_model::{BlobHash, INLINE_BYTES_MAX, Payload};
use nexus_wire::limits::BLOB_CHUNK_BYTES;
use nexus_wire::{Refusal, Request, Response};
use tokio::runtime::Handle;
use tracing::Instrument as _;

use crate::codes;
use crate::control::refusal;
use crate::leader_link::{Found, LeaderLink, ask_peer, from_link};
use crate::telemetry;
use crate::worker::PayloadStore;

/// Payloads of a runtime that lives in one process.
#[derive(Default)]
pub struct MemoryPayloads {
    blobs: Mutex<BTreeMap<BlobHash, Arc<Vec<u8>>>>,
}

impl PayloadStore for MemoryPayloads {
    fn load(&self, payload: &Payload) -> Result<Vec<u8>, String> {
        match payload {
            Payload::Inline(bytes) => Ok(bytes.to_vec()),
            Payload::Blob { hash, .. } => {
                let blobs = self.blobs.lock().unwrap_or_else(PoisonError::into_inner);
                blobs.get(hash).map(|bytes| bytes.to_vec()).ok_or_else(|| format!("there is no blob {hash}"))
            }
        }
    }

    fn store(&self, bytes: Vec<u8>) -> Result<Payload, String> {
        if bytes.len() <= INLINE_BYTES_MAX {
            return Ok(Payload::Inline(bytes.into()));
        }
        let hash = BlobHash(*blake3::hash(&bytes).as_bytes());
        let payload = Payload::Blob { hash, bytes: bytes.len() as u64 };
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner).insert(hash, Arc::new(bytes));
        Ok(payload)
    }
}

/// Payloads of a node: its blob store, and the leader's where this node is not the leader.
pub(crate) struct NodePayloads {
    pub(crate) blobs: Arc<BlobStore>,
    pub(crate) leader: Option<(LeaderLink, Handle)>,
}

impl PayloadStore for NodePayloads {
    fn load(&self, payload: &Payload) -> Result<Vec<u8>, String> {
        let (hash, total) = match payload {
            Payload::Inline(bytes) => return Ok(bytes.to_vec()),
            Payload::Blob { hash, bytes } => (hash, *bytes),
        };
        if !self.blobs.has(hash)
            && let Some((leader, runtime)) = &self.leader
        {
            let fetched = runtime.block_on(fetch_from_any(leader, *hash, total).instrument(telemetry::fetch(total)));
            let bytes = fetched.map_err(|refusal| refusal.message)?;
            // The next task that needs it finds it here; the hash was checked piece by piece at the end of the fetch.
            self.blobs.put(&bytes).map_err(|error| error.to_string())?;
            return Ok(bytes);
        }
        self.blobs.get(hash).map(|bytes| bytes.to_vec()).map_err(|error| error.to_string())
    }

    fn store(&self, bytes: Vec<u8>) -> Result<Payload, String> {
        if bytes.len() <= INLINE_BYTES_MAX {
            return Ok(Payload::Inline(bytes.into()));
        }
        let hash = self.blobs.put(&bytes).map_err(|error| error.to_string())?;
        if let Some((leader, runtime)) = &self.leader {
            runtime
                .block_on(async {
                    match leader.find().await.map_err(from_link)? {
                        Found::Here => Ok(()),
                        Found::There { peer, .. } => upload(&peer, hash, &bytes).await,
                    }
                })
                .map_err(|refusal| refusal.message)?;
        }
        Ok(Payload::Blob { hash, bytes: bytes.len() as u64 })
    }
}

/// Reads a whole blob from whoever has it: the leader is asked first.
async fn fetch_from_any(leader: &LeaderLink, hash: BlobHash, total: u64) -> Result<Vec<u8>, Refusal> {
    let mut last = refusal(codes::NO_SUCH_BLOB, format!("no other node can be reached for the blob {hash}"));
    for peer in leader.others().await {
        match fetch(&peer, hash, total).await {
            Ok(bytes) => return Ok(bytes),
            Err(refusal) => last = refusal,
        }
    }
    Err(last)
}

/// Reads a whole blob from a peer and checks it against its hash.
pub(crate) async fn fetch(peer: &Peer, hash: BlobHash, total: u64) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < total {
        let request = Request::ReadBlob { hash, offset: bytes.len() as u64 };
        match ask_peer(peer, &request).await.map_err(from_link)?? {
            Response::BlobChunk { bytes: piece, total: theirs } if !piece.is_empty() && theirs == total => {
                bytes.extend_from_slice(&piece);
            }
            _ => return Err(refusal(codes::NO_SUCH_BLOB, format!("the blob {hash} is not what it should be"))),
        }
    }
    if *blake3::hash(&bytes).as_bytes() != hash.0 {
        return Err(refusal(codes::NO_SUCH_BLOB, format!("the blob {hash} arrived damaged")));
    }
    Ok(bytes)
}

/// Sends a whole blob to a peer, which checks it against its hash.
pub(crate) async fn upload(peer: &Peer, hash: BlobHash, bytes: &[u8]) -> Result<(), Refusal> {
    let total = bytes.len() as u64;
    for (i, piece) in bytes.chunks(BLOB_CHUNK_BYTES).enumerate() {
        let offset = (i * BLOB_CHUNK_BYTES) as u64;
        let request = Request::WriteBlob { hash, total, offset, bytes: piece.to_vec() };
        ask_peer(peer, &request).await.map_err(from_link)??;
    }
    Ok(())
}
