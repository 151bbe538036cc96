//! What native code did in a run, in numbers and reasons.

/// Reasons that are kept for a profile.
const REASONS_MAX: usize = 32;

/// What native code did in one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NativeProfile {
    /// Units that this run compiled.
    pub compiled: u64,
    /// Units that another run of the program had compiled.
    pub reused: u64,
    /// Units whose machine code was kept from another process.
    pub stored: u64,
    /// Units whose machine code was kept, but damaged, so that they were compiled again.
    pub damaged: u64,
    /// Times that the machine went over into native code.
    pub entered: u64,
    /// Times that native code left something to the machine that it cannot do.
    pub fallbacks: u64,
    /// Times that compiling something hot was put off, because too little was interpreted to be sure that it is repaid.
    pub awaited: u64,
    /// Times that it was left, because what is still to come does not repay it.
    pub declined: u64,
    /// Bytes of machine code that this run made.
    pub code_bytes: u64,
    /// What was left to the machine, and why: `line 3: a text or list is made`.
    pub reasons: Vec<String>,
}

impl NativeProfile {
    /// Takes in what another thread of the same run did.
    pub(crate) fn merge(&mut self, other: NativeProfile) {
        self.compiled += other.compiled;
        self.reused += other.reused;
        self.stored += other.stored;
        self.damaged += other.damaged;
        self.entered += other.entered;
        self.fallbacks += other.fallbacks;
        self.awaited += other.awaited;
        self.declined += other.declined;
        self.code_bytes += other.code_bytes;
        for reason in other.reasons {
            self.add_reason(reason);
        }
    }

    /// Keeps a reason why something was left to the machine, while there is room.
    pub(super) fn add_reason(&mut self, reason: String) {
        if self.reasons.len() < REASONS_MAX && !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }
}
