//! The version of the protocol, and which versions talk to each other. It is not the version of the program.

use std::fmt;

/// A protocol version. Versions with the same major number and neighbouring minor numbers interoperate, so that a cluster
/// can be upgraded node by node; all others refuse each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProtocolVersion {
    /// Changes when old nodes cannot be talked to any more.
    pub major: u16,
    /// Changes when messages are added. A node uses what its peer's minor version knows.
    pub minor: u16,
}

impl ProtocolVersion {
    /// The first of all. What every node of it knows needs no agreement.
    pub const FIRST: ProtocolVersion = ProtocolVersion { major: 1, minor: 0 };
    /// What this build speaks. 1.1 brought requests for labels and parts of a graphics processor, schedules and the log of
    /// acts; 1.2 copies of results, results of earlier jobs that are taken instead of being made, entries that accept a
    /// job and give it away at once, what machines say of how they are, suspects that say that they begin, and the emergency
    /// stop.
    pub const CURRENT: ProtocolVersion = ProtocolVersion { major: 1, minor: 2 };

    /// Whether nodes of these two versions talk to each other. Symmetric.
    pub const fn interoperates(self, other: ProtocolVersion) -> bool {
        self.major == other.major && self.minor.abs_diff(other.minor) <= 1
    }

    /// The versions that this build can speak: its own, and the one before, for a cluster that is upgraded node by node.
    pub fn spoken() -> impl Iterator<Item = ProtocolVersion> {
        let ProtocolVersion { major, minor } = ProtocolVersion::CURRENT;
        (minor.saturating_sub(1)..=minor).map(move |minor| ProtocolVersion { major, minor })
    }
}

impl Default for ProtocolVersion {
    /// The first: what is known of those of whom nothing else is.
    fn default() -> Self {
        ProtocolVersion::FIRST
    }
}

impl fmt::Display for ProtocolVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbouring_minor_versions_interoperate_and_others_do_not() {
        let version = |major, minor| ProtocolVersion { major, minor };
        for (left, right, expected) in [
            (version(1, 0), version(1, 0), true),
            (version(1, 0), version(1, 1), true),
            (version(1, 0), version(1, 2), false),
            (version(1, 7), version(1, 6), true),
            (version(1, 0), version(2, 0), false),
            (version(1, 0), version(0, 0), false),
            (version(1, 0), version(1, u16::MAX), false),
        ] {
            assert_eq!(left.interoperates(right), expected, "{left} with {right}");
            assert_eq!(right.interoperates(left), expected, "{right} with {left}");
        }
    }
}
