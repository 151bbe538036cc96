//! Influence diagrams: a network with decisions, what is known when each is taken, and utilities (Howard and Matheson
//! 1984).
//!
//! Valid by construction. `influence::policy` finds what to do, `influence::information` what would be worth finding out
//! first. It holds no state and reads no files.

pub mod information;
pub mod policy;

use crate::distribution::Distribution;
use crate::domain::{Domain, VariableId};
use crate::error::Error;
use crate::factor::Factor;
use crate::network::{Network, NetworkBuilder, topological};

/// How much whoever decides remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Memory {
    /// Everything that was known and done at earlier decisions (no forgetting).
    #[default]
    Full,
    /// Only what has an information arrow into the decision itself.
    Limited,
}

/// How gains are weighed against losses.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Risk {
    /// By their expectation.
    #[default]
    Neutral,
    /// Exponential utility `1 - exp(-x / tolerance)` of the total x. A positive tolerance avoids risk, more so the smaller
    /// it is; a negative one seeks it. In the unit of the utilities.
    Tolerance(f64),
}

/// Something that is decided, with what is known then.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The variable; its states are the options.
    pub id: VariableId,
    /// The variables whose states are known when it is decided.
    pub information: Vec<VariableId>,
}

/// A number that depends on variables and is to become large. Several are added up.
#[derive(Debug, Clone, PartialEq)]
pub struct Utility {
    /// Its name.
    pub name: String,
    /// The number for each combination of states.
    pub values: Factor,
}

/// An influence diagram.
#[derive(Debug, Clone, PartialEq)]
pub struct Diagram {
    /// Chance variables, and decisions as variables without parents.
    network: Network,
    decisions: Vec<Decision>,
    utilities: Vec<Utility>,
    memory: Memory,
    risk: Risk,
}

/// An influence diagram as it is put together.
#[derive(Debug, Clone, Default)]
pub struct DiagramBuilder {
    network: NetworkBuilder,
    decisions: Vec<Decision>,
    utilities: Vec<Utility>,
    memory: Memory,
    risk: Risk,
}

impl DiagramBuilder {
    /// An empty diagram.
    pub fn new(name: impl Into<String>) -> Self {
        DiagramBuilder { network: NetworkBuilder::new(name), ..Self::default() }
    }

    /// Chance variables are added and given their distributions here; they may depend on decisions.
    pub fn network(&mut self) -> &mut NetworkBuilder {
        &mut self.network
    }

    /// Adds a decision with its options. What is known then is said by [`DiagramBuilder::informs`].
    ///
    /// Errors: as of [`NetworkBuilder::variable`].
    pub fn decision<S: Into<String>>(
        &mut self,
        name: impl Into<String>,
        options: impl IntoIterator<Item = S>,
    ) -> Result<VariableId, Error> {
        let id = self.network.variable(name, options)?;
        let options = self.network.get(id).map_or(1, |variable| variable.states.len());
        self.network.depends(id, &[], Distribution::Table(vec![1.0 / options as f64; options]))?;
        self.decisions.push(Decision { id, information: Vec::new() });
        Ok(id)
    }

    /// Says that the states of these variables are known when a decision is taken.
    ///
    /// Errors: no such decision or variable, or one of them twice.
    pub fn informs(&mut self, decision: VariableId, information: &[VariableId]) -> Result<(), Error> {
        let name = |id: VariableId| self.network.get(id).map(|variable| variable.name.clone());
        let Some(known) = self.decisions.iter_mut().find(|known| known.id == decision) else {
            return Err(Error::BadDecision(format!("{decision} is no decision, so nothing informs it")));
        };
        for &id in information {
            let Some(name) = name(id) else { return Err(Error::UnknownName(format!("there is no {id}"))) };
            if id == decision || known.information.contains(&id) {
                return Err(Error::BadDecision(format!("{name} informs a decision twice, or informs itself")));
            }
            known.information.push(id);
        }
        Ok(())
    }

    /// Adds a utility: a number for each combination of the states of `of`, the first slowest.
    ///
    /// Errors: a name that is taken, too few or too many numbers, one that is not finite.
    pub fn utility(&mut self, name: impl Into<String>, of: &[VariableId], values: Vec<f64>) -> Result<(), Error> {
        let name = name.into();
        if self.utilities.iter().any(|known| known.name == name) || self.network.find(&name).is_some() {
            return Err(Error::BadVariable(format!("the name {name} is taken")));
        }
        let size = |&id: &VariableId| {
            let variable = self.network.get(id).ok_or_else(|| Error::UnknownName(format!("there is no {id}")))?;
            Ok((id, variable.states.len()))
        };
        let domain = Domain::new(of.iter().map(size).collect::<Result<Vec<_>, Error>>()?)?;
        if domain.cells() != values.len() {
            let (got, want) = (values.len(), domain.cells());
            return Err(Error::BadTable(format!("the utility {name} has {got} numbers and needs {want}")));
        }
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            return Err(Error::BadTable(format!("the utility {name} says {value}, which is no amount")));
        }
        self.utilities.push(Utility { name, values: Factor::new(domain, values)? });
        Ok(())
    }

    /// How much whoever decides remembers; everything unless said otherwise.
    pub fn memory(&mut self, memory: Memory) -> &mut Self {
        self.memory = memory;
        self
    }

    /// How gains are weighed against losses; by their expectation unless said otherwise.
    pub fn risk(&mut self, risk: Risk) -> &mut Self {
        self.risk = risk;
        self
    }

    /// The diagram.
    ///
    /// Errors: no decision, no utility, a distribution that is missing, circles (information counts as an arrow), a risk
    /// tolerance of 0.
    pub fn build(self) -> Result<Diagram, Error> {
        let DiagramBuilder { network, decisions, utilities, memory, risk } = self;
        if matches!(risk, Risk::Tolerance(tolerance) if tolerance == 0.0 || !tolerance.is_finite()) {
            return Err(Error::BadDecision("the risk tolerance must be a number other than 0".to_owned()));
        }
        if decisions.is_empty() {
            return Err(Error::BadDecision("the model has no decision".to_owned()));
        }
        if utilities.is_empty() {
            return Err(Error::BadDecision("the model has no utility, so no option is better than another".to_owned()));
        }
        let mut diagram = Diagram { network: network.build()?, decisions, utilities, memory, risk };
        let order = topological(&diagram.graph()).map_err(|circle| {
            Error::Cycle(circle.iter().map(|id| diagram.network.variable(*id).name.clone()).collect())
        })?;
        let place = |id: VariableId| order.iter().position(|&known| known == id).expect("every variable has a place");
        diagram.decisions.sort_by_key(|decision| place(decision.id));
        Ok(diagram)
    }
}

impl Diagram {
    /// Its name.
    pub fn name(&self) -> &str {
        self.network.name()
    }

    /// Its variables: chance, and decisions as variables without parents.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Its decisions, each before those that know its outcome.
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    /// The decision of a variable, if it is one.
    pub fn decision(&self, id: VariableId) -> Option<&Decision> {
        self.decisions.iter().find(|decision| decision.id == id)
    }

    /// What is to become large: the sum of these.
    pub fn utilities(&self) -> &[Utility] {
        &self.utilities
    }

    /// How much whoever decides remembers.
    pub fn memory(&self) -> Memory {
        self.memory
    }

    /// How gains are weighed against losses.
    pub fn risk(&self) -> Risk {
        self.risk
    }

    /// The same with another attitude to risk.
    ///
    /// Errors: a tolerance of 0 or none at all.
    pub fn with_risk(mut self, risk: Risk) -> Result<Diagram, Error> {
        if matches!(risk, Risk::Tolerance(tolerance) if tolerance == 0.0 || !tolerance.is_finite()) {
            return Err(Error::BadDecision("the risk tolerance must be a number other than 0".to_owned()));
        }
        self.risk = risk;
        Ok(self)
    }

    /// The arrows of all variables, those of information included.
    pub(crate) fn graph(&self) -> Vec<&[VariableId]> {
        let parents = |id| self.decision(id).map_or(self.network.parents(id), |decision| &decision.information);
        self.network.ids().map(parents).collect()
    }

    /// What is known at each decision, after what is remembered is added.
    pub(crate) fn information(&self) -> Vec<Vec<VariableId>> {
        let mut all: Vec<Vec<VariableId>> = Vec::new();
        for (place, decision) in self.decisions.iter().enumerate() {
            let mut known = decision.information.clone();
            if self.memory == Memory::Full && place > 0 {
                let before = all[place - 1].iter().copied().chain([self.decisions[place - 1].id]);
                known.extend(before.filter(|id| !decision.information.contains(id)));
            }
            all.push(known);
        }
        all
    }

    /// The same diagram over a network with more variables, which come last.
    pub(crate) fn over(&self, network: Network) -> Diagram {
        Diagram { network, ..self.clone() }
    }

    /// The same diagram in which a decision also knows a variable.
    pub(crate) fn informed(&self, decision: VariableId, of: VariableId) -> Result<Diagram, Error> {
        let mut informed = self.clone();
        for known in informed.decisions.iter_mut().filter(|known| known.id == decision) {
            if !known.information.contains(&of) {
                known.information.push(of);
            }
        }
        topological(&informed.graph()).map_err(|_| {
            let [decision, of] = [decision, of].map(|id| &self.network.variable(id).name);
            Error::BadDecision(format!("{of} follows from {decision}, so it cannot be known before"))
        })?;
        Ok(informed)
    }
}
