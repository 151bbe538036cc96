//! nexus-wire.
