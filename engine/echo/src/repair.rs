//! The least change that makes a timeline consistent: proposals, each with its cost and a check that it works.
//!
//! Nothing is changed here. Whatever mends a timeline must mend every finding, and each finding names the few edits that
//! can mend it; a uniform-cost search over these (Hart, Nilsson, Raphael, 1968, without a heuristic) meets the cheapest
//! combination first. What it answers was checked in full: that is the proof that comes with it.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::sync::Arc;

use serde::Serialize;

use crate::EchoError;
use crate::check::{Finding, FindingKind, Report, Schedule, check_graph, feasible_schedule};
use crate::event::{EventKind, TimeNode};
use crate::graph::Graph;
use crate::log::Edit;
use crate::time::Micros;
use crate::timeline::Timeline;
use crate::trigger::TriggerKind;

/// What each sort of edit costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weights {
    /// Moving a planned event in time.
    pub move_plan: u64,
    /// Correcting the time of a fact.
    pub move_fact: u64,
    /// Lowering a stated probability.
    pub lower: u64,
    /// Deciding for one of two contents.
    pub decide: u64,
    /// Cutting a trigger.
    pub cut: u64,
    /// Taking an event out, to be kept on a branch.
    pub isolate: u64,
}

impl Default for Weights {
    fn default() -> Self {
        Weights { move_plan: 2, move_fact: 9, lower: 2, decide: 1, cut: 5, isolate: 8 }
    }
}

/// Edits that make a timeline consistent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Repair {
    /// Sum of the edits' weights.
    pub cost: u64,
    /// What to do, in order.
    pub edits: Vec<Edit>,
    /// The same for people.
    pub steps: Vec<String>,
}

/// The most states of the search.
const STATES_MAX: usize = 4_000;
/// The most triggers of a long witness that are tried one by one.
const WITNESS_TRIED_MAX: usize = 64;

/// One way to mend one finding.
#[derive(Debug, Clone, PartialEq)]
struct Way {
    cost: u64,
    edits: Vec<Edit>,
    text: String,
}

/// Searches up to `most` different repairs, cheapest first. Empty if the timeline is consistent.
///
/// # Errors
/// [`EchoError::TooLarge`] if more combinations would have to be tried than the limit before the first is found.
pub fn repairs(timeline: &Timeline, weights: Weights, most: usize) -> Result<Vec<Repair>, EchoError> {
    let mut found: Vec<Repair> = Vec::new();
    let mut open = BinaryHeap::new();
    let mut states: Vec<(Timeline, Vec<Way>)> = vec![(timeline.clone(), Vec::new())];
    let mut seen: BTreeSet<Vec<String>> = BTreeSet::new();
    open.push(Reverse((0_u64, 0_usize)));
    while let Some(Reverse((cost, at))) = open.pop() {
        let (state, done) = states[at].clone();
        let graph = Graph::new(state.state());
        let report = check_graph(&graph);
        if report.is_consistent() {
            if !done.is_empty() {
                found.push(repair(cost, &done));
            }
            if found.len() >= most || done.is_empty() {
                break;
            }
            continue;
        }
        for option in ways(&graph, &report, weights) {
            let mut steps: Vec<String> = done.iter().map(|step| step.text.clone()).collect();
            steps.push(option.text.clone());
            steps.sort();
            let mut next = state.clone();
            if !seen.insert(steps) || next.apply_all(option.edits.iter().cloned()).is_err() {
                continue;
            }
            if states.len() >= STATES_MAX {
                if found.is_empty() {
                    let what = "a repair needs more combinations of edits than that; mend some findings by hand first";
                    return Err(EchoError::TooLarge { what: what.to_owned(), most: STATES_MAX as u64 });
                }
                return Ok(found);
            }
            let mut done = done.clone();
            let cost = cost + option.cost;
            done.push(option);
            states.push((next, done));
            open.push(Reverse((cost, states.len() - 1)));
        }
    }
    Ok(found)
}

fn repair(cost: u64, done: &[Way]) -> Repair {
    Repair {
        cost,
        edits: done.iter().flat_map(|option| option.edits.iter().cloned()).collect(),
        steps: done.iter().map(|option| option.text.clone()).collect(),
    }
}

/// Ways to mend the first finding: any repair contains one of them.
fn ways(graph: &Graph, report: &Report, weights: Weights) -> Vec<Way> {
    let Some(finding) = report.findings.first() else { return Vec::new() };
    let mut ways = Vec::new();
    match finding.kind {
        FindingKind::CausalViolation => {
            ways.extend(move_effect(graph, finding, weights));
            ways.extend(reschedule(graph, weights));
            ways.extend(cuts(finding, weights));
        }
        FindingKind::TemporalInconsistency => {
            ways.extend(free_facts(graph, finding, weights));
            ways.extend(cuts(finding, weights));
        }
        FindingKind::BootstrapLoop | FindingKind::InformationLoop | FindingKind::Grandfather => {
            ways.extend(cuts(finding, weights));
        }
        FindingKind::Contradiction => {
            ways.extend(part(graph, finding, weights));
            ways.extend(lower_either(graph, finding, weights));
            ways.extend(cuts(finding, weights));
        }
        FindingKind::ProbabilityInversion => ways.extend(lower_effect(graph, finding, weights)),
        FindingKind::Collision => ways.extend(decide(graph, finding, weights)),
    }
    if finding.kind != FindingKind::Collision {
        ways.extend(finding.events.iter().take(WITNESS_TRIED_MAX).map(|event| Way {
            cost: weights.isolate,
            edits: vec![Edit::Remove { event: event.clone() }],
            text: format!("isolate `{event}`: take it out, to be kept on a branch"),
        }));
    }
    ways
}

fn changed(node: &TimeNode, cost: u64, text: String, change: impl FnOnce(&mut TimeNode)) -> Way {
    let mut node = node.clone();
    change(&mut node);
    Way { cost, edits: vec![Edit::Replace(Arc::new(node))], text }
}

fn named<'a>(graph: &'a Graph, name: &str) -> Option<&'a Arc<TimeNode>> {
    graph.place(name).ok().map(|place| &graph.nodes[place as usize])
}

fn cuts(finding: &Finding, weights: Weights) -> Vec<Way> {
    let kinds = |word: &str| {
        use TriggerKind::{Causes, Enables, Excludes, Informs, Option, Prevents};
        [Causes, Enables, Prevents, Excludes, Informs, Option].into_iter().find(|kind| kind.word() == word)
    };
    let cut = |[from, word, to]: &[String; 3]| {
        let edit = Edit::Cut { from: from.clone(), kind: kinds(word)?, to: to.clone() };
        Some(Way { cost: weights.cut, edits: vec![edit], text: format!("cut `{from}` {word} `{to}`") })
    };
    finding.triggers.iter().take(WITNESS_TRIED_MAX).filter_map(cut).collect()
}

/// Moves the effect to the earliest time that the cause allows, and the cause to the latest that the effect allows.
fn move_effect(graph: &Graph, finding: &Finding, weights: Weights) -> Vec<Way> {
    let find = |trigger: &&Arc<crate::trigger::Trigger>| {
        finding
            .triggers
            .iter()
            .any(|[from, word, to]| trigger.from == *from && trigger.to == *to && trigger.kind.word() == word)
    };
    let Some(trigger) = graph.triggers.iter().find(find) else { return Vec::new() };
    let (Some(source), Some(target)) = (named(graph, &trigger.from), named(graph, &trigger.to)) else {
        return Vec::new();
    };
    let gap = trigger.delay.min.0;
    [(target, source.timestamp.0 + gap), (source, target.timestamp.0 - gap)]
        .into_iter()
        .filter(|(_, time)| Micros(*time).in_range())
        .map(|(node, time)| moved(node, Micros(time), weights))
        .collect()
}

fn moved(node: &TimeNode, to: Micros, weights: Weights) -> Way {
    let cost = if node.kind == EventKind::Fact { weights.move_fact } else { weights.move_plan };
    let text = format!("move `{}` from {} to {to}", node.name, node.timestamp);
    changed(node, cost, text, |node| node.timestamp = to)
}

/// Moves every plan to times that satisfy all delays, if there are any.
fn reschedule(graph: &Graph, weights: Weights) -> Option<Way> {
    let Schedule::Feasible(times) = feasible_schedule(graph) else { return None };
    let mut edits = Vec::new();
    for (node, time) in graph.nodes.iter().zip(times) {
        let time = Micros(i64::try_from(time).ok()?);
        if time != node.timestamp {
            edits.extend(moved(node, time, weights).edits);
        }
    }
    let text = match edits.len() {
        1 => "move 1 event to the earliest time that all delays allow".to_owned(),
        count => format!("move {count} events to the earliest times that all delays allow"),
    };
    (!edits.is_empty()).then(|| Way { cost: weights.move_plan * edits.len() as u64, edits, text })
}

/// Treats a fact of the witness as a plan, whose time may move.
fn free_facts(graph: &Graph, finding: &Finding, weights: Weights) -> Vec<Way> {
    let facts = finding.events.iter().filter_map(|name| named(graph, name)).filter(|node| node.kind == EventKind::Fact);
    let free = |node: &Arc<TimeNode>| {
        let text = format!("doubt the time of `{}`: make it a plan", node.name);
        changed(node, weights.move_fact, text, |node| node.kind = EventKind::Planned)
    };
    facts.take(WITNESS_TRIED_MAX).map(free).collect()
}

/// Moves either of two events that exclude one another out of the other's way.
fn part(graph: &Graph, finding: &Finding, weights: Weights) -> Vec<Way> {
    let window = graph
        .triggers
        .iter()
        .find(|trigger| {
            finding
                .triggers
                .iter()
                .any(|[from, word, to]| trigger.from == *from && trigger.to == *to && trigger.kind.word() == word)
        })
        .map_or(0, |trigger| trigger.delay.max.unwrap_or(trigger.delay.min).0);
    let nodes: Vec<&Arc<TimeNode>> = finding.events.iter().filter_map(|name| named(graph, name)).collect();
    let [a, b] = nodes[..] else { return Vec::new() };
    let after = |other: &TimeNode| Micros(other.timestamp.0 + window + 1);
    [(a, after(b)), (b, after(a))]
        .into_iter()
        .filter(|(_, time)| time.in_range())
        .map(|(node, time)| moved(node, time, weights))
        .collect()
}

fn lower_either(graph: &Graph, finding: &Finding, weights: Weights) -> Vec<Way> {
    let nodes: Vec<&Arc<TimeNode>> = finding.events.iter().filter_map(|name| named(graph, name)).collect();
    let [a, b] = nodes[..] else { return Vec::new() };
    let lower = |node: &TimeNode, other: &TimeNode| lowered(node, 1.0 - other.probability.unwrap_or(1.0), weights);
    vec![lower(a, b), lower(b, a)]
}

fn lower_effect(graph: &Graph, finding: &Finding, weights: Weights) -> Option<Way> {
    let node = named(graph, finding.events.last()?)?;
    let place = graph.place(&node.name).ok()?;
    let allowed = |edge: &u32| {
        let (ends, trigger) = (graph.edges[*edge as usize], &graph.triggers[*edge as usize]);
        let source = graph.nodes[ends.source as usize].probability.unwrap_or(1.0);
        (ends.kind, if ends.kind == TriggerKind::Option { source } else { source * trigger.probability })
    };
    let incoming: Vec<(TriggerKind, f64)> =
        graph.incoming(place).iter().map(allowed).filter(|(kind, _)| kind.is_causal()).collect();
    let needed = incoming.iter().filter(|(kind, _)| *kind == TriggerKind::Enables).map(|(_, p)| *p).fold(1.0, f64::min);
    let any: Vec<f64> = incoming.iter().filter(|(kind, _)| *kind != TriggerKind::Enables).map(|(_, p)| *p).collect();
    let bound = if any.is_empty() { needed } else { needed.min(any.iter().sum()) };
    Some(lowered(node, bound, weights))
}

fn lowered(node: &TimeNode, to: f64, weights: Weights) -> Way {
    let to = to.clamp(0.0, 1.0);
    changed(node, weights.lower, format!("lower the probability of `{}` to {to}", node.name), |node| {
        node.probability = Some(to);
    })
}

fn decide(graph: &Graph, finding: &Finding, weights: Weights) -> Vec<Way> {
    let Some(place) = finding.events.first().and_then(|name| graph.place(name).ok()) else { return Vec::new() };
    let Some(other) = graph.disputes.get(&place) else { return Vec::new() };
    let keep = |node: &Arc<TimeNode>, whose: &str| Way {
        cost: weights.decide,
        edits: vec![Edit::Replace(Arc::clone(node))],
        text: format!("keep the content of `{}` from {whose}", node.name),
    };
    vec![keep(&graph.nodes[place as usize], "this branch"), keep(other, "the branch merged")]
}
