//! nexus-consensus.
