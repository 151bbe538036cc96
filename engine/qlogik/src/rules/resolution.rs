//! What to follow when advice conflicts: who is heard first is heard, and whoever is not is told with whom it conflicts.
//!
//! Facts and what must hold come first. Then advice is taken in the order of the priorities, within one priority the
//! heavier first, then in the order of the rules; advice that cannot hold together with what was taken before is
//! rejected, with a minimal set of reasons. Deterministic; driven by `rules::answer` and by whoever has rules at hand.

use super::conflict::{Work, consequences, minimal_conflict, satisfiable};
use super::formula::{Formula, Possible};
use super::{Demand, RuleSet};
use crate::domain::VariableId;
use crate::error::Error;
use crate::evidence::Evidence;
use crate::network::Network;

/// Where a demand comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The known state of a variable.
    Fact(VariableId),
    /// A rule, by its place.
    Rule(usize),
    /// A choice that was handed in, by its place.
    Choice(usize),
}

/// A choice between the states of one variable, the best first: what the utilities of a diagram advise.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// The variable.
    pub variable: VariableId,
    /// Its states, the best first, each with what it is worth.
    pub ranked: Vec<(usize, f64)>,
    /// Whose advice it is: a place in the priorities.
    pub priority: usize,
}

/// Advice that was not followed.
#[derive(Debug, Clone, PartialEq)]
pub struct Rejected {
    /// Which.
    pub source: Source,
    /// Of a choice: the state that could not be had.
    pub state: Option<usize>,
    /// With what it conflicts: with any one of these less it could be followed.
    pub because: Vec<Source>,
}

/// What was decided between conflicting advice.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolution {
    /// What is followed, in the order in which it was heard; of a choice with its state.
    pub followed: Vec<(Source, Option<usize>)>,
    /// What is not.
    pub rejected: Vec<Rejected>,
    /// Advice whose condition is not known to hold, nor known not to.
    pub undecided: Vec<usize>,
    /// For each variable, by place, which of its states are possible once all that is followed holds.
    pub possible: Vec<Vec<bool>>,
}

/// What the rules and facts make of each other.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// The facts and what must hold contradict each other: a minimal set that does.
    Contradiction(Vec<Source>),
    /// They do not, and advice was heard.
    Resolved(Resolution),
}

/// Hears all advice, given what is known.
///
/// Errors: rules whose search takes more work than is allowed.
pub fn resolve(network: &Network, rules: &RuleSet, evidence: &Evidence, choices: &[Choice]) -> Result<Outcome, Error> {
    let mut work = Work::new();
    let mut hearing = Hearing { network, sources: Vec::new(), demands: Vec::new() };
    for id in network.ids() {
        if let Some(state) = evidence.state(id) {
            hearing.take(Source::Fact(id), Formula::is(network, id, state));
        }
    }
    for (place, rule) in rules.rules().iter().enumerate() {
        if let Demand::Always(formula) = &rule.demand {
            hearing.take(Source::Rule(place), formula.clone());
        }
    }
    if let Some(conflict) = hearing.conflict(None, &mut work)? {
        return Ok(Outcome::Contradiction(conflict));
    }
    let known = hearing.consequences(&mut work)?;
    let mut resolution =
        Resolution { followed: Vec::new(), rejected: Vec::new(), undecided: Vec::new(), possible: Vec::new() };
    for item in order(rules, choices) {
        match item {
            Source::Rule(place) => {
                let Demand::Advice { when, advise, .. } = &rules.rules()[place].demand else { continue };
                match when.as_ref().map_or(Some(true), |when| when.judge(&known)) {
                    Some(true) => hearing.hear(item, None, advise.clone(), &mut resolution, &mut work).map(drop)?,
                    Some(false) => {}
                    None => resolution.undecided.push(place),
                }
            }
            Source::Choice(place) => {
                let choice = &choices[place];
                for &(state, _) in &choice.ranked {
                    let wish = Formula::is(network, choice.variable, state);
                    if hearing.hear(item, Some(state), wish, &mut resolution, &mut work)? {
                        break;
                    }
                }
            }
            Source::Fact(_) => {}
        }
    }
    let possible = hearing.consequences(&mut work)?;
    resolution.possible = network.ids().map(|id| possible.of(id).to_vec()).collect();
    Ok(Outcome::Resolved(resolution))
}

/// Advice in the order in which it is heard.
fn order(rules: &RuleSet, choices: &[Choice]) -> Vec<Source> {
    let mut all: Vec<(usize, f64, Source)> = Vec::new();
    for (place, choice) in choices.iter().enumerate() {
        all.push((choice.priority, 1.0, Source::Choice(place)));
    }
    for (place, rule) in rules.rules().iter().enumerate() {
        if let Demand::Advice { priority, weight, .. } = &rule.demand {
            all.push((*priority, *weight, Source::Rule(place)));
        }
    }
    // Stable: of equals the earlier rule is heard first.
    all.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
    all.into_iter().map(|(.., source)| source).collect()
}

/// What was taken so far.
struct Hearing<'a> {
    network: &'a Network,
    sources: Vec<Source>,
    demands: Vec<Formula>,
}

impl Hearing<'_> {
    fn take(&mut self, source: Source, demand: Formula) {
        self.sources.push(source);
        self.demands.push(demand);
    }

    /// Takes the wish if it can hold together with what was taken. Whether it was.
    fn hear(
        &mut self,
        source: Source,
        state: Option<usize>,
        wish: Formula,
        resolution: &mut Resolution,
        work: &mut Work,
    ) -> Result<bool, Error> {
        let demands: Vec<&Formula> = self.demands.iter().chain([&wish]).collect();
        if satisfiable(&demands, &Possible::everything(self.network), work)?.is_some() {
            self.take(source, wish);
            resolution.followed.push((source, state));
            return Ok(true);
        }
        let because = self.conflict(Some(&wish), work)?.unwrap_or_default();
        resolution.rejected.push(Rejected { source, state, because });
        Ok(false)
    }

    /// A minimal set of what was taken that cannot hold, together with a wish if there is one.
    fn conflict(&self, wish: Option<&Formula>, work: &mut Work) -> Result<Option<Vec<Source>>, Error> {
        // The wish comes first, so that it is what is left out last: a set that holds without it is no conflict.
        let demands: Vec<&Formula> = wish.into_iter().chain(&self.demands).collect();
        let conflict = minimal_conflict(&demands, &Possible::everything(self.network), work)?;
        let offset = usize::from(wish.is_some());
        let sources = |places: Vec<usize>| {
            places.into_iter().filter(|&place| place >= offset).map(|place| self.sources[place - offset]).collect()
        };
        Ok(conflict.map(sources))
    }

    fn consequences(&self, work: &mut Work) -> Result<Possible, Error> {
        let demands: Vec<&Formula> = self.demands.iter().collect();
        let everything = Possible::everything(self.network);
        Ok(consequences(&demands, &everything, work)?.unwrap_or(everything))
    }
}

#[cfg(test)]
mod tests {
    use super::super::formula::tests::network;
    use super::*;

    fn resolved(outcome: Outcome) -> Resolution {
        match outcome {
            Outcome::Resolved(resolution) => resolution,
            Outcome::Contradiction(because) => panic!("a contradiction: {because:?}"),
        }
    }

    fn drone() -> Network {
        network(&[
            ("weather", &["calm", "storm"]),
            ("battery", &["full", "low"]),
            ("fly", &["now", "later"]),
            ("speed", &["slow", "fast"]),
        ])
    }

    fn rules(network: &Network) -> RuleSet {
        let mut rules = RuleSet::default();
        let read = |text: &str| Formula::read(network, text).unwrap();
        rules.always("storm", "weather = storm => fly = later", network).unwrap();
        rules.advice("hurry", None, (read("fly = now and speed = fast"), ""), "time", 1.0).unwrap();
        rules.advice("spare", Some(read("battery = low")), (read("speed = slow"), ""), "safety", 1.0).unwrap();
        rules
    }

    #[test]
    fn who_is_heard_first_wins_and_the_other_is_told_why() {
        let network = drone();
        let rules = rules(&network);
        let evidence = network.evidence([("weather", "calm"), ("battery", "low")]).unwrap();
        let found = resolved(resolve(&network, &rules, &evidence, &[]).unwrap());
        assert_eq!(found.followed, [(Source::Rule(2), None)]);
        assert_eq!(found.rejected.len(), 1);
        assert_eq!(found.rejected[0].because, [Source::Rule(2)]);
        let order = ["time", "safety", "utility"].map(str::to_owned);
        let other = rules.clone().ordered(&order).unwrap();
        let found = resolved(resolve(&network, &other, &evidence, &[]).unwrap());
        assert_eq!(found.followed, [(Source::Rule(1), None)]);
        assert_eq!(found.rejected[0].source, Source::Rule(2));
        assert!(rules.ordered(&order[..2]).is_err());
    }

    #[test]
    fn advice_whose_condition_is_not_known_is_not_followed() {
        let network = drone();
        let found = resolved(resolve(&network, &rules(&network), &Evidence::new(), &[]).unwrap());
        assert_eq!(found.undecided, [2]);
        assert_eq!(found.followed, [(Source::Rule(1), None)]);
        // Flying now excludes a storm.
        assert_eq!(found.possible[0], [true, false]);
    }

    #[test]
    fn a_choice_takes_the_best_state_that_the_rules_leave() {
        let network = drone();
        let rules = rules(&network);
        let evidence = network.evidence([("weather", "storm")]).unwrap();
        let fly = network.find("fly").unwrap();
        let choice = Choice { variable: fly, ranked: vec![(0, 9.0), (1, 2.0)], priority: 1 };
        let found = resolved(resolve(&network, &rules, &evidence, &[choice]).unwrap());
        assert_eq!(found.followed, [(Source::Choice(0), Some(1))]);
        let weather = network.find("weather").unwrap();
        assert_eq!(found.rejected[0].because, [Source::Fact(weather), Source::Rule(0)]);
        assert_eq!((found.rejected[0].source, found.rejected[0].state), (Source::Choice(0), Some(0)));
    }

    #[test]
    fn facts_against_rules_are_a_contradiction_with_its_reasons() {
        let network = drone();
        let evidence = network.evidence([("weather", "storm"), ("fly", "now"), ("battery", "full")]).unwrap();
        let outcome = resolve(&network, &rules(&network), &evidence, &[]).unwrap();
        let [weather, fly] = ["weather", "fly"].map(|name| network.find(name).unwrap());
        assert_eq!(outcome, Outcome::Contradiction(vec![Source::Fact(weather), Source::Fact(fly), Source::Rule(0)]));
    }
}
