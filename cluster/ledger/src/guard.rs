//! The checks on which promises stand, each by a name under which the simulation can switch it off, to prove that it would
//! see it. Outside tests the answer is known to the compiler, and nothing of this is left.

/// A check, or something else that must not be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Guard {
    /// A report counts only under the token of the current attempt.
    CurrentToken,
    /// A report counts only from the node that holds the task.
    HoldingNode,
    /// A lost worker is counted against its tasks.
    LossesCount,
    /// A task gets no more attempts than its job allows.
    AttemptsEnd,
    /// A cancel ends what workers hold, too.
    CancelHeld,
    /// A key that was used gives the job that it gave.
    KnownKey,
    /// An entry is applied once.
    AppliedOnce,
    /// A member that is removed gives back what it holds.
    RemovedGivesBack,
    /// A worker that comes back keeps only what it says that it holds.
    ReturnedKeeps,
    /// Only members get tasks.
    MembersOnly,
    /// While all work is stopped no task is given out.
    StoppedStops,
    /// A task that rests is not given out.
    RestingRests,
    /// A job waits for the jobs that it names.
    WaitsForOthers,
    /// What has not ended by its deadline ends.
    DeadlineEnds,
    /// A token admits one member.
    TokenOnce,
    /// Who was removed is not admitted again.
    RemovedStaysOut,
    /// A second loss counts only against what is written down to have begun.
    SecondLossIsSure,
    /// What is written down to have begun is lost with its worker.
    BegunIsLost,
    /// A snapshot keeps how often a task has lost its worker.
    SnapshotKeepsLosses,
}

/// Whether the guard is switched off.
#[cfg(not(test))]
pub(crate) const fn off(_: Guard) -> bool {
    false
}

#[cfg(test)]
pub(crate) use switch::{off, without};

#[cfg(test)]
mod switch {
    use std::cell::Cell;

    use super::Guard;

    thread_local! {
        static OFF: Cell<Option<Guard>> = const { Cell::new(None) };
    }

    pub(crate) fn off(guard: Guard) -> bool {
        OFF.get() == Some(guard)
    }

    /// Does something with a guard switched off, in this thread.
    pub(crate) fn without<T>(guard: Guard, work: impl FnOnce() -> T) -> T {
        struct On;
        impl Drop for On {
            fn drop(&mut self) {
                OFF.set(None);
            }
        }
        OFF.set(Some(guard));
        let _on = On;
        work()
    }
}
