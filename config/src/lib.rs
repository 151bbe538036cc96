//! nexus-config.
