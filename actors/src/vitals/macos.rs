//! How a Mac is: cores and memory from the system, battery, heat and its user from the tools that every Mac has.

use std::path::Path;
use std::process::{Command, Stdio};

use nexus_model::Quantity;
use sysinfo::System;

use super::{InUse, Slow, tools};

/// A Mac.
pub(super) struct Sensors {
    system: System,
    has_looked: bool,
}

impl Sensors {
    /// This one; there are no files to look at instead.
    pub(super) fn new(_: &Path) -> Self {
        Sensors { system: System::new(), has_looked: false }
    }

    /// What is in use.
    pub(super) fn in_use(&mut self) -> InUse {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory();
        // The first look has nothing to be compared with.
        let had_looked = std::mem::replace(&mut self.has_looked, true);
        let total = self.system.total_memory();
        InUse {
            cpu: had_looked.then(|| f64::from(self.system.global_cpu_usage()) / 100.0),
            others: None,
            memory_used_bytes: total.saturating_sub(self.system.available_memory()),
            memory_bytes: total,
        }
    }

    /// The share of their time in which the graphics processors were busy.
    pub(super) fn gpu_busy(&self) -> Option<f64> {
        let accelerators = ["-r", "-d", "1", "-w", "0", "-c", "IOAccelerator"];
        output_of("/usr/sbin/ioreg", &accelerators).and_then(|text| tools::gpu_of_mac(&text))
    }

    /// What changes slowly, as far as it is asked for. A Mac tells no temperature without an administrator.
    pub(super) fn slow(&mut self, asks: &dyn Fn(Quantity) -> bool) -> Slow {
        let mut slow = Slow::default();
        if asks(Quantity::Battery) || asks(Quantity::OnBattery) {
            let battery = output_of("/usr/bin/pmset", &["-g", "batt"]).and_then(|text| tools::battery(&text));
            (slow.battery, slow.on_battery) = battery.unzip();
        }
        if asks(Quantity::Thermal) {
            let key = ["-g", "com.apple.system.thermalpressurelevel"];
            slow.thermal = output_of("/usr/bin/notifyutil", &key).and_then(|text| tools::is_hot(&text));
        }
        if asks(Quantity::UserActive) {
            let input = ["-r", "-d", "1", "-c", "IOHIDSystem"];
            slow.idle = output_of("/usr/sbin/ioreg", &input).and_then(|text| tools::idle(&text));
        }
        slow
    }
}

fn output_of(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}
