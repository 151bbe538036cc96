//! The protocol's settings, from the bounds of this crate.

use std::time::Duration;

use openraft::{Config, ConfigError, SnapshotPolicy};

use crate::consensus::ConsensusConfig;
use crate::limits::{
    APPEND_ENTRIES_MAX, ELECTION_TIMEOUT_MAX, ELECTION_TIMEOUT_MIN, HEARTBEAT_INTERVAL, PROPOSALS_IN_FLIGHT_MAX,
    SNAPSHOT_DEADLINE,
};

/// openraft asks this often, in entries for each snapshot, whether one is due; the decision looks at bytes too.
const SNAPSHOT_QUESTIONS: u64 = 16;

/// openraft's configuration.
pub(crate) fn protocol(config: &ConsensusConfig) -> Result<Config, ConfigError> {
    let policy = config.snapshots;
    let channel = u64::try_from(PROPOSALS_IN_FLIGHT_MAX).unwrap_or(u64::MAX);
    Config {
        cluster_name: config.cluster.clone(),
        heartbeat_interval: millis(HEARTBEAT_INTERVAL),
        election_timeout_min: millis(ELECTION_TIMEOUT_MIN),
        election_timeout_max: millis(ELECTION_TIMEOUT_MAX),
        install_snapshot_timeout: millis(SNAPSHOT_DEADLINE),
        max_payload_entries: APPEND_ENTRIES_MAX,
        replication_lag_threshold: policy.keep.max(1),
        snapshot_policy: SnapshotPolicy::LogsSinceLast((policy.entries / SNAPSHOT_QUESTIONS).max(1)),
        max_in_snapshot_log_to_keep: policy.keep,
        // The proposals in flight are bounded before they get here; the channel has room for all of them.
        api_channel_size: Some(channel * 2),
        enable_pre_vote: Some(true),
        // A leader that was away must win an election again: its state may be older than what it has answered.
        enable_leader_restore: Some(false),
        // A voter whose disk was wiped must not be counted as if it still had what it acknowledged.
        allow_log_reversion: Some(false),
        ..Config::default()
    }
    .validate()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
