//! `nexus engine`: what computes on this machine.

use clap::{Args, Subcommand};
use nexus_model::DeviceInfo;
use serde::Serialize;

use crate::output::Console;
use crate::output::json::document;
use crate::output::table::{Align, Cell, Table};

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
    Status,
}

#[derive(Debug, Serialize)]
struct DeviceDocument<'a> {
    device: &'static str,
    name: &'a str,
}

#[derive(Debug, Serialize)]
struct EngineDocument<'a> {
    version: &'static str,
    devices: Vec<DeviceDocument<'a>>,
}

/// Shows the devices.
pub(crate) fn status(devices: &[DeviceInfo], console: &mut Console) {
    if console.is_json() {
        let devices =
            devices.iter().map(|info| DeviceDocument { device: info.kind.name(), name: &info.name }).collect();
        console.answer(&document(&EngineDocument { version: env!("CARGO_PKG_VERSION"), devices }));
        return;
    }
    let mut table = Table::new(&[("DEVICE", Align::Left), ("NAME", Align::Left)]);
    for info in devices {
        table.row(vec![Cell::new(info.kind.name()), Cell::new(&info.name)]);
    }
    console.answer(&table.render());
}

#[cfg(test)]
mod tests {
    use nexus_model::DeviceKind;

    use super::*;
    use crate::cli::error::tests::pages;

    #[test]
    fn devices_are_listed_for_people_and_programs() {
        let devices = [DeviceInfo { kind: DeviceKind::Cpu, name: "2 threads, avx512".into() }];
        let (mut console, out, _) = pages(false);
        status(&devices, &mut console);
        assert_eq!(out.text(), "DEVICE  NAME\ncpu     2 threads, avx512\n");
        let (mut console, out, _) = pages(true);
        status(&devices, &mut console);
        assert!(out.text().ends_with("\"devices\":[{\"device\":\"cpu\",\"name\":\"2 threads, avx512\"}]}\n"));
    }
}
