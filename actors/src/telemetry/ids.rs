//! Ids of spans: random ones, and those that were said beforehand.

use std::cell::Cell;

use opentelemetry::trace::{SpanId, TraceId};
use opentelemetry_sdk::trace::{IdGenerator, RandomIdGenerator};

thread_local! {
    static NEXT: Cell<Option<(TraceId, SpanId)>> = const { Cell::new(None) };
}

/// Makes the span that `make` begins on this thread the one with these ids.
pub(super) fn with_ids<R>(ids: (TraceId, SpanId), make: impl FnOnce() -> R) -> R {
    NEXT.set(Some(ids));
    let made = make();
    NEXT.set(None);
    made
}

/// The generator of a process.
#[derive(Debug, Default)]
pub(super) struct Ids(RandomIdGenerator);

impl IdGenerator for Ids {
    fn new_trace_id(&self) -> TraceId {
        NEXT.get().map_or_else(|| self.0.new_trace_id(), |(trace, _)| trace)
    }

    fn new_span_id(&self) -> SpanId {
        NEXT.get().map_or_else(|| self.0.new_span_id(), |(_, span)| span)
    }
}
