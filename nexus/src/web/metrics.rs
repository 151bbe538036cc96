//! The cluster as one node sees it, in the text format of Prometheus (OpenMetrics 1.0).

use std::sync::atomic::AtomicU64;

use nexus_wire::StatusView;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::readings::readings;

/// The type of the answer.
pub(super) const CONTENT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Value = Gauge<u64, AtomicU64>;

/// The metrics of a cluster.
pub(super) fn text(status: &StatusView) -> String {
    let mut registry = Registry::with_prefix("nexus");
    let labels = vec![("version", status.version.clone()), ("cluster", status.cluster.clone())];
    registry.register("build", "The node that answers", Info::new(labels));
    for reading in readings(status) {
        match &reading.points[..] {
            [single] if single.labels.is_empty() => {
                let gauge = Value::default();
                gauge.set(single.value);
                registry.register(reading.name, reading.help, gauge);
            }
            points => {
                let family = Family::<Vec<(&'static str, String)>, Value>::default();
                for point in points {
                    family.get_or_create(&point.labels).set(point.value);
                }
                registry.register(reading.name, reading.help, family);
            }
        }
    }
    let mut text = String::new();
    encode(&mut text, &registry).expect("a string takes all that is written to it");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::fake_status;

    #[test]
    fn every_node_has_its_lines_and_odd_names_are_escaped() {
        let mut status = fake_status();
        status.nodes[1].name = "a\"b\n".to_owned();
        let text = text(&status);
        for line in [
            "# TYPE nexus_tasks_queued gauge",
            "nexus_tasks_queued 99",
            "nexus_leader_known 1",
            "nexus_node_up{node=\"studio\",id=\"1\"} 1",
            "nexus_node_slots{node=\"studio\",id=\"1\"} 12",
            "nexus_node_up{node=\"a\\\"b\\n\",id=\"2\"} 0",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
