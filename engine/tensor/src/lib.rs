//! nexus-tensor.
