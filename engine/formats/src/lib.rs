//! nexus-formats.
