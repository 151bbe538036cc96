//! The plan of a seed: which faults its world knows, and how often each comes. Most worlds know some faults and not others,
//! so that each fault is also met without the ones that would hide what it does.

use super::chance::Chance;

/// What may happen in one step. The first five are work, the rest are faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Happening {
    /// A job is submitted.
    Submit,
    /// A proposal of the scheduler is committed.
    CommitProposal,
    /// A worker reports.
    Report,
    /// Time goes by, and the leader wakes what rests.
    Wake,
    /// A machine joins.
    Join,
    /// A submission comes again under its key: the answer was lost.
    RepeatSubmission,
    /// A report comes again, late, or from the wrong node.
    RepeatReport,
    /// A worker is lost; it may live on as a zombie.
    LoseWorker,
    /// A lost worker is back.
    ReturnWorker,
    /// A job is cancelled.
    Cancel,
    /// What failed is run again.
    Retry,
    /// A proposal is lost on its way.
    LoseProposal,
    /// Another node leads.
    ChangeLeader,
    /// The node starts again from its snapshot.
    Restart,
    /// The node starts again from an older snapshot and the log, which gives it entries that it has.
    ReplayLog,
    /// A machine is removed.
    RemoveNode,
    /// A proposal names a machine that is gone, or tasks that are not to be given out.
    StrayProposal,
    /// A join token is used again, or a removed machine asks to join.
    ReuseToken,
    /// The leader's clock jumps.
    JumpClock,
    /// A job is forgotten.
    Forget,
    /// Somebody stops all work.
    StopWork,
    /// Work that was stopped is given out again.
    ResumeWork,
}

/// Each happening, how often it comes, and whether a world may do without.
const HAPPENINGS: &[(Happening, u64, bool)] = &[
    (Happening::Submit, 100, false),
    (Happening::CommitProposal, 250, false),
    (Happening::Report, 350, false),
    (Happening::Wake, 60, false),
    (Happening::Join, 10, false),
    (Happening::RepeatSubmission, 25, true),
    (Happening::RepeatReport, 50, true),
    (Happening::LoseWorker, 50, true),
    (Happening::ReturnWorker, 70, false),
    (Happening::Cancel, 30, true),
    (Happening::Retry, 15, true),
    (Happening::LoseProposal, 20, true),
    (Happening::ChangeLeader, 20, true),
    (Happening::Restart, 20, true),
    (Happening::ReplayLog, 6, true),
    (Happening::RemoveNode, 10, true),
    (Happening::StrayProposal, 20, true),
    (Happening::ReuseToken, 12, true),
    (Happening::JumpClock, 6, true),
    (Happening::Forget, 10, true),
    (Happening::StopWork, 8, true),
    (Happening::ResumeWork, 60, false),
];

/// What a world knows.
#[derive(Debug)]
pub(crate) struct Plan {
    happenings: Vec<(Happening, u64)>,
    total: u64,
}

impl Plan {
    /// Draws a plan: each fault is there in three worlds of four, up to three times as often as usual.
    pub(crate) fn draw(chance: &mut Chance) -> Self {
        let mut happenings = Vec::new();
        for &(happening, weight, may_be_missing) in HAPPENINGS {
            let times = if may_be_missing { [0, 1, 1, 3][chance.below(4) as usize] } else { 1 };
            happenings.push((happening, weight * times));
        }
        let total = happenings.iter().map(|(_, weight)| weight).sum();
        Plan { happenings, total }
    }

    /// What happens next.
    pub(crate) fn next(&self, chance: &mut Chance) -> Happening {
        let mut at = chance.below(self.total);
        for &(happening, weight) in &self.happenings {
            match at.checked_sub(weight) {
                Some(rest) => at = rest,
                None => return happening,
            }
        }
        Happening::Report
    }
}
