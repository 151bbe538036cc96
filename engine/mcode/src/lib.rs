//! nexus-mcode.
