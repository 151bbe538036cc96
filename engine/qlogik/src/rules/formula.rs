//! Formulas about states: `weather = storm => not (go = yes or go in (soon, later))`.
//!
//! Read over a network's names, and judged over the states that are still possible: true, false, or not known (Kleene's
//! strong logic of three values). No search happens here.

use crate::domain::VariableId;
use crate::network::Network;
use crate::words::{Words, Wrong};

/// A statement about the states of variables.
#[derive(Debug, Clone, PartialEq)]
pub enum Formula {
    /// The variable is in one of these states.
    In {
        /// The variable.
        variable: VariableId,
        /// For each of its states whether it is one of them.
        states: Vec<bool>,
    },
    /// The opposite.
    Not(Box<Formula>),
    /// All of them.
    And(Vec<Formula>),
    /// At least one of them.
    Or(Vec<Formula>),
    /// Where the first holds, the second does.
    Implies(Box<Formula>, Box<Formula>),
}

/// Which states each variable may have.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Possible {
    states: Vec<Vec<bool>>,
}

impl Possible {
    /// Every state of every variable.
    pub(crate) fn everything(network: &Network) -> Self {
        Possible { states: network.ids().map(|id| vec![true; network.states(id)]).collect() }
    }

    /// Which states a variable may have.
    pub(crate) fn of(&self, id: VariableId) -> &[bool] {
        &self.states[id.index()]
    }

    /// How many states a variable may have.
    pub(crate) fn count(&self, id: VariableId) -> usize {
        self.of(id).iter().filter(|state| **state).count()
    }

    /// Leaves a variable one state, whether or not it was possible; gives what was possible before.
    pub(crate) fn only(&mut self, id: VariableId, state: usize) -> Vec<bool> {
        let alone = (0..self.states[id.index()].len()).map(|other| other == state).collect();
        std::mem::replace(&mut self.states[id.index()], alone)
    }

    /// Sets what is possible for a variable.
    pub(crate) fn set(&mut self, id: VariableId, states: Vec<bool>) {
        self.states[id.index()] = states;
    }

    /// Takes one state from a variable.
    pub(crate) fn rule_out(&mut self, id: VariableId, state: usize) {
        self.states[id.index()][state] = false;
    }
}

impl Formula {
    /// Reads a formula over the variables of a network.
    pub(crate) fn read(network: &Network, text: &str) -> Result<Self, Wrong> {
        let mut reader = Reader { network, words: Words::of(text)? };
        let formula = reader.implication()?;
        reader.words.end()?;
        Ok(formula)
    }

    /// That a variable has a state.
    pub(crate) fn is(network: &Network, variable: VariableId, state: usize) -> Self {
        Formula::In { variable, states: (0..network.states(variable)).map(|other| other == state).collect() }
    }

    /// Whether it holds whatever of the possible states the variables have (`Some(true)`), holds for none (`Some(false)`),
    /// or neither is known.
    pub(crate) fn judge(&self, possible: &Possible) -> Option<bool> {
        match self {
            Formula::In { variable, states } => {
                let mut inside =
                    possible.of(*variable).iter().zip(states).filter(|(open, _)| **open).map(|(_, own)| *own);
                let first = inside.next()?;
                inside.all(|other| other == first).then_some(first)
            }
            Formula::Not(inner) => inner.judge(possible).map(|truth| !truth),
            Formula::And(parts) => joined(parts, possible, false),
            Formula::Or(parts) => joined(parts, possible, true),
            Formula::Implies(condition, consequence) => match condition.judge(possible) {
                Some(false) => Some(true),
                Some(true) => consequence.judge(possible),
                None => consequence.judge(possible).filter(|truth| *truth),
            },
        }
    }

    /// Calls with every variable that it speaks of.
    pub(crate) fn each_variable(&self, call: &mut dyn FnMut(VariableId)) {
        match self {
            Formula::In { variable, .. } => call(*variable),
            Formula::Not(inner) => inner.each_variable(call),
            Formula::And(parts) | Formula::Or(parts) => parts.iter().for_each(|part| part.each_variable(call)),
            Formula::Implies(condition, consequence) => {
                condition.each_variable(call);
                consequence.each_variable(call);
            }
        }
    }
}

/// Parts of which one that is `decisive` settles the whole.
fn joined(parts: &[Formula], possible: &Possible, decisive: bool) -> Option<bool> {
    let mut all_known = true;
    for part in parts {
        match part.judge(possible) {
            Some(truth) if truth == decisive => return Some(decisive),
            Some(_) => {}
            None => all_known = false,
        }
    }
    all_known.then_some(!decisive)
}

struct Reader<'a> {
    network: &'a Network,
    words: Words,
}

impl Reader<'_> {
    /// `a => b => c` is `a => (b => c)`.
    fn implication(&mut self) -> Result<Formula, Wrong> {
        let condition = self.any()?;
        if !self.words.takes("=>") && !self.words.takes("implies") {
            return Ok(condition);
        }
        self.words.enter()?;
        let consequence = self.implication()?;
        self.words.leave();
        Ok(Formula::Implies(Box::new(condition), Box::new(consequence)))
    }

    fn any(&mut self) -> Result<Formula, Wrong> {
        let mut parts = vec![self.all()?];
        while self.words.takes("or") {
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Formula::Or(parts) })
    }

    fn all(&mut self) -> Result<Formula, Wrong> {
        let mut parts = vec![self.single()?];
        while self.words.takes("and") {
            parts.push(self.single()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Formula::And(parts) })
    }

    fn single(&mut self) -> Result<Formula, Wrong> {
        if self.words.takes("not") {
            self.words.enter()?;
            let inner = self.single()?;
            self.words.leave();
            return Ok(Formula::Not(Box::new(inner)));
        }
        if self.words.takes("(") {
            self.words.enter()?;
            let inner = self.implication()?;
            self.words.leave();
            self.words.expect(")")?;
            return Ok(inner);
        }
        self.statement()
    }

    /// `a = x`, `a != x`, `a is x`, `a is not x`, `a in (x, y)`.
    fn statement(&mut self) -> Result<Formula, Wrong> {
        let place = self.words.place();
        let name = self.words.name("the name of a variable")?;
        let variable = self.network.find(&name).map_err(|error| (error.to_string(), place))?;
        let mut states = vec![false; self.network.states(variable)];
        let is_in = self.words.takes("in");
        let is_not = !is_in && self.words.takes("!=");
        if is_in {
            self.words.expect("(")?;
            loop {
                states[self.state(variable)?] = true;
                if !self.words.takes(",") {
                    break;
                }
            }
            self.words.expect(")")?;
            return Ok(Formula::In { variable, states });
        }
        let is = !is_not && self.words.takes("is");
        if !is_not && !is {
            self.words.expect("=")?;
        }
        let is_not = is_not || (is && self.words.takes("not"));
        states[self.state(variable)?] = true;
        if is_not {
            states.iter_mut().for_each(|state| *state = !*state);
        }
        Ok(Formula::In { variable, states })
    }

    fn state(&mut self, variable: VariableId) -> Result<usize, Wrong> {
        let place = self.words.place();
        let name = self.words.name(&format!("a state of {}", self.network.variable(variable).name))?;
        self.network.find_state(variable, &name).map_err(|error| (error.to_string(), place))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::{Distribution, NetworkBuilder};

    /// Variables with these states, none of which depends on another.
    pub(crate) fn network(variables: &[(&str, &[&str])]) -> Network {
        let mut builder = NetworkBuilder::new("rules");
        for (name, states) in variables {
            let id = builder.variable(*name, states.iter().copied()).unwrap();
            let even = vec![1.0 / states.len() as f64; states.len()];
            builder.depends(id, &[], Distribution::Table(even)).unwrap();
        }
        builder.build().unwrap()
    }

    #[test]
    fn formulas_are_judged_by_what_is_possible() {
        let network = network(&[("a", &["x", "y", "z"]), ("b", &["0", "1"])]);
        let mut possible = Possible::everything(&network);
        let read = |text: &str| Formula::read(&network, text).unwrap();
        assert_eq!(read("a = x or a in (y, z)").judge(&possible), None, "the parts are judged one by one");
        assert_eq!(read("a in (x, y, z)").judge(&possible), Some(true));
        assert_eq!(read("a = x => b = 1").judge(&possible), None);
        possible.only(VariableId(0), 1);
        assert_eq!(read("a = x => b = 1").judge(&possible), Some(true));
        assert_eq!(read("a is not x and not b != 0").judge(&possible), None);
        assert_eq!(read("(a is x or a = z) and b = 1").judge(&possible), Some(false));
        assert_eq!(read("a = y => b = 1 => a = z").judge(&possible), None);
        possible.only(VariableId(1), 1);
        assert_eq!(read("a = y => b = 1 => a = z").judge(&possible), Some(false));
    }

    #[test]
    fn what_is_no_formula_is_told_with_its_place() {
        let network = network(&[("weather", &["sun", "storm"])]);
        let wrong = |text: &str| Formula::read(&network, text).unwrap_err();
        assert_eq!(wrong("wether = sun").0, "there is no variable wether (did you mean weather?)");
        assert_eq!(wrong("weather = sum"), ("weather has no state sum: it is one of sun, storm".to_owned(), 10..13));
        assert_eq!(wrong("weather sun"), ("`sun` stands where `=` belongs".to_owned(), 8..11));
        assert_eq!(wrong("weather = sun and").0, "the end stands where the name of a variable belongs");
        assert_eq!(wrong("(weather = sun").0, "the end stands where `)` belongs");
        assert!(wrong(&"not ".repeat(100)).0.starts_with("brackets are nested"));
        assert!(wrong(&format!("{} weather = sun", "weather = sun => ".repeat(100))).0.starts_with("brackets are"));
    }
}
