//! How machines are.

use nexus_model::{NodeId, REASON_BYTES_MAX, RULES_MAX, Vitals};
use rkyv::vec::ArchivedVec;
use rkyv::with::InlineAsBox;
use rkyv::{Archive, Serialize};

use super::WireError;
use super::attempt::{ArchivedAttemptRangeV1, AttemptRangeV1, attempts};
use super::body::{Body, Kind};
use super::bounds::{Bounded, bytes, name};
use crate::health::{Health, Stopped};
use crate::message::{AttemptRange, WorkerMessage};

/// A reason, which is a text of its own in the archive.
#[derive(Debug, Archive, Serialize)]
struct ReasonV1<'a>(#[rkyv(with = InlineAsBox)] &'a str);

/// [`Vitals`].
#[derive(Debug, Archive, Serialize)]
pub(super) struct VitalsV1<'a> {
    cpu_permille: Option<u32>,
    memory_used_bytes: u64,
    memory_bytes: u64,
    held_by: Vec<ReasonV1<'a>>,
    warnings: Vec<ReasonV1<'a>>,
}

#[derive(Archive, Serialize)]
struct HeartbeatV2<'a> {
    running: Vec<AttemptRangeV1>,
    vitals: VitalsV1<'a>,
}

#[derive(Archive, Serialize)]
struct StoppedV1<'a> {
    #[rkyv(with = InlineAsBox)]
    by: &'a str,
    at_ms: u64,
}

#[derive(Archive, Serialize)]
struct NodeVitalsV1<'a> {
    node: u64,
    vitals: VitalsV1<'a>,
}

#[derive(Archive, Serialize)]
struct HealthV1<'a> {
    stopped: Option<StoppedV1<'a>>,
    nodes: Vec<NodeVitalsV1<'a>>,
}

impl<'a> From<&'a Vitals> for VitalsV1<'a> {
    fn from(vitals: &'a Vitals) -> Self {
        let reasons = |of: &'a [String]| of.iter().map(|reason| ReasonV1(reason)).collect();
        VitalsV1 {
            cpu_permille: vitals.cpu_permille,
            memory_used_bytes: vitals.memory_used_bytes,
            memory_bytes: vitals.memory_bytes,
            held_by: reasons(&vitals.held_by),
            warnings: reasons(&vitals.warnings),
        }
    }
}

impl From<&ArchivedVitalsV1<'_>> for Vitals {
    fn from(form: &ArchivedVitalsV1<'_>) -> Self {
        let reasons = |of: &ArchivedVec<ArchivedReasonV1<'_>>| of.iter().map(|reason| reason.0.to_string()).collect();
        Vitals {
            cpu_permille: form.cpu_permille.as_ref().map(|permille| permille.to_native()),
            memory_used_bytes: form.memory_used_bytes.to_native(),
            memory_bytes: form.memory_bytes.to_native(),
            held_by: reasons(&form.held_by),
            warnings: reasons(&form.warnings),
        }
    }
}

pub(super) fn encode_heartbeat(kind: Kind, running: &[AttemptRange], vitals: &Vitals) -> Result<Vec<u8>, WireError> {
    kind.write(&HeartbeatV2 { running: attempts(running), vitals: vitals.into() })
}

pub(super) fn heartbeat(body: Body<'_>) -> Result<WorkerMessage, WireError> {
    let form: &ArchivedHeartbeatV2<'_> = body.form()?;
    let running: &ArchivedVec<ArchivedAttemptRangeV1> = &form.running;
    Ok(WorkerMessage::Heartbeat {
        running: running.iter().map(Into::into).collect(),
        vitals: Some(Box::new((&form.vitals).into())),
    })
}

pub(super) fn encode_health(kind: Kind, health: &Health) -> Result<Vec<u8>, WireError> {
    let stopped = health.stopped.as_ref().map(|stopped| StoppedV1 { by: &stopped.by, at_ms: stopped.at_ms });
    let nodes = health.nodes.iter().map(|(node, vitals)| NodeVitalsV1 { node: node.0, vitals: vitals.into() });
    kind.write(&HealthV1 { stopped, nodes: nodes.collect() })
}

pub(super) fn health(body: Body<'_>) -> Result<Health, WireError> {
    let form: &ArchivedHealthV1<'_> = body.form()?;
    let stopped = form.stopped.as_ref();
    Ok(Health {
        stopped: stopped.map(|stopped| Stopped { by: stopped.by.to_string(), at_ms: stopped.at_ms.to_native() }),
        nodes: form.nodes.iter().map(|of| (NodeId(of.node.to_native()), (&of.vitals).into())).collect(),
    })
}

impl Bounded for Vitals {
    fn check_bounds(&self) -> Result<(), WireError> {
        for reasons in [&self.held_by, &self.warnings] {
            bytes("list of reasons", reasons.len(), RULES_MAX)?;
            reasons.iter().try_for_each(|reason| bytes("reason", reason.len(), REASON_BYTES_MAX))?;
        }
        Ok(())
    }
}

impl Bounded for Health {
    fn check_bounds(&self) -> Result<(), WireError> {
        name("who stopped all work", self.stopped.as_ref().map_or("", |stopped| &stopped.by))?;
        self.nodes.iter().try_for_each(|(_, vitals)| vitals.check_bounds())
    }
}
