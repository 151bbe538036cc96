//! The ends of a job's tasks, packed one behind the other in the order of commitment. A record is addressed by its number;
//! equal neighbours are one record, so that a million tasks that end alike cost one.

use nexus_model::{Cost, NodeId, Outcome, Reused, TaskOutput, TaskState};

use crate::end::{self, End};
use crate::packed::Unreadable;

/// A segment is closed beyond this many bytes: large enough to be rare, small enough that growing one copies little.
const SEGMENT_BYTES: usize = 256 << 10;

/// Records that follow each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Number of the first record.
    pub(crate) first: u32,
    /// Where each record ends in `bytes`.
    pub(crate) ends: Vec<u32>,
    /// The packed records.
    pub(crate) bytes: Vec<u8>,
}

/// The records of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct EndLog {
    segments: Vec<Segment>,
}

impl EndLog {
    /// Appends a record, unless the last one is the same, and gives its number.
    pub(crate) fn push(&mut self, node: Option<NodeId>, outcome: &Outcome, cost: &Cost) -> u32 {
        self.push_packed(|bytes| end::pack(node, outcome, cost, bytes))
    }

    /// The same for a task that took its result from an earlier job.
    pub(crate) fn push_reused(&mut self, from: Reused, output: &TaskOutput, cost: &Cost) -> u32 {
        self.push_packed(|bytes| end::pack_reused(from, output, cost, bytes))
    }

    fn push_packed(&mut self, pack: impl FnOnce(&mut Vec<u8>)) -> u32 {
        let full = self.segments.last().is_none_or(|segment| segment.bytes.len() > SEGMENT_BYTES);
        if full {
            let first = self.len();
            self.segments.push(Segment { first, ..Segment::default() });
        }
        let segment = self.segments.last_mut().expect("one was just made where there was none");
        let start = segment.bytes.len();
        pack(&mut segment.bytes);
        let count = segment.ends.len();
        if count > 0 {
            let before = if count > 1 { segment.ends[count - 2] as usize } else { 0 };
            let (old, new) = segment.bytes.split_at(start);
            if old[before..] == *new {
                segment.bytes.truncate(start);
                return segment.first + count as u32 - 1;
            }
        }
        segment.ends.push(segment.bytes.len() as u32);
        segment.first + count as u32
    }

    /// Records so far.
    pub(crate) fn len(&self) -> u32 {
        self.segments.last().map_or(0, |segment| segment.first + segment.ends.len() as u32)
    }

    /// The packed bytes of a record.
    pub(crate) fn record(&self, number: u32) -> Option<&[u8]> {
        let segment = self.segments.partition_point(|segment| segment.first <= number).checked_sub(1)?;
        let segment = &self.segments[segment];
        let position = (number - segment.first) as usize;
        let until = *segment.ends.get(position)? as usize;
        let from = if position > 0 { segment.ends[position - 1] as usize } else { 0 };
        segment.bytes.get(from..until)
    }

    /// A record. `None` for a number that was never given: records that [`EndLog::push`] made are always readable, and
    /// [`EndLog::restore`] checks those of a snapshot.
    pub(crate) fn get(&self, number: u32) -> Option<End> {
        end::unpack(self.record(number)?).ok()
    }

    /// The state that a record puts a task into.
    pub(crate) fn state(&self, number: u32) -> Option<TaskState> {
        end::state(*self.record(number)?.first()?)
    }

    /// The segments, for a snapshot.
    pub(crate) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Appends a segment of a snapshot after checking each of its records.
    pub(crate) fn restore(&mut self, segment: Segment) -> Result<(), Unreadable> {
        let mut from = 0;
        if segment.first != self.len() || segment.ends.is_empty() {
            return Err(Unreadable { at: 0 });
        }
        for &until in &segment.ends {
            let record = segment.bytes.get(from..until as usize).ok_or(Unreadable { at: from })?;
            end::unpack(record)?;
            from = until as usize;
        }
        if from != segment.bytes.len() {
            return Err(Unreadable { at: from });
        }
        self.segments.push(segment);
        Ok(())
    }

    /// Gives back the memory that was kept for more records.
    pub(crate) fn shrink(&mut self) {
        if let Some(last) = self.segments.last_mut() {
            last.ends.shrink_to_fit();
            last.bytes.shrink_to_fit();
        }
        self.segments.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nexus_model::{Payload, TaskOutput};

    use super::*;

    fn number(n: u64) -> Outcome {
        let mut bytes = vec![1, 3];
        bytes.extend_from_slice(&n.to_le_bytes());
        Outcome::Succeeded(TaskOutput { result: Payload::Inline(bytes.into()), outputs: vec![] })
    }

    fn cpu(wall: Duration) -> Cost {
        Cost { wall, device: "cpu".into(), ..Cost::default() }
    }

    #[test]
    fn each_record_is_found_by_its_number() {
        let mut log = EndLog::default();
        let cost = cpu(Duration::from_micros(3));
        for i in 0..50_000u64 {
            assert_eq!(log.push(Some(NodeId(1 + i % 3)), &number(i), &cost), i as u32);
        }
        assert!(log.segments().len() > 1);
        for i in [0u64, 1, 9_999, 12_345, 49_999] {
            let end = log.get(i as u32).unwrap();
            assert_eq!((end.node, end.outcome, end.cost), (Some(NodeId(1 + i % 3)), number(i), cost.clone()));
        }
        assert_eq!(log.get(50_000), None);
        let bytes: usize = log.segments().iter().map(|s| s.bytes.len() + 4 * s.ends.len()).sum();
        assert!(bytes < 50_000 * 26, "a distinct small result takes {} bytes", bytes / 50_000);
    }

    #[test]
    fn equal_neighbours_are_one_record() {
        let mut log = EndLog::default();
        let cost = cpu(Duration::ZERO);
        assert_eq!(log.push(None, &number(1), &cost), 0);
        assert_eq!(log.push(None, &number(1), &cost), 0);
        assert_eq!(log.push(None, &number(2), &cost), 1);
        assert_eq!(log.push(None, &number(1), &cost), 2);
        assert_eq!(log.len(), 3);
    }

    #[test]
    fn segments_are_checked_when_they_come_back() {
        let mut log = EndLog::default();
        log.push(None, &number(1), &cpu(Duration::ZERO));
        log.push(Some(NodeId(2)), &Outcome::TimedOut, &cpu(Duration::MAX));
        let segment = log.segments()[0].clone();
        let mut copy = EndLog::default();
        copy.restore(segment.clone()).unwrap();
        assert_eq!(copy, log);
        for at in 0..segment.bytes.len() {
            let mut cut = segment.clone();
            cut.bytes.truncate(at);
            assert!(EndLog::default().restore(cut).is_err());
        }
        assert!(EndLog::default().restore(Segment { ends: vec![9, 3, u32::MAX], ..segment }).is_err());
    }
}
