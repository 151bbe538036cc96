//! What the scheduler is told, and what it decides.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use nexus_model::{IndexRange, JobId, JobSpec, Labels, NodeId, Payload, Program, Selection};

/// What a job asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobFacts {
    /// Who submitted it: shares are fair between users.
    pub user: String,
    /// Larger first.
    pub priority: i32,
    /// Slots of each task.
    pub cpus: u32,
    /// Memory of each task, in bytes; 0 asks for none in particular.
    pub memory_bytes: u64,
    /// Thousandths of graphics processors of each task, as in [`nexus_model::Resources`].
    pub gpu_milli: u32,
    /// What it asks of nodes; absent where that is nothing.
    pub selection: Option<Arc<Selection>>,
    /// Bytes of each task's inputs, which a node fetches before the first task.
    pub input_bytes: u64,
    /// Jobs of one family are predicted to take alike: a digest of the program, for this process only.
    pub family: u64,
    /// What a task is predicted to take by those who saw the program run before; believed until something is seen here.
    pub expected: Option<Expected>,
}

/// A prediction: half of the tasks take less than the median, one in ten more than `high`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// The median.
    pub median: Duration,
    /// The end of the middle 80 %.
    pub high: Duration,
}

impl JobFacts {
    /// What `spec` asks for.
    pub fn of(spec: &JobSpec) -> Self {
        let mut family = DefaultHasher::new();
        match &spec.program {
            Program::MCode { file: _, source } => source.hash(&mut family),
            Program::Command { argv, env: _, cwd: _ } => argv.hash(&mut family),
        }
        JobFacts {
            user: spec.user.clone(),
            priority: spec.priority,
            cpus: spec.resources.cpus,
            memory_bytes: spec.resources.memory_bytes,
            gpu_milli: spec.resources.gpu_milli,
            selection: (!spec.selection.is_none()).then(|| Arc::new(spec.selection.clone())),
            input_bytes: fetched_bytes(spec),
            family: family.finish(),
            expected: None,
        }
    }
}

/// Bytes of the inputs that do not come with the job itself.
pub fn fetched_bytes(spec: &JobSpec) -> u64 {
    let fetched = spec.inputs.iter().filter_map(|input| match input.payload {
        Payload::Inline(_) => None,
        Payload::Blob { bytes, .. } => Some(bytes),
    });
    fetched.fold(0, u64::saturating_add)
}

/// Something that happened. Unknown jobs and nodes are ignored: events may come in from before a leader's time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A job was accepted; its tasks follow as [`Input::TasksReady`].
    JobAccepted {
        /// Which.
        job: JobId,
        /// What it asks for.
        facts: JobFacts,
    },
    /// What a job takes from other jobs is there, and where that was made.
    InputsKnown {
        /// The job.
        job: JobId,
        /// Bytes of each task's inputs, which a node fetches before the first task.
        bytes: u64,
        /// Bytes of them that were made on a node.
        made_on: Vec<(NodeId, u64)>,
    },
    /// Tasks can be assigned.
    TasksReady {
        /// The job.
        job: JobId,
        /// The tasks.
        range: IndexRange,
        /// Whether they have lost a worker.
        suspect: bool,
    },
    /// Tasks are a node's, as proposed or since before this scheduler's time.
    TasksAssigned {
        /// The node.
        node: NodeId,
        /// The job.
        job: JobId,
        /// The tasks.
        range: IndexRange,
    },
    /// Proposed tasks did not become the node's. Where they are still ready, [`Input::TasksReady`] follows.
    AssignmentRefused {
        /// The node.
        node: NodeId,
        /// The job.
        job: JobId,
        /// The tasks.
        range: IndexRange,
    },
    /// The proposal itself failed: the tasks are as ready as they were. They are proposed again with the next input.
    ProposalFailed(Assign),
    /// Time to look again after a failed proposal.
    TryAgain,
    /// Tasks are a node's no more.
    TasksLeft {
        /// The node.
        node: NodeId,
        /// The job.
        job: JobId,
        /// The tasks.
        range: IndexRange,
        /// How long they ran together, where they ran: what the prediction learns from.
        busy: Option<Duration>,
    },
    /// A job has ended, or was cancelled.
    JobEnded(JobId),
    /// What a node is and has beside slots and memory. Comes before it is attached, and again where it changed.
    NodeDescribed {
        /// Which.
        node: NodeId,
        /// Its labels, its name among them.
        labels: Labels,
        /// Its graphics processors, in thousandths.
        gpu_milli: u32,
    },
    /// A node's labels are others now.
    NodeLabelled {
        /// Which.
        node: NodeId,
        /// All of them, its name among them.
        labels: Labels,
    },
    /// A node can take work; again with other slots where they changed.
    NodeAttached {
        /// Which.
        node: NodeId,
        /// Tasks that it runs at once.
        slots: u32,
        /// Memory that tasks can ask for, in bytes; 0 where that is not known, and then not limited.
        memory_bytes: u64,
    },
    /// A node cannot take work. What it holds stays its own until it leaves.
    NodeDetached(NodeId),
    /// Nothing is to be given to anybody.
    WorkStopped,
    /// Tasks are to be given out again.
    WorkResumed,
    /// A node that is attached is to be given nothing new, or is to be given work again: its rules say so. It stays so
    /// until the opposite is told, also through another attachment.
    NodeHeld {
        /// Which.
        node: NodeId,
        /// Whether it is to be given nothing.
        held: bool,
    },
}

/// A proposal: these tasks to this node. It counts as made until it is confirmed, refused or failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assign {
    /// The node.
    pub node: NodeId,
    /// The job.
    pub job: JobId,
    /// The tasks.
    pub range: IndexRange,
    /// Whether they have lost a worker.
    pub suspect: bool,
}
