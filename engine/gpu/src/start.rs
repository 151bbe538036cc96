//! Starting a device.

use burn_backend::{BoolDType, DeviceOps};
use burn_dispatch::DispatchDevice;
use burn_dispatch::devices::wgpu::{AutoGraphicsApi, RuntimeOptions, try_init_setup};
use burn_dispatch::devices::{CubeDevice, FlexDevice};

use crate::tuning::configure;
use crate::{Adapter, Contained, contain};

/// A started device: where calls that make tensors put them.
#[derive(Debug)]
pub struct Queue {
    pub(crate) device: DispatchDevice,
    /// How the device stores truth values: WGSL needs a word for each, `flex` a byte.
    pub bools: BoolDType,
}

/// Starts an adapter's device. Burn knows it afterwards: call this once in a process.
pub fn start(adapter: &Adapter) -> Result<Queue, Contained> {
    configure();
    contain(|| try_init_setup::<AutoGraphicsApi>(&adapter.device, RuntimeOptions::default()))?
        .map_err(|error| Contained { reason: error.to_string() })?;
    queue(DispatchDevice::Cube(CubeDevice::Wgpu(adapter.device.clone())))
}

/// Burn's own backend for the processor cores, `flex`. It needs no driver.
pub fn start_flex() -> Result<Queue, Contained> {
    queue(DispatchDevice::Flex(FlexDevice))
}

fn queue(device: DispatchDevice) -> Result<Queue, Contained> {
    let bools = contain(|| device.defaults().bool_dtype)?;
    Ok(Queue { device, bools })
}
