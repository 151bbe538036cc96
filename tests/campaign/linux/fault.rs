//! The kinds of faults: what each is called, which scenarios of the list of faults it plays, and how often it is drawn.

use crate::linux::chance::Chance;

/// What is done to the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    KillLeader,
    KillFollower,
    KillMajority,
    KillAll,
    KillWhileRecovering,
    SuspendLeader,
    SuspendFollower,
    IsolateLeader,
    IsolateFollower,
    OneWay,
    Flap,
    Lossy,
    Slow,
    FullDisk,
    FrozenDisk,
    BitFlip,
    NoInterface,
    SecondProcess,
    ClockJump,
    Poison,
}

/// A kind in the list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) fault: Fault,
    /// For people.
    pub(crate) name: &'static str,
    /// Numbers in the list of faults that the project must survive.
    pub(crate) scenarios: &'static [u8],
    /// Drawn so often, in relation to the others.
    weight: u64,
}

const fn kind(fault: Fault, name: &'static str, scenarios: &'static [u8], weight: u64) -> Kind {
    Kind { fault, name, scenarios, weight }
}

/// Every kind.
pub(crate) const KINDS: &[Kind] = &[
    kind(Fault::KillLeader, "kill -9 of the leader", &[1, 23, 25], 24),
    kind(Fault::KillFollower, "kill -9 of a follower", &[23], 14),
    kind(Fault::KillMajority, "kill -9 of a majority at once", &[1, 2], 8),
    kind(Fault::KillAll, "kill -9 of all voters at once", &[2], 12),
    kind(Fault::KillWhileRecovering, "kill -9 of all, and of one again while it starts", &[2, 4], 8),
    kind(Fault::SuspendLeader, "SIGSTOP of the leader for seconds, then SIGCONT", &[9, 21, 24], 5),
    kind(Fault::SuspendFollower, "SIGSTOP of a follower for seconds, then SIGCONT", &[21, 24], 5),
    kind(Fault::IsolateLeader, "the leader is cut off", &[13, 27], 5),
    kind(Fault::IsolateFollower, "a follower is cut off", &[14, 24], 4),
    kind(Fault::OneWay, "a node is heard but hears nothing", &[14], 4),
    kind(Fault::Flap, "a node's links come and go", &[15], 2),
    kind(Fault::Lossy, "30 % loss, doubled and overtaking packets", &[16], 4),
    kind(Fault::Slow, "50 to 150 ms delay between all nodes", &[16], 3),
    kind(Fault::FullDisk, "a node's disk is full for seconds", &[7], 4),
    kind(Fault::FrozenDisk, "a node's file system is frozen for seconds", &[9], 4),
    kind(Fault::BitFlip, "a bit of a killed node's files is flipped", &[5, 6], 5),
    kind(Fault::NoInterface, "a node's network interface goes away", &[34], 3),
    kind(Fault::SecondProcess, "a second process on a node's data directory", &[12], 2),
    kind(Fault::ClockJump, "a node's wall clock is a day back or ten years ahead for seconds", &[32], 4),
    kind(Fault::Poison, "a task that kills its node with kill -9", &[28], 3),
];

impl Fault {
    /// Its place in the list.
    pub(crate) fn kind(self) -> &'static Kind {
        KINDS.iter().find(|kind| kind.fault == self).expect("every fault has a kind")
    }

    /// Draws one.
    pub(crate) fn draw(chance: &mut Chance) -> Fault {
        let mut at = chance.below(KINDS.iter().map(|kind| kind.weight).sum());
        for kind in KINDS {
            match at.checked_sub(kind.weight) {
                Some(rest) => at = rest,
                None => return kind.fault,
            }
        }
        Fault::KillLeader
    }
}
