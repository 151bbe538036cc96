//! Rows for bars: what overlaps on one node stands on rows of its own, as its slots had it.

use std::collections::BTreeMap;

/// Ends are known to about the time that reports are gathered for: a bar that begins so little before the end of another
/// came after it.
const SLACK: i64 = 20_000;

/// A bar to be placed, in microseconds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bar {
    pub(super) node: String,
    pub(super) start: i64,
    pub(super) end: i64,
    /// The row: the node's name, with a number from the second one on.
    pub(super) lane: String,
}

/// Gives every bar its row: the first of its node that is free. Bars that overlap by less than what is known of their
/// times are drawn one after the other.
pub(super) fn assign(bars: &mut [Bar]) {
    let mut order: Vec<usize> = (0..bars.len()).collect();
    order.sort_by_key(|&at| (bars[at].start, bars[at].end));
    let mut rows: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for at in order {
        let bar = &mut bars[at];
        let ends = rows.entry(bar.node.clone()).or_default();
        let row = ends.iter().position(|end| bar.start + SLACK >= *end).unwrap_or(ends.len());
        if row == ends.len() {
            ends.push(i64::MIN);
        }
        bar.start = bar.start.max(ends[row]).min(bar.end);
        ends[row] = bar.end;
        bar.lane = if row == 0 { bar.node.clone() } else { format!("{} ·{}", bar.node, row + 1) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_that_overlap_stand_on_rows_of_their_own() {
        let bar = |node: &str, start, end| Bar { node: node.to_owned(), start, end, lane: String::new() };
        let second = 1_000_000;
        let mut bars = [
            bar("box", 0, second),
            bar("box", 0, 2 * second),
            bar("air", 0, second),
            // Ten milliseconds before the first one ended: a matter of reports.
            bar("box", second - 10_000, 3 * second),
            bar("box", second, 3 * second),
        ];
        assign(&mut bars);
        let lanes: Vec<&str> = bars.iter().map(|bar| bar.lane.as_str()).collect();
        assert_eq!(lanes, ["box", "box ·2", "air", "box", "box ·3"]);
        assert_eq!(bars[3].start, second);
    }
}
