//! What a node is and has.

use nexus_model::{DeviceInfo, DeviceKind, NodeCapacity, NodeRole};
use rkyv::with::InlineAsBox;
use rkyv::{Archive, Serialize};

use super::plain_enum;

plain_enum!(
    /// [`NodeRole`].
    pub NodeRoleV1, ArchivedNodeRoleV1, NodeRole {
        Worker = 0, Voter = 1, Admin = 2, Submitter = 3, Viewer = 4, Operator = 5,
    }
);
plain_enum!(
    /// [`DeviceKind`].
    pub DeviceKindV1, ArchivedDeviceKindV1, DeviceKind { Cpu = 0, Gpu = 1 }
);

/// [`DeviceInfo`].
#[derive(Debug, Archive, Serialize)]
pub struct DeviceInfoV1<'a> {
    kind: DeviceKindV1,
    #[rkyv(with = InlineAsBox)]
    name: &'a str,
}

/// [`NodeCapacity`].
#[derive(Debug, Archive, Serialize)]
pub struct NodeCapacityV1<'a> {
    slots: u32,
    memory_bytes: u64,
    devices: Vec<DeviceInfoV1<'a>>,
}

impl<'a> From<&'a NodeCapacity> for NodeCapacityV1<'a> {
    fn from(capacity: &'a NodeCapacity) -> Self {
        let devices = capacity.devices.iter();
        NodeCapacityV1 {
            slots: capacity.slots,
            memory_bytes: capacity.memory_bytes,
            devices: devices.map(|device| DeviceInfoV1 { kind: device.kind.into(), name: &device.name }).collect(),
        }
    }
}

impl From<&ArchivedNodeCapacityV1<'_>> for NodeCapacity {
    fn from(form: &ArchivedNodeCapacityV1<'_>) -> Self {
        let devices = form.devices.iter();
        NodeCapacity {
            slots: form.slots.to_native(),
            memory_bytes: form.memory_bytes.to_native(),
            devices: devices
                .map(|device| DeviceInfo { kind: (&device.kind).into(), name: device.name.to_string() })
                .collect(),
        }
    }
}
