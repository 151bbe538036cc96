//! The ledger's error codes, each with what `nexus explain` says of it.
//!
//! `NX06xx`: commands that it refuses. `NX031x`: why it ended a task that its worker did not end.

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal;)+) => {
        $($(#[doc = $doc])+ pub(crate) const $name: &str = $code;)+

        /// Every code with its explanation.
        pub const EXPLANATIONS: &[(&str, &str)] = &[$(($code, concat!($($doc, "\n"),+))),+];
    };
}

codes! {
    /// The task's worker was lost while it had the task, and no attempts are left. `--retries` allows more; if the task
    /// itself brings workers down (memory), give it more room.
    WORKER_LOST = "NX0311";
    /// Two workers were lost while they ran this task, so it is not given to a third. Other tasks go on. Look at what it
    /// needs (memory first) and submit it again.
    QUARANTINED = "NX0312";
    /// The task's worker was stopped before the task ended, and no attempts are left. Submit it again, or allow more
    /// attempts.
    GIVEN_UP = "NX0313";
    /// The task's result is larger than what is kept beside the job. Larger results are kept as blobs; this one was not.
    /// This is a defect worth a report.
    RESULT_TOO_LARGE = "NX0314";
    /// The task ran longer than its timeout. It is not tried again: under the same limit it would most likely end the
    /// same way. Submit it with a longer `--timeout`.
    TIMED_OUT = "NX0315";
    /// The task had not ended when the deadline of its job was over, so it was ended then, wherever it was. Submit it again
    /// with a later `--deadline`, or without one.
    DEADLINE_PASSED = "NX0318";
    /// A job that this one waited for failed, was cancelled, or was forgotten, so this one never ran. Mend the other one
    /// and run it again (`nexus job retry`), then this one.
    CONDITION_FAILED = "NX0316";
    /// An input was to be taken from another job, which has no such result or output, or too large a list of them. The
    /// message says which.
    NOTHING_TO_TAKE = "NX0317";
    /// No node has an input of the task any more, and it cannot be made again: it was given with the job, or the job that
    /// made it is forgotten, failed when it was run again, or has used up its attempts. The message says which. Submit it
    /// again; `--copies 2` keeps results on two disks.
    INPUT_LOST = "NX0319";
    /// The log entry was applied before. This is a defect worth a report.
    ALREADY_APPLIED = "NX0601";
    /// The data directory already belongs to a cluster. To begin a new one, use another (`--data`).
    CLUSTER_EXISTS = "NX0602";
    /// There is no cluster in this data directory yet. `nexus node start` begins one.
    NO_CLUSTER = "NX0603";
    /// The job cannot be accepted as it is; the message says what is wrong with it. Nothing was stored.
    BAD_JOB = "NX0604";
    /// A name, address or key is longer than the cluster keeps. Nothing was stored.
    TOO_LONG = "NX0605";
    /// The cluster holds as many of these as it can. Nothing was stored; try again when some have ended.
    FULL = "NX0606";
    /// The job does not exist, or was forgotten. `nexus jobs` lists the jobs that do.
    UNKNOWN_JOB = "NX0607";
    /// Only a job that has ended can be forgotten. `nexus job cancel ID` ends it.
    JOB_ACTIVE = "NX0608";
    /// The node does not exist, or was removed. `nexus node list` lists the nodes that do.
    UNKNOWN_NODE = "NX0609";
    /// The member is a person's or a program's client; it runs no tasks and cannot vote.
    NOT_A_MACHINE = "NX0610";
    /// The join token is not known to this cluster, or ended long ago. `nexus token create --role worker` makes another.
    UNKNOWN_TOKEN = "NX0611";
    /// A join token is used once, and this one was. `nexus token create --role worker` makes another.
    TOKEN_USED = "NX0612";
    /// The join token's time is over. `nexus token create --role worker` makes another.
    TOKEN_EXPIRED = "NX0613";
    /// The same join token was made twice. Make another.
    TOKEN_EXISTS = "NX0614";
    /// The key of the joining machine belongs to a member already. Was its data directory copied? Start the copy with an
    /// empty one.
    IDENTITY_IN_USE = "NX0615";
    /// The key of the joining machine was removed from the cluster, for ever. Start it with an empty data directory to
    /// join as a new member.
    IDENTITY_REMOVED = "NX0616";
    /// A voter cannot be removed while it votes. Change the voters first.
    NODE_IS_VOTER = "NX0617";
    /// Every task of the job succeeded and its results are there, so there is nothing to run again. Submit it anew instead.
    NOTHING_TO_RETRY = "NX0619";
    /// The job waits for another one that did not succeed. Run that one again first.
    RETRY_OTHER_FIRST = "NX0620";
    /// The times of a schedule are none; the message says which part. They are five fields (minute, hour, day of the month,
    /// month, day of the week), like `0 3 * * *`, or a name like @daily. Nothing was stored.
    BAD_RECURRENCE = "NX0622";
    /// The schedule does not exist, or was removed. `nexus schedule list` lists those that do.
    UNKNOWN_SCHEDULE = "NX0623";
    /// A label is a name and a value of letters, digits, `.`, `_`, `-` and `/`, at most 63 each, and a node has at most 64.
    /// `node` is the name of the node and cannot be given. Nothing was changed.
    BAD_LABEL = "NX0621";
    /// One voter, or an odd number: an even number survives no more losses than one voter fewer.
    VOTER_COUNT = "NX0618";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique() {
        let mut codes: Vec<&str> = EXPLANATIONS.iter().map(|(code, _)| *code).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), EXPLANATIONS.len());
    }
}
