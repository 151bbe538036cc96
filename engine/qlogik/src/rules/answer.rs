//! What the rules of a model make of what is known, with names: what is followed, what is not and why, what follows, and
//! how probable it is that what must hold fails.
//!
//! Of an influence diagram the utilities are heard too, as advice of the priority `utility`: the best option that the
//! rules leave. The types are the JSON that users see, their `Display` the text.

use std::fmt;

use serde::Serialize;

use super::formula::{Formula, Possible};
use super::resolution::{Choice, Outcome, Rejected, Resolution, Source, resolve};
use super::{Demand, RuleSet, UTILITY};
use crate::answer::text::{percent, short, width};
use crate::domain::VariableId;
use crate::error::Error;
use crate::evidence::Evidence;
use crate::independence::descendants;
use crate::influence::Diagram;
use crate::influence::policy::solve;
use crate::model::Model;
use crate::network::Network;
use crate::query;

/// The most combinations of states over which the probability of a rule's failure is summed.
const CELLS_MAX: u64 = 1 << 16;

/// Advice that is followed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FollowedAdvice {
    /// The rule's name, or the decision that was chosen for.
    pub advice: String,
    /// Whose advice it is.
    pub priority: String,
    /// What it asks for.
    pub demand: String,
}

/// Advice that is not followed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RejectedAdvice {
    /// The rule's name, or the decision that was chosen for.
    pub advice: String,
    /// Whose advice it is.
    pub priority: String,
    /// What it asks for.
    pub demand: String,
    /// A minimal set of what it conflicts with.
    pub because: Vec<String>,
}

/// A variable whose state follows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Settled {
    /// The variable.
    pub variable: String,
    /// The states that are left; one, where it is settled.
    pub states: Vec<String>,
}

/// What must hold, with how probable it is that it does not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Violation {
    /// The rule.
    pub rule: String,
    /// Probability that it fails, given the evidence and without the rules; null where that is too large a question.
    pub probability: Option<f64>,
}

/// What following the rules costs at a decision.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Price {
    /// The decision.
    pub decision: String,
    /// What is chosen.
    pub choice: String,
    /// What would be chosen without the rules.
    pub best: String,
    /// How much less the choice is worth.
    pub costs: f64,
}

/// What the rules make of what is known.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RulesAnswer {
    /// The model's name.
    pub model: String,
    /// Where facts and what must hold contradict each other: a minimal set that does. Empty otherwise.
    pub contradiction: Vec<String>,
    /// The priorities, the first heard first.
    pub priorities: Vec<String>,
    /// Advice that is followed, in the order in which it was heard.
    pub followed: Vec<FollowedAdvice>,
    /// Advice that is not.
    pub rejected: Vec<RejectedAdvice>,
    /// Advice whose condition is not known to hold, nor known not to.
    pub undecided: Vec<String>,
    /// Variables that have fewer states left than the model gives them.
    pub settled: Vec<Settled>,
    /// What the rules cost at each decision whose utilities were heard.
    pub prices: Vec<Price>,
    /// What must hold, the most endangered first.
    pub violations: Vec<Violation>,
}

/// What the rules make of what is known.
///
/// Errors: a model without rules, evidence that does not fit or cannot happen, more memory or work than is allowed.
pub fn judge(model: &Model, rules: &RuleSet, evidence: &Evidence, memory_max: u64) -> Result<RulesAnswer, Error> {
    if rules.is_empty() {
        return Err(Error::BadRule("the model has no rules".to_owned()));
    }
    let network = model.network();
    evidence.check(&network.ids().map(|id| network.states(id)).collect::<Vec<usize>>())?;
    let graph = model.diagram().map(Diagram::graph).unwrap_or_default();
    let decisions = model.diagram().map(Diagram::decisions).unwrap_or_default();
    let below: Vec<Vec<bool>> = decisions.iter().map(|decision| descendants(&graph, decision.id)).collect();
    let is_decided = |id: VariableId| below.iter().any(|below| below[id.index()]);
    // Evidence on a decision, or on what follows from one, is a fact for the rules and none for beliefs and policies.
    let before = network.ids().filter(|&id| is_decided(id)).fold(evidence.clone(), |known, id| known.without(id));
    let choices = match model.diagram() {
        Some(diagram) => choices(diagram, rules, evidence, &before, memory_max)?,
        None => Vec::new(),
    };
    let named = Named { network, rules, evidence, choices: &choices };
    let mut answer = RulesAnswer {
        model: network.name().to_owned(),
        contradiction: Vec::new(),
        priorities: rules.priorities().to_vec(),
        followed: Vec::new(),
        rejected: Vec::new(),
        undecided: Vec::new(),
        settled: Vec::new(),
        prices: Vec::new(),
        violations: violations(network, rules, &before, &is_decided, memory_max)?,
    };
    match resolve(network, rules, evidence, &choices)? {
        Outcome::Contradiction(because) => {
            answer.contradiction = because.into_iter().map(|source| named.reason(source)).collect();
        }
        Outcome::Resolved(resolution) => named.fill(&mut answer, &resolution),
    }
    Ok(answer)
}

/// What the utilities advise at each decision whose situation is known.
fn choices(
    diagram: &Diagram,
    rules: &RuleSet,
    evidence: &Evidence,
    before: &Evidence,
    memory_max: u64,
) -> Result<Vec<Choice>, Error> {
    let Some(priority) = rules.priorities().iter().position(|name| name == UTILITY) else { return Ok(Vec::new()) };
    let solution = solve(diagram, before, memory_max)?;
    let mut choices = Vec::new();
    for policy in solution.policies.iter().filter(|policy| !evidence.contains(policy.decision)) {
        let Some(states) = policy.information.iter().map(|&id| evidence.state(id)).collect::<Option<Vec<_>>>() else {
            continue;
        };
        let Some(advice) = policy.advice.iter().find(|advice| advice.known == states) else { continue };
        let mut ranked: Vec<(usize, f64)> = advice.expected.iter().copied().enumerate().collect();
        ranked.sort_by(|a, b| (b.0 == advice.choice).cmp(&(a.0 == advice.choice)).then(b.1.total_cmp(&a.1)));
        choices.push(Choice { variable: policy.decision, ranked, priority });
    }
    Ok(choices)
}

/// How probable it is that what must hold fails. Of decisions nothing is known, so rules about them are left out.
fn violations(
    network: &Network,
    rules: &RuleSet,
    evidence: &Evidence,
    is_decided: &dyn Fn(VariableId) -> bool,
    memory_max: u64,
) -> Result<Vec<Violation>, Error> {
    let mut found = Vec::new();
    for rule in rules.rules() {
        let Demand::Always(formula) = &rule.demand else { continue };
        let mut variables = Vec::new();
        formula.each_variable(&mut |id| variables.push(id));
        variables.sort_unstable();
        variables.dedup();
        if !variables.iter().any(|&id| is_decided(id)) {
            let probability = match failure(network, formula, &variables, evidence, memory_max) {
                Ok(probability) => Some(probability),
                Err(Error::TooLarge { .. }) => None,
                Err(error) => return Err(error),
            };
            found.push(Violation { rule: rule.name.clone(), probability });
        }
    }
    found.sort_by(|a, b| b.probability.unwrap_or(-1.0).total_cmp(&a.probability.unwrap_or(-1.0)));
    Ok(found)
}

fn failure(
    network: &Network,
    formula: &Formula,
    variables: &[VariableId],
    evidence: &Evidence,
    memory_max: u64,
) -> Result<f64, Error> {
    let open: Vec<VariableId> = variables.iter().copied().filter(|&id| evidence.state(id).is_none()).collect();
    let cells = open.iter().fold(1_u64, |cells, &id| cells.saturating_mul(network.states(id) as u64));
    if cells > CELLS_MAX {
        let what = "the probability that a rule fails".to_owned();
        return Err(Error::TooLarge { what, needed: cells.saturating_mul(8), at_least: true, allowed: CELLS_MAX * 8 });
    }
    let (joint, _) = query::joint(network, &open, evidence, memory_max)?;
    let mut possible = Possible::everything(network);
    for &id in variables {
        if let Some(state) = evidence.state(id) {
            possible.only(id, state);
        }
    }
    let mut failing = 0.0;
    for cell in joint.cells() {
        open.iter().zip(&cell.states).for_each(|(&id, &state)| {
            possible.only(id, state);
        });
        if formula.judge(&possible) == Some(false) {
            failing += cell.value;
        }
    }
    Ok(failing)
}

/// Sources with names.
struct Named<'a> {
    network: &'a Network,
    rules: &'a RuleSet,
    evidence: &'a Evidence,
    choices: &'a [Choice],
}

impl Named<'_> {
    fn state(&self, id: VariableId, state: usize) -> String {
        let variable = self.network.variable(id);
        format!("{} = {}", variable.name, variable.states[state])
    }

    /// A source as a reason: what it says.
    fn reason(&self, source: Source) -> String {
        match source {
            Source::Fact(id) => match self.evidence.state(id) {
                Some(state) => format!("known: {}", self.state(id, state)),
                None => self.network.variable(id).name.clone(),
            },
            Source::Rule(place) => {
                let rule = &self.rules.rules()[place];
                format!("{}: {}", rule.name, rule.text)
            }
            Source::Choice(place) => {
                format!("the utilities at {}", self.network.variable(self.choices[place].variable).name)
            }
        }
    }

    /// Name, priority and demand of advice.
    fn advice(&self, source: Source, state: Option<usize>) -> [String; 3] {
        let priority = |place: usize| self.rules.priorities()[place].clone();
        match source {
            Source::Rule(place) => {
                let rule = &self.rules.rules()[place];
                let of = match &rule.demand {
                    Demand::Advice { priority: place, .. } => priority(*place),
                    Demand::Always(_) => "always".to_owned(),
                };
                [rule.name.clone(), of, rule.text.clone()]
            }
            Source::Choice(place) => {
                let choice = &self.choices[place];
                let name = self.network.variable(choice.variable).name.clone();
                let demand = state.map_or_else(String::new, |state| self.state(choice.variable, state));
                [name, priority(choice.priority), demand]
            }
            Source::Fact(_) => [self.reason(source), "known".to_owned(), String::new()],
        }
    }

    fn fill(&self, answer: &mut RulesAnswer, resolution: &Resolution) {
        for &(source, state) in &resolution.followed {
            let [advice, priority, demand] = self.advice(source, state);
            answer.followed.push(FollowedAdvice { advice, priority, demand });
        }
        for Rejected { source, state, because } in &resolution.rejected {
            let [advice, priority, demand] = self.advice(*source, *state);
            let because = because.iter().map(|&source| self.reason(source)).collect();
            answer.rejected.push(RejectedAdvice { advice, priority, demand, because });
        }
        answer.undecided = resolution.undecided.iter().map(|&place| self.rules.rules()[place].name.clone()).collect();
        for id in self.network.ids().filter(|&id| self.evidence.state(id).is_none()) {
            let possible = &resolution.possible[id.index()];
            if possible.iter().any(|state| !state) {
                let variable = self.network.variable(id);
                let left = variable.states.iter().zip(possible).filter(|(_, open)| **open);
                let states = left.map(|(state, _)| state.clone()).collect();
                answer.settled.push(Settled { variable: variable.name.clone(), states });
            }
        }
        answer.prices = resolution.followed.iter().filter_map(|&(source, state)| self.price(source, state)).collect();
    }

    fn price(&self, source: Source, state: Option<usize>) -> Option<Price> {
        let (Source::Choice(place), Some(state)) = (source, state) else { return None };
        let choice = &self.choices[place];
        let variable = self.network.variable(choice.variable);
        let &(best, worth) = choice.ranked.first()?;
        let own = choice.ranked.iter().find(|(option, _)| *option == state)?.1;
        Some(Price {
            decision: variable.name.clone(),
            choice: variable.states[state].clone(),
            best: variable.states[best].clone(),
            costs: worth - own,
        })
    }
}

impl fmt::Display for RulesAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.contradiction.is_empty() {
            writeln!(f, "these cannot all hold; without any one of them the others could:")?;
            self.contradiction.iter().try_for_each(|reason| writeln!(f, "  {reason}"))?;
        } else {
            writeln!(f, "heard in this order: {}", self.priorities.join(", "))?;
            let names = width(self.followed.iter().map(|advice| advice.advice.as_str()));
            for advice in &self.followed {
                writeln!(f, "  follow {:names$}  {} ({})", advice.advice, advice.demand, advice.priority)?;
            }
            for advice in &self.rejected {
                writeln!(f, "  not    {:names$}  {} ({}), because", advice.advice, advice.demand, advice.priority)?;
                advice.because.iter().try_for_each(|reason| writeln!(f, "           {reason}"))?;
            }
            for name in &self.undecided {
                writeln!(f, "  open   {name:names$}  whether its condition holds is not known")?;
            }
            for settled in &self.settled {
                writeln!(f, "so {} is {}", settled.variable, settled.states.join(" or "))?;
            }
            for price in self.prices.iter().filter(|price| price.choice != price.best) {
                let costs = short(price.costs);
                writeln!(f, "{}: {} instead of {} costs {costs}", price.decision, price.choice, price.best)?;
            }
        }
        for violation in &self.violations {
            match violation.probability {
                Some(p) => writeln!(f, "{} would fail with {} if nobody saw to it", violation.rule, percent(p).trim())?,
                None => writeln!(f, "how probable it is that {} fails is too large a question", violation.rule)?,
            }
        }
        Ok(())
    }
}
