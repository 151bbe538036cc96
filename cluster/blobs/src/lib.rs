//! nexus-blobs.
