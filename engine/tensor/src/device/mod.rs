//! Devices: where tensors live and operations run.

use std::fmt;

use nexus_model::DeviceKind;

/// A place where tensors live and operations run. Naming one starts nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Device {
    kind: DeviceKind,
}

impl Device {
    /// The processor cores.
    pub const fn cpu() -> Device {
        Device { kind: DeviceKind::Cpu }
    }

    /// Its kind.
    pub const fn kind(self) -> DeviceKind {
        self.kind
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())
    }
}
