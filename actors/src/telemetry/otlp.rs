//! Spans in the JSON of OTLP (the OpenTelemetry protocol specification, section "JSON Protobuf Encoding").
//!
//! The library's own exporter has no place here: the derive macros of its protobuf switch features of crates below Burn,
//! which would compile Burn again for each choice of packages (`tests/tests/one_build.rs`). JSON is part of the protocol,
//! and collectors take it at the same address.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{Event, Link, SpanId, SpanKind, Status};
use opentelemetry::{Array, KeyValue, Value as Attribute};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;
use serde_json::{Map, Value, json};

/// Bit of a span's flags: it is known whether its parent is remote; and bit: it is.
const PARENT_IS_KNOWN: u32 = 1 << 8;
const PARENT_IS_REMOTE: u32 = 1 << 9;

/// An `ExportTraceServiceRequest` of these spans.
pub(super) fn request(resource: &Resource, spans: &[SpanData]) -> Value {
    // All spans are of our one tracer.
    let scope = spans.first().map(|span| span.instrumentation_scope.name().to_owned()).unwrap_or_default();
    let spans: Vec<Value> = spans.iter().map(span).collect();
    json!({"resourceSpans": [{
        "resource": self::resource(resource),
        "scopeSpans": [{"scope": {"name": scope}, "spans": spans}],
    }]})
}

/// Who sends.
pub(super) fn resource(resource: &Resource) -> Value {
    let attributes: Vec<Value> = resource.iter().map(|(key, value)| pair(key.as_str(), value)).collect();
    json!({"attributes": attributes})
}

fn span(span: &SpanData) -> Value {
    let remote = if span.parent_span_is_remote { PARENT_IS_REMOTE } else { 0 };
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
    put("traceId", span.span_context.trace_id().to_string().into());
    put("spanId", span.span_context.span_id().to_string().into());
    if span.parent_span_id != SpanId::INVALID {
        put("parentSpanId", span.parent_span_id.to_string().into());
    }
    put("flags", (u32::from(span.span_context.trace_flags().to_u8()) | PARENT_IS_KNOWN | remote).into());
    put("name", span.name.as_ref().into());
    put("kind", kind(&span.span_kind).into());
    put("startTimeUnixNano", nanos(span.start_time));
    put("endTimeUnixNano", nanos(span.end_time));
    put("attributes", attributes(&span.attributes));
    put("droppedAttributesCount", span.dropped_attributes_count.into());
    put("events", span.events.iter().map(event).collect());
    put("droppedEventsCount", span.events.dropped_count.into());
    put("links", span.links.iter().map(link).collect());
    put("droppedLinksCount", span.links.dropped_count.into());
    put("status", status(&span.status));
    Value::Object(fields)
}

fn event(event: &Event) -> Value {
    json!({
        "timeUnixNano": nanos(event.timestamp),
        "name": event.name,
        "attributes": attributes(&event.attributes),
        "droppedAttributesCount": event.dropped_attributes_count,
    })
}

fn link(link: &Link) -> Value {
    json!({
        "traceId": link.span_context.trace_id().to_string(),
        "spanId": link.span_context.span_id().to_string(),
        "flags": link.span_context.trace_flags().to_u8(),
        "attributes": attributes(&link.attributes),
        "droppedAttributesCount": link.dropped_attributes_count,
    })
}

/// Numbers of 64 bits are text in the JSON of protobuf.
pub(super) fn nanos(at: SystemTime) -> Value {
    at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos()).to_string().into()
}

fn kind(kind: &SpanKind) -> u8 {
    match kind {
        SpanKind::Internal => 1,
        SpanKind::Server => 2,
        SpanKind::Client => 3,
        SpanKind::Producer => 4,
        SpanKind::Consumer => 5,
    }
}

fn status(status: &Status) -> Value {
    match status {
        Status::Unset => json!({}),
        Status::Ok => json!({"code": 1}),
        Status::Error { description } => json!({"code": 2, "message": description}),
    }
}

fn attributes(all: &[KeyValue]) -> Value {
    all.iter().map(|attribute| pair(attribute.key.as_str(), &attribute.value)).collect()
}

fn pair(key: &str, value: &Attribute) -> Value {
    json!({"key": key, "value": any(value)})
}

fn any(value: &Attribute) -> Value {
    let list = |values: Vec<Value>| json!({"arrayValue": {"values": values}});
    match value {
        Attribute::Bool(value) => json!({"boolValue": value}),
        Attribute::I64(value) => json!({"intValue": value.to_string()}),
        Attribute::F64(value) => json!({"doubleValue": value}),
        Attribute::String(value) => json!({"stringValue": value.as_str()}),
        Attribute::Array(Array::Bool(values)) => list(values.iter().map(|value| json!({"boolValue": value})).collect()),
        Attribute::Array(Array::I64(values)) => {
            list(values.iter().map(|value| json!({"intValue": value.to_string()})).collect())
        }
        Attribute::Array(Array::F64(values)) => {
            list(values.iter().map(|value| json!({"doubleValue": value})).collect())
        }
        Attribute::Array(Array::String(values)) => {
            list(values.iter().map(|value| json!({"stringValue": value.as_str()})).collect())
        }
        // A kind of value that came with a later version: as people read it.
        other => json!({"stringValue": other.to_string()}),
    }
}
