//! Requests about blobs: one piece at a time.

use std::sync::Arc;

use nexus_blobs::BlobStore;
use nexus_model::BlobHash;
use nexus_wire::limits::BLOB_CHUNK_BYTES;
use nexus_wire::{ClusterResponse, Refusal, Request, Response};

use super::GatewayState;
use crate::codes;
use crate::control::refusal;
use crate::holders::are_here;
use crate::leader_link::ask_peer;

impl GatewayState {
    pub(super) fn has_blob(&self, hash: &BlobHash) -> bool {
        self.blobs.as_ref().is_some_and(|blobs| blobs.has(hash))
    }

    fn blob_store(&self) -> Result<Arc<BlobStore>, Refusal> {
        self.blobs.clone().ok_or_else(|| refusal(codes::NO_SUCH_BLOB, "this runtime keeps no blobs".to_owned()))
    }

    pub(super) async fn read_blob(&self, hash: BlobHash, offset: u64) -> Result<Response, Refusal> {
        let blobs = self.blob_store()?;
        let read = tokio::task::spawn_blocking(move || {
            let total = blobs.len(&hash)?;
            let bytes = blobs.read_at(&hash, offset, BLOB_CHUNK_BYTES)?;
            Ok::<_, nexus_blobs::BlobError>(Response::BlobChunk { total, bytes })
        });
        finish(read.await)
    }

    /// The hashes of the pieces of a blob that is here.
    pub(super) async fn outline(&self, hash: BlobHash) -> Result<Response, Refusal> {
        let blobs = self.blob_store()?;
        let outlined = tokio::task::spawn_blocking(move || {
            let outline = blobs.outline(&hash)?.to_bytes();
            Ok::<_, nexus_blobs::BlobError>(Response::Cluster(Box::new(ClusterResponse::BlobOutline(outline))))
        });
        finish(outlined.await)
    }

    /// Which of these blobs are here.
    pub(super) async fn find_blobs(&self, hashes: Vec<BlobHash>) -> Result<Response, Refusal> {
        let found = are_here(self.blob_store()?, hashes).await;
        Ok(Response::Cluster(Box::new(ClusterResponse::FoundBlobs(found))))
    }

    /// A piece of a blob that is not here, from whichever node has it.
    pub(super) async fn read_elsewhere(&self, hash: BlobHash, offset: u64) -> Result<Response, Refusal> {
        let request = Request::ReadBlob { hash, offset };
        let mut last = refusal(codes::NO_SUCH_BLOB, format!("no node that can be reached has the blob {hash}"));
        let read = self.leader()?.first_of(async |peer| match ask_peer(&peer, &request).await {
            Ok(Ok(response)) => Some(response),
            Ok(Err(refusal)) => {
                last = refusal;
                None
            }
            Err(_) => None,
        });
        read.await.ok_or(last)
    }

    pub(super) async fn write_blob(
        &self,
        hash: BlobHash,
        total: u64,
        offset: u64,
        bytes: Vec<u8>,
    ) -> Result<Response, Refusal> {
        let blobs = self.blob_store()?;
        let written = tokio::task::spawn_blocking(move || {
            blobs.write_piece(hash, total, offset, &bytes)?;
            Ok::<_, nexus_blobs::BlobError>(Response::Done)
        });
        finish(written.await)
    }
}

fn finish(done: Result<Result<Response, nexus_blobs::BlobError>, tokio::task::JoinError>) -> Result<Response, Refusal> {
    match done {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => Err(refusal(codes::NO_SUCH_BLOB, error.to_string())),
        Err(_) => Err(crate::control::stopping()),
    }
}
