//! A Bayesian network: discrete variables, arrows from causes to effects, and the distribution of each variable given its
//! parents. Valid by construction: whoever holds one holds a network without circles whose tables fit.
//!
//! It answers nothing itself: `JunctionTree` does exactly, `sampling` approximately, `independence` from the arrows alone.

use std::collections::BTreeMap;

use crate::distribution::Distribution;
use crate::domain::{Domain, VariableId};
use crate::error::Error;
use crate::evidence::Evidence;
use crate::factor::Factor;

/// The most variables of a network: what is decided about pairs of them then takes 32 MiB.
pub const VARIABLES_MAX: usize = 1 << 14;
/// The most numbers in all tables of a network together (128 MiB): files of a few lines can ask for more.
pub const NUMBERS_MAX: usize = 1 << 24;

/// A variable with its states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name, unique in the network.
    pub name: String,
    /// The names of its states, at least one, each once.
    pub states: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
struct Node {
    parents: Vec<VariableId>,
    distribution: Distribution,
}

/// A Bayesian network.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    name: String,
    variables: Vec<Variable>,
    nodes: Vec<Node>,
    by_name: BTreeMap<String, VariableId>,
    /// Parents before children.
    order: Vec<VariableId>,
}

/// A network as it is put together: variables first, then how each depends on others, in any order.
#[derive(Debug, Clone, Default)]
pub struct NetworkBuilder {
    name: String,
    variables: Vec<Variable>,
    nodes: Vec<Option<Node>>,
    by_name: BTreeMap<String, VariableId>,
}

impl NetworkBuilder {
    /// An empty network.
    pub fn new(name: impl Into<String>) -> Self {
        NetworkBuilder { name: name.into(), ..Self::default() }
    }

    /// Adds a variable with the names of its states.
    ///
    /// Errors: a name that is taken, no states, a state twice, or more than [`VARIABLES_MAX`] variables.
    pub fn variable<S: Into<String>>(
        &mut self,
        name: impl Into<String>,
        states: impl IntoIterator<Item = S>,
    ) -> Result<VariableId, Error> {
        let variable = Variable { name: name.into(), states: states.into_iter().map(Into::into).collect() };
        check_variable(&variable)?;
        if self.variables.len() >= VARIABLES_MAX {
            return Err(Error::BadVariable(format!("a network has at most {VARIABLES_MAX} variables")));
        }
        let id = VariableId::at(self.variables.len());
        if self.by_name.contains_key(&variable.name) {
            return Err(Error::BadVariable(format!("the variable {} is declared twice", variable.name)));
        }
        self.by_name.insert(variable.name.clone(), id);
        self.variables.push(variable);
        self.nodes.push(None);
        Ok(id)
    }

    /// The variable of a name.
    pub fn find(&self, name: &str) -> Option<VariableId> {
        self.by_name.get(name).copied()
    }

    /// A variable that was added.
    pub fn get(&self, id: VariableId) -> Option<&Variable> {
        self.variables.get(id.index())
    }

    /// Says how a variable depends on its parents; saying it again replaces it.
    ///
    /// Errors: a variable that was not added, a parent twice or the variable itself, and what [`Distribution`] may not be.
    pub fn depends(&mut self, id: VariableId, parents: &[VariableId], distribution: Distribution) -> Result<(), Error> {
        let known = |id: VariableId| self.get(id).ok_or_else(|| Error::UnknownName(format!("no {id} was declared")));
        let variable = known(id)?;
        for (place, &parent) in parents.iter().enumerate() {
            if parent == id || parents[..place].contains(&parent) {
                let message = format!("{} is given twice as a parent of {}", known(parent)?.name, variable.name);
                return Err(Error::BadTable(if parent == id {
                    format!("{} depends on itself", variable.name)
                } else {
                    message
                }));
            }
        }
        let sizes = parents.iter().map(|&parent| Ok(known(parent)?.states.len())).collect::<Result<Vec<_>, Error>>()?;
        distribution.check(&variable.name, variable.states.len(), &sizes)?;
        self.nodes[id.index()] = Some(Node { parents: parents.to_vec(), distribution });
        Ok(())
    }

    /// The network.
    ///
    /// Errors: a variable whose distribution was not given, arrows in a circle, more than [`NUMBERS_MAX`] numbers.
    pub fn build(self) -> Result<Network, Error> {
        let mut nodes = Vec::with_capacity(self.nodes.len());
        for (node, variable) in self.nodes.into_iter().zip(&self.variables) {
            let missing = || Error::BadTable(format!("{} has no table", variable.name));
            nodes.push(node.ok_or_else(missing)?);
        }
        let mut numbers = 0_usize;
        for (node, variable) in nodes.iter_mut().zip(&self.variables) {
            let parents: Vec<usize> =
                node.parents.iter().map(|parent| self.variables[parent.index()].states.len()).collect();
            numbers = numbers.saturating_add(node.distribution.numbers(variable.states.len(), &parents));
            if numbers > NUMBERS_MAX {
                let what = format!("the table of {}, with those before it,", variable.name);
                let (needed, allowed) = (numbers as u64 * 8, NUMBERS_MAX as u64 * 8);
                return Err(Error::TooLarge { what, needed, at_least: true, allowed });
            }
            node.distribution.normalise(variable.states.len());
        }
        let parents: Vec<&[VariableId]> = nodes.iter().map(|node| node.parents.as_slice()).collect();
        let order = topological(&parents).map_err(|circle| {
            Error::Cycle(circle.iter().map(|id| self.variables[id.index()].name.clone()).collect())
        })?;
        Ok(Network { name: self.name, variables: self.variables, nodes, by_name: self.by_name, order })
    }
}

pub(crate) fn check_variable(variable: &Variable) -> Result<(), Error> {
    if variable.states.is_empty() {
        return Err(Error::BadVariable(format!("the variable {} has no states", variable.name)));
    }
    let mut states: Vec<&String> = variable.states.iter().collect();
    states.sort();
    match states.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => {
            Err(Error::BadVariable(format!("the variable {} has the state {} twice", variable.name, pair[0])))
        }
        None => Ok(()),
    }
}

/// An order in which parents come before children, or a circle (its first variable once more at its end).
pub(crate) fn topological(parents: &[&[VariableId]]) -> Result<Vec<VariableId>, Vec<VariableId>> {
    let mut waiting: Vec<usize> = parents.iter().map(|parents| parents.len()).collect();
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); parents.len()];
    for (child, parents) in parents.iter().enumerate() {
        parents.iter().for_each(|parent| children[parent.index()].push(child));
    }
    let mut order: Vec<VariableId> =
        (0..parents.len()).filter(|&index| waiting[index] == 0).map(VariableId::at).collect();
    let mut next = 0;
    while next < order.len() {
        for &child in &children[order[next].index()] {
            waiting[child] -= 1;
            if waiting[child] == 0 {
                order.push(VariableId::at(child));
            }
        }
        next += 1;
    }
    if order.len() == parents.len() {
        return Ok(order);
    }
    // Whoever still waits has a parent that still waits: going from parent to parent comes round.
    let stuck = |id: &VariableId| waiting[id.index()] > 0;
    let mut path = vec![(0..parents.len()).map(VariableId::at).find(stuck).expect("not all were placed")];
    loop {
        let last = path[path.len() - 1];
        let before = *parents[last.index()].iter().find(|id| stuck(id)).expect("whoever waits has such a parent");
        if let Some(start) = path.iter().position(|&id| id == before) {
            let mut circle = vec![before];
            circle.extend(path[start..].iter().rev());
            return Err(circle);
        }
        path.push(before);
    }
}

impl Network {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many variables it has.
    pub fn len(&self) -> usize {
        self.variables.len()
    }

    /// Whether it has no variables.
    pub fn is_empty(&self) -> bool {
        self.variables.is_empty()
    }

    /// All variables, in the order in which they were declared.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = VariableId> + use<> {
        (0..self.variables.len()).map(VariableId::at)
    }

    /// All variables, parents before children.
    pub fn order(&self) -> &[VariableId] {
        &self.order
    }

    /// A variable. `id` is one of this network's.
    pub fn variable(&self, id: VariableId) -> &Variable {
        &self.variables[id.index()]
    }

    /// How many states a variable has.
    pub fn states(&self, id: VariableId) -> usize {
        self.variables[id.index()].states.len()
    }

    /// The parents of a variable, in the order of its table.
    pub fn parents(&self, id: VariableId) -> &[VariableId] {
        &self.nodes[id.index()].parents
    }

    /// How a variable depends on its parents.
    pub fn distribution(&self, id: VariableId) -> &Distribution {
        &self.nodes[id.index()].distribution
    }

    /// Every arrow, from cause to effect.
    pub fn arrows(&self) -> impl Iterator<Item = (VariableId, VariableId)> + '_ {
        self.ids().flat_map(|child| self.parents(child).iter().map(move |&parent| (parent, child)))
    }

    /// The table of a variable: parents in their order, the first slowest, the variable itself fastest.
    ///
    /// Errors: a noisy or of so many parents that its table does not fit into memory.
    pub fn table(&self, id: VariableId) -> Result<Factor, Error> {
        Ok(self.distribution(id).table(Domain::new(self.family(id))?))
    }

    /// The variable of a name.
    ///
    /// Errors: no such variable; the message names one that is spelled almost like it.
    pub fn find(&self, name: &str) -> Result<VariableId, Error> {
        self.by_name.get(name).copied().ok_or_else(|| {
            let hint = nearest(name, self.variables.iter().map(|variable| variable.name.as_str()));
            Error::UnknownName(format!("there is no variable {name}{hint}"))
        })
    }

    /// The state of a name.
    ///
    /// Errors: the variable has no such state; the message lists those that it has.
    pub fn find_state(&self, id: VariableId, state: &str) -> Result<usize, Error> {
        let variable = self.variable(id);
        variable.states.iter().position(|known| known == state).ok_or_else(|| {
            let states = variable.states.join(", ");
            Error::UnknownName(format!("{} has no state {state}: it is one of {states}", variable.name))
        })
    }

    /// Evidence from names of variables and their states.
    ///
    /// Errors: unknown names, a variable twice.
    pub fn evidence<'a>(&self, known: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Evidence, Error> {
        let mut evidence = Evidence::default();
        for (name, state) in known {
            let id = self.find(name)?;
            if evidence.contains(id) {
                return Err(Error::BadQuestion(format!("there are two observations of {name}")));
            }
            evidence.observe(id, self.find_state(id, state)?);
        }
        Ok(evidence)
    }

    /// The same network with one more variable, which comes last and depends on one that is there.
    pub(crate) fn with_effect(&self, variable: Variable, of: VariableId, table: Vec<f64>) -> Result<Network, Error> {
        let mut builder = NetworkBuilder {
            name: self.name.clone(),
            variables: self.variables.clone(),
            nodes: self.nodes.iter().cloned().map(Some).collect(),
            by_name: self.by_name.clone(),
        };
        let id = builder.variable(variable.name, variable.states)?;
        builder.depends(id, &[of], Distribution::Table(table))?;
        builder.build()
    }

    /// The same network with other tables, which fit: for each variable one to take the place of its distribution, or
    /// none.
    pub(crate) fn with_tables(&self, tables: Vec<Option<Vec<f64>>>) -> Network {
        let mut changed = self.clone();
        for (node, table) in changed.nodes.iter_mut().zip(tables) {
            if let Some(table) = table {
                node.distribution = Distribution::Table(table);
            }
        }
        changed
    }

    /// The family of a variable with numbers of states: its parents, then itself.
    pub(crate) fn family(&self, id: VariableId) -> Vec<(VariableId, usize)> {
        self.parents(id).iter().chain([&id]).map(|&member| (member, self.states(member))).collect()
    }

    /// Tables whose product is the joint distribution once the auxiliary variables, which come after the network's own,
    /// are summed out; and all numbers of states.
    pub(crate) fn factors(&self) -> Result<(Vec<Factor>, Vec<usize>), Error> {
        let mut sizes: Vec<usize> = self.variables.iter().map(|variable| variable.states.len()).collect();
        let mut factors = Vec::new();
        for id in self.ids() {
            let (of_node, auxiliaries) = self.distribution(id).factors(&self.family(id), sizes.len())?;
            factors.extend(of_node);
            sizes.extend(auxiliaries);
        }
        Ok((factors, sizes))
    }
}

/// ` (did you mean x?)`, where a known name is close enough.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let most = name.chars().count() / 3 + 1;
    let close = known.take(VARIABLES_MAX).filter(|known| known.len().abs_diff(name.len()) <= most && name.len() < 64);
    let best = close.map(|known| (distance(name, known), known)).min();
    best.filter(|(distance, _)| *distance <= most)
        .map_or(String::new(), |(_, known)| format!(" (did you mean {known}?)"))
}

/// How many letters have to be put in, left out or changed, whatever their case (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.to_lowercase().chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(values: &[f64]) -> Distribution {
        Distribution::Table(values.to_vec())
    }

    #[test]
    fn a_circle_is_named_in_the_direction_of_its_arrows() {
        let mut builder = NetworkBuilder::new("circle");
        let ids: Vec<_> = ["a", "b", "c", "d"].map(|name| builder.variable(name, ["0", "1"]).unwrap()).to_vec();
        builder.depends(ids[0], &[], table(&[0.5, 0.5])).unwrap();
        for (child, parent) in [(1, 3), (2, 1), (3, 2)] {
            builder.depends(ids[child], &[ids[parent]], table(&[0.5; 4])).unwrap();
        }
        let Err(Error::Cycle(names)) = builder.build() else { panic!("a circle") };
        assert_eq!(names, ["b", "c", "d", "b"]);
    }

    #[test]
    fn what_is_declared_badly_is_refused() {
        let mut builder = NetworkBuilder::new("bad");
        let a = builder.variable("a", ["0", "1"]).unwrap();
        assert!(matches!(builder.variable("a", ["x"]), Err(Error::BadVariable(_))));
        assert!(matches!(builder.variable("b", ["x", "x"]), Err(Error::BadVariable(_))));
        assert!(matches!(builder.variable::<String>("b", []), Err(Error::BadVariable(_))));
        assert!(builder.depends(a, &[a], table(&[0.5; 4])).is_err());
        assert!(matches!(builder.build(), Err(Error::BadTable(message)) if message == "a has no table"));
    }

    #[test]
    fn functions_and_noisy_ors_whose_tables_do_not_fit_are_refused_before_they_are_made() {
        let wide = |distribution: fn(usize) -> Distribution, parents: usize, states: usize| {
            let mut builder = NetworkBuilder::new("wide");
            let names = |count: usize| (0..count).map(|state| state.to_string()).collect::<Vec<String>>();
            let ids: Vec<_> =
                (0..parents).map(|place| builder.variable(format!("p{place}"), names(states)).unwrap()).collect();
            ids.iter().for_each(|&id| {
                builder.depends(id, &[], table(&vec![1.0 / states as f64; states])).unwrap();
            });
            let effect = builder.variable("effect", names(2)).unwrap();
            builder.depends(effect, &ids, distribution(states)).unwrap();
            builder.build()
        };
        let noisy =
            |states| Distribution::NoisyOr(crate::NoisyOr { effect: 0, leak: 0.1, links: vec![vec![0.5; states]; 4] });
        // As a table this noisy or would take 2 GiB; as a chain it takes a few hundred numbers.
        assert!(wide(noisy, 4, 100).unwrap().factors().unwrap().0.iter().all(|factor| factor.values().len() <= 400));
        let function = |states: usize| Distribution::Function(vec![0; states * states]);
        assert!(matches!(wide(function, 2, 3000), Err(Error::TooLarge { .. })));
    }

    #[test]
    fn a_name_spelled_almost_right_is_recognised() {
        let mut builder = NetworkBuilder::new("near");
        let smoke = builder.variable("smoke", ["yes", "no"]).unwrap();
        builder.depends(smoke, &[], table(&[0.5, 0.5])).unwrap();
        let network = builder.build().unwrap();
        assert_eq!(network.find("Smoek").unwrap_err().to_string(), "there is no variable Smoek (did you mean smoke?)");
        assert_eq!(network.find("asia").unwrap_err().to_string(), "there is no variable asia");
        let wrong = network.evidence([("smoke", "maybe")]).unwrap_err().to_string();
        assert_eq!(wrong, "smoke has no state maybe: it is one of yes, no");
    }
}
