//! A range of time, and what of a timeline lies in it.
//!
//! Not a position of the log: that is what was *known*, and this is when it *happens*. The command line, programs and the
//! drawings ask with it.

use crate::EchoError;
use crate::event::TimeNode;
use crate::state::State;
use crate::time::Micros;

/// From one time to another, both included; open where absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimeRange {
    from: Option<Micros>,
    to: Option<Micros>,
    /// What spans count from in a timeline of dates: its first event, also where that lies before the range.
    zero: Option<Micros>,
}

impl TimeRange {
    /// All of time.
    pub const ALL: TimeRange = TimeRange { from: None, to: None, zero: None };

    /// A range as people say it who look at a state: where its events have dates, spans count from the first of them, as
    /// the charts show them.
    ///
    /// # Errors
    /// [`EchoError::Unanswerable`] for a range that ends before it begins, or that lies beyond 285 years.
    pub fn of(state: &State, from: Option<Micros>, to: Option<Micros>) -> Result<Self, EchoError> {
        let first = state.iter_nodes().map(|(_, node)| node.timestamp).min().unwrap_or(Micros::ZERO);
        let place = |at: Micros| match first.is_date() && !at.is_date() {
            true => Micros(first.0.saturating_add(at.0)),
            false => at,
        };
        let (from, to) = (from.map(place), to.map(place));
        if let Some(far) = [from, to].into_iter().flatten().find(|at| !at.in_range()) {
            return Err(EchoError::Unanswerable(format!("{far} lies beyond 285 years from zero")));
        }
        match (from, to) {
            (Some(from), Some(to)) if from > to => Err(EchoError::Unanswerable(format!(
                "the range ends before it begins: it goes from {} to {}",
                from.point(),
                to.point()
            ))),
            _ => Ok(TimeRange { from, to, zero: Some(first) }),
        }
    }

    /// Whether an event, or the time for which it lasts, has a part in the range.
    pub fn touches(&self, node: &TimeNode) -> bool {
        self.from.is_none_or(|from| node.until() >= from) && self.to.is_none_or(|to| node.timestamp <= to)
    }

    /// What spans count from, given the first time that is drawn.
    pub(crate) fn zero(&self, first: i64) -> i64 {
        self.zero.map_or(first, |zero| zero.0.min(first))
    }

    /// The part of a span of time that lies in the range; the nearest end for what has none.
    pub(crate) fn cut(&self, (first, last): (i64, i64)) -> (i64, i64) {
        let inside = |at: i64| {
            let at = self.from.map_or(at, |from| at.max(from.0));
            self.to.map_or(at, |to| at.min(to.0))
        };
        (inside(first), inside(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Document, EventKind, Graph, Timeline, TimelineKind, Trigger, TriggerKind, draw};

    const DAY: i64 = 86_400_000_000;
    /// 2026-03-01T09:30:00Z.
    const DATE: i64 = 1_772_357_400_000_000;

    /// Four events, of which the second lasts until the third begins.
    fn timeline(zero: i64) -> Timeline {
        let mut timeline = Timeline::new("t", TimelineKind::Primary);
        for (at, name) in ["a", "b", "c", "d"].into_iter().enumerate() {
            let mut node = TimeNode::new(name, EventKind::Fact, Micros(zero + at as i64 * 10 * DAY));
            if name == "b" {
                node.metadata.insert("until".to_owned(), (zero + 20 * DAY).to_string());
            }
            timeline.append(node).unwrap();
        }
        for (from, to) in [("a", "b"), ("b", "c"), ("c", "d")] {
            timeline.link(Trigger::new(from, TriggerKind::Enables, to)).unwrap();
        }
        timeline
    }

    fn days(days: i64) -> Option<Micros> {
        Some(Micros(days * DAY))
    }

    fn names(timeline: &Timeline, from: Option<Micros>, to: Option<Micros>) -> (Vec<String>, usize) {
        let document = Document::within(timeline, TimeRange::of(timeline.state(), from, to).unwrap());
        (document.events.iter().map(|node| node.name.clone()).collect(), document.triggers.len())
    }

    #[test]
    fn what_lies_in_a_range_or_reaches_into_it_is_read() {
        for zero in [0, DATE] {
            let timeline = timeline(zero);
            let read = |from, to| {
                let (names, triggers) = names(&timeline, from, to);
                (names.concat(), triggers)
            };
            assert_eq!(read(None, None), ("abcd".to_owned(), 3));
            assert_eq!(read(days(10), days(20)), ("bc".to_owned(), 1), "both ends belong to it");
            assert_eq!(read(days(15), days(16)), ("b".to_owned(), 0), "it lasts from day 10 to day 20");
            assert_eq!(read(days(21), None), ("d".to_owned(), 0));
            assert_eq!(read(None, days(9)), ("a".to_owned(), 0));
            assert_eq!(read(days(31), days(40)), (String::new(), 0));
        }
        let dated = timeline(DATE);
        let from = Some(Micros::parse("2026-03-31").unwrap());
        assert_eq!(names(&dated, from, None).0, ["d"], "dates are dates");
    }

    #[test]
    fn a_range_that_ends_before_it_begins_is_refused() {
        let refused = |zero, from, to| TimeRange::of(timeline(zero).state(), from, to).unwrap_err().to_string();
        assert_eq!(refused(0, days(5), days(2)), "the range ends before it begins: it goes from 5d to 2d");
        let end = Some(Micros(DATE));
        let message = refused(DATE, days(1), end);
        assert!(message.ends_with("from 2026-03-02T09:30:00Z to 2026-03-01T09:30:00Z"), "{message}");
        assert!(refused(DATE, Some(Micros(i64::MAX)), None).ends_with("beyond 285 years from zero"));
    }

    #[test]
    fn spans_in_a_drawing_count_from_the_first_event_whatever_is_drawn() {
        let second = 1_000_000;
        let mut timeline = Timeline::new("t", TimelineKind::Primary);
        for (at, name) in [(0, "accepted"), (1, "begun"), (3, "ended")] {
            timeline.append(TimeNode::new(name, EventKind::Fact, Micros(DATE + at * second))).unwrap();
        }
        let range = TimeRange::of(timeline.state(), Some(Micros(second)), None).unwrap();
        let graph = Graph::within(timeline.state(), range);
        let text = draw::chart(&graph, range, 48, 10);
        let times: Vec<&str> = text.lines().flat_map(|line| line.split_whitespace().last()).collect();
        assert_eq!(times, ["+3s", "+1s", "+3s"], "{text}");
        assert!(text.trim_start().starts_with("+1s"), "{text}");
        assert!(draw::svg(&graph, "t", range).contains(">+1s</text>"));
    }

    #[test]
    fn drawings_end_where_the_range_ends() {
        let timeline = timeline(0);
        let range = TimeRange::of(timeline.state(), days(15), days(25)).unwrap();
        let graph = Graph::within(timeline.state(), range);
        // The bar of `b` is cut at day 15, and says how long it is in all.
        let wanted = "   15d                         20d\n\
                      b  ███████████████████████████████  10d\n\
                      c                                ●  20d\n";
        let text = draw::chart(&graph, range, 48, 10);
        assert_eq!(text, wanted, "{text}");
        let dated = self::timeline(DATE);
        let range = TimeRange::of(dated.state(), days(20), days(21)).unwrap();
        let text = draw::chart(&Graph::within(dated.state(), range), range, 48, 10);
        assert!(text.ends_with("c  ●                                2026-03-21T09:30:00Z\n"), "{text}");
        let range = TimeRange::of(timeline.state(), days(15), days(25)).unwrap();
        let picture = draw::svg(&graph, "t", range);
        assert!(picture.contains(">15d</text>") && !picture.contains(">10d</text>"), "{picture}");
    }
}
