//! The log of a timeline: every edit ever made, each entry chained to all before it by its hash.
//!
//! Not the meaning of an edit: that is `state.rs`.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::event::{EventId, EventKind, TimeNode};
use crate::state::State;
use crate::trigger::{Spread, Trigger, TriggerKey, TriggerKind};

/// One change of a timeline, as it is asked for, stored and sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Edit {
    /// Adds an event.
    Append(Arc<TimeNode>),
    /// Adds a trigger between two events of the timeline.
    Link(Arc<Trigger>),
    /// Puts another content in the place of the event of the same name.
    Replace(Arc<TimeNode>),
    /// Puts another content in the place of the trigger of the same source, kind and target.
    Relink(Arc<Trigger>),
    /// Takes an event and its triggers out.
    Remove {
        /// The event's name.
        event: String,
    },
    /// Takes a trigger out.
    Cut {
        /// Name of the source.
        from: String,
        /// Its kind.
        kind: TriggerKind,
        /// Name of the target.
        to: String,
    },
    /// Notes that another branch has a different content for an event that is here; a check reports it until either is
    /// chosen with [`Edit::Replace`].
    Dispute(Arc<TimeNode>),
    /// Gives this position of the log a name.
    Snapshot {
        /// Any name; a later snapshot of the same name takes its place.
        name: String,
    },
    /// Goes back to the state at a position; the log keeps what was in between.
    Rollback {
        /// A position from 0 (nothing yet) to the length of the log.
        to: u64,
    },
}

/// Hash of a log up to some entry.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ChainHash(pub [u8; 32]);

impl ChainHash {
    /// Hash of the empty log.
    pub fn start() -> Self {
        ChainHash(*blake3::hash(b"nexus timeline 1").as_bytes())
    }

    /// Hash of the log that ends with `edit` after a log of hash `self`.
    pub(crate) fn then(self, op: &Op, buffer: &mut Vec<u8>) -> Self {
        buffer.clear();
        buffer.extend_from_slice(&self.0);
        op.encode(buffer);
        ChainHash(*blake3::hash(buffer).as_bytes())
    }
}

impl fmt::Display for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ChainHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<ChainHash> for String {
    fn from(hash: ChainHash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for ChainHash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const WRONG: &str = "a hash is 64 hexadecimal digits";
        let digits = text.as_bytes();
        if digits.len() != 64 {
            return Err(WRONG);
        }
        let mut hash = [0; 32];
        for (byte, pair) in hash.iter_mut().zip(digits.chunks_exact(2)) {
            let digit = |digit: u8| char::from(digit).to_digit(16).ok_or(WRONG);
            *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
        }
        Ok(ChainHash(hash))
    }
}

/// An entry of the log.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) op: Op,
    /// Hash of the log with this entry as its last.
    pub(crate) hash: ChainHash,
    /// What it did, so that a replay looks nothing up.
    pub(crate) done: Done,
}

/// What an edit did to the slots of a state.
#[derive(Debug, Clone)]
pub(crate) enum Done {
    /// Nothing: a snapshot, or a dispute, which is kept by id.
    Nothing,
    /// It put an event or a trigger into this slot, changed it there or took it out.
    Slot(u32),
    /// It took the event of this slot out, and these triggers with it.
    Removed(u32, Arc<[u32]>),
    /// It went back to this state.
    Returned(Box<State>),
}

/// An edit with its names resolved to ids, so that replaying needs no hashing of names.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Append(EventId, Arc<TimeNode>),
    Link(TriggerKey, Arc<Trigger>),
    Replace(EventId, Arc<TimeNode>),
    Relink(TriggerKey, Arc<Trigger>),
    Remove(EventId, String),
    Cut(TriggerKey, [String; 2]),
    Dispute(EventId, Arc<TimeNode>),
    Snapshot(String),
    Rollback(u64),
}

impl From<Edit> for Op {
    fn from(edit: Edit) -> Self {
        match edit {
            Edit::Append(node) => Op::Append(node.id(), node),
            Edit::Link(trigger) => Op::Link(trigger.key(), trigger),
            Edit::Replace(node) => Op::Replace(node.id(), node),
            Edit::Relink(trigger) => Op::Relink(trigger.key(), trigger),
            Edit::Remove { event } => Op::Remove(EventId::of(&event), event),
            Edit::Cut { from, kind, to } => {
                let key = TriggerKey { source: EventId::of(&from), target: EventId::of(&to), kind };
                Op::Cut(key, [from, to])
            }
            Edit::Dispute(node) => Op::Dispute(node.id(), node),
            Edit::Snapshot { name } => Op::Snapshot(name),
            Edit::Rollback { to } => Op::Rollback(to),
        }
    }
}

impl From<&Op> for Edit {
    fn from(op: &Op) -> Self {
        match op {
            Op::Append(_, node) => Edit::Append(Arc::clone(node)),
            Op::Link(_, trigger) => Edit::Link(Arc::clone(trigger)),
            Op::Replace(_, node) => Edit::Replace(Arc::clone(node)),
            Op::Relink(_, trigger) => Edit::Relink(Arc::clone(trigger)),
            Op::Remove(_, event) => Edit::Remove { event: event.clone() },
            Op::Cut(key, [from, to]) => Edit::Cut { from: from.clone(), kind: key.kind, to: to.clone() },
            Op::Dispute(_, node) => Edit::Dispute(Arc::clone(node)),
            Op::Snapshot(name) => Edit::Snapshot { name: name.clone() },
            Op::Rollback(to) => Edit::Rollback { to: *to },
        }
    }
}

impl Op {
    /// Bytes that differ whenever the edit does. They are hashed and never read back; the layout must not change, since
    /// hashes of stored logs are checked against it.
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Op::Append(_, node) => encode_node(0, node, out),
            Op::Link(key, trigger) => encode_trigger(1, *key, trigger, out),
            Op::Replace(_, node) => encode_node(2, node, out),
            Op::Relink(key, trigger) => encode_trigger(3, *key, trigger, out),
            Op::Remove(_, event) => {
                out.push(4);
                encode_text(event, out);
            }
            Op::Cut(key, [from, to]) => {
                out.extend([5, key.kind as u8]);
                encode_text(from, out);
                encode_text(to, out);
            }
            Op::Dispute(_, node) => encode_node(6, node, out),
            Op::Snapshot(name) => {
                out.push(7);
                encode_text(name, out);
            }
            Op::Rollback(to) => {
                out.push(8);
                out.extend(to.to_le_bytes());
            }
        }
    }
}

fn encode_text(text: &str, out: &mut Vec<u8>) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn encode_node(tag: u8, node: &TimeNode, out: &mut Vec<u8>) {
    let kind = match node.kind {
        EventKind::Fact => 0,
        EventKind::Planned => 1,
        EventKind::Decision => 2,
    };
    out.extend([tag, kind]);
    encode_text(&node.name, out);
    out.extend(node.timestamp.0.to_le_bytes());
    for number in [node.probability.unwrap_or(-1.0), node.utility, node.late_cost_per_day] {
        out.extend(number.to_bits().to_le_bytes());
    }
    if node.payload.is_null() {
        out.push(0);
    } else {
        out.push(1);
        // Objects are sorted maps, so equal payloads have equal bytes; writing to memory cannot fail.
        let payload = node.payload.to_string();
        encode_text(&payload, out);
    }
    out.extend((node.metadata.len() as u64).to_le_bytes());
    for (key, value) in &node.metadata {
        encode_text(key, out);
        encode_text(value, out);
    }
}

fn encode_trigger(tag: u8, key: TriggerKey, trigger: &Trigger, out: &mut Vec<u8>) {
    out.extend([tag, key.kind as u8]);
    encode_text(&trigger.from, out);
    encode_text(&trigger.to, out);
    out.extend(trigger.probability.to_bits().to_le_bytes());
    out.extend(trigger.delay.min.0.to_le_bytes());
    out.extend(trigger.delay.max.map_or(-1, |max| max.0).to_le_bytes());
    let (spread, a, b) = match trigger.spread {
        Spread::Uniform => (0, 0, 0.0),
        Spread::Triangular { mode } => (1, mode.0, 0.0),
        Spread::Pert { mode } => (2, mode.0, 0.0),
        Spread::Exponential { mean } => (3, mean.0, 0.0),
        Spread::LogNormal { median, sigma } => (4, median.0, sigma),
    };
    out.push(spread);
    out.extend(a.to_le_bytes());
    out.extend(b.to_bits().to_le_bytes());
}
