//! The runtime's error codes, each with what `nexus explain` says of it.
//!
//! `NX01xx`: requests. `NX02xx`: links (see `nexus-link`). `NX03xx`: running tasks. `NX04xx`: the node itself (`NX041x`: the members of its cluster). `NX07xx`:
//! blobs (see `nexus-blobs`). `NX06xx` and `NX031x`: the ledger (see `nexus-ledger`).

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal;)+) => {
        $($(#[doc = $doc])+ pub const $name: &str = $code;)+

        /// Every code with its explanation.
        pub const EXPLANATIONS: &[(&str, &str)] = &[$(($code, concat!($($doc, "\n"),+))),+];
    };
}

codes! {
    /// The job does not exist in this cluster. `nexus jobs` lists the jobs that do.
    NO_SUCH_JOB = "NX0101";
    /// The submission is not acceptable as it is; the message names the field and what it may be. Nothing was stored.
    BAD_SUBMISSION = "NX0102";
    /// The certificate that this command used does not allow the request. Give the command on the cluster's first node,
    /// whose user may do everything.
    NOT_ALLOWED = "NX0103";
    /// The node has more requests waiting than it holds. Nothing was stored; ask again after the time it named.
    BUSY = "NX0104";
    /// The answer did not come in time. What became of the request is unknown: look with `nexus jobs`, or submit again
    /// with the same --key, which gives the same job.
    TIMED_OUT = "NX0105";
    /// No leader is known, so nothing can be accepted. With a majority of the voters up, one is elected within seconds.
    NO_LEADER = "NX0106";
    /// The node does not exist, or was forgotten. `nexus node list` lists the nodes that do.
    NO_SUCH_NODE = "NX0107";
    /// The join token is wrong, has been used or is too old. Make a new one with `nexus token create --role worker`.
    BAD_TOKEN = "NX0108";
    /// The blob is not on the node that was asked.
    NO_SUCH_BLOB = "NX0109";
    /// The message was not one that this node understands. Are both machines running the same version?
    BAD_MESSAGE = "NX0110";
    /// The task does not exist in this job.
    NO_SUCH_TASK = "NX0111";
    /// The node is stopping and takes no new work. Its queue stays on disk.
    STOPPING = "NX0112";
    /// The runtime itself failed inside a task. The task ended as failed, the node went on. This is a defect worth a report.
    TASK_PANICKED = "NX0301";
    /// An input of the job could not be read on the node that ran the task.
    INPUT_UNREADABLE = "NX0302";
    /// The result could not be stored: the disk may be full, or the node that keeps results could not be reached.
    RESULT_NOT_KEPT = "NX0303";
    /// The folder in which the command should run could not be made.
    NO_SCRATCH = "NX0304";
    /// The command ended with a status other than 0, or was ended by a signal. `nexus job logs ID` shows what it printed.
    COMMAND_FAILED = "NX0305";
    /// The command could not be started: is it installed on that node, and is the path right?
    COMMAND_NOT_STARTED = "NX0306";
    /// The program was refused by the compiler of the node that should run it, which gave no reason. This is a defect worth
    /// a report.
    NOT_COMPILED = "NX0307";
    /// There is no strategy of that name, or it cannot run this program here; the message says which and why. `nexus
    /// optimizer strategies` lists them, `nexus optimizer register FILE` adds one.
    NO_SUCH_STRATEGY = "NX0308";
    /// An external module that came with a job is not one that can be run: submit the job again.
    BAD_JOB_MODULE = "NX0309";
    /// What the optimiser learned could not be read or written: the disk, or a file that is no state of it. Programs run
    /// all the same.
    OPTIMIZER_STATE = "NX0408";
    /// The node's data directory cannot be used: it is missing, unreadable, in use by another process, or damaged.
    DATA_DIRECTORY = "NX0401";
    /// The node cannot listen where it should: another program may use the port.
    CANNOT_LISTEN = "NX0402";
    /// Joining failed: the address does not answer, or the cluster refused the token.
    JOIN_FAILED = "NX0403";
    /// The node's store failed (a disk error). The node stopped at once, because nothing that it would acknowledge could be
    /// trusted; what was acknowledged before is on disk.
    STORE_FAILED = "NX0404";
    /// The disk of the node's data directory is full, or its share of it. The node stopped at once; what was acknowledged
    /// before is on disk. `nexus node start` waits until there is room and begins again.
    STORE_FULL = "NX0415";
    /// One of the node's own actors died again and again within a minute. The node stopped, because starting it again did
    /// not help; what was acknowledged is on disk. This is a defect worth a report.
    ACTOR_LOST = "NX0406";
    /// The voters cannot be changed like that; the message says why. They are one node or an odd number of nodes, and a new
    /// voter must be up.
    VOTERS = "NX0411";
    /// The node's part of the log is gone, but not its identity: its cluster would count on what it promised and does not
    /// know any more. Bring the folder back from a copy, or take the node out of its cluster and let it join again with
    /// another --data.
    LOG_LOST = "NX0412";
    /// What was asked for is newer than a node of the cluster, which could not read it; the message names the nodes. It is
    /// held back until all nodes are upgraded; the cluster goes over by itself then. A node that does not come back is
    /// taken out with `nexus node forget`. Nothing was stored.
    PROTOCOL_NOT_YET = "NX0114";
    /// The cluster uses a version of the protocol that this node does not speak: all others were upgraded. Start a newer
    /// nexus on this machine, and leave out `protocol` in its nexus.toml. What it holds is on disk.
    PROTOCOL_LEFT_BEHIND = "NX0413";
    /// Another machine is in the cluster under this node's identity: its data folder was copied. The first one is unaffected;
    /// give the other an empty folder with --data, and let it join with a new token.
    IDENTITY_COPIED = "NX0414";
    /// The files of timelines could not be read or written, or are not what was written. The message names the file and
    /// the line. Nothing was changed; restore the file from a copy, or import an export of the timeline.
    TIMELINE_STORE = "NX0407";
    /// The answer of a decision model was found and could not be given: it is too long for a message, or finding it was
    /// given up because the node stops. Ask for fewer variables, or ask again.
    DECISION_LOST = "NX0113";
    /// The idempotency key stands for a job that does other work: its program, tasks, arguments, inputs or seed differ. Nothing was
    /// submitted. The same submission gets the same job however often it is sent; another one needs another key.
    KEY_TAKEN = "NX0115";
    /// No node answers for this data directory.
    NOT_REACHABLE = "NX0405";
}

/// What `nexus explain CODE` prints, if the code is one of the runtime's, its links', its blobs' or its ledger's.
pub fn explain(code: &str) -> Option<&'static str> {
    let elsewhere = [
        nexus_echo::EXPLANATIONS,
        nexus_link::EXPLANATIONS,
        nexus_blobs::EXPLANATIONS,
        nexus_ledger::EXPLANATIONS,
        nexus_qlogik::EXPLANATIONS,
    ];
    let mut all = EXPLANATIONS.iter().chain(elsewhere.into_iter().flatten());
    all.find(|(known, _)| *known == code).map(|(_, text)| text.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_is_given_once() {
        let mut codes: Vec<_> = EXPLANATIONS.iter().map(|(code, _)| code).collect();
        codes.dedup();
        assert_eq!(codes.len(), EXPLANATIONS.len());
        assert!(explain(BUSY).is_some_and(|text| text.starts_with("The node has more")));
        for (code, _) in
            nexus_link::EXPLANATIONS.iter().chain(nexus_blobs::EXPLANATIONS).chain(nexus_ledger::EXPLANATIONS)
        {
            assert!(explain(code).is_some(), "{code}");
        }
        assert_eq!(explain("NX9999"), None);
    }
}
