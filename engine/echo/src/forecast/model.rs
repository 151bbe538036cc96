//! A graph in the order in which a simulation goes through it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::EchoError;
use crate::event::EventKind;
use crate::forecast::delay::Sampler;
use crate::graph::Graph;
use crate::trigger::TriggerKind;

/// Microseconds of a day, the unit of the cost of lateness.
pub(crate) const DAY: f64 = 86_400_000_000.0;

/// Options chosen at decisions, by the names of both.
pub type Choices = BTreeMap<String, String>;

/// A trigger, seen from its target.
#[derive(Debug, Clone)]
pub(crate) struct Arc {
    /// Rank of the source.
    pub(crate) source: u32,
    pub(crate) kind: TriggerKind,
    pub(crate) probability: f64,
    pub(crate) delay: Sampler,
    /// Of an option: its place among the decision's options.
    pub(crate) option: u32,
    /// Place in the graph's edges.
    pub(crate) edge: u32,
}

/// An event as the simulation sees it.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// Place in the graph's nodes.
    pub(crate) node: u32,
    /// Time of a fact, of an event without causes, and from which lateness counts.
    pub(crate) at: f64,
    /// Of an event without causes: how likely.
    pub(crate) probability: f64,
    /// Whether it comes about through others; if not, it happens at `at` with its probability.
    pub(crate) caused: bool,
    pub(crate) incoming: Vec<Arc>,
    pub(crate) utility: f64,
    /// For each microsecond after `at`.
    pub(crate) late_cost: f64,
    /// Of a decision: ranks of its options, in the order of their triggers.
    pub(crate) options: Vec<u32>,
    /// Of a decision: ranks of the events known when it is made.
    pub(crate) informers: Vec<u32>,
    /// Of a decision: the option taken whatever happens.
    pub(crate) chosen: Option<u32>,
}

/// A graph ready to be simulated.
#[derive(Debug, Clone)]
pub struct Model {
    pub(crate) steps: Vec<Step>,
    /// Rank of each of the graph's nodes.
    pub(crate) rank: Vec<u32>,
}

impl Model {
    /// Puts the events in an order in which causes, preventers and informers come first.
    ///
    /// # Errors
    /// [`EchoError::Unanswerable`] for circles and for choices that are no options.
    pub fn new(graph: &Graph, choices: &Choices) -> Result<Self, EchoError> {
        let order = order(graph)?;
        let mut rank = vec![0; graph.len()];
        order.iter().enumerate().for_each(|(at, &node)| rank[node as usize] = at as u32);
        let mut steps: Vec<Step> = order.iter().map(|&node| step(graph, node, &rank)).collect();
        for (decision, option) in choices {
            let at = rank[graph.place(decision)? as usize] as usize;
            let wanted = rank[graph.place(option)? as usize];
            let place = steps[at].options.iter().position(|&option| option == wanted);
            let what = || format!("`{option}` is no option of `{decision}`: link them with a trigger of kind option");
            steps[at].chosen = Some(place.ok_or_else(|| EchoError::Unanswerable(what()))? as u32);
        }
        Ok(Model { steps, rank })
    }

    /// Utility of one future, given the time of each step (infinite: it does not happen).
    pub(crate) fn utility(&self, times: &[f64]) -> f64 {
        let of = |(step, &time): (&Step, &f64)| {
            if time.is_finite() { step.utility - step.late_cost * (time - step.at).max(0.0) } else { 0.0 }
        };
        self.steps.iter().zip(times).map(of).sum()
    }

    /// Ranks of the decisions, in order.
    pub(crate) fn decisions(&self) -> Vec<usize> {
        (0..self.steps.len()).filter(|&at| !self.steps[at].options.is_empty()).collect()
    }
}

/// Time of a step from the times of those before it. `fires` says whether, and after what delay, an arc acts; `choice` is
/// the option taken at a decision rank. Answers the arc that decided the time, too.
pub(crate) fn time_of(
    step: &Step,
    times: &[f64],
    mut fires: impl FnMut(&Arc) -> Option<f64>,
    choice: impl Fn(u32) -> Option<u32>,
    happens: impl FnOnce() -> bool,
) -> (f64, Option<u32>) {
    let start = if step.caused {
        f64::NEG_INFINITY
    } else if happens() {
        step.at
    } else {
        f64::INFINITY
    };
    let (mut cause, mut needed) = ((f64::INFINITY, None), (start, None));
    let (mut has_cause, mut prevented_at) = (false, f64::INFINITY);
    for arc in &step.incoming {
        let acts = if arc.kind == TriggerKind::Option { choice(arc.source) == Some(arc.option) } else { true };
        let delay = fires(arc);
        let time =
            if acts { delay.map_or(f64::INFINITY, |delay| times[arc.source as usize] + delay) } else { f64::INFINITY };
        match arc.kind {
            TriggerKind::Prevents => prevented_at = prevented_at.min(time),
            TriggerKind::Enables => {
                if time > needed.0 {
                    needed = (time, Some(arc.edge));
                }
            }
            _ => {
                has_cause = true;
                if time < cause.0 {
                    cause = (time, Some(arc.edge));
                }
            }
        }
    }
    let (time, edge) = if has_cause && cause.0 >= needed.0 { cause } else { needed };
    if prevented_at <= time { (f64::INFINITY, None) } else { (time, edge) }
}

fn step(graph: &Graph, node: u32, rank: &[u32]) -> Step {
    let event = &graph.nodes[node as usize];
    let kind_of = |edge: u32| graph.edges[edge as usize].kind;
    let caused = graph.incoming(node).iter().any(|&edge| kind_of(edge).is_causal());
    let is_fact = event.kind == EventKind::Fact;
    let acting = |&&edge: &&u32| kind_of(edge).is_causal() || kind_of(edge) == TriggerKind::Prevents;
    let incoming = graph.incoming(node).iter().filter(acting).map(|&edge| arc(graph, edge, rank)).collect();
    let sources = |kind: TriggerKind| {
        let of_kind = graph.incoming(node).iter().filter(move |&&edge| kind_of(edge) == kind);
        of_kind.map(|&edge| rank[graph.edges[edge as usize].source as usize]).collect::<Vec<_>>()
    };
    let decides = event.kind == EventKind::Decision;
    let options = graph.outgoing(node).iter().filter(|&&edge| decides && kind_of(edge) == TriggerKind::Option);
    Step {
        node,
        at: event.timestamp.0 as f64,
        probability: if is_fact { 1.0 } else { event.probability.unwrap_or(1.0) },
        caused: caused && !is_fact,
        incoming: if is_fact { Vec::new() } else { incoming },
        utility: event.utility,
        late_cost: event.late_cost_per_day / DAY,
        options: options.map(|&edge| rank[graph.edges[edge as usize].target as usize]).collect(),
        informers: if decides { sources(TriggerKind::Informs) } else { Vec::new() },
        chosen: None,
    }
}

fn arc(graph: &Graph, edge: u32, rank: &[u32]) -> Arc {
    let (ends, trigger) = (graph.edges[edge as usize], &graph.triggers[edge as usize]);
    let is_option = |edge: &u32| graph.edges[*edge as usize].kind == TriggerKind::Option;
    let option = graph.outgoing(ends.source).iter().filter(|edge| is_option(edge)).position(|&other| other == edge);
    Arc {
        source: rank[ends.source as usize],
        // An option of an event that decides nothing is a consequence like any other.
        kind: match ends.kind {
            TriggerKind::Option if graph.nodes[ends.source as usize].kind != EventKind::Decision => TriggerKind::Causes,
            kind => kind,
        },
        probability: trigger.probability,
        delay: Sampler::new(trigger),
        option: option.unwrap_or(0) as u32,
        edge,
    }
}

/// Places of all nodes so that sources come first (Kahn, "Topological sorting of large networks", 1962), and of those that
/// may come next the one with the earliest time: a decision knows the choices of earlier ones.
fn order(graph: &Graph) -> Result<Vec<u32>, EchoError> {
    let counts = |edge: u32| {
        let edge = graph.edges[edge as usize];
        let into_decision =
            edge.kind == TriggerKind::Informs && graph.nodes[edge.target as usize].kind == EventKind::Decision;
        let into_fact = graph.nodes[edge.target as usize].kind == EventKind::Fact;
        !into_fact && (edge.kind.is_causal() || edge.kind == TriggerKind::Prevents || into_decision)
    };
    let mut waiting = vec![0_u32; graph.len()];
    for edge in (0..graph.edges.len() as u32).filter(|&edge| counts(edge)) {
        waiting[graph.edges[edge as usize].target as usize] += 1;
    }
    let soon = |node: u32| Reverse((graph.nodes[node as usize].timestamp, node));
    let mut ready: BinaryHeap<_> =
        (0..graph.len() as u32).filter(|&node| waiting[node as usize] == 0).map(soon).collect();
    let mut order = Vec::with_capacity(graph.len());
    while let Some(Reverse((_, node))) = ready.pop() {
        order.push(node);
        for &edge in graph.outgoing(node).iter().filter(|&&edge| counts(edge)) {
            let target = graph.edges[edge as usize].target;
            waiting[target as usize] -= 1;
            if waiting[target as usize] == 0 {
                ready.push(soon(target));
            }
        }
    }
    if order.len() < graph.len() {
        let stuck = (0..graph.len()).find(|&node| waiting[node] > 0).unwrap_or(0);
        return Err(EchoError::Unanswerable(format!(
            "`{}` waits for itself through other events, so nothing can be forecast: `nexus timeline check` shows the circle",
            graph.nodes[stuck].name
        )));
    }
    Ok(order)
}
