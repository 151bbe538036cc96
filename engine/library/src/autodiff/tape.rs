//! The record of what was computed, and the walk back along it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nexus_tensor::{Arg, TensorError};

use super::algebra::{Algebra, Operation};
use super::var::{Item, Traced, Var};

/// Steps that one tape holds. Each keeps its operands alive, so that a loop that never ends is stopped by an error and
/// not by the machine's memory.
const STEPS_MAX: usize = 1 << 22;

/// What one operation did.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) operation: Operation,
    /// Its arguments below the tape.
    pub(super) args: Arc<[Item]>,
    /// All numbers and tensors that it gave, below the tape.
    pub(super) outputs: Arc<[Var]>,
    /// Which of the outputs this step stands for.
    pub(super) output: usize,
    /// For each number or tensor among the arguments, in order, its step where it is on this tape.
    pub(super) parents: Arc<[Option<usize>]>,
}

/// Reads a step for a walk past it, and leaves it or takes it.
type Read = fn(&mut Option<Step>) -> Option<Step>;

/// A record of operations. Cloning gives another name of the same record.
#[derive(Debug, Clone)]
pub struct Tape(Arc<Record>);

#[derive(Debug)]
struct Record {
    level: u32,
    /// `None` for a variable, which nothing computed.
    steps: Mutex<Vec<Option<Step>>>,
}

impl Tape {
    /// An empty tape. Of two tapes that are in use at once the inner one has the higher level.
    pub fn new(level: u32) -> Tape {
        Tape(Arc::new(Record { level, steps: Mutex::default() }))
    }

    pub(super) fn level(&self) -> u32 {
        self.0.level
    }

    pub(super) fn is(&self, other: &Tape) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn steps(&self) -> MutexGuard<'_, Vec<Option<Step>>> {
        self.0.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A variable with this value: what gradients are taken with respect to.
    pub fn variable(&self, value: Var) -> Result<Var, TensorError> {
        self.push(value, None)
    }

    pub(super) fn push(&self, value: Var, step: Option<Step>) -> Result<Var, TensorError> {
        let mut steps = self.steps();
        if steps.len() >= STEPS_MAX {
            let problem = format!("takes more than {STEPS_MAX} operations to follow; work in fewer, larger tensors");
            return Err(TensorError::argument("gradient", problem));
        }
        steps.push(step);
        let node = steps.len() - 1;
        Ok(Var::Traced(Arc::new(Traced { tape: self.clone(), node, value })))
    }

    /// The value of `var` below this tape.
    pub fn below(&self, var: &Var) -> Var {
        match var {
            Var::Traced(traced) if traced.tape.is(self) => traced.value.clone(),
            other => other.clone(),
        }
    }

    /// The gradients of the sum of `output * seed` with respect to each of `variables`, all below this tape. A variable
    /// that does not reach the output has the gradient zero.
    pub fn gradients(
        &self,
        algebra: &Algebra<'_>,
        output: &Var,
        seed: Var,
        variables: &[Var],
    ) -> Result<Vec<Var>, TensorError> {
        self.walk(algebra, output, seed, (variables, |step| step.clone()))
    }

    /// The same for the last time: each step is let go once the walk is past it, so that the gradients take the memory of
    /// what was computed. From then on the tape knows nothing.
    pub fn last_gradients(
        &self,
        algebra: &Algebra<'_>,
        output: &Var,
        seed: Var,
        variables: &[Var],
    ) -> Result<Vec<Var>, TensorError> {
        self.walk(algebra, output, seed, (variables, Option::take))
    }

    fn walk(
        &self,
        algebra: &Algebra<'_>,
        output: &Var,
        seed: Var,
        (variables, read): (&[Var], Read),
    ) -> Result<Vec<Var>, TensorError> {
        algebra.context().meter().count_walk();
        let root = match output {
            Var::Traced(traced) if traced.tape.is(self) => traced.node,
            _ => return variables.iter().map(|v| algebra.zeros_like(&self.below(v))).collect(),
        };
        let mut sums: Vec<Option<Var>> = vec![None; root + 1];
        sums[root] = Some(seed);
        for node in (0..=root).rev() {
            // A step's own arguments come before it, so its sum is complete here.
            let Some(step) = read(&mut self.steps()[node]) else { continue };
            let Some(gradient) = sums[node].take() else { continue };
            algebra.context().poll()?;
            let wanted: Vec<bool> = step.parents.iter().map(Option::is_some).collect();
            let parts = super::rules::backward(algebra, &step, &gradient, &wanted)?;
            for (parent, part) in step.parents.iter().zip(parts) {
                if let (Some(parent), Some(part)) = (parent, part) {
                    sums[*parent] = Some(match sums[*parent].take() {
                        Some(sum) => algebra.add(&sum, &part)?,
                        None => part,
                    });
                }
            }
        }
        let found = |variable: &Var| match variable {
            Var::Traced(traced) if traced.tape.is(self) && traced.node <= root => match &sums[traced.node] {
                Some(sum) => Ok(sum.clone()),
                None => algebra.zeros_like(&traced.value),
            },
            other => algebra.zeros_like(&self.below(other)),
        };
        variables.iter().map(found).collect()
    }
}

/// One, as a seed for an output that is a number or a tensor with one element.
pub(super) fn one_like(algebra: &Algebra<'_>, value: &Var) -> Result<Var, TensorError> {
    match value.plain() {
        Arg::Tensor(_) => algebra.add(&algebra.zeros_like(value)?, &Var::Plain(Arg::Int(1))),
        _ => Ok(Var::scalar(1.0)),
    }
}

impl Tape {
    /// The seed 1 for an output with one element.
    pub fn seed(&self, algebra: &Algebra<'_>, output: &Var) -> Result<Var, TensorError> {
        one_like(algebra, &self.below(output))
    }
}
