//! The error codes of timelines, each with what `nexus explain` says of it.
//!
//! `NX09xx`.

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal;)+) => {
        $($(#[doc = $doc])+ pub const $name: &str = $code;)+

        /// Every code with its explanation.
        pub const EXPLANATIONS: &[(&str, &str)] = &[$(($code, concat!($($doc, "\n"),+))),+];
    };
}

codes! {
    /// An event of a timeline has a field out of its bounds; the message names the event and the field. Nothing was
    /// changed.
    BAD_EVENT = "NX0901";
    /// A trigger of a timeline has a field out of its bounds, such as a probability above 1 or a least delay above the
    /// most. Nothing was changed.
    BAD_TRIGGER = "NX0902";
    /// The event or trigger is not in this timeline, or was removed from it. `nexus timeline show NAME` lists what is.
    NOT_IN_TIMELINE = "NX0903";
    /// An event's name is its identity, and a timeline holds each event once. To change it, use `nexus timeline edit`.
    IN_TIMELINE_ALREADY = "NX0904";
    /// No timeline has this name. `nexus timeline list` lists them.
    NO_SUCH_TIMELINE = "NX0905";
    /// The names of timelines are unique in their store. Choose another, or fork the one that exists.
    TIMELINE_EXISTS = "NX0906";
    /// The log of the timeline is shorter than that position, or has no snapshot of that name. `nexus timeline log NAME`
    /// lists positions and snapshots.
    NO_SUCH_POSITION = "NX0907";
    /// Every entry of a timeline's log holds the hash of all before it. An entry does not fit, so the file was changed or
    /// damaged; restore it from a copy, or import an export.
    BROKEN_CHAIN = "NX0908";
    /// The timeline, or the question about it, is larger than the limits. Split the timeline, or ask about a part of it.
    TOO_LARGE = "NX0909";
    /// The text is not a timeline in JSON. The message says where it stops making sense; docs/timelines.md has the format.
    BAD_JSON = "NX0910";
    /// A merge needs the state from which both timelines were forked. Fork one from the other, or from the same.
    NOT_RELATED = "NX0911";
    /// The question cannot be answered for this timeline; the message says what is missing.
    UNANSWERABLE = "NX0912";
    /// `nexus timeline check` found something that cannot be. `nexus timeline repair NAME` proposes the least change.
    INCONSISTENT = "NX0913";
    /// The edits were made for an earlier state of the timeline, and somebody else has changed it since. Nothing was changed;
    /// read it again and make the edits for what it is now.
    MOVED_ON = "NX0914";
}
