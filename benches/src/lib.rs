//! nexus-benches.
