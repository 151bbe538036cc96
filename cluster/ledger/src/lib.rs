//! nexus-ledger.
