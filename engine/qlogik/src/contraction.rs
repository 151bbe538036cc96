//! The sum of a product of tables over all variables but some: the one loop behind every exact question.
//!
//! Tables are scaled on the way and the scales kept as a logarithm. The memory is known before it is allocated. Driven by
//! `query` and by the solver of influence diagrams, whose tables may hold negative numbers.

use crate::domain::{Domain, VariableId};
use crate::elimination::{Elimination, KEPT, cheapest};
use crate::error::Error;
use crate::factor::Factor;

/// Bytes for each cell of a table in between: the product, and its sum.
const CELL_BYTES: f64 = 12.0;

/// Tables that are to be multiplied, over variables with these numbers of states.
#[derive(Debug, Clone)]
pub(crate) struct Contraction {
    pub(crate) sizes: Vec<usize>,
    pub(crate) factors: Vec<Factor>,
    /// Natural logarithm of what was taken out of the tables.
    pub(crate) ln_scale: f64,
}

impl Contraction {
    /// An order in which a variable of a lower phase goes first, if it costs no more than is allowed.
    pub(crate) fn plan(&self, kept: &[VariableId], late: &[VariableId], memory_max: u64) -> Result<Elimination, Error> {
        let mut phases = vec![KEPT; self.sizes.len()];
        let scope = |factor: &Factor| factor.domain().variables().iter().map(|id| id.index()).collect();
        let scopes: Vec<Vec<usize>> = self.factors.iter().map(scope).collect();
        // Only what is in some table is there to be summed out.
        scopes.iter().flatten().for_each(|&index| phases[index] = 0);
        late.iter().for_each(|id| phases[id.index()] = 1);
        kept.iter().for_each(|id| phases[id.index()] = KEPT);
        let elimination = cheapest(&scopes, &self.sizes, &phases, memory_max as f64 / CELL_BYTES);
        let answer: f64 = kept.iter().map(|id| self.sizes[id.index()] as f64).product();
        let needed = ((elimination.cells + answer) * CELL_BYTES) as u64;
        if !elimination.complete || needed > memory_max {
            let at_least = !elimination.complete;
            let what = "an exact answer to this question".to_owned();
            return Err(Error::TooLarge { what, needed, at_least, allowed: memory_max });
        }
        Ok(elimination)
    }

    /// Sums out everything but `kept`: the table over them, in their order, and the natural logarithm of its scale. All is
    /// 0 where nothing is possible.
    pub(crate) fn sum_onto(mut self, kept: &[VariableId], memory_max: u64) -> Result<(Factor, f64), Error> {
        let elimination = self.plan(kept, &[], memory_max)?;
        for (variable, _) in elimination.steps {
            let product = self.take_product(VariableId::at(variable))?;
            self.keep(product.sum_onto(product.domain_without(VariableId::at(variable))));
        }
        let domain = Domain::new(kept.iter().map(|&id| (id, self.sizes[id.index()])))?;
        let mut answer = Factor::constant(domain, 1.0);
        for factor in &self.factors {
            answer.multiply(factor);
        }
        Ok((answer, self.ln_scale))
    }

    /// The product of all tables with a variable, which are taken out.
    pub(crate) fn take_product(&mut self, id: VariableId) -> Result<Factor, Error> {
        let all = std::mem::take(&mut self.factors).into_iter();
        let (inside, outside): (Vec<Factor>, Vec<Factor>) = all.partition(|factor| factor.domain().contains(id));
        self.factors = outside;
        Factor::product(&inside)
    }

    /// Puts a table back, scaled so that its largest number is 1 or -1.
    pub(crate) fn keep(&mut self, mut factor: Factor) {
        let largest = factor.values().iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        if largest > 0.0 {
            factor.values_mut().iter_mut().for_each(|value| *value /= largest);
            self.ln_scale += largest.ln();
        }
        self.factors.push(factor);
    }
}
