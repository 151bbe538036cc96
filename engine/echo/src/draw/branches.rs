//! Timelines with their branches: each a line along its edits, leaving its parent's line where it was forked.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::draw::frame::{GREY, INK, LETTER, RULE, cut, open, quoted, text};
use crate::timeline::{Timeline, TimelineKind};

const WIDTH: f64 = 1_120.0;
const TOP: f64 = 70.0;
const ROW: f64 = 46.0;
/// Timelines drawn; the rest are counted.
const ROWS_MAX: usize = 200;
/// Letters of a name that are drawn.
const NAME: usize = 28;

/// A timeline and where its line is.
struct Line<'a> {
    timeline: &'a Timeline,
    row: usize,
    /// Row of the parent, if it is drawn, and the position of the fork.
    parent: Option<(usize, u64)>,
}

/// The lines of some timelines: each parent is followed by its branches in the order of their forks.
fn lines(timelines: &[Timeline]) -> Vec<Line<'_>> {
    let place: BTreeMap<&str, usize> = timelines.iter().enumerate().map(|(at, one)| (one.name(), at)).collect();
    let parent = |at: usize| timelines[at].forked().and_then(|fork| place.get(fork.parent.as_str())).copied();
    let mut children: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    let mut stack = Vec::new();
    for at in (0..timelines.len()).rev() {
        match parent(at).filter(|parent| *parent != at) {
            Some(parent) => children.entry(parent).or_default().push(at),
            None => stack.push(at),
        }
    }
    for branches in children.values_mut() {
        // The last one is taken first; branches of the latest forks stand next to the line.
        branches.sort_by_key(|&at| timelines[at].forked().map(|fork| fork.position));
    }
    let mut rows: BTreeMap<usize, usize> = BTreeMap::new();
    let mut drawn = Vec::new();
    while let Some(at) = stack.pop() {
        if rows.contains_key(&at) || drawn.len() == ROWS_MAX {
            continue;
        }
        rows.insert(at, drawn.len());
        let fork = timelines[at].forked().map(|fork| fork.position);
        let mut above = parent(at).and_then(|parent| rows.get(&parent)).copied();
        // A fork within what the parent has from its own parent leaves that one's line.
        while let Some((up, shared)) = above.and_then(|row| drawn.get(row)).and_then(|line: &Line<'_>| line.parent)
            && fork.is_some_and(|fork| fork <= shared)
        {
            above = Some(up);
        }
        drawn.push(Line { timeline: &timelines[at], row: drawn.len(), parent: above.zip(fork) });
        stack.extend(children.remove(&at).unwrap_or_default());
    }
    drawn
}

fn colour(kind: TimelineKind) -> &'static str {
    match kind {
        TimelineKind::Primary => "#1d4ed8",
        TimelineKind::Alternative => "#b45309",
        TimelineKind::Simulation => "#6d28d9",
    }
}

fn word(kind: TimelineKind) -> &'static str {
    match kind {
        TimelineKind::Primary => "primary",
        TimelineKind::Alternative => "alternative",
        TimelineKind::Simulation => "simulation",
    }
}

/// The picture of timelines with their branches. Along a line are its edits, from the left; marked are snapshots.
pub fn branches_svg(timelines: &[Timeline], title: &str) -> String {
    let drawn = lines(timelines);
    let height = TOP + ROW * drawn.len() as f64 + 30.0;
    let mut out = open(WIDTH, height, title);
    out.push_str(&text(20.0, 44.0, 11, GREY, "from left to right: edits; numbers are positions of the log"));
    let longest = drawn.iter().map(|line| line.timeline.len()).max().unwrap_or(0).max(1) as f64;
    let left = 40.0 + NAME as f64 * LETTER;
    let x = |position: u64| left + (WIDTH - left - 190.0) * position as f64 / longest;
    let y = |row: usize| TOP + ROW * row as f64 + ROW / 2.0;
    for line in &drawn {
        let (timeline, here) = (line.timeline, y(line.row));
        let colour = colour(timeline.kind());
        let start = line.parent.map_or(x(0), |(_, fork)| x(fork));
        out.push_str(&text(20.0, here + 4.0, 12, INK, &cut(timeline.name(), NAME)));
        if let Some((parent, fork)) = line.parent {
            let (above, bend) = (y(parent), 14.0);
            let _ = writeln!(
                out,
                "<path d=\"M{start:.1},{above:.1} V{:.1} Q{start:.1},{here:.1} {:.1},{here:.1}\" fill=\"none\" \
                 stroke=\"{colour}\" stroke-width=\"2\"/><circle cx=\"{start:.1}\" cy=\"{above:.1}\" r=\"3.5\" fill=\"{colour}\"/>",
                here - bend,
                start + bend,
            );
            out.push_str(&text(start + 5.0, here - 8.0, 10, GREY, &fork.to_string()));
        }
        let begin = if line.parent.is_some() { start + 14.0 } else { start };
        let end = x(timeline.len()).max(begin + 4.0);
        let _ = writeln!(
            out,
            "<line x1=\"{begin:.1}\" y1=\"{here:.1}\" x2=\"{end:.1}\" y2=\"{here:.1}\" stroke=\"{colour}\" stroke-width=\"3\"/>\
             <circle cx=\"{end:.1}\" cy=\"{here:.1}\" r=\"5\" fill=\"{colour}\"/>"
        );
        let own = |position: u64| line.parent.is_none_or(|(_, fork)| position > fork);
        for (name, at) in timeline.snapshots().filter(|(_, at)| own(*at)) {
            let _ = writeln!(
                out,
                "<path d=\"M{0:.1},{1:.1} l5,-9 l-10,0 z\" fill=\"#047857\"><title>snapshot {2} at {at}</title></path>",
                x(at),
                here - 4.0,
                crate::draw::frame::escaped(name)
            );
        }
        let state = timeline.state();
        let note = format!("{} · {} events · {}", word(timeline.kind()), state.events(), timeline.len());
        out.push_str(&text(end + 12.0, here + 4.0, 11, GREY, &note));
    }
    if timelines.len() > drawn.len() {
        let more = format!("… and {} more", timelines.len() - drawn.len());
        out.push_str(&text(20.0, height - 12.0, 11, GREY, &more));
    }
    let _ =
        writeln!(out, "<line x1=\"20\" y1=\"{0}\" x2=\"{1}\" y2=\"{0}\" stroke=\"{RULE}\"/>", TOP - 12.0, WIDTH - 20.0);
    out.push_str("</svg>\n");
    out
}

/// The same as a graph in the DOT language: a node for each timeline, an edge for each fork.
pub fn branches_dot(timelines: &[Timeline], title: &str) -> String {
    let mut out = format!(
        "digraph {} {{\n  rankdir=LR;\n  node [fontname=\"Helvetica\", fontsize=11, shape=box, style=rounded];\n  \
         edge [fontname=\"Helvetica\", fontsize=9];\n",
        quoted(title)
    );
    for timeline in timelines {
        let label = format!("{}\n{} · {} events", timeline.name(), word(timeline.kind()), timeline.state().events());
        let (name, colour) = (quoted(timeline.name()), colour(timeline.kind()));
        let _ = writeln!(out, "  {name} [label={}, color=\"{colour}\"];", quoted(&label));
        if let Some(fork) = timeline.forked() {
            let _ = writeln!(out, "  {} -> {name} [label=\"at {}\"];", quoted(&fork.parent), fork.position);
        }
    }
    out.push_str("}\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{EventKind, TimeNode};
    use crate::time::Micros;

    #[test]
    fn branches_stand_below_their_parents_in_the_order_of_forks() {
        let mut plan = Timeline::new("plan", TimelineKind::Primary);
        for at in 0..4 {
            plan.append(TimeNode::new(format!("event {at}"), EventKind::Planned, Micros(at))).unwrap();
        }
        let fork = |name: &str, at| plan.fork(name, TimelineKind::Alternative, Some(at)).unwrap();
        let late = fork("late", 3);
        let of_late = late.fork("of late", TimelineKind::Simulation, Some(2)).unwrap();
        let all = [fork("early", 1), of_late, late, plan.clone()];
        let drawn = lines(&all);
        let order: Vec<_> = drawn.iter().map(|line| (line.timeline.name(), line.parent)).collect();
        assert_eq!(order, [("plan", None), ("late", Some((0, 3))), ("of late", Some((0, 2))), ("early", Some((0, 1)))]);
        assert!(branches_svg(&all, "plans").contains("simulation · 2 events"));
        assert!(branches_dot(&all, "plans").contains("\"late\" -> \"of late\" [label=\"at 2\"]"));
    }

    #[test]
    fn a_branch_whose_parent_is_not_there_stands_on_its_own() {
        let plan = Timeline::new("plan", TimelineKind::Primary);
        let branch = plan.fork("branch", TimelineKind::Alternative, None).unwrap();
        assert_eq!(lines(&[branch]).len(), 1);
        assert!(lines(&[]).is_empty());
    }
}
