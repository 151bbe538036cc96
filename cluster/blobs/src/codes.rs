//! The error codes of this crate, each with what `nexus explain` says of it.

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal;)+) => {
        $($(#[doc = $doc])+ pub(crate) const $name: &str = $code;)+

        /// Every code of [`crate::BlobError`] with its explanation.
        pub const EXPLANATIONS: &[(&str, &str)] = &[$(($code, concat!($($doc, "\n"),+))),+];
    };
}

codes! {
    /// The blob is not on this node. Another node may have it.
    MISSING = "NX0701";
    /// The file of a blob does not have the content that its name promises: the disk or something else changed it. It
    /// was moved to the folder `damaged` and is not served; fetching or computing the blob again mends it.
    DAMAGED = "NX0702";
    /// Content was sent under a hash that it does not have. It was thrown away.
    MISMATCH = "NX0703";
    /// A piece of a blob did not begin where the last one ended. Nothing was lost: send the one that is named.
    OUT_OF_ORDER = "NX0704";
    /// The length of a blob and what was said of it differ.
    LENGTH = "NX0705";
    /// A part behind the end of a blob was asked for.
    BEYOND_END = "NX0706";
    /// The disk with the node's data is full. What was being written is gone, everything before it is there. Make room,
    /// then try again.
    DISK_FULL = "NX0707";
    /// The operating system could not read or write a file of the store; its reason is in the message.
    IO = "NX0708";
}
