//! How machines are.

use nexus_model::{GpuUse, NodeId, REASON_BYTES_MAX, RULES_MAX, Vitals};
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

/// [`GpuUse`].
#[derive(Debug, Clone, Copy, Archive, Serialize)]
struct GpuUseV1 {
    busy_permille: Option<u32>,
    given_milli: u32,
}

/// [`HeartbeatV2`] of a machine with a graphics processor.
#[derive(Archive, Serialize)]
struct HeartbeatV3<'a> {
    running: Vec<AttemptRangeV1>,
    vitals: VitalsV1<'a>,
    gpu: GpuUseV1,
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

#[derive(Archive, Serialize)]
struct NodeGpuV1 {
    node: u64,
    gpu: GpuUseV1,
}

/// [`HealthV1`] of machines of which some have a graphics processor.
#[derive(Archive, Serialize)]
struct HealthV2<'a> {
    stopped: Option<StoppedV1<'a>>,
    nodes: Vec<NodeVitalsV1<'a>>,
    gpus: Vec<NodeGpuV1>,
}

impl From<GpuUse> for GpuUseV1 {
    fn from(GpuUse { busy_permille, given_milli }: GpuUse) -> Self {
        GpuUseV1 { busy_permille, given_milli }
    }
}

impl From<&ArchivedGpuUseV1> for GpuUse {
    fn from(form: &ArchivedGpuUseV1) -> Self {
        GpuUse {
            busy_permille: form.busy_permille.as_ref().map(|permille| permille.to_native()),
            given_milli: form.given_milli.to_native(),
        }
    }
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
            gpu: None,
            held_by: reasons(&form.held_by),
            warnings: reasons(&form.warnings),
        }
    }
}

pub(super) fn encode_heartbeat(
    (second, third): (Kind, Kind),
    running: &[AttemptRange],
    vitals: &Vitals,
) -> Result<Vec<u8>, WireError> {
    let (running, vitals, gpu) = (attempts(running), vitals.into(), vitals.gpu);
    match gpu {
        None => second.write(&HeartbeatV2 { running, vitals }),
        Some(gpu) => third.write(&HeartbeatV3 { running, vitals, gpu: gpu.into() }),
    }
}

pub(super) fn heartbeat(body: Body<'_>) -> Result<WorkerMessage, WireError> {
    let form: &ArchivedHeartbeatV2<'_> = body.form()?;
    let running: &ArchivedVec<ArchivedAttemptRangeV1> = &form.running;
    Ok(WorkerMessage::Heartbeat {
        running: running.iter().map(Into::into).collect(),
        vitals: Some(Box::new((&form.vitals).into())),
    })
}

pub(super) fn heartbeat_of_gpu(body: Body<'_>) -> Result<WorkerMessage, WireError> {
    let form: &ArchivedHeartbeatV3<'_> = body.form()?;
    let running: &ArchivedVec<ArchivedAttemptRangeV1> = &form.running;
    let vitals = Vitals { gpu: Some((&form.gpu).into()), ..(&form.vitals).into() };
    Ok(WorkerMessage::Heartbeat { running: running.iter().map(Into::into).collect(), vitals: Some(Box::new(vitals)) })
}

pub(super) fn encode_health((first, second): (Kind, Kind), health: &Health) -> Result<Vec<u8>, WireError> {
    let stopped = health.stopped.as_ref().map(|stopped| StoppedV1 { by: &stopped.by, at_ms: stopped.at_ms });
    let nodes = health.nodes.iter().map(|(node, vitals)| NodeVitalsV1 { node: node.0, vitals: vitals.into() });
    let nodes = nodes.collect();
    let gpu = |(node, vitals): &(NodeId, Vitals)| Some(NodeGpuV1 { node: node.0, gpu: vitals.gpu?.into() });
    let gpus: Vec<NodeGpuV1> = health.nodes.iter().filter_map(gpu).collect();
    match gpus.is_empty() {
        true => first.write(&HealthV1 { stopped, nodes }),
        false => second.write(&HealthV2 { stopped, nodes, gpus }),
    }
}

pub(super) fn health(body: Body<'_>) -> Result<Health, WireError> {
    let form: &ArchivedHealthV1<'_> = body.form()?;
    Ok(Health { stopped: form.stopped.as_ref().map(Into::into), nodes: nodes(&form.nodes) })
}

pub(super) fn health_with_gpus(body: Body<'_>) -> Result<Health, WireError> {
    let form: &ArchivedHealthV2<'_> = body.form()?;
    let mut nodes = nodes(&form.nodes);
    for (node, vitals) in &mut nodes {
        vitals.gpu = form.gpus.iter().find(|of| of.node.to_native() == node.0).map(|of| (&of.gpu).into());
    }
    Ok(Health { stopped: form.stopped.as_ref().map(Into::into), nodes })
}

fn nodes(form: &ArchivedVec<ArchivedNodeVitalsV1<'_>>) -> Vec<(NodeId, Vitals)> {
    form.iter().map(|of| (NodeId(of.node.to_native()), (&of.vitals).into())).collect()
}

impl From<&ArchivedStoppedV1<'_>> for Stopped {
    fn from(form: &ArchivedStoppedV1<'_>) -> Self {
        Stopped { by: form.by.to_string(), at_ms: form.at_ms.to_native() }
    }
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
