//! Symbolic rules over the variables of a model: what must hold, and what is advised by whom.
//!
//! A [`RuleSet`] is valid by construction: its formulas speak of states that the variables have. `rules::conflict` finds
//! contradictions and the smallest sets that cause them, `rules::resolution` decides between advice that conflicts, and
//! `rules::answer` says all that with names.

pub mod answer;
pub mod conflict;
pub mod document;
pub mod formula;
pub mod resolution;

use self::formula::Formula;
use crate::error::Error;
use crate::network::{Network, nearest};

/// The most rules of a set.
pub const RULES_MAX: usize = 4096;
/// Who is heard first unless a model says otherwise.
pub const PRIORITIES: [&str; 3] = ["safety", "utility", "time"];
/// The priority of what the utilities of an influence diagram advise.
pub const UTILITY: &str = "utility";

/// What a rule asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Demand {
    /// It holds, whatever else is advised.
    Always(Formula),
    /// It should hold where a condition does.
    Advice {
        /// Where it applies; everywhere, if there is none.
        when: Option<Formula>,
        /// What should hold.
        advise: Formula,
        /// Whose advice it is: a place in the priorities, the first is heard first.
        priority: usize,
        /// Among advice of one priority the heavier is heard first.
        weight: f64,
    },
}

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Its name, unique in the set.
    pub name: String,
    /// What it asks for.
    pub demand: Demand,
    /// The demand as it was written.
    pub text: String,
}

/// Rules over the variables of one network.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleSet {
    rules: Vec<Rule>,
    priorities: Vec<String>,
}

impl Default for RuleSet {
    /// No rules, and the usual priorities.
    fn default() -> Self {
        RuleSet { rules: Vec::new(), priorities: PRIORITIES.map(str::to_owned).to_vec() }
    }
}

impl RuleSet {
    /// No rules, with the names of priorities, the first heard first.
    ///
    /// Errors: no priority, or one twice.
    pub fn new(priorities: Vec<String>) -> Result<Self, Error> {
        let mut sorted: Vec<&String> = priorities.iter().collect();
        sorted.sort();
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(Error::BadRule(format!("the priority {} is given twice", pair[0])));
        }
        if priorities.is_empty() {
            return Err(Error::BadRule("there is no priority".to_owned()));
        }
        Ok(RuleSet { rules: Vec::new(), priorities })
    }

    /// The rules, in their order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The names of the priorities, the first heard first.
    pub fn priorities(&self) -> &[String] {
        &self.priorities
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The same rules with the priorities in another order.
    ///
    /// Errors: not the same priorities.
    pub fn ordered(mut self, order: &[String]) -> Result<Self, Error> {
        let mut places = Vec::new();
        for name in &self.priorities {
            let place = order.iter().position(|known| known == name);
            places.push(place.ok_or_else(|| {
                Error::BadRule(format!(
                    "the order of priorities leaves out {name}; there are {}",
                    self.priorities.join(", ")
                ))
            })?);
        }
        if order.len() != self.priorities.len() {
            let extra = order.iter().find(|name| !self.priorities.contains(name)).map_or("one twice", String::as_str);
            return Err(Error::BadRule(format!(
                "the order of priorities has {extra}; there are {}",
                self.priorities.join(", ")
            )));
        }
        for rule in &mut self.rules {
            if let Demand::Advice { priority, .. } = &mut rule.demand {
                *priority = places[*priority];
            }
        }
        self.priorities = order.to_vec();
        Ok(self)
    }

    /// Adds what must hold.
    ///
    /// Errors: a name that is taken, more than [`RULES_MAX`] rules; of the text with its place in it.
    pub fn always(&mut self, name: &str, text: &str, network: &Network) -> Result<(), Refused> {
        self.check_name(name)?;
        let formula = Formula::read(network, text)?;
        self.rules.push(Rule { name: name.to_owned(), demand: Demand::Always(formula), text: text.trim().to_owned() });
        Ok(())
    }

    /// Adds advice that was read.
    ///
    /// Errors: a name that is taken, a priority that is not there, a weight that is not a number above 0, more than
    /// [`RULES_MAX`] rules.
    pub fn advice(
        &mut self,
        name: &str,
        when: Option<Formula>,
        (advise, text): (Formula, &str),
        priority: &str,
        weight: f64,
    ) -> Result<(), Refused> {
        self.check_name(name)?;
        let place = self.priorities.iter().position(|known| known == priority).ok_or_else(|| {
            let hint = nearest(priority, self.priorities.iter().map(String::as_str));
            let known = self.priorities.join(", ");
            Refused::whole(format!("there is no priority {priority}{hint}; they are {known}"))
        })?;
        if !(weight > 0.0 && weight.is_finite()) {
            return Err(Refused::whole(format!("the weight {weight} of {name} is not a number above 0")));
        }
        let demand = Demand::Advice { when, advise, priority: place, weight };
        self.rules.push(Rule { name: name.to_owned(), demand, text: text.trim().to_owned() });
        Ok(())
    }

    fn check_name(&self, name: &str) -> Result<(), Refused> {
        if self.rules.len() >= RULES_MAX {
            return Err(Refused::whole(format!("there are more than {RULES_MAX} rules")));
        }
        if self.rules.iter().any(|rule| rule.name == name) {
            return Err(Refused::whole(format!("there are two rules {name}")));
        }
        Ok(())
    }
}

/// A rule that was not taken, and where in its text that lies, if it does.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// Why.
    pub error: Error,
    /// The bytes of the text.
    pub place: Option<std::ops::Range<usize>>,
}

impl Refused {
    fn whole(message: String) -> Self {
        Refused { error: Error::BadRule(message), place: None }
    }
}

impl From<crate::words::Wrong> for Refused {
    fn from((message, place): crate::words::Wrong) -> Self {
        Refused { error: Error::BadRule(message), place: Some(place) }
    }
}
