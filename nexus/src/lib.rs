//! nexus.
