//! nexus-scheduler.
