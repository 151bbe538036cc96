//! The whole ledger as bytes, and back.
//!
//! Version 1: a header of 16 bytes (version, three zeros, CRC-32 of all that follows, eight zeros), then sections: a head
//! of 16 bytes (kind, zeros, length) and an archive, padded to a multiple of 16. In order: the cluster; pieces of the
//! idempotency keys; the lives of nodes; the labels of nodes; the last id of a schedule, and schedules; the acts of people; the protocol; for each job its
//! head, the runs of its tasks, the segments of its ends and its life; the end mark. The same state always gives the same bytes. Decoding any bytes gives a ledger whose parts agree, or an error, never a panic.

use std::collections::BTreeMap;

use nexus_model::{JobId, NodeId};
use nexus_wire::archived::{Form, NeedsV1, archive, read};
use nexus_wire::{ProtocolVersion, WireError};
use rkyv::primitive::ArchivedU64;
use rkyv::vec::ArchivedVec;

use crate::command_codec::CodecError;
use crate::end_log::Segment;
use crate::job::{Grant, Job, Work};
use crate::ledger::Ledger;
use crate::members::Members;
use crate::snapshot_form::{
    ArchivedAuditV1, ArchivedClusterV1, ArchivedKeyV1, ArchivedLifeV1, ArchivedNodeLabelsV1, ArchivedNodeLifeV1,
    ArchivedProtocolV1, ArchivedScheduleV1, ArchivedSegmentV1, ArchivedStoppedV1, AuditV1, ClusterV1, JobV1, JobV2,
    JobV3, JobV4, KeyV1, LifeV1, NodeCountV1, NodeLabelsV1, NodeLifeV1, ProtocolV1, RestingV1, RunV1, ScheduleV1,
    SegmentV1, SlotV1, StoppedV1, TaskEndV1,
};
use crate::snapshot_job::RestoreJob;

const VERSION: u8 = 1;
/// Bytes of the header, and of the head of a section.
const HEADER_BYTES: usize = 16;
/// More ids than are ever given.
const IDS_MAX: u64 = 1 << 62;
/// Keys or runs in one section: bounds the archive that is built at once.
const SECTION_ITEMS: usize = 1 << 16;

mod kind {
    pub(super) const CLUSTER: u32 = 1;
    pub(super) const KEYS: u32 = 2;
    pub(super) const JOB: u32 = 3;
    pub(super) const RUNS: u32 = 4;
    pub(super) const ENDS: u32 = 5;
    pub(super) const END: u32 = 6;
    /// A job with conditions, or that waits.
    pub(super) const JOB_2: u32 = 7;
    /// A job that says how it is executed.
    pub(super) const JOB_3: u32 = 8;
    /// What happened to a job.
    pub(super) const LIFE: u32 = 9;
    /// What happened to nodes, in pieces, and until when.
    pub(super) const NODE_LIVES: u32 = 10;
    /// The labels of nodes, in pieces.
    pub(super) const NODE_LABELS: u32 = 11;
    /// A job that asks something of its nodes.
    pub(super) const JOB_4: u32 = 12;
    /// The last id of a schedule, where there ever was one.
    pub(super) const LAST_SCHEDULE: u32 = 13;
    /// A schedule.
    pub(super) const SCHEDULE: u32 = 14;
    /// The acts of people, where there are any.
    pub(super) const AUDIT: u32 = 15;
    /// What every member speaks, where that is more than the first version.
    pub(super) const PROTOCOL: u32 = 16;
    /// Who stopped all work, where it is stopped.
    pub(super) const STOPPED: u32 = 17;
}

impl Ledger {
    /// The state as bytes. The only error is a job's argument that is nested too deep, which no decoded command has.
    pub fn encode_snapshot(&self) -> Result<Vec<u8>, CodecError> {
        let mut out = vec![0; HEADER_BYTES];
        let members = self.members.as_ref().map(Into::into);
        write(kind::CLUSTER, &ClusterV1 { applied: self.applied, last_job: self.last_job, members }, &mut out)?;
        let keys = self.keys.iter().map(|(user, key, job)| KeyV1 { user, key, job: job.0 });
        write_pieces(kind::KEYS, keys, &mut out)?;
        let lives = self.lives.nodes.iter().map(|(node, log)| (*node, LifeV1::from(log)));
        let seen_ms = self.lives.seen_ms;
        write_pieces(kind::NODE_LIVES, lives.map(|(node, life)| NodeLifeV1 { node: node.0, seen_ms, life }), &mut out)?;
        let labelled = self.members().filter(|(_, member)| !member.labels.is_empty());
        let labels = labelled.map(|(node, member)| NodeLabelsV1::of(node, &member.labels));
        write_pieces(kind::NODE_LABELS, labels, &mut out)?;
        if self.schedules.last > 0 {
            write(kind::LAST_SCHEDULE, &self.schedules.last, &mut out)?;
        }
        for (id, schedule) in &self.schedules.all {
            write(kind::SCHEDULE, &ScheduleV1::of(*id, schedule)?, &mut out)?;
        }
        if self.audit.newest > 0 {
            write(kind::AUDIT, &AuditV1::from(&self.audit), &mut out)?;
        }
        if self.protocol > ProtocolVersion::FIRST {
            write(kind::PROTOCOL, &ProtocolV1::from(self.protocol), &mut out)?;
        }
        if let Some(stopped) = &self.stopped {
            write(kind::STOPPED, &StoppedV1::from(stopped), &mut out)?;
        }
        for (id, job) in &self.jobs {
            write_job(*id, job, &mut out)?;
        }
        write_head(kind::END, 0, &mut out);
        let checksum = crc32fast::hash(&out[HEADER_BYTES..]);
        out[0] = VERSION;
        out[4..8].copy_from_slice(&checksum.to_le_bytes());
        Ok(out)
    }

    /// Reads what [`Ledger::encode_snapshot`] made, in this version or an earlier one.
    pub fn decode_snapshot(bytes: &[u8]) -> Result<Ledger, CodecError> {
        let (header, body) = bytes.split_at_checked(HEADER_BYTES).ok_or(CodecError::Truncated("snapshot"))?;
        if header[0] != VERSION {
            return Err(CodecError::Version { what: "snapshot", version: header[0] });
        }
        if header[4..8] != crc32fast::hash(body).to_le_bytes() {
            return Err(CodecError::Inconsistent("its checksum is wrong"));
        }
        let mut restore = Restore::default();
        let mut rest = body;
        loop {
            let (kind, section, next) = split_section(rest)?;
            if kind == kind::END {
                return if next.is_empty() { restore.finish() } else { Err(inconsistent("bytes follow its end")) };
            }
            restore.section(kind, section)?;
            rest = next;
        }
    }
}

pub(crate) fn inconsistent(what: &'static str) -> CodecError {
    CodecError::Inconsistent(what)
}

fn write_head(kind: u32, len: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&len.to_le_bytes());
}

fn write(kind: u32, form: &impl Form, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let bytes = archive(form)?;
    write_head(kind, bytes.len() as u64, out);
    out.extend_from_slice(&bytes);
    out.resize(out.len().next_multiple_of(HEADER_BYTES), 0);
    Ok(())
}

fn write_pieces<T>(kind: u32, items: impl Iterator<Item = T>, out: &mut Vec<u8>) -> Result<(), CodecError>
where
    Vec<T>: Form,
{
    let mut piece = Vec::new();
    for item in items {
        piece.push(item);
        if piece.len() == SECTION_ITEMS {
            write(kind, &piece, out)?;
            piece.clear();
        }
    }
    if piece.is_empty() { Ok(()) } else { write(kind, &piece, out) }
}

fn write_job(id: JobId, job: &Job, out: &mut Vec<u8>) -> Result<(), CodecError> {
    let none = Work::default();
    let work = job.work.as_deref().unwrap_or(&none);
    // Places of grants depend on the order in which earlier ones were freed; their sorted order does not.
    let mut live: Vec<(&Grant, u32)> = work.grants.iter().zip(0..).filter(|(grant, _)| grant.live > 0).collect();
    live.sort();
    let place: BTreeMap<u32, u32> = live.iter().zip(0..).map(|((_, number), place)| (*number, place)).collect();
    let head = JobV1 {
        id: id.0,
        spec: (&*job.spec).try_into()?,
        submitted_at_ms: job.submitted_at_ms,
        started_at_ms: work.started_at_ms,
        finished_at_ms: job.finished_at_ms,
        cancelled_at_ms: job.cancelled_at_ms,
        first_failure: work.first_failure.map(|(index, end)| TaskEndV1 { index, end }),
        by_node: work.by_node.iter().map(|(node, tasks)| NodeCountV1 { node: node.0, tasks: *tasks }).collect(),
        grants: live.iter().map(|(grant, _)| (*grant).into()).collect(),
    };
    let waits = job.waiting.as_deref();
    let needs = NeedsV1::of(&job.spec);
    if job.spec.conditions.is_none() && waits.is_none() && job.spec.execution.is_none() && needs.is_none() {
        write(kind::JOB, &head, out)?;
    } else {
        let resting = waits.iter().flat_map(|waiting| &waiting.resting);
        let resting = resting.flat_map(|(until, ranges)| ranges.iter().map(|range| RestingV1::new(*until, *range)));
        let head = JobV2 {
            job: head,
            conditions: (&job.spec.conditions).into(),
            after: waits.iter().flat_map(|waiting| &waiting.after).map(|job| job.0).collect(),
            resting: resting.collect(),
        };
        let execution = job.spec.execution.map(Into::into);
        match (execution, needs) {
            (None, None) => write(kind::JOB_2, &head, out)?,
            (Some(execution), None) => write(kind::JOB_3, &JobV3 { job: head, execution }, out)?,
            (execution, Some(needs)) => write(kind::JOB_4, &JobV4 { job: head, execution, needs }, out)?,
        }
    }
    let runs = job.table.runs(job.table.range()).map(|(run, slot)| {
        let mut slot = SlotV1::from(slot);
        if let SlotV1::Assigned { grant, .. } = &mut slot {
            *grant = place.get(grant).copied().unwrap_or(u32::MAX);
        }
        RunV1 { tasks: run.len(), slot }
    });
    write_pieces(kind::RUNS, runs, out)?;
    work.ends.segments().iter().try_for_each(|segment| write(kind::ENDS, &SegmentV1::from(segment), out))?;
    if work.life.entries > 0 { write(kind::LIFE, &LifeV1::from(&work.life), out) } else { Ok(()) }
}

/// Takes a section off the front: its kind, its archive, what follows.
fn split_section(bytes: &[u8]) -> Result<(u32, &[u8], &[u8]), CodecError> {
    let cut = || CodecError::Truncated("snapshot");
    let (head, rest) = bytes.split_at_checked(HEADER_BYTES).ok_or_else(cut)?;
    let (kind, len) = head.split_at(8);
    let kind = u64::from_le_bytes(kind.try_into().expect("split_at(8) of 16 bytes gives eight"));
    let len = u64::from_le_bytes(len.try_into().expect("split_at(8) of 16 bytes leaves eight"));
    let kind = u32::try_from(kind).map_err(|_| inconsistent("a section has no kind"))?;
    let len = usize::try_from(len).map_err(|_| cut())?;
    let padded = len.checked_next_multiple_of(HEADER_BYTES).ok_or_else(cut)?;
    let (section, rest) = rest.split_at_checked(padded).ok_or_else(cut)?;
    Ok((kind, &section[..len], rest))
}

/// A ledger on its way back from a snapshot.
#[derive(Default)]
struct Restore {
    ledger: Option<Ledger>,
    job: Option<RestoreJob>,
}

impl Restore {
    fn section(&mut self, kind: u32, bytes: &[u8]) -> Result<(), CodecError> {
        match (kind, &mut self.ledger, &mut self.job) {
            (kind::CLUSTER, None, None) => self.ledger = Some(read_cluster(bytes)?),
            (kind::KEYS, Some(ledger), None) => read_keys(bytes, ledger)?,
            (kind::NODE_LIVES, Some(ledger), None) => read_node_lives(bytes, ledger)?,
            (kind::NODE_LABELS, Some(ledger), None) => read_node_labels(bytes, ledger)?,
            (kind::LAST_SCHEDULE, Some(ledger), None) => {
                ledger.schedules.last = read(bytes, |last: &ArchivedU64| Ok::<u64, WireError>(last.to_native()))?;
            }
            (kind::SCHEDULE, Some(ledger), None) => {
                let (id, schedule) = read(bytes, |form: &ArchivedScheduleV1<'_>| form.restore())?;
                if id.0 > ledger.schedules.last || ledger.schedules.last > IDS_MAX {
                    return Err(inconsistent("its schedules contradict each other"));
                }
                ledger.schedules.all.insert(id, schedule);
            }
            (kind::AUDIT, Some(ledger), None) => {
                ledger.audit = read(bytes, |form: &ArchivedAuditV1<'_>| Ok::<_, WireError>(form.into()))?;
                if ledger.audit.newest > IDS_MAX || !ledger.audit.is_whole() {
                    return Err(inconsistent("the acts of people are not those that were written"));
                }
            }
            (kind::PROTOCOL, Some(ledger), None) => {
                ledger.protocol = read(bytes, |form: &ArchivedProtocolV1| Ok::<_, WireError>(form.into()))?;
            }
            (kind::STOPPED, Some(ledger), None) => {
                ledger.stopped = Some(read(bytes, |form: &ArchivedStoppedV1<'_>| Ok::<_, WireError>(form.into()))?);
            }
            (kind::JOB_4, Some(_), _) => {
                self.close_job()?;
                self.job = Some(RestoreJob::read_selective(bytes)?);
            }
            (kind::JOB, Some(_), _) => {
                self.close_job()?;
                self.job = Some(RestoreJob::read(bytes)?);
            }
            (kind::JOB_2, Some(_), _) => {
                self.close_job()?;
                self.job = Some(RestoreJob::read_conditioned(bytes)?);
            }
            (kind::JOB_3, Some(_), _) => {
                self.close_job()?;
                self.job = Some(RestoreJob::read_executed(bytes)?);
            }
            (kind::RUNS, Some(_), Some(job)) => job.read_runs(bytes)?,
            (kind::ENDS, Some(_), Some(job)) => {
                let segment = read(bytes, |form: &ArchivedSegmentV1<'_>| Ok::<Segment, WireError>(form.into()))?;
                job.ends.restore(segment).map_err(|_| inconsistent("the end of a task cannot be read"))?;
            }
            (kind::LIFE, Some(_), Some(job)) => {
                job.work.life = read(bytes, |form: &ArchivedLifeV1<'_>| form.restore())?
            }
            _ => return Err(inconsistent("a section is out of place")),
        }
        Ok(())
    }

    fn close_job(&mut self) -> Result<(), CodecError> {
        match (&mut self.ledger, self.job.take()) {
            (Some(ledger), Some(job)) => job.close(ledger),
            _ => Ok(()),
        }
    }

    fn finish(mut self) -> Result<Ledger, CodecError> {
        self.close_job()?;
        let mut ledger = self.ledger.ok_or(inconsistent("it has no cluster section"))?;
        let jobs = &ledger.jobs;
        ledger.keys.restored(|job| jobs.contains_key(&job));
        Ok(ledger)
    }
}

fn read_cluster(bytes: &[u8]) -> Result<Ledger, CodecError> {
    let ledger = read(bytes, |form: &ArchivedClusterV1<'_>| {
        let members: Option<Members> = form.members.as_ref().map(Into::into);
        let mut ledger = Ledger::new();
        ledger.lives.voters = members.iter().flat_map(|members| &members.voters).copied().collect();
        ledger.applied = form.applied.to_native();
        ledger.last_job = form.last_job.to_native();
        ledger.members = members;
        Ok(ledger)
    })?;
    let last_node = ledger.members.as_ref().map_or(0, |members| members.last_node);
    if ledger.last_job.max(last_node) > IDS_MAX {
        return Err(inconsistent("there are no ids left"));
    }
    if let Some(members) = &ledger.members {
        let last = members.nodes.last_key_value().map_or(0, |(node, _)| node.0);
        let voters_known = members.voters.iter().all(|node| members.nodes.contains_key(node));
        if last > members.last_node || !voters_known || members.nodes.contains_key(&NodeId(0)) {
            return Err(inconsistent("its members contradict each other"));
        }
    }
    Ok(ledger)
}

fn read_keys(bytes: &[u8], ledger: &mut Ledger) -> Result<(), CodecError> {
    read(bytes, |forms: &ArchivedVec<ArchivedKeyV1<'_>>| {
        for form in forms.iter() {
            ledger.keys.insert(&form.user, &form.key, JobId(form.job.to_native()));
        }
        Ok(())
    })?;
    Ok(())
}

fn read_node_lives(bytes: &[u8], ledger: &mut Ledger) -> Result<(), CodecError> {
    read(bytes, |forms: &ArchivedVec<ArchivedNodeLifeV1<'_>>| {
        for form in forms.iter() {
            ledger.lives.nodes.insert(NodeId(form.node.to_native()), form.life.restore()?);
            ledger.lives.seen_ms = ledger.lives.seen_ms.max(form.seen_ms.to_native());
        }
        Ok(())
    })?;
    Ok(())
}

fn read_node_labels(bytes: &[u8], ledger: &mut Ledger) -> Result<(), CodecError> {
    let labels = read(bytes, |forms: &ArchivedVec<ArchivedNodeLabelsV1<'_>>| {
        forms.iter().map(ArchivedNodeLabelsV1::restore).collect::<Result<Vec<_>, _>>()
    })?;
    for (node, labels) in labels {
        let member = ledger.members.as_mut().and_then(|members| members.nodes.get_mut(&node));
        member.ok_or(inconsistent("labels of a node that is no member"))?.labels = labels;
    }
    Ok(())
}
