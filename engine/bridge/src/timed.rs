//! A timeline as a dynamic Bayesian network over slices of time, and as an influence diagram over time.
//!
//! The copies of an event in the slices (has it happened by now?) can only turn from no to yes, so that all of them say no
//! more than one variable does: in which slice it happens, or never. That is the form used here (Galán and Díez, "Networks
//! of probabilistic events in discrete time", 2002). Causes act as a noisy or over time: each has its own chance and its own
//! delay, and the first that acts counts; of what an event needs the last counts; what prevents it must come later or not
//! at all. Two events in one slice that depend on who is first are decided by a coin.

use std::collections::BTreeMap;

use nexus_echo::{EventKind, Graph, TriggerKind};
use nexus_qlogik::influence::{Diagram, DiagramBuilder};
use nexus_qlogik::{Distribution, Evidence, Network, NetworkBuilder, VariableId};

use crate::model::{choose, decisions, known_at, names};
use crate::slices::Slices;
use crate::{BridgeError, Seen};

/// A timeline over time as a network, with what its facts say.
#[derive(Debug, Clone)]
pub struct TimedModel {
    /// One variable an event, by its name: its state is the slice in which it happens, the last state never. Others stand
    /// for triggers and for what several of them give together.
    pub network: Network,
    /// The facts.
    pub evidence: Evidence,
    /// The slices.
    pub slices: Slices,
}

/// A timeline's decisions over time as an influence diagram, with what its facts say.
#[derive(Debug, Clone)]
pub struct TimedDecisionModel {
    /// As [`TimedModel::network`], with decisions, what is known at them, and utilities.
    pub diagram: Diagram,
    /// The facts.
    pub evidence: Evidence,
    /// The slices.
    pub slices: Slices,
}

/// Microseconds of a day, the unit of the cost of lateness.
const DAY: f64 = 86_400_000_000.0;

pub(crate) fn network(graph: &Graph, slices: Slices) -> Result<TimedModel, BridgeError> {
    let mut builder = NetworkBuilder::new("timeline over time");
    let mut choices = BTreeMap::new();
    for (decision, options) in decisions(graph) {
        let id = builder.variable(choose(graph, decision), names(graph, &options))?;
        builder.depends(id, &[], Distribution::Table(vec![1.0 / options.len() as f64; options.len()]))?;
        choices.insert(decision, (id, options));
    }
    let when = Build { graph, slices, builder: &mut builder, choices }.events()?;
    let evidence = facts(graph, slices, &when);
    Ok(TimedModel { network: builder.build()?, evidence, slices })
}

pub(crate) fn diagram(graph: &Graph, slices: Slices) -> Result<TimedDecisionModel, BridgeError> {
    let mut builder = DiagramBuilder::new("timeline over time");
    let mut choices = BTreeMap::new();
    for (decision, options) in decisions(graph) {
        let id = builder.decision(choose(graph, decision), names(graph, &options))?;
        choices.insert(decision, (id, options));
    }
    let deciding: Vec<(u32, VariableId)> = choices.iter().map(|(at, (id, _))| (*at, *id)).collect();
    let mut build = Build { graph, slices, builder: builder.network(), choices };
    let when = build.events()?;
    let mut known: Vec<(VariableId, Vec<VariableId>)> = Vec::new();
    for (decision, id) in deciding {
        known.push((id, build.known_at(decision, &when)?));
    }
    for (id, known) in known {
        builder.informs(id, &known)?;
    }
    for (node, id) in graph.nodes.iter().zip(&when) {
        if node.utility != 0.0 || node.late_cost_per_day > 0.0 {
            let worth = |at: usize| node.utility - node.late_cost_per_day * slices.lateness(at, node.timestamp) / DAY;
            let values = (0..slices.count()).map(worth).chain([0.0]).collect();
            builder.utility(format!("worth of {}", node.name), &[*id], values)?;
        }
    }
    let evidence = facts(graph, slices, &when);
    Ok(TimedDecisionModel { diagram: builder.build()?, evidence, slices })
}

/// Takes what was seen of an event into the evidence.
pub(crate) fn observe(evidence: &mut Evidence, slices: Slices, id: VariableId, seen: Seen) {
    match seen {
        Seen::At(time) => {
            evidence.observe(id, slices.of(time));
        }
        Seen::NotBy(time) => {
            // A time within a slice leaves the rest of that slice open.
            let first = slices.of(time);
            evidence.likelihood(id, (0..=slices.count()).map(|at| f64::from(u8::from(at >= first))).collect());
        }
    }
}

fn facts(graph: &Graph, slices: Slices, when: &[VariableId]) -> Evidence {
    let mut evidence = Evidence::new();
    for (node, id) in graph.nodes.iter().zip(when).filter(|(node, _)| node.kind == EventKind::Fact) {
        observe(&mut evidence, slices, *id, Seen::At(node.timestamp));
    }
    evidence
}

struct Build<'a> {
    graph: &'a Graph,
    slices: Slices,
    builder: &'a mut NetworkBuilder,
    /// The choice of each decision, with its options as places of their events.
    choices: BTreeMap<u32, (VariableId, Vec<u32>)>,
}

impl Build<'_> {
    /// The variable of each event.
    fn events(&mut self) -> Result<Vec<VariableId>, BridgeError> {
        let states = self.slices.states();
        let mut when = Vec::with_capacity(self.graph.len());
        for node in &self.graph.nodes {
            when.push(self.builder.variable(&node.name, states.clone())?);
        }
        for at in 0..self.graph.len() as u32 {
            self.event(at, &when)?;
        }
        Ok(when)
    }

    fn event(&mut self, at: u32, when: &[VariableId]) -> Result<(), BridgeError> {
        let (mut causes, mut needs, mut preventers) = (Vec::new(), Vec::new(), Vec::new());
        for &edge in self.graph.incoming(at) {
            let acts = match self.graph.edges[edge as usize].kind {
                TriggerKind::Causes | TriggerKind::Option => &mut causes,
                TriggerKind::Enables => &mut needs,
                TriggerKind::Prevents => &mut preventers,
                TriggerKind::Excludes | TriggerKind::Informs => continue,
            };
            acts.push(self.act(edge, when)?);
        }
        let (own, name) = (when[at as usize], self.graph.nodes[at as usize].name.clone());
        if !causes.is_empty() {
            needs.push(self.chain(&format!("first cause of {name}"), &causes, usize::min)?);
        }
        let base = match (needs.is_empty(), preventers.is_empty()) {
            (true, true) => {
                self.builder.depends(own, &[], self.start(at))?;
                return Ok(());
            }
            (true, false) => {
                let id = self.builder.variable(format!("start of {name}"), self.slices.states())?;
                self.builder.depends(id, &[], self.start(at))?;
                id
            }
            (false, _) => self.chain(&format!("last need of {name}"), &needs, usize::max)?,
        };
        let never = self.slices.count();
        if preventers.is_empty() {
            self.builder.depends(own, &[base], Distribution::Function((0..=never as u32).collect()))?;
            return Ok(());
        }
        let preventer = self.chain(&format!("first to prevent {name}"), &preventers, usize::min)?;
        if preventer == base {
            // What brings it about prevents it: who is first is a coin, whenever that is.
            let rows = (0..=never).flat_map(|base| not_prevented(base, base, never));
            self.builder.depends(own, &[base], Distribution::Table(rows.collect()))?;
            return Ok(());
        }
        let rows = (0..=never).flat_map(|base| (0..=never).flat_map(move |by| not_prevented(base, by, never)));
        self.builder.depends(own, &[base, preventer], Distribution::Table(rows.collect()))?;
        Ok(())
    }

    /// When an event happens that nothing brings about.
    fn start(&self, at: u32) -> Distribution {
        let node = &self.graph.nodes[at as usize];
        let likely = if node.kind == EventKind::Fact { 1.0 } else { node.probability.unwrap_or(1.0) };
        let mut table = vec![0.0; self.slices.count() + 1];
        table[self.slices.of(node.timestamp)] += likely;
        table[self.slices.count()] += 1.0 - likely;
        Distribution::Table(table)
    }

    /// When a trigger acts on its target: a variable with as many states.
    fn act(&mut self, edge: u32, when: &[VariableId]) -> Result<VariableId, BridgeError> {
        let (ends, trigger) = (self.graph.edges[edge as usize], &self.graph.triggers[edge as usize]);
        let (source, never) = (when[ends.source as usize], self.slices.count());
        let node = &self.graph.nodes[ends.source as usize];
        let causal = |&&edge: &&u32| self.graph.edges[edge as usize].kind.is_causal();
        let is_start = self.graph.incoming(ends.source).iter().find(causal).is_none();
        let known = (is_start || node.kind == EventKind::Fact).then_some(node.timestamp);
        let lags = self.slices.lags(trigger, known);
        let choice = match (ends.kind, self.choices.get(&ends.source)) {
            (TriggerKind::Option, Some((choice, options))) => {
                let option = options.iter().position(|option| *option == ends.target).unwrap_or(0);
                Some((*choice, option, options.len()))
            }
            _ => None,
        };
        if choice.is_none() && trigger.probability == 1.0 && lags[0] == 1.0 {
            return Ok(source);
        }
        let row = |from: usize| {
            let mut row = vec![0.0; never + 1];
            for (lag, share) in lags.iter().enumerate().take(never.saturating_sub(from)) {
                row[from + lag] = share * trigger.probability;
            }
            row[never] = (1.0 - row[..never].iter().sum::<f64>()).max(0.0);
            row
        };
        let mut table = Vec::new();
        let mut idle = vec![0.0; never + 1];
        idle[never] = 1.0;
        for from in 0..=never {
            match choice {
                None => table.extend(row(from)),
                Some((_, own, options)) => (0..options).for_each(|option| {
                    if option == own { table.extend(row(from)) } else { table.extend_from_slice(&idle) }
                }),
            }
        }
        let name = format!("{} {} {}", trigger.from, ends.kind.word(), trigger.to);
        let id = self.builder.variable(name, self.slices.states())?;
        let parents: Vec<VariableId> = std::iter::once(source).chain(choice.map(|(choice, ..)| choice)).collect();
        self.builder.depends(id, &parents, Distribution::Table(table))?;
        Ok(id)
    }

    /// The first or the last of several, two at a time, so that tables stay small. Each is given once.
    fn chain(
        &mut self,
        name: &str,
        acts: &[VariableId],
        combine: fn(usize, usize) -> usize,
    ) -> Result<VariableId, BridgeError> {
        let states = self.slices.count() + 1;
        let mut distinct: Vec<VariableId> = acts.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let mut so_far = distinct[0];
        for (number, &next) in distinct.iter().enumerate().skip(1) {
            let id = self.builder.variable(format!("{name} of {}", number + 1), self.slices.states())?;
            let values = (0..states).flat_map(|a| (0..states).map(move |b| combine(a, b) as u32));
            self.builder.depends(id, &[so_far, next], Distribution::Function(values.collect()))?;
            so_far = id;
        }
        Ok(so_far)
    }

    /// For each decision: whether it has come in time, and which of its informers had happened by then.
    fn known_at(&mut self, decision: u32, when: &[VariableId]) -> Result<Vec<VariableId>, BridgeError> {
        let never = self.slices.count();
        let own = when[decision as usize];
        let mut known = Vec::new();
        let informs: Vec<u32> = self.graph.incoming(decision).to_vec();
        for edge in informs.into_iter().map(|edge| self.graph.edges[edge as usize]) {
            if edge.kind != TriggerKind::Informs {
                continue;
            }
            let (of, at) = (&self.graph.nodes[edge.source as usize].name, &self.graph.nodes[decision as usize].name);
            let id = self.builder.variable(known_at(of, at), ["no", "yes"])?;
            let had = |event: usize, deciding: usize| u32::from(event <= deciding && event < never);
            let values = (0..=never).flat_map(|event| (0..=never).map(move |deciding| had(event, deciding)));
            self.builder.depends(id, &[when[edge.source as usize], own], Distribution::Function(values.collect()))?;
            known.push(id);
        }
        Ok(known)
    }
}

/// When an event happens that would be in slice `base` and is prevented in slice `by`.
fn not_prevented(base: usize, by: usize, never: usize) -> Vec<f64> {
    let mut row = vec![0.0; never + 1];
    let stays = match by.cmp(&base) {
        _ if base == never => 1.0,
        std::cmp::Ordering::Less => 0.0,
        std::cmp::Ordering::Equal => 0.5,
        std::cmp::Ordering::Greater => 1.0,
    };
    row[base] = stays;
    row[never] += 1.0 - stays;
    row
}
