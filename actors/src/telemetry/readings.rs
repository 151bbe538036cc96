//! Readings of the node's metrics in the JSON of OTLP. Whoever reads them ([`Reading`]) says what they are; nothing is counted
//! here, so that no task pays for being measured.

use std::time::SystemTime;

use opentelemetry_sdk::Resource;
use serde_json::{Value, json};

use super::collector::Address;
use super::otlp;

/// A metric as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// In lower case, words divided by `_`.
    pub name: &'static str,
    /// For people.
    pub help: &'static str,
    /// In the code of UCUM: `By` for bytes, nothing for a number of things.
    pub unit: &'static str,
    /// One without labels, or one for each combination of them.
    pub points: Vec<Point>,
}

/// One value of a metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Point {
    /// What it is the value for.
    pub labels: Vec<(&'static str, String)>,
    /// The value.
    pub value: u64,
}

/// The way of readings to a collector.
#[derive(Debug, Clone)]
pub struct ReadingSender {
    address: Address,
    resource: Value,
}

impl ReadingSender {
    pub(super) fn new(address: &Address, resource: &Resource) -> Self {
        ReadingSender { address: address.clone(), resource: otlp::resource(resource) }
    }

    /// Sends readings that were taken now. Those that do not reach the collector are lost, and the log says so.
    pub async fn send(&self, readings: &[Reading]) {
        let body = request(&self.resource, readings, SystemTime::now());
        // The log has said why.
        drop(self.address.send("/v1/metrics", ("metrics", readings.len()), &body).await);
    }
}

/// An `ExportMetricsServiceRequest` of these readings.
fn request(resource: &Value, readings: &[Reading], at: SystemTime) -> Value {
    let metrics: Vec<Value> = readings.iter().map(|reading| metric(reading, at)).collect();
    json!({"resourceMetrics": [{
        "resource": resource,
        "scopeMetrics": [{"scope": {"name": "nexus"}, "metrics": metrics}],
    }]})
}

fn metric(reading: &Reading, at: SystemTime) -> Value {
    let label = |(name, value): &(&str, String)| json!({"key": name, "value": {"stringValue": value}});
    let points = reading.points.iter().map(|Point { labels, value }| {
        let attributes: Vec<Value> = labels.iter().map(label).collect();
        // Numbers of 64 bits are text, and signed.
        let value = i64::try_from(*value).unwrap_or(i64::MAX).to_string();
        json!({"attributes": attributes, "timeUnixNano": otlp::nanos(at), "asInt": value})
    });
    let name = format!("nexus.{}", reading.name);
    let points: Vec<Value> = points.collect();
    json!({"name": name, "description": reading.help, "unit": reading.unit, "gauge": {"dataPoints": points}})
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_reading_is_a_gauge_with_a_point_for_each_combination_of_labels() {
        let points = vec![Point { labels: vec![("node", "air".to_owned())], value: u64::MAX }];
        let reading = Reading { name: "node_memory_bytes", help: "Memory", unit: "By", points };
        let body = request(&Value::Null, &[reading], UNIX_EPOCH + Duration::from_secs(1));
        let expected = json!({
            "name": "nexus.node_memory_bytes",
            "description": "Memory",
            "unit": "By",
            "gauge": {"dataPoints": [{
                "attributes": [{"key": "node", "value": {"stringValue": "air"}}],
                "timeUnixNano": "1000000000",
                "asInt": "9223372036854775807",
            }]},
        });
        assert_eq!(body["resourceMetrics"][0]["scopeMetrics"][0]["metrics"], json!([expected]));
    }
}
