//! Samples of messages about blobs.

use nexus_model::BlobHash;
use nexus_wire::{ClusterRequest, ClusterResponse, Request, Response};

use super::cluster;

/// Those that ask for blobs.
pub(super) fn requests() -> Vec<(&'static str, Request)> {
    let hash = BlobHash([7; 32]);
    vec![
        ("read-blob", Request::ReadBlob { hash, offset: 1 << 20 }),
        ("write-blob", Request::WriteBlob { hash, total: 9, offset: 4, bytes: b"piece".to_vec() }),
        ("read-blob-outline", cluster(ClusterRequest::ReadBlobOutline(hash))),
        ("find-blobs", cluster(ClusterRequest::FindBlobs(vec![hash, hash]))),
    ]
}

/// Those that say what is there.
pub(super) fn responses() -> Vec<(&'static str, Response)> {
    let told = |answer| Response::Cluster(Box::new(answer));
    vec![
        ("blob-outline", told(ClusterResponse::BlobOutline(vec![7; 64]))),
        ("found-blobs", told(ClusterResponse::FoundBlobs(vec![true, false]))),
    ]
}
