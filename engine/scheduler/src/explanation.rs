//! Placements as sentences for people: what was chosen, against what, and why; and what every node would be worth now.
//!
//! Computed when somebody asks; deciding does not come here.

use nexus_model::{JobId, NodeId, WATTS_LABEL};

use crate::placement::{ASSUMED_WATTS, Candidate, Estimate, Part, Placement};
use crate::scheduler::Scheduler;

/// The most nodes that are listed.
const LISTED_MAX: usize = 16;

/// What is known of the placement of a job's tasks.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The newest choice among nodes; none where none was made yet, or the tasks are short.
    pub placement: Option<Placement>,
    /// Whether tasks are short, and so given in advance to whoever runs out of work.
    pub is_short: bool,
    /// What the next task would be worth on each node, the best first, and the free slots there.
    pub now: Vec<(Estimate, u64)>,
    /// How many nodes are not listed.
    pub more: usize,
}

impl Scheduler {
    /// Why the job's tasks are placed as they are; none where it is not known here.
    pub fn explain(&self, id: JobId) -> Option<Explanation> {
        let Some(job) = self.jobs.get(&id) else {
            let (_, placement) = self.ended.iter().rev().find(|(ended, _)| *ended == id)?;
            return Some(Explanation { placement: Some(*placement), is_short: false, now: Vec::new(), more: 0 });
        };
        let need = job.need();
        let mut now: Vec<(Estimate, u64)> = self
            .nodes
            .attached()
            .filter(|(_, state)| job.admits(&state.labels))
            .map(|(node, state)| (Estimate::of(Candidate::of(node, state, job), &need), state.free()))
            .collect();
        now.sort_by(|a, b| b.0.utility.total_cmp(&a.0.utility));
        let more = now.len().saturating_sub(LISTED_MAX);
        now.truncate(LISTED_MAX);
        Some(Explanation { placement: job.placement, is_short: job.is_short(), now, more })
    }
}

impl Explanation {
    /// The explanation in sentences, the most important first; `name` says how a node is called.
    pub fn sentences(&self, name: &dyn Fn(NodeId) -> String) -> Vec<String> {
        let mut said = Vec::new();
        if let Some(placement) = &self.placement {
            said.push(chosen(placement, name));
        }
        if self.is_short {
            said.push(
                "its tasks are short: they are given in advance to the node that runs out of work first".to_owned(),
            );
        }
        for (place, (estimate, free)) in self.now.iter().enumerate() {
            let head = if place == 0 { "the next task there: " } else { "" };
            let free = if *free == 1 { "1 free slot".to_owned() } else { format!("{free} free slots") };
            said.push(format!("{head}{}: {}, {free}", name(estimate.node), figures(estimate)));
        }
        if self.more > 0 {
            said.push(format!("and {} nodes that are worth less", self.more));
        }
        let told = self.placement.iter().map(|placement| &placement.chosen).chain(self.now.iter().map(|(now, _)| now));
        if told.into_iter().any(|estimate| estimate.slot_watts.is_none()) {
            said.push(format!(
                "{ASSUMED_WATTS} W a slot are assumed; `nexus node label NODE {WATTS_LABEL}=W` says what a slot draws"
            ));
        }
        said
    }
}

fn chosen(placement: &Placement, name: &dyn Fn(NodeId) -> String) -> String {
    let Placement { chosen, runner_up, weighed, because, .. } = placement;
    let head = format!("last placed on {}: {}", name(chosen.node), figures(chosen));
    let Some(other) = runner_up else { return format!("{head}; no other node had room") };
    let against = format!("next best of {weighed} {} with {:.3}", name(other.node), other.utility);
    let reason = match because {
        Some((Part::Time, gain)) => {
            let (here, there) = (time(chosen.run_ns), time(other.run_ns));
            format!("its predicted time ({here} against {there}) makes {gain:+.3}")
        }
        Some((Part::Energy, gain)) => {
            let [here, there] = [chosen, other].map(|of| joules(of.energy_joules));
            format!("the energy that it takes ({here} J against {there} J) makes {gain:+.3}")
        }
        Some((Part::Locality, gain)) => {
            format!("inputs that are there already ({} to fetch elsewhere) make {gain:+.3}", time(other.fetch_ns))
        }
        Some((Part::Risk, gain)) => {
            let (here, there) = (chosen.risk * 100.0, other.risk * 100.0);
            format!("its smaller risk ({here:.2} % against {there:.2} %) makes {gain:+.3}")
        }
        None if other.utility > chosen.utility => "more of its slots are idle, and the difference is small".to_owned(),
        None => "more of its slots are idle".to_owned(),
    };
    format!("{head}; {against}; {reason}")
}

fn figures(estimate: &Estimate) -> String {
    let runs = match estimate.runs {
        0 => "none of its tasks ran there".to_owned(),
        1 => "1 run seen".to_owned(),
        runs => format!("{runs} runs seen"),
    };
    let fetch =
        if estimate.fetch_ns > 0.0 { format!(", {} to fetch inputs", time(estimate.fetch_ns)) } else { String::new() };
    let watts = match estimate.slot_watts {
        Some(watts) => format!("{watts} W a slot"),
        None => format!("{ASSUMED_WATTS} W a slot assumed"),
    };
    format!(
        "expected utility {:.3} (predicted {}, {runs}{fetch}, about {} J with {watts}, risk {:.2} %)",
        estimate.utility,
        time(estimate.run_ns),
        joules(estimate.energy_joules),
        estimate.risk * 100.0
    )
}

/// A time as people read it.
fn time(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e6 => format!("{:.1} µs", ns / 1e3),
        ns if ns < 1e9 => format!("{:.1} ms", ns / 1e6),
        ns if ns < 120e9 => format!("{:.1} s", ns / 1e9),
        ns => format!("{:.0} min", ns / 60e9),
    }
}

fn joules(joules: f64) -> String {
    if joules < 0.1 { format!("{joules:.4}") } else { format!("{joules:.1}") }
}
