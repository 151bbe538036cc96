//! The way back: a belief network or an influence diagram as a timeline.
//!
//! Every variable with the states no and yes (or false and true, absent and present) becomes an event, and its table must be one that triggers can
//! say: any cause by a noisy or, everything that is needed, or an option of a decision. What else a table can say is
//! refused with its variable. A model knows no times: each event is put a day after the last of those that it comes from.

use std::collections::{BTreeMap, BTreeSet};

use nexus_echo::{Edit, EventKind, Micros, TimeNode, Timeline, TimelineKind, Trigger, TriggerKind};
use nexus_qlogik::{Distribution, Model, Network, VariableId};

use crate::BridgeError;
use crate::model::CHOOSE;

/// How far numbers of a table may be from those that triggers give.
const TOLERANCE: f64 = 1e-9;
/// The most parents of one event, whose combinations are all looked at.
const PARENTS_MAX: usize = 12;
const DAY: i64 = 86_400_000_000;

/// A model as a timeline.
///
/// # Errors
/// [`BridgeError::NoEvent`] for a variable that is no event, or whose table no triggers give.
pub fn timeline(model: &Model, name: &str) -> Result<Timeline, BridgeError> {
    let mut back = Back {
        model,
        network: model.network(),
        timeline: Timeline::new(name, TimelineKind::Primary),
        names: BTreeMap::new(),
        depth: BTreeMap::new(),
        options: BTreeMap::new(),
    };
    for &id in back.network.order() {
        back.variable(id)?;
    }
    back.utilities()?;
    back.whole_decisions()?;
    back.information()?;
    Ok(back.timeline)
}

/// A decision, and the place of one of its options.
type Choice = (VariableId, usize);

struct Back<'a> {
    model: &'a Model,
    network: &'a Network,
    timeline: Timeline,
    /// The event of each variable; of a decision, the event that is the decision.
    names: BTreeMap<VariableId, String>,
    /// How many days after the first events each one is.
    depth: BTreeMap<String, i64>,
    /// The options of each decision by which an event comes about.
    options: BTreeMap<VariableId, BTreeSet<usize>>,
}

/// What a table says of when an event happens: all of what it needs, and any of its causes.
struct Ways {
    /// Places among the parents.
    needed: Vec<usize>,
    /// How likely it happens where everything needed has happened and a cause acts for certain.
    all: f64,
    /// Places among the parents, each with its chance.
    causes: Vec<(usize, f64)>,
    /// The chance without any cause.
    leak: f64,
}

impl Back<'_> {
    fn no_event(&self, id: VariableId, why: &'static str) -> BridgeError {
        BridgeError::NoEvent { variable: self.network.variable(id).name.clone(), why }
    }

    fn is_decision(&self, id: VariableId) -> bool {
        self.model.diagram().is_some_and(|diagram| diagram.decision(id).is_some())
    }

    /// The state that says that the event has happened.
    fn yes(&self, id: VariableId) -> Result<usize, BridgeError> {
        const YES: [&str; 3] = ["yes", "true", "present"];
        let states = &self.network.variable(id).states;
        let is_yes = |state: &String| YES.iter().any(|yes| yes.eq_ignore_ascii_case(state));
        match states.iter().position(is_yes) {
            Some(yes) if states.len() == 2 => Ok(yes),
            _ => Err(self.no_event(id, "does not have the states no and yes")),
        }
    }

    fn variable(&mut self, id: VariableId) -> Result<(), BridgeError> {
        let name = self.network.variable(id).name.clone();
        if self.is_decision(id) {
            let event = name.strip_prefix(CHOOSE).unwrap_or(&name).to_owned();
            if self.network.find(&event).is_ok_and(|other| other != id) {
                // The event of the decision is a variable of its own.
                self.names.insert(id, event);
                return Ok(());
            }
            self.names.insert(id, event.clone());
            return self.append(event, EventKind::Decision, None, &[]);
        }
        let yes = self.yes(id)?;
        let (ways, parents, option) = self.ways(id, yes)?;
        let kind = if self.network.find(&format!("{CHOOSE}{name}")).is_ok_and(|choice| self.is_decision(choice)) {
            EventKind::Decision
        } else {
            EventKind::Planned
        };
        if let Some((decision, state)) = option
            && !self.options.entry(decision).or_default().insert(state)
        {
            return Err(self.no_event(id, "comes about by an option by which another event comes about already"));
        }
        let option = option.map(|(decision, _)| self.names[&decision].clone());
        let sources: Vec<String> = parents.iter().map(|parent| self.names[parent].clone()).collect();
        let is_start = parents.is_empty() && option.is_none();
        let before: Vec<String> = sources.iter().cloned().chain(option.clone()).collect();
        self.names.insert(id, name.clone());
        self.append(name.clone(), kind, is_start.then_some(ways.leak), &before)?;
        if !is_start {
            self.triggers(&name, &ways, &sources, option.as_deref())?;
        }
        Ok(())
    }

    /// A decision of a timeline has an option for each event that follows from it: no more and no fewer.
    fn whole_decisions(&self) -> Result<(), BridgeError> {
        let decisions = self.network.order().iter().filter(|&&id| self.is_decision(id));
        for &id in decisions {
            if self.options.get(&id).map_or(0, BTreeSet::len) < self.network.states(id) {
                return Err(self.no_event(id, "is a decision with an option by which no event comes about"));
            }
        }
        Ok(())
    }

    fn append(
        &mut self,
        name: String,
        kind: EventKind,
        probability: Option<f64>,
        after: &[String],
    ) -> Result<(), BridgeError> {
        let depth = after.iter().filter_map(|event| self.depth.get(event)).max().map_or(0, |last| last + 1);
        self.depth.insert(name.clone(), depth);
        let mut node = TimeNode::new(name, kind, Micros(depth * DAY));
        node.probability = probability.filter(|probability| *probability < 1.0);
        self.timeline.append(node)?;
        Ok(())
    }

    fn triggers(
        &mut self,
        name: &str,
        ways: &Ways,
        sources: &[String],
        option: Option<&str>,
    ) -> Result<(), BridgeError> {
        let mut links = Vec::new();
        for (place, &need) in ways.needed.iter().enumerate() {
            links.push((sources[need].clone(), TriggerKind::Enables, if place == 0 { ways.all } else { 1.0 }));
        }
        for &(cause, chance) in &ways.causes {
            links.push((sources[cause].clone(), TriggerKind::Causes, chance));
        }
        if ways.leak > 0.0 && option.is_none() {
            let alone = format!("{name} by itself");
            self.append(alone.clone(), EventKind::Planned, Some(ways.leak), &[])?;
            links.push((alone, TriggerKind::Causes, 1.0));
        }
        if let Some(decision) = option {
            // The decision's own way: what it does where nothing else has happened.
            let own = links.iter_mut().find(|(from, ..)| from == decision);
            match own {
                Some((_, kind, _)) => *kind = TriggerKind::Option,
                // The chance is that of the needs already, where there are any.
                None if !ways.needed.is_empty() => links.push((decision.to_owned(), TriggerKind::Option, 1.0)),
                None => links.push((decision.to_owned(), TriggerKind::Option, ways.leak)),
            }
        }
        for (from, kind, chance) in links {
            self.timeline.link(Trigger::new(from, kind, name).likely(chance.clamp(0.0, 1.0)))?;
        }
        Ok(())
    }

    /// What the distribution of an event says, over those of its parents that are events; and the decision and its option by
    /// which it comes about.
    fn ways(&self, id: VariableId, yes: usize) -> Result<(Ways, Vec<VariableId>, Option<Choice>), BridgeError> {
        let parents = self.network.parents(id);
        if parents.len() > PARENTS_MAX {
            return Err(self.no_event(id, "has too many parents to be looked at"));
        }
        let mut chances = self.chances(id, yes)?;
        let mut events = parents.to_vec();
        let mut option = None;
        if let Some(place) = parents.iter().position(|parent| self.is_decision(*parent)) {
            let sizes: Vec<usize> = parents.iter().map(|parent| self.network.states(*parent)).collect();
            let (state, with_it) = self.option(id, &chances, &sizes, place)?;
            chances = with_it;
            option = Some((parents[place], state));
            events.remove(place);
        }
        // Bit i of a combination: the event of place i has happened.
        let happened: Vec<usize> = events.iter().map(|event| self.yes(*event)).collect::<Result<_, _>>()?;
        let count = events.len();
        let of = |combination: usize| {
            let row = (0..count).fold(0, |row, at| {
                let has = combination >> at & 1 == 1;
                row * 2 + if has { happened[at] } else { 1 - happened[at] }
            });
            chances[row]
        };
        let no_triggers = || self.no_event(id, "has a table that no triggers give");
        let ways = decomposed(count, option.is_some(), &of).ok_or_else(no_triggers)?;
        if let Some((decision, _)) = option {
            let decision = &self.names[&decision];
            // A cause beside the option would act where another option is taken, and there the event is impossible.
            let beside = |&(at, chance): &(usize, f64)| chance > 0.0 && self.names[&events[at]] != *decision;
            if ways.causes.iter().any(beside) {
                return Err(no_triggers());
            }
        }
        Ok((ways, events, option))
    }

    /// The probability that the event happens, in each combination of its parents' states, the first slowest.
    fn chances(&self, id: VariableId, yes: usize) -> Result<Vec<f64>, BridgeError> {
        let sizes: Vec<usize> = self.network.parents(id).iter().map(|parent| self.network.states(*parent)).collect();
        Ok(match self.network.distribution(id) {
            Distribution::Table(values) => values.chunks_exact(2).map(|row| row[yes]).collect(),
            Distribution::Function(values) => {
                values.iter().map(|value| f64::from(u8::from(*value as usize == yes))).collect()
            }
            Distribution::NoisyOr(noisy) => {
                let rows: usize = sizes.iter().product();
                let effect = |mut row: usize| {
                    let mut none = 1.0 - noisy.leak;
                    for (link, size) in noisy.links.iter().zip(&sizes).rev() {
                        none *= 1.0 - link[row % size];
                        row /= size;
                    }
                    if noisy.effect == yes { 1.0 - none } else { none }
                };
                (0..rows).map(effect).collect()
            }
        })
    }

    /// The one option by which the event comes about, and its chances then; without it the event must be impossible.
    fn option(
        &self,
        id: VariableId,
        chances: &[f64],
        sizes: &[usize],
        place: usize,
    ) -> Result<(usize, Vec<f64>), BridgeError> {
        let inner: usize = sizes[place + 1..].iter().product();
        let state = |row: usize| row / inner % sizes[place];
        let works = |option: usize| (0..chances.len()).any(|row| state(row) == option && chances[row] > 0.0);
        let mut options = (0..sizes[place]).filter(|&option| works(option));
        match (options.next(), options.next()) {
            (Some(option), None) => {
                let with_it = (0..chances.len()).filter(|&row| state(row) == option).map(|row| chances[row]);
                Ok((option, with_it.collect()))
            }
            _ => Err(self.no_event(id, "comes about by several options of one decision, or by none")),
        }
    }

    fn utilities(&mut self) -> Result<(), BridgeError> {
        let Some(diagram) = self.model.diagram() else { return Ok(()) };
        let mut worth: BTreeMap<String, f64> = BTreeMap::new();
        for utility in diagram.utilities() {
            let wrong = |why| BridgeError::NoEvent { variable: utility.name.clone(), why };
            let &[of] = utility.values.domain().variables() else {
                return Err(wrong("is a utility of several variables, and an event has a worth of its own"));
            };
            if self.is_decision(of) {
                return Err(wrong("is a utility of a decision: let an event come about by each option"));
            }
            let (yes, values) = (self.yes(of)?, utility.values.values());
            if values[1 - yes] != 0.0 {
                return Err(wrong("is worth something where its event does not happen"));
            }
            *worth.entry(self.names[&of].clone()).or_default() += values[yes];
        }
        for (event, worth) in worth {
            if let Some(node) = self.timeline.node(&event) {
                let mut node = (**node).clone();
                node.utility = worth;
                self.timeline.apply(Edit::Replace(node.into()))?;
            }
        }
        Ok(())
    }

    fn information(&mut self) -> Result<(), BridgeError> {
        let Some(diagram) = self.model.diagram() else { return Ok(()) };
        for decision in diagram.decisions() {
            let to = self.names[&decision.id].clone();
            for known in decision.information.iter().filter(|known| self.names[*known] != to) {
                self.timeline.link(Trigger::new(self.names[known].clone(), TriggerKind::Informs, to.clone()))?;
            }
        }
        Ok(())
    }
}

/// What `count` events must do to bring about another, whose chance in each combination of them is `of`; `None` where it is
/// no conjunction of needs with a noisy or of causes. `of_option` says that an option of a decision is needed besides.
fn decomposed(count: usize, of_option: bool, of: &impl Fn(usize) -> f64) -> Option<Ways> {
    let all_of = (1_usize << count) - 1;
    let is_needed = |at: &usize| (0..=all_of).all(|combination| combination >> at & 1 == 1 || of(combination) == 0.0);
    let mut needed: Vec<usize> = (0..count).filter(is_needed).collect();
    if (count == 1 && !of_option) || (0..=all_of).all(|combination| of(combination) == 0.0) {
        // Of one alone a need is a cause.
        needed.clear();
    }
    let base = needed.iter().fold(0, |base, at| base | 1 << at);
    let rest: Vec<usize> = (0..count).filter(|at| base >> at & 1 == 0).collect();
    let alone = |at: usize| of(base | 1 << at);
    let all = match &rest[..] {
        [] if !needed.is_empty() => of(base),
        // A need's own chance shows in how two causes act together: f₁ f₂ / (f₁ + f₂ − f₁₂).
        [a, b, ..] if !needed.is_empty() => {
            let both = alone(*a) + alone(*b) - of(base | 1 << a | 1 << b);
            if both > 0.0 { (alone(*a) * alone(*b) / both).min(1.0) } else { 1.0 }
        }
        _ => 1.0,
    };
    let leak = if rest.is_empty() && !needed.is_empty() { 0.0 } else { of(base) };
    if leak > 0.0 && !needed.is_empty() && of_option {
        // The option is a cause, and of what acts beside the needs there is no other.
        return None;
    }
    let chance = |at: usize| {
        let without = 1.0 - leak;
        let chance = if without > 0.0 { 1.0 - (1.0 - alone(at) / all.max(f64::MIN_POSITIVE)) / without } else { 0.0 };
        (at, if chance.abs() < TOLERANCE { 0.0 } else { chance })
    };
    let causes: Vec<(usize, f64)> = rest.iter().map(|&at| chance(at)).collect();
    if causes.iter().any(|(_, chance)| !(-TOLERANCE..=1.0 + TOLERANCE).contains(chance)) {
        return None;
    }
    let said = |combination: usize| {
        if combination & base != base {
            return 0.0;
        }
        let acts = causes.iter().filter(|(at, _)| combination >> at & 1 == 1);
        let none: f64 = acts.map(|(_, chance)| 1.0 - chance).product();
        if causes.is_empty() && !needed.is_empty() { all } else { all * (1.0 - (1.0 - leak) * none) }
    };
    (0..=all_of).all(|combination| (said(combination) - of(combination)).abs() <= TOLERANCE).then_some(Ways {
        needed,
        all,
        causes,
        leak,
    })
}
