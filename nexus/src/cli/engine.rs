//! `nexus engine`: what computes on this machine.

use clap::{Args, Subcommand};
use nexus_model::{DeviceInfo, DeviceKind};
use nexus_tensor::{POOL_BYTES_MAX, Speed, dtypes_on};
use nexus_wire::{ClusterRequest, ClusterResponse, EngineUse, Request, Response};
use serde::{Deserialize, Serialize};

use super::cluster::Cluster;
use super::engine_bench::BenchArgs;
use crate::output::Console;
use crate::output::json::document;
use crate::output::table::{Align, Cell, Table};
use crate::output::units;

/// Show what computes on this machine.
#[derive(Debug, Clone, Args)]
pub(crate) struct EngineArgs {
    #[command(subcommand)]
    pub(crate) verb: EngineVerb,
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum EngineVerb {
    /// List the devices that tensors can live on
    #[command(after_help = "Examples:\n  nexus engine status\n  nexus engine status --json")]
    Status {
        /// Leave out devices that only imitate a GPU on the CPU, which a program gets when it asks for one
        #[arg(long)]
        hardware: bool,
    },
    /// Measure this machine against the engine's targets
    #[command(after_help = "Examples:\n  nexus engine bench\n  nexus engine bench --device gpu --html bench.html")]
    Bench(BenchArgs),
}

#[derive(Debug, Serialize, Deserialize)]
struct DeviceDocument {
    device: String,
    name: String,
    /// The dtypes of tensors that live there; others are computed by the processor.
    #[serde(default)]
    dtypes: Vec<String>,
    /// How fast it was measured to be; nothing where it was not yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    speed: Option<SpeedDocument>,
}

/// How fast a device was measured to be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct SpeedDocument {
    /// Floating-point operations a second of a product of f32 matrices.
    flops: Option<f64>,
    /// Bytes a second from and to its memory.
    memory_bytes_per_s: f64,
    /// Seconds that an operation of a few elements takes.
    launch_s: f64,
    /// Bytes a second to and from the host's memory, where it has its own.
    transfer_bytes_per_s: Option<f64>,
}

impl From<Speed> for SpeedDocument {
    fn from(speed: Speed) -> SpeedDocument {
        let Speed { flops, bandwidth, launch_s, transfer } = speed;
        SpeedDocument { flops, memory_bytes_per_s: bandwidth, launch_s, transfer_bytes_per_s: transfer }
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct EngineDocument {
    version: String,
    devices: Vec<DeviceDocument>,
    /// Bytes of tensors that are gone that a process keeps for the next ones, at most.
    #[serde(default)]
    pool_bytes_max: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_code: Option<KeptCode>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kept_tuning: Option<KeptKernels>,
    /// What the node of this machine holds and has copied since it started, where one runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    node: Option<NodeEngine>,
}

/// What the tensor engine of a running node holds and has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodeEngine {
    pool_bytes: u64,
    uploads: u64,
    uploaded_bytes: u64,
    /// Copies from device to host: each waits for the device.
    downloads: u64,
    downloaded_bytes: u64,
}

impl From<EngineUse> for NodeEngine {
    fn from(used: EngineUse) -> NodeEngine {
        let EngineUse { pool_bytes, uploads, uploaded_bytes, downloads, downloaded_bytes } = used;
        NodeEngine { pool_bytes, uploads, uploaded_bytes, downloads, downloaded_bytes }
    }
}

/// Asks a node for it; `None` where it is older than the question.
pub(crate) async fn of_node(cluster: &impl Cluster) -> Option<NodeEngine> {
    match cluster.request(Request::Cluster(Box::new(ClusterRequest::ReadEngine))).await {
        Ok(Response::Cluster(answer)) => match *answer {
            ClusterResponse::Engine(used) => Some(used.into()),
            _ => None,
        },
        _ => None,
    }
}

/// Machine code that is kept from one run to the next, and what came of all questions for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptCode {
    /// Where it is.
    pub(crate) folder: String,
    /// Loops and functions that it is made of.
    pub(crate) units: u64,
    /// Bytes that they take.
    pub(crate) bytes: u64,
    /// Units that were found.
    pub(crate) hits: u64,
    /// Units that were compiled.
    pub(crate) misses: u64,
    /// Of these, those that were there but damaged.
    pub(crate) damaged: u64,
}

/// What is kept of how graphics processors compute fastest, from one run to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptKernels {
    /// Where it is.
    pub(crate) folder: String,
    /// Kernels that were found to be the fastest for some shapes of their operands.
    pub(crate) choices: u64,
    /// Bytes of all that is kept.
    pub(crate) bytes: u64,
}

/// What runs without a node keep for the next ones.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Kept {
    pub(crate) code: Option<KeptCode>,
    pub(crate) kernels: Option<KeptKernels>,
    /// How fast each device was measured to be, in the order of the devices that were asked about.
    pub(crate) speeds: Vec<Option<Speed>>,
}

/// The devices in what `nexus engine status --json` printed.
pub(crate) fn read_status(json: &[u8]) -> Option<Vec<DeviceInfo>> {
    let document: EngineDocument = serde_json::from_slice(json).ok()?;
    let kind = |name: &str| [DeviceKind::Cpu, DeviceKind::Gpu].into_iter().find(|kind| kind.name() == name);
    let devices = document.devices.into_iter();
    devices.map(|device| Some(DeviceInfo { kind: kind(&device.device)?, name: device.name })).collect()
}

/// Shows the devices, what the machine's node holds and has copied, and how often native code did not have to be made again.
pub(crate) fn status(devices: &[DeviceInfo], kept: Kept, node: Option<NodeEngine>, console: &mut Console) {
    let with_speeds = devices.iter().zip(kept.speeds.iter().copied().chain(std::iter::repeat(None)));
    if console.is_json() {
        let devices = with_speeds.map(|(info, speed)| DeviceDocument {
            device: info.kind.name().into(),
            name: info.name.clone(),
            dtypes: dtypes_on(info.kind).iter().map(ToString::to_string).collect(),
            speed: speed.map(Into::into),
        });
        console.answer(&document(&EngineDocument {
            version: env!("CARGO_PKG_VERSION").into(),
            devices: devices.collect(),
            pool_bytes_max: POOL_BYTES_MAX as u64,
            kept_code: kept.code,
            kept_tuning: kept.kernels,
            node,
        }));
        return;
    }
    console.answer(&table(with_speeds).render());
    console.answer(&format!(
        "\nmemory pool: a process keeps up to {} of tensors that are gone for the next ones\n",
        units::memory(POOL_BYTES_MAX as u64)
    ));
    if devices.iter().any(|info| info.kind == DeviceKind::Gpu) {
        console.answer("tensors of other dtypes are computed by the cpu; `nexus run --profile` counts copies\n");
        console.answer("a gpu is measured when it is first used, its products by `nexus engine bench --device gpu`\n");
    }
    if let Some(node) = node {
        console.answer(&format!(
            "\nthis machine's node: {} in its pool; since it started, {} of {} copied to devices, {} with {} read back\n",
            units::memory(node.pool_bytes),
            units::count(node.uploads, "tensor"),
            units::memory(node.uploaded_bytes),
            units::count(node.downloads, "synchronisation"),
            units::memory(node.downloaded_bytes),
        ));
    }
    if let Some(KeptCode { folder, units, bytes, hits, misses, damaged }) = kept.code {
        let damage = if damaged > 0 { format!(", {damaged} of them damaged") } else { String::new() };
        console.answer(&format!(
            "\nnative code: {} ({}) kept in {folder}; {hits} found, {misses} compiled{damage}\n",
            units::count(units, "unit"),
            units::bytes(bytes),
        ));
    }
    if let Some(KeptKernels { folder, choices, .. }) = kept.kernels {
        console.answer(&format!(
            "\ngpu kernels: {} of the fastest kept in {folder}; other processes need not try them all again\n",
            units::count(choices, "choice")
        ));
    }
}

/// The devices with what lives there and how fast they are.
fn table<'a>(devices: impl Iterator<Item = (&'a DeviceInfo, Option<Speed>)>) -> Table {
    let mut table = Table::new(&[
        ("DEVICE", Align::Left),
        ("TENSORS", Align::Left),
        ("PRODUCTS", Align::Right),
        ("MEMORY", Align::Right),
        ("NAME", Align::Left),
    ]);
    for (info, speed) in devices {
        let dtypes: Vec<String> = dtypes_on(info.kind).iter().map(ToString::to_string).collect();
        let rate = |measured: Option<f64>, unit: &str| {
            measured.map_or_else(Cell::nothing, |rate| Cell::new(format!("{} {unit}", units::digits(rate / 1e9))))
        };
        table.row(vec![
            Cell::new(info.kind.name()),
            Cell::new(dtypes.join(" ")),
            rate(speed.and_then(|speed| speed.flops), "Gflop/s"),
            rate(speed.map(|speed| speed.bandwidth), "GB/s"),
            Cell::new(&info.name),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::error::tests::pages;

    #[test]
    fn devices_are_listed_for_people_and_programs() {
        let devices = [DeviceInfo { kind: DeviceKind::Cpu, name: "2 threads, avx512".into() }];
        let (mut console, out, _) = pages(false);
        status(&devices, Kept::default(), None, &mut console);
        insta::assert_snapshot!(out.text(), @r"
        DEVICE  TENSORS                           PRODUCTS  MEMORY  NAME
        cpu     f64 f32 f16 bf16 i64 i32 u8 bool         —       —  2 threads, avx512

        memory pool: a process keeps up to 256 MiB of tensors that are gone for the next ones
        ");
        let (mut console, out, _) = pages(true);
        status(&devices, Kept::default(), None, &mut console);
        let wanted = "\"devices\":[{\"device\":\"cpu\",\"name\":\"2 threads, avx512\",\"dtypes\":[\"f64\",\"f32\",\"f16\",\
                      \"bf16\",\"i64\",\"i32\",\"u8\",\"bool\"]}],\"pool_bytes_max\":268435456}\n";
        assert!(out.text().ends_with(wanted), "{}", out.text());
        assert_eq!(read_status(out.text().as_bytes()).as_deref(), Some(&devices[..]));
        let speed = Speed { flops: Some(2.134e11), bandwidth: 1.6e10, launch_s: 2.5e-7, transfer: None };
        let card = DeviceInfo { kind: DeviceKind::Gpu, name: "a card (vulkan)".into() };
        let slower = Speed { flops: None, bandwidth: 2.1e12, launch_s: 8e-6, transfer: Some(6e9) };
        let kept = Kept { speeds: vec![Some(speed), Some(slower)], ..Kept::default() };
        let both = [devices[0].clone(), card];
        let (mut console, out, _) = pages(false);
        status(&both, kept.clone(), None, &mut console);
        let lines: Vec<String> = out.text().lines().take(3).map(ToOwned::to_owned).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        DEVICE  TENSORS                              PRODUCTS     MEMORY  NAME
        cpu     f64 f32 f16 bf16 i64 i32 u8 bool  213 Gflop/s    16 GB/s  2 threads, avx512
        gpu     f32 i32 bool                                —  2100 GB/s  a card (vulkan)
        ");
        let (mut console, out, _) = pages(true);
        status(&both, kept, None, &mut console);
        let wanted = "\"speed\":{\"flops\":213400000000.0,\"memory_bytes_per_s\":16000000000.0,\"launch_s\":2.5e-7,\
                      \"transfer_bytes_per_s\":null}";
        assert!(out.text().contains(wanted), "{}", out.text());
        assert!(out.text().contains("\"flops\":null,\"memory_bytes_per_s\":2100000000000.0"), "{}", out.text());
        assert_eq!(read_status(out.text().as_bytes()).as_deref(), Some(&both[..]));
        assert_eq!(read_status(b"{\"version\":\"1\",\"devices\":[{\"device\":\"abacus\",\"name\":\"\"}]}"), None);
    }
}
