//! The node's log in the JSON of OTLP: each line with its level, its words, its fields, and the span in which it was said.

use std::collections::BTreeMap;

use opentelemetry::logs::AnyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{LogBatch, SdkLogRecord};
use serde_json::{Map, Value, json};

use super::otlp;

/// An `ExportLogsServiceRequest` of these lines, and how many they are. The room that said a line is its scope.
pub(super) fn request(resource: &Resource, batch: &LogBatch<'_>) -> (Value, usize) {
    let mut by_room: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (record, scope) in batch.iter() {
        let room = record.target().map_or(scope.name(), AsRef::as_ref);
        by_room.entry(room.to_owned()).or_default().push(line(record));
    }
    let count = by_room.values().map(Vec::len).sum();
    let rooms: Vec<Value> =
        by_room.into_iter().map(|(room, lines)| json!({"scope": {"name": room}, "logRecords": lines})).collect();
    (json!({"resourceLogs": [{"resource": otlp::resource(resource), "scopeLogs": rooms}]}), count)
}

fn line(record: &SdkLogRecord) -> Value {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
    if let Some(at) = record.timestamp().or(record.observed_timestamp()) {
        put("timeUnixNano", otlp::nanos(at));
    }
    if let Some(at) = record.observed_timestamp() {
        put("observedTimeUnixNano", otlp::nanos(at));
    }
    if let Some(number) = record.severity_number() {
        put("severityNumber", (number as i32).into());
    }
    if let Some(text) = record.severity_text() {
        put("severityText", text.into());
    }
    if let Some(body) = record.body() {
        put("body", any(body));
    }
    let attributes = record.attributes_iter().map(|(key, value)| json!({"key": key.as_str(), "value": any(value)}));
    put("attributes", attributes.collect());
    if let Some(within) = record.trace_context() {
        put("traceId", within.trace_id.to_string().into());
        put("spanId", within.span_id.to_string().into());
        put("flags", within.trace_flags.map_or(0, |flags| flags.to_u8()).into());
    }
    Value::Object(fields)
}

fn any(value: &AnyValue) -> Value {
    match value {
        AnyValue::Int(value) => json!({"intValue": value.to_string()}),
        AnyValue::Double(value) => json!({"doubleValue": value}),
        AnyValue::String(value) => json!({"stringValue": value.as_str()}),
        AnyValue::Boolean(value) => json!({"boolValue": value}),
        AnyValue::ListAny(values) => json!({"arrayValue": {"values": values.iter().map(any).collect::<Vec<_>>()}}),
        AnyValue::Map(pairs) => {
            let mut pairs: Vec<_> = pairs.iter().collect();
            pairs.sort_by_key(|(key, _)| key.as_str());
            let pairs: Vec<Value> =
                pairs.into_iter().map(|(key, value)| json!({"key": key.as_str(), "value": any(value)})).collect();
            json!({"kvlistValue": {"values": pairs}})
        }
        // Bytes, which no line of ours holds, and kinds that come with later versions: as a developer reads them.
        other => json!({"stringValue": format!("{other:?}")}),
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::InstrumentationScope;
    use opentelemetry::logs::{LogRecord as _, Logger as _, LoggerProvider as _, Severity};
    use opentelemetry_sdk::logs::SdkLoggerProvider;

    use super::*;

    #[test]
    fn a_line_has_its_level_its_words_and_its_fields() {
        let mut record = SdkLoggerProvider::builder().build().logger("").create_log_record();
        record.set_target("nexus_link");
        record.set_severity_number(Severity::Warn);
        record.set_severity_text("WARN");
        record.set_body("a peer is gone".into());
        record.add_attribute("peer", 7);
        let scope = InstrumentationScope::builder("").build();
        let batch = [(&record, &scope)];
        let resource = Resource::builder_empty().build();
        let (body, count) = request(&resource, &LogBatch::new(&batch));
        assert_eq!(count, 1);
        let room = &body["resourceLogs"][0]["scopeLogs"][0];
        assert_eq!(room["scope"]["name"], "nexus_link");
        let expected = json!({
            "severityNumber": 13,
            "severityText": "WARN",
            "body": {"stringValue": "a peer is gone"},
            "attributes": [{"key": "peer", "value": {"intValue": "7"}}],
        });
        assert_eq!(room["logRecords"][0], expected);
    }
}
