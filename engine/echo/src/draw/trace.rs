//! A timeline in the format of Chrome's trace viewer and of Perfetto.

use serde_json::{Value, json};

use crate::graph::Graph;

/// Every event as an instant; events with the metadata `lane` stand in the row of that name, and those with a metadata
/// `until` (microseconds) as a bar. Triggers are arrows.
pub fn trace(graph: &Graph) -> String {
    let mut lanes: Vec<&str> =
        graph.nodes.iter().filter_map(|node| node.metadata.get("lane").map(String::as_str)).collect();
    lanes.sort_unstable();
    lanes.dedup();
    let lane_of = |at: usize| {
        let lane = graph.nodes[at].metadata.get("lane").map(String::as_str).unwrap_or_default();
        lanes.binary_search(&lane).map_or(0, |at| at + 1)
    };
    let mut events: Vec<Value> = lanes
        .iter()
        .enumerate()
        .map(|(at, lane)| json!({"ph": "M", "pid": 1, "tid": at + 1, "name": "thread_name", "args": {"name": lane}}))
        .collect();
    for (at, node) in graph.nodes.iter().enumerate() {
        let mut event = json!({
            "name": node.name, "pid": 1, "tid": lane_of(at), "ts": node.timestamp.0,
            "args": {"payload": node.payload, "metadata": node.metadata},
        });
        match node.metadata.contains_key("until") {
            true => {
                event["ph"] = json!("X");
                event["dur"] = json!(node.until().0 - node.timestamp.0);
            }
            false => {
                event["ph"] = json!("i");
                event["s"] = json!("t");
            }
        }
        events.push(event);
    }
    for (at, (edge, trigger)) in graph.edges.iter().zip(&graph.triggers).enumerate() {
        for (phase, end) in [("s", edge.source), ("f", edge.target)] {
            let ts = graph.nodes[end as usize].timestamp.0;
            events.push(json!({
                "ph": phase, "id": at, "pid": 1, "tid": lane_of(end as usize), "ts": ts,
                "name": trigger.kind.word(), "cat": "trigger", "bp": "e",
            }));
        }
    }
    json!({"traceEvents": events, "displayTimeUnit": "ms"}).to_string()
}
