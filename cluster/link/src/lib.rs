//! nexus-link.
