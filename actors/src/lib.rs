//! nexus-actors.
