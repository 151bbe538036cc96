//! From events and triggers to variables and tables.

use std::collections::BTreeMap;

use nexus_echo::{EventKind, Graph, TriggerKind};
use nexus_qlogik::influence::DiagramBuilder;
use nexus_qlogik::{Distribution, Evidence, NetworkBuilder, NoisyOr, VariableId};

use crate::{BeliefModel, BridgeError, DecisionModel};

/// What the variable of a decision's choice is called, before the decision's name.
pub(crate) const CHOOSE: &str = "choose ";
/// The most parents whose combinations are written out in a table.
const TABLE_PARENTS_MAX: usize = 12;
const STATES: [&str; 2] = ["no", "yes"];

/// The variables of a graph.
struct Variables {
    /// Whether each event happens.
    happens: Vec<VariableId>,
    /// The choice of each decision, with its options as places of their events.
    choices: BTreeMap<u32, (VariableId, Vec<u32>)>,
}

pub(crate) fn network(graph: &Graph) -> Result<BeliefModel, BridgeError> {
    let mut builder = NetworkBuilder::new("timeline");
    let mut choices = BTreeMap::new();
    for (decision, options) in decisions(graph) {
        let id = builder.variable(choose(graph, decision), names(graph, &options))?;
        let even = vec![1.0 / options.len() as f64; options.len()];
        builder.depends(id, &[], Distribution::Table(even))?;
        choices.insert(decision, (id, options));
    }
    let variables = events(graph, &mut builder, choices)?;
    let evidence = facts(graph, &variables);
    Ok(BeliefModel { network: builder.build()?, evidence })
}

pub(crate) fn diagram(graph: &Graph) -> Result<DecisionModel, BridgeError> {
    let mut builder = DiagramBuilder::new("timeline");
    let mut choices = BTreeMap::new();
    for (decision, options) in decisions(graph) {
        let id = builder.decision(choose(graph, decision), names(graph, &options))?;
        choices.insert(decision, (id, options));
    }
    let variables = events(graph, builder.network(), choices)?;
    for (&decision, (id, _)) in &variables.choices {
        // Whoever decides knows that the decision has come, and what informs it.
        let mut known = vec![variables.happens[decision as usize]];
        let informs =
            graph.incoming(decision).iter().filter(|&&edge| graph.edges[edge as usize].kind == TriggerKind::Informs);
        known.extend(informs.map(|&edge| variables.happens[graph.edges[edge as usize].source as usize]));
        builder.informs(*id, &known)?;
    }
    for (node, id) in graph.nodes.iter().zip(&variables.happens) {
        if node.late_cost_per_day > 0.0 {
            return Err(BridgeError::Timed { event: node.name.clone(), why: "costs more the later it comes" });
        }
        if node.utility != 0.0 {
            builder.utility(format!("worth of {}", node.name), &[*id], vec![0.0, node.utility])?;
        }
    }
    let evidence = facts(graph, &variables);
    Ok(DecisionModel { diagram: builder.build()?, evidence })
}

pub(crate) fn choose(graph: &Graph, decision: u32) -> String {
    format!("{CHOOSE}{}", graph.nodes[decision as usize].name)
}

/// The decision whose choice a variable is.
pub(crate) fn decided(choice: &str) -> &str {
    choice.strip_prefix(CHOOSE).unwrap_or(choice)
}

/// What the variable is called that says whether an event has happened when a decision is taken.
pub(crate) fn known_at(event: &str, decision: &str) -> String {
    format!("{event} by {decision}")
}

/// The event that is known at a decision through a variable.
pub(crate) fn known_of<'a>(variable: &'a str, decision: &str) -> &'a str {
    variable.strip_suffix(decision).and_then(|event| event.strip_suffix(" by ")).unwrap_or(variable)
}

pub(crate) fn names(graph: &Graph, events: &[u32]) -> Vec<String> {
    events.iter().map(|&event| graph.nodes[event as usize].name.clone()).collect()
}

/// Decisions with the places of their options.
pub(crate) fn decisions(graph: &Graph) -> Vec<(u32, Vec<u32>)> {
    let deciding = (0..graph.len() as u32).filter(|&at| graph.nodes[at as usize].kind == EventKind::Decision);
    let options = |at: u32| {
        let edges = graph.outgoing(at).iter().map(|&edge| graph.edges[edge as usize]);
        edges.filter(|edge| edge.kind == TriggerKind::Option).map(|edge| edge.target).collect::<Vec<_>>()
    };
    deciding.map(|at| (at, options(at))).filter(|(_, options)| !options.is_empty()).collect()
}

/// Facts with causes are evidence about these.
fn facts(graph: &Graph, variables: &Variables) -> Evidence {
    let mut evidence = Evidence::new();
    for (node, id) in graph.nodes.iter().zip(&variables.happens) {
        if node.kind == EventKind::Fact {
            evidence.observe(*id, 1);
        }
    }
    evidence
}

fn events(
    graph: &Graph,
    builder: &mut NetworkBuilder,
    choices: BTreeMap<u32, (VariableId, Vec<u32>)>,
) -> Result<Variables, BridgeError> {
    let mut happens = Vec::with_capacity(graph.len());
    for node in &graph.nodes {
        happens.push(builder.variable(&node.name, STATES)?);
    }
    let variables = Variables { happens, choices };
    for at in 0..graph.len() as u32 {
        let (parents, distribution) = distribution(graph, &variables, at)?;
        builder.depends(variables.happens[at as usize], &parents, distribution)?;
    }
    Ok(variables)
}

/// A way in which an event comes about: the parents and states that it needs, and how likely it then works.
struct Way {
    kind: TriggerKind,
    needs: Vec<(VariableId, usize)>,
    probability: f64,
}

fn distribution(graph: &Graph, variables: &Variables, at: u32) -> Result<(Vec<VariableId>, Distribution), BridgeError> {
    let node = &graph.nodes[at as usize];
    let mut ways = Vec::new();
    for &edge in graph.incoming(at) {
        let ends = graph.edges[edge as usize];
        if ends.kind == TriggerKind::Prevents {
            return Err(BridgeError::Timed {
                event: node.name.clone(),
                why: "is kept from happening by what comes first",
            });
        }
        if !ends.kind.is_causal() {
            continue;
        }
        let mut needs = vec![(variables.happens[ends.source as usize], 1)];
        if let (TriggerKind::Option, Some((choice, options))) = (ends.kind, variables.choices.get(&ends.source)) {
            let option = options.iter().position(|&option| option == at).unwrap_or(0);
            needs.push((*choice, option));
        }
        ways.push(Way { kind: ends.kind, needs, probability: graph.triggers[edge as usize].probability });
    }
    if ways.is_empty() {
        let likely = if node.kind == EventKind::Fact { 1.0 } else { node.probability.unwrap_or(1.0) };
        return Ok((Vec::new(), Distribution::Table(vec![1.0 - likely, likely])));
    }
    let mut parents: Vec<VariableId> = Vec::new();
    for (id, _) in ways.iter().flat_map(|way| &way.needs) {
        if !parents.contains(id) {
            parents.push(*id);
        }
    }
    let is_or = ways.iter().all(|way| way.kind == TriggerKind::Causes) && parents.len() == ways.len();
    if is_or {
        let links = ways.iter().map(|way| vec![0.0, way.probability]).collect();
        return Ok((parents, Distribution::NoisyOr(NoisyOr { effect: 1, leak: 0.0, links })));
    }
    if parents.len() > TABLE_PARENTS_MAX {
        let (event, parents) = (node.name.clone(), parents.len());
        return Err(BridgeError::TooManyParents { event, parents, most: TABLE_PARENTS_MAX });
    }
    let sizes: Vec<usize> = parents.iter().map(|id| states_of(variables, *id)).collect();
    Ok((parents.clone(), Distribution::Table(table(&parents, &sizes, &ways))))
}

fn states_of(variables: &Variables, id: VariableId) -> usize {
    let choice = variables.choices.values().find(|(choice, _)| *choice == id);
    choice.map_or(STATES.len(), |(_, options)| options.len())
}

/// Rows for every combination of the parents' states, the first slowest: any cause, and everything that is needed.
fn table(parents: &[VariableId], sizes: &[usize], ways: &[Way]) -> Vec<f64> {
    let rows: usize = sizes.iter().product();
    let mut values = Vec::with_capacity(2 * rows);
    let mut states = vec![0; parents.len()];
    for _ in 0..rows {
        let holds = |way: &Way| {
            way.needs
                .iter()
                .all(|(id, state)| parents.iter().position(|known| known == id).is_some_and(|at| states[at] == *state))
        };
        let (mut none, mut all, mut has_cause) = (1.0, 1.0, false);
        for way in ways {
            let works = if holds(way) { way.probability } else { 0.0 };
            if way.kind == TriggerKind::Enables {
                all *= works;
            } else {
                has_cause = true;
                none *= 1.0 - works;
            }
        }
        let happens = if has_cause { all * (1.0 - none) } else { all };
        values.extend([1.0 - happens, happens]);
        for at in (0..states.len()).rev() {
            states[at] += 1;
            if states[at] < sizes[at] {
                break;
            }
            states[at] = 0;
        }
    }
    values
}
