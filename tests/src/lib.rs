//! nexus-tests.
