//! Version 1 of the archived parts of a snapshot, and their way to and from the ledger's own types. Which parts there are
//! and how they fit together is in `snapshot.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use nexus_model::{AttemptToken, IndexRange, JobId, JobSpec, Labels, NodeId, Recurrence, ScheduleId};
use nexus_wire::archived::{
    AuditEntryV1, ConditionsV1, ExecutionV1, IndexRangeV1, JobSpecV1, JobSpecV4, NeedsV1, NodeCapacityV1, NodeRoleV1,
    RecurrenceV1,
};
use nexus_wire::{ProtocolVersion, Stopped, WireError};
use rkyv::with::InlineAsBox;
use rkyv::{Archive, Serialize};

use crate::audit::Audit;
use crate::command::Digest;
use crate::end_log::Segment;
use crate::guard::{Guard, off};
use crate::job::Grant;
use crate::life_log::LifeLog;
use crate::members::{Member, Members, Token};
use crate::schedules::Schedule;
use crate::table::Slot;

/// Everything but keys and jobs.
#[derive(Debug, Archive, Serialize)]
pub(crate) struct ClusterV1<'a> {
    pub(crate) applied: u64,
    pub(crate) last_job: u64,
    pub(crate) members: Option<MembersV1<'a>>,
}

#[derive(Debug, Archive, Serialize)]
pub(crate) struct MembersV1<'a> {
    #[rkyv(with = InlineAsBox)]
    cluster: &'a str,
    #[rkyv(with = InlineAsBox)]
    ca_certificate_pem: &'a str,
    nodes: Vec<MemberV1<'a>>,
    tokens: Vec<TokenV1>,
    voters: Vec<u64>,
    removed: Vec<Digest>,
    last_node: u64,
}

#[derive(Debug, Archive, Serialize)]
struct MemberV1<'a> {
    id: u64,
    #[rkyv(with = InlineAsBox)]
    name: &'a str,
    role: NodeRoleV1,
    fingerprint: Digest,
    #[rkyv(with = InlineAsBox)]
    address: &'a str,
    capacity: NodeCapacityV1<'a>,
    joined_at_ms: u64,
}

#[derive(Debug, Archive, Serialize)]
struct TokenV1 {
    hash: Digest,
    role: NodeRoleV1,
    expires_at_ms: u64,
    used_by: Option<u64>,
}

/// An idempotency key.
#[derive(Debug, Archive, Serialize)]
pub(crate) struct KeyV1<'a> {
    #[rkyv(with = InlineAsBox)]
    pub(crate) user: &'a str,
    #[rkyv(with = InlineAsBox)]
    pub(crate) key: &'a str,
    pub(crate) job: u64,
}

/// A job without its tasks and their ends, which follow.
#[derive(Debug, Archive, Serialize)]
pub(crate) struct JobV1<'a> {
    pub(crate) id: u64,
    pub(crate) spec: JobSpecV1<'a>,
    pub(crate) submitted_at_ms: u64,
    pub(crate) started_at_ms: Option<u64>,
    pub(crate) finished_at_ms: Option<u64>,
    pub(crate) cancelled_at_ms: Option<u64>,
    pub(crate) first_failure: Option<TaskEndV1>,
    pub(crate) by_node: Vec<NodeCountV1>,
    pub(crate) grants: Vec<GrantV1>,
}

/// A job with conditions, or that waits.
#[derive(Debug, Archive, Serialize)]
pub(crate) struct JobV2<'a> {
    pub(crate) job: JobV1<'a>,
    pub(crate) conditions: ConditionsV1<'a>,
    pub(crate) after: Vec<u64>,
    pub(crate) resting: Vec<RestingV1>,
}

/// A job that says how it is executed.
#[derive(Debug, Archive, Serialize)]
pub(crate) struct JobV3<'a> {
    pub(crate) job: JobV2<'a>,
    pub(crate) execution: ExecutionV1,
}

/// A job that asks something of its nodes.
#[derive(Debug, Archive, Serialize)]
pub(crate) struct JobV4<'a> {
    pub(crate) job: JobV2<'a>,
    pub(crate) execution: Option<ExecutionV1>,
    pub(crate) needs: NeedsV1<'a>,
}

/// The acts of people.
#[derive(Debug, Archive, Serialize)]
pub(crate) struct AuditV1<'a> {
    before: [u8; 32],
    entries: Vec<AuditEntryV1<'a>>,
    newest: u64,
}

impl<'a> From<&'a Audit> for AuditV1<'a> {
    fn from(audit: &'a Audit) -> Self {
        let entries = audit.entries.iter().map(Into::into).collect();
        AuditV1 { before: audit.before, entries, newest: audit.newest }
    }
}

impl From<&ArchivedAuditV1<'_>> for Audit {
    fn from(form: &ArchivedAuditV1<'_>) -> Self {
        let entries = form.entries.iter().map(Into::into).collect();
        Audit { before: form.before, entries, newest: form.newest.to_native() }
    }
}

/// What every member speaks.
#[derive(Debug, Archive, Serialize)]
pub(crate) struct ProtocolV1 {
    major: u16,
    minor: u16,
}

impl From<ProtocolVersion> for ProtocolV1 {
    fn from(ProtocolVersion { major, minor }: ProtocolVersion) -> Self {
        ProtocolV1 { major, minor }
    }
}

impl From<&ArchivedProtocolV1> for ProtocolVersion {
    fn from(form: &ArchivedProtocolV1) -> Self {
        ProtocolVersion { major: form.major.to_native(), minor: form.minor.to_native() }
    }
}

/// Who stopped all work.
#[derive(Debug, Archive, Serialize)]
pub(crate) struct StoppedV1<'a> {
    #[rkyv(with = InlineAsBox)]
    by: &'a str,
    at_ms: u64,
}

impl<'a> From<&'a Stopped> for StoppedV1<'a> {
    fn from(stopped: &'a Stopped) -> Self {
        StoppedV1 { by: &stopped.by, at_ms: stopped.at_ms }
    }
}

impl From<&ArchivedStoppedV1<'_>> for Stopped {
    fn from(form: &ArchivedStoppedV1<'_>) -> Self {
        Stopped { by: form.by.to_string(), at_ms: form.at_ms.to_native() }
    }
}

/// A schedule.
#[derive(Debug, Archive, Serialize)]
pub(crate) struct ScheduleV1<'a> {
    schedule: u64,
    spec: JobSpecV4<'a>,
    recurrence: RecurrenceV1<'a>,
    next_ms: u64,
    last_job: Option<u64>,
    begun: u64,
    skipped: u64,
}

impl<'a> ScheduleV1<'a> {
    pub(crate) fn of(id: ScheduleId, schedule: &'a Schedule) -> Result<Self, WireError> {
        Ok(ScheduleV1 {
            schedule: id.0,
            spec: (&*schedule.spec).try_into()?,
            recurrence: (&schedule.recurrence).into(),
            next_ms: schedule.next_ms,
            last_job: schedule.last_job.map(|job| job.0),
            begun: schedule.begun,
            skipped: schedule.skipped,
        })
    }
}

impl ArchivedScheduleV1<'_> {
    /// The schedule, checked.
    pub(crate) fn restore(&self) -> Result<(ScheduleId, Schedule), WireError> {
        let spec: JobSpec = (&self.spec).try_into()?;
        let recurrence: Recurrence = (&self.recurrence).into();
        let is_sound = spec.check().is_ok() && recurrence.next_after(0).is_ok();
        if !is_sound {
            return Err(WireError::Value("a schedule that cannot be accepted"));
        }
        let schedule = Schedule {
            spec: Arc::new(spec),
            recurrence,
            next_ms: self.next_ms.to_native(),
            last_job: self.last_job.as_ref().map(|job| JobId(job.to_native())),
            begun: self.begun.to_native(),
            skipped: self.skipped.to_native(),
        };
        Ok((ScheduleId(self.schedule.to_native()), schedule))
    }
}

/// The labels of a machine.
#[derive(Debug, Archive, Serialize)]
pub(crate) struct NodeLabelsV1<'a> {
    pub(crate) node: u64,
    pub(crate) labels: Vec<LabelV1<'a>>,
}

/// A label.
#[derive(Debug, Archive, Serialize)]
pub(crate) struct LabelV1<'a> {
    #[rkyv(with = InlineAsBox)]
    name: &'a str,
    #[rkyv(with = InlineAsBox)]
    value: &'a str,
}

impl<'a> NodeLabelsV1<'a> {
    pub(crate) fn of(node: NodeId, labels: &'a Labels) -> Self {
        NodeLabelsV1 { node: node.0, labels: labels.iter().map(|(name, value)| LabelV1 { name, value }).collect() }
    }
}

impl ArchivedNodeLabelsV1<'_> {
    /// The node and its labels, checked.
    pub(crate) fn restore(&self) -> Result<(NodeId, Labels), WireError> {
        let mut labels = Labels::default();
        for label in self.labels.iter() {
            labels.set(&label.name, Some(&*label.value)).map_err(|_| WireError::Value("a label that is none"))?;
        }
        Ok((NodeId(self.node.to_native()), labels))
    }
}

/// Tasks that rest until a time.
#[derive(Debug, Archive, Serialize)]
pub(crate) struct RestingV1 {
    until_ms: u64,
    range: IndexRangeV1,
}

impl RestingV1 {
    pub(crate) fn new(until_ms: u64, range: IndexRange) -> Self {
        RestingV1 { until_ms, range: range.into() }
    }
}

impl ArchivedRestingV1 {
    pub(crate) fn read(&self) -> (u64, IndexRange) {
        (self.until_ms.to_native(), (&self.range).into())
    }
}

/// A task and the record of its end.
#[derive(Debug, Archive, Serialize)]
pub(crate) struct TaskEndV1 {
    pub(crate) index: u32,
    pub(crate) end: u32,
}

/// Succeeded tasks of a node.
#[derive(Debug, Archive, Serialize)]
pub(crate) struct NodeCountV1 {
    pub(crate) node: u64,
    pub(crate) tasks: u32,
}

/// [`Grant`]; how many tasks it still has follows from the runs.
#[derive(Debug, Archive, Serialize)]
pub(crate) struct GrantV1 {
    token: u64,
    node: u64,
    range: IndexRangeV1,
}

impl From<&Grant> for GrantV1 {
    fn from(grant: &Grant) -> Self {
        GrantV1 { token: grant.token.0, node: grant.node.0, range: grant.range.into() }
    }
}

impl From<&ArchivedGrantV1> for Grant {
    fn from(form: &ArchivedGrantV1) -> Self {
        Grant {
            token: AttemptToken(form.token.to_native()),
            range: (&form.range).into(),
            node: NodeId(form.node.to_native()),
            live: 0,
        }
    }
}

/// Tasks in the same slot.
#[derive(Debug, Archive, Serialize)]
pub(crate) struct RunV1 {
    pub(crate) tasks: u32,
    pub(crate) slot: SlotV1,
}

/// [`Slot`]; a grant is meant by its place in [`JobV1::grants`].
#[derive(Debug, Archive, Serialize)]
pub(crate) enum SlotV1 {
    Ready { attempts: u16, losses: u8 },
    Assigned { grant: u32, attempts: u16, losses: u8 },
    Ended { end: u32, attempts: u16 },
}

impl From<Slot> for SlotV1 {
    fn from(slot: Slot) -> Self {
        match slot {
            Slot::Ready { attempts, losses } => SlotV1::Ready { attempts, losses },
            Slot::Assigned { grant, attempts, losses } => SlotV1::Assigned { grant, attempts, losses },
            Slot::Ended { end, attempts } => SlotV1::Ended { end, attempts },
        }
    }
}

impl From<&ArchivedSlotV1> for Slot {
    fn from(form: &ArchivedSlotV1) -> Self {
        match form {
            ArchivedSlotV1::Ready { attempts, losses } => {
                let losses = if off(Guard::SnapshotKeepsLosses) { 0 } else { *losses };
                Slot::Ready { attempts: attempts.to_native(), losses }
            }
            ArchivedSlotV1::Assigned { grant, attempts, losses } => {
                Slot::Assigned { grant: grant.to_native(), attempts: attempts.to_native(), losses: *losses }
            }
            ArchivedSlotV1::Ended { end, attempts } => {
                Slot::Ended { end: end.to_native(), attempts: attempts.to_native() }
            }
        }
    }
}

/// [`LifeLog`].
#[derive(Debug, Archive, Serialize)]
pub(crate) struct LifeV1<'a> {
    #[rkyv(with = InlineAsBox)]
    bytes: &'a [u8],
    last_ms: u64,
    entries: u32,
    dropped: u64,
}

impl<'a> From<&'a LifeLog> for LifeV1<'a> {
    fn from(log: &'a LifeLog) -> Self {
        LifeV1 { bytes: &log.bytes, last_ms: log.last_ms, entries: log.entries, dropped: log.dropped }
    }
}

impl ArchivedLifeV1<'_> {
    /// The log, its bytes checked.
    pub(crate) fn restore(&self) -> Result<LifeLog, WireError> {
        let (last_ms, entries) = (self.last_ms.to_native(), self.entries.to_native());
        LifeLog::restore(&self.bytes, last_ms, entries, self.dropped.to_native())
            .map_err(|_| WireError::Value("a life that cannot be read"))
    }
}

/// The life of a node.
#[derive(Debug, Archive, Serialize)]
pub(crate) struct NodeLifeV1<'a> {
    pub(crate) node: u64,
    /// The newest time of the whole log: in each, so that there is no form for one number.
    pub(crate) seen_ms: u64,
    pub(crate) life: LifeV1<'a>,
}

/// [`Segment`].
#[derive(Debug, Archive, Serialize)]
pub(crate) struct SegmentV1<'a> {
    first: u32,
    #[rkyv(with = InlineAsBox)]
    ends: &'a [u32],
    #[rkyv(with = InlineAsBox)]
    bytes: &'a [u8],
}

impl<'a> From<&'a Segment> for SegmentV1<'a> {
    fn from(segment: &'a Segment) -> Self {
        SegmentV1 { first: segment.first, ends: &segment.ends, bytes: &segment.bytes }
    }
}

impl From<&ArchivedSegmentV1<'_>> for Segment {
    fn from(form: &ArchivedSegmentV1<'_>) -> Self {
        Segment {
            first: form.first.to_native(),
            ends: form.ends.iter().map(|end| end.to_native()).collect(),
            bytes: form.bytes.to_vec(),
        }
    }
}

impl<'a> From<&'a Members> for MembersV1<'a> {
    fn from(members: &'a Members) -> Self {
        let nodes = members.nodes.iter().map(|(id, member)| MemberV1 {
            id: id.0,
            name: &member.name,
            role: member.role.into(),
            fingerprint: member.fingerprint,
            address: &member.address,
            capacity: (&member.capacity).into(),
            joined_at_ms: member.joined_at_ms,
        });
        let tokens = members.tokens.iter().map(|(hash, token)| TokenV1 {
            hash: *hash,
            role: token.role.into(),
            expires_at_ms: token.expires_at_ms,
            used_by: token.used_by.map(|node| node.0),
        });
        MembersV1 {
            cluster: &members.cluster,
            ca_certificate_pem: &members.ca_certificate_pem,
            nodes: nodes.collect(),
            tokens: tokens.collect(),
            voters: members.voters.iter().map(|node| node.0).collect(),
            removed: members.removed.iter().copied().collect(),
            last_node: members.last_node,
        }
    }
}

impl From<&ArchivedMembersV1<'_>> for Members {
    fn from(form: &ArchivedMembersV1<'_>) -> Self {
        let nodes: BTreeMap<NodeId, Member> = form.nodes.iter().map(read_member).collect();
        let tokens = form.tokens.iter().map(|token| {
            let used_by = token.used_by.as_ref().map(|node| NodeId(node.to_native()));
            (token.hash, Token { role: (&token.role).into(), expires_at_ms: token.expires_at_ms.to_native(), used_by })
        });
        let voters: BTreeSet<NodeId> = form.voters.iter().map(|node| NodeId(node.to_native())).collect();
        Members {
            cluster: form.cluster.to_string(),
            ca_certificate_pem: form.ca_certificate_pem.to_string(),
            nodes,
            tokens: tokens.collect(),
            voters,
            removed: form.removed.iter().copied().collect(),
            last_node: form.last_node.to_native(),
        }
    }
}

fn read_member(form: &ArchivedMemberV1<'_>) -> (NodeId, Member) {
    let member = Member {
        name: form.name.to_string(),
        role: (&form.role).into(),
        fingerprint: form.fingerprint,
        address: form.address.to_string(),
        capacity: (&form.capacity).into(),
        // In a part of their own, which follows.
        labels: Labels::default(),
        joined_at_ms: form.joined_at_ms.to_native(),
    };
    (NodeId(form.id.to_native()), member)
}
