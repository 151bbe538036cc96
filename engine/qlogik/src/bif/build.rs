//! Declarations of a BIF text to a network, with what is wrong in them.

use std::collections::{BTreeMap, BTreeSet};

use super::parser::{File, ProbabilityBlock, Row, RowOf, Word};
use crate::codes::{BAD_SYNTAX, BAD_TABLE, BAD_VARIABLE, CYCLE, TOO_LARGE, UNKNOWN_NAME};
use crate::distribution::{Distribution, ROUNDING_TOLERANCE, SUM_TOLERANCE};
use crate::domain::VariableId;
use crate::error::Error;
use crate::findings::{Findings, Range};
use crate::network::{NUMBERS_MAX, Network, NetworkBuilder};

struct Build<'f, 'a> {
    builder: NetworkBuilder,
    findings: &'f mut Findings<'a>,
    /// Numbers of all tables so far.
    numbers: usize,
}

/// The network of a text; `None` if something was wrong with it.
pub(super) fn build<'a>(file: &File<'a>, findings: &mut Findings<'a>) -> Option<Network> {
    let mut build = Build { builder: NetworkBuilder::new(file.name), findings, numbers: 0 };
    build.variables(file);
    let mut given: BTreeSet<&str> = BTreeSet::new();
    for block in &file.probabilities {
        if !given.insert(block.child.0) {
            let message = format!("there are two probability blocks of {}", block.child.0);
            build.findings.error(BAD_TABLE, block.child.1.clone(), message);
        } else if block.complete {
            build.probability(block);
        }
    }
    for block in file.variables.iter().filter(|block| !given.contains(block.name.0)) {
        let message = format!("the variable {} has no probability block", block.name.0);
        build.findings.error(BAD_TABLE, block.name.1.clone(), message);
    }
    if file.variables.is_empty() && !build.findings.has_errors() {
        build.findings.whole(BAD_SYNTAX, "there is no variable in this text");
        build.findings.help("a BIF file begins with `network NAME { }` and declares variables after it");
    }
    if build.findings.has_errors() {
        return None;
    }
    match build.builder.build() {
        Ok(network) => Some(network),
        Err(error) => {
            let code = if matches!(error, Error::Cycle(_)) { CYCLE } else { BAD_TABLE };
            build.findings.whole(code, error.to_string());
            if let Some(hint) = error.hint() {
                build.findings.help(hint);
            }
            None
        }
    }
}

impl<'a> Build<'_, 'a> {
    fn variables(&mut self, file: &File<'a>) {
        for block in &file.variables {
            let listed = block.states.len();
            match &block.announced {
                None => {
                    let message = format!("the variable {} has no type", block.name.0);
                    self.findings.error(BAD_VARIABLE, block.name.1.clone(), message);
                }
                Some((number, at)) if number.parse() != Ok(listed) => {
                    let message = format!("{number} states were announced and {listed} are listed");
                    self.findings.error(BAD_VARIABLE, at.clone(), message);
                }
                Some(_) => {}
            }
            // A variable that is wrong is declared all the same, so that its table is not called unknown.
            if let Err(error) = self.builder.variable(block.name.0, block.states.iter().map(|(state, _)| *state)) {
                self.findings.error(error.code(), block.name.1.clone(), error.to_string());
            }
        }
    }

    fn find(&mut self, (name, at): &Word<'a>) -> Option<VariableId> {
        let found = self.builder.find(name);
        if found.is_none() {
            self.findings.error(UNKNOWN_NAME, at.clone(), format!("there is no variable {name}"));
        }
        found
    }

    fn states(&self, id: VariableId) -> &[String] {
        self.builder.get(id).map_or(&[], |variable| &variable.states)
    }

    fn probability(&mut self, block: &ProbabilityBlock<'a>) {
        let child = self.find(&block.child);
        let parents: Vec<VariableId> = block.parents.iter().filter_map(|parent| self.find(parent)).collect();
        let Some(child) = child.filter(|_| parents.len() == block.parents.len()) else { return };
        let states = self.states(child).len();
        let sizes: Vec<usize> = parents.iter().map(|&parent| self.states(parent).len()).collect();
        let rows = sizes.iter().fold(1_u64, |rows, &size| rows.saturating_mul(size as u64));
        let cells = rows.saturating_mul(states as u64);
        if cells > (NUMBERS_MAX - self.numbers) as u64 {
            let message = format!("the table of {} would have {cells} numbers", block.child.0);
            self.findings.error(TOO_LARGE, block.child.1.clone(), message);
            self.findings.help(format!("all tables of a network together have at most {NUMBERS_MAX} numbers"));
            return;
        }
        self.numbers += cells as usize;
        let Some(table) = self.table(block, &parents, states, rows as usize) else { return };
        if let Err(error) = self.builder.depends(child, &parents, Distribution::Table(table)) {
            self.findings.error(error.code(), block.child.1.clone(), error.to_string());
        }
    }

    /// The numbers of a block, parents slowest.
    fn table(
        &mut self,
        block: &ProbabilityBlock<'a>,
        parents: &[VariableId],
        states: usize,
        rows: usize,
    ) -> Option<Vec<f64>> {
        let before = self.findings.has_errors();
        let name = block.child.0;
        let mut table = vec![f64::NAN; rows * states];
        let mut given: BTreeMap<usize, Range> = BTreeMap::new();
        let mut default: Option<&Row<'a>> = None;
        let mut worst = 0.0_f64;
        for row in &block.rows {
            let want = if matches!(row.of, RowOf::Table) { table.len() } else { states };
            if row.values.len() != want {
                let message = format!("{} numbers, where the table of {name} needs {want}", row.values.len());
                self.findings.error(BAD_TABLE, row.at.clone(), message);
                continue;
            }
            match &row.of {
                RowOf::Table => {
                    for (place, value) in row.values.iter().enumerate() {
                        table[place % rows * states + place / rows] = *value;
                    }
                    given.extend((0..rows).map(|index| (index, row.at.clone())));
                }
                RowOf::Default => default = Some(row),
                RowOf::States(words) => {
                    let Some(index) = self.row_index(words, parents, &row.at) else { continue };
                    if given.insert(index, row.at.clone()).is_some() {
                        let message = format!("the row for {} is given twice", self.row_name(parents, index));
                        self.findings.error(BAD_TABLE, row.at.clone(), message);
                    }
                    table[index * states..][..states].copy_from_slice(&row.values);
                }
            }
        }
        for index in 0..rows {
            let values = &mut table[index * states..][..states];
            let at = match (given.get(&index), default) {
                (Some(at), _) => at.clone(),
                (None, Some(row)) => {
                    values.copy_from_slice(&row.values);
                    row.at.clone()
                }
                (None, None) => {
                    if !self.findings.has_errors() {
                        let of = self.row_name(parents, index);
                        let of = if of.is_empty() { String::new() } else { format!(" for {of}") };
                        let message = format!("the table of {name} has no row{of}");
                        self.findings.error(BAD_TABLE, block.child.1.clone(), message);
                    }
                    continue;
                }
            };
            worst = worst.max(self.check_row(name, values, at)?);
        }
        if worst > SUM_TOLERANCE {
            let message = format!("rows of {name} miss the sum 1 by up to {worst:.1e} and were scaled");
            self.findings.warning(BAD_TABLE, block.child.1.clone(), message);
        }
        (before || !self.findings.has_errors()).then_some(table)
    }

    /// By how much a row misses the sum 1.
    fn check_row(&mut self, name: &str, values: &[f64], at: Range) -> Option<f64> {
        if let Some(value) = values.iter().find(|value| !(0.0..=1.0).contains(*value)) {
            let message = format!("{value} in this row of {name} is no probability: they go from 0 to 1");
            self.findings.error(BAD_TABLE, at, message);
            return None;
        }
        let sum: f64 = values.iter().sum();
        if (sum - 1.0).abs() > ROUNDING_TOLERANCE {
            let message = format!("this row of {name} sums to {sum}; probabilities sum to 1");
            self.findings.error(BAD_TABLE, at, message);
            return None;
        }
        Some((sum - 1.0).abs())
    }

    fn row_index(&mut self, words: &[Word<'a>], parents: &[VariableId], at: &Range) -> Option<usize> {
        if words.len() != parents.len() {
            let message = format!("a row for {} states, where there are {} parents", words.len(), parents.len());
            self.findings.error(BAD_TABLE, at.clone(), message);
            return None;
        }
        let mut index = 0;
        for ((word, at), &parent) in words.iter().zip(parents) {
            let states = self.states(parent);
            let Some(state) = states.iter().position(|known| known == word) else {
                let name = self.builder.get(parent).map_or("", |variable| &variable.name);
                let message = format!("{name} has no state {word}: it is one of {}", states.join(", "));
                self.findings.error(UNKNOWN_NAME, at.clone(), message);
                return None;
            };
            index = index * states.len() + state;
        }
        Some(index)
    }

    /// `rain = yes, wind = no`.
    fn row_name(&self, parents: &[VariableId], index: usize) -> String {
        let mut rest = index;
        let mut names: Vec<String> = Vec::new();
        for &parent in parents.iter().rev() {
            let Some(variable) = self.builder.get(parent) else { continue };
            let size = variable.states.len().max(1);
            names.push(format!("{} = {}", variable.name, variable.states.get(rest % size).map_or("", |state| state)));
            rest /= size;
        }
        names.reverse();
        names.join(", ")
    }
}
