//! What a run spent its time on: functions and operations, with how often and how long, and where in the calls.
//!
//! The machine tells it when a function or an operation begins and ends; the clock is the caller's
//! ([`nexus_tensor::Context::with_profile_clock`]). It changes nothing that a program computes.
//!
//! Looking at a clock takes longer than a short call, so there are three accounts. **Counts** are exact: each call is one
//! step of a counter. **Times of single calls** (quantiles, least, most, the trace) are of the first calls and then of every
//! so many, the fewer the shorter they are. **Time as such** is exact between two timed events with nothing untimed between
//! them, and where it is not, it goes to what was running when the clock's beat came ([`places`]): no call is too short to
//! get its share.

mod drawn;
mod operations;
mod places;
mod recorder;
mod timing;

pub use self::drawn::bytes;
pub(crate) use self::recorder::{Pulse, Recorder};
pub use self::timing::Timing;

/// What a line of a profile is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ProfileKind {
    /// A function of the program, with everything that it calls.
    Function,
    /// An operation on tensors or of the library.
    Operation,
}

/// A line of a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct ProfileLine {
    /// What it is about.
    pub kind: ProfileKind,
    /// The function's name with its line, or the operation's.
    pub name: String,
    /// How often and how long.
    pub timing: Timing,
}

/// A place in the calls with the time that was spent there and nowhere deeper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileStack {
    /// From the outermost call.
    pub frames: Vec<String>,
    /// Nanoseconds.
    pub self_ns: u64,
}

/// A single call: where a trace draws a bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileEvent {
    /// The function or operation.
    pub name: String,
    /// Which of the two.
    pub kind: ProfileKind,
    /// Nanoseconds on the run's clock.
    pub started_ns: u64,
    /// Nanoseconds.
    pub ns: u64,
    /// Number of the thread of the run: 0 is the main one.
    pub thread: u32,
}

/// What a run spent its time on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Profile {
    /// Functions and operations, those with most time of their own first.
    pub lines: Vec<ProfileLine>,
    /// Places in the calls, for a flame graph.
    pub stacks: Vec<ProfileStack>,
    /// Single calls, the first ones of the run, in the order of their beginning.
    pub events: Vec<ProfileEvent>,
}
