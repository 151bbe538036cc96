//! What a check answers.

use serde::Serialize;

use crate::graph::Graph;

/// The most events and triggers that a witness names; the rest are counted.
pub const WITNESS_MAX: usize = 1_000;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// An effect is earlier than its cause allows: less than the least delay after it.
    CausalViolation,
    /// The delay bounds, with the facts at their times, have no solution: a simple temporal network with a negative
    /// cycle (Dechter, Meiri, Pearl, "Temporal constraint networks", 1991).
    TemporalInconsistency,
    /// Events cause one another in a circle: a strongly connected component of the causal triggers.
    BootstrapLoop,
    /// An event, by its consequences, rules out one of its own causes.
    Grandfather,
    /// Two events that exclude one another at the same time, though one of them at least must happen together with the
    /// other: their probabilities sum to more than 1.
    Contradiction,
    /// An effect is stated to be more likely than its causes allow, however they hang together (Boole's inequality).
    ProbabilityInversion,
    /// Values are taken from one another in a circle that no value enters from outside.
    InformationLoop,
    /// One event has two contents on branches that were merged.
    Collision,
}

impl FindingKind {
    /// The kind in words.
    pub fn words(self) -> &'static str {
        match self {
            FindingKind::CausalViolation => "causal violation",
            FindingKind::TemporalInconsistency => "temporal inconsistency",
            FindingKind::BootstrapLoop => "bootstrap loop",
            FindingKind::Grandfather => "grandfather",
            FindingKind::Contradiction => "contradiction",
            FindingKind::ProbabilityInversion => "probability inversion",
            FindingKind::InformationLoop => "information loop",
            FindingKind::Collision => "collision",
        }
    }
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It cannot be so.
    Error,
    /// It can only be so if a plan or an estimate changes.
    Warning,
}

/// One thing that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// What is wrong.
    pub kind: FindingKind,
    /// How bad.
    pub severity: Severity,
    /// The events of the witness, in the order of its path; at most [`WITNESS_MAX`].
    pub events: Vec<String>,
    /// The triggers of the witness as source, kind and target; at most [`WITNESS_MAX`].
    pub triggers: Vec<[String; 3]>,
    /// The whole in one sentence.
    pub text: String,
}

impl Finding {
    /// A finding with the names of the places of its witness.
    pub(super) fn new(
        graph: &Graph,
        (kind, severity): (FindingKind, Severity),
        nodes: &[u32],
        edges: &[u32],
        text: String,
    ) -> Self {
        let names = nodes.iter().take(WITNESS_MAX).map(|&node| graph.nodes[node as usize].name.clone());
        let triggers = edges.iter().take(WITNESS_MAX).map(|&edge| {
            let trigger = &graph.triggers[edge as usize];
            [trigger.from.clone(), trigger.kind.word().to_owned(), trigger.to.clone()]
        });
        Finding { kind, severity, events: names.collect(), triggers: triggers.collect(), text }
    }
}

/// Names of events in the order of a path, the middle of a long one left out.
pub(super) fn path_text(graph: &Graph, nodes: &[u32]) -> String {
    const SHOWN: usize = 8;
    let name = |&node: &u32| graph.nodes[node as usize].name.as_str();
    if nodes.len() <= SHOWN {
        return nodes.iter().map(name).collect::<Vec<_>>().join(" → ");
    }
    let ends = |part: &[u32]| part.iter().map(name).collect::<Vec<_>>().join(" → ");
    let (first, last) = (ends(&nodes[..SHOWN / 2]), ends(&nodes[nodes.len() - SHOWN / 2..]));
    format!("{first} → … ({} more) … → {last}", nodes.len() - SHOWN)
}

/// Everything a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// In the order of kind, then of names.
    pub findings: Vec<Finding>,
    /// Parts of the timeline whose delay bounds were too entangled to decide within the bound on work.
    pub undecided: usize,
}

impl Report {
    pub(super) fn new(mut findings: Vec<Finding>, undecided: usize) -> Self {
        findings.sort();
        Report { findings, undecided }
    }

    /// Whether nothing is wrong and everything was decided.
    pub fn is_consistent(&self) -> bool {
        self.findings.is_empty() && self.undecided == 0
    }
}
