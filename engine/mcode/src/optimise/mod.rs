//! Level 1: the same program in better code; and, for what the machine runs, the same code in fewer steps ([`shorten`]).
//!
//! Passes over register code, each of which keeps what the program means to the last bit: its results, its errors with
//! their places and the calls that led there, the order of what it prints, and how many iterations it counts. In order:
//! short loops over a known number of items are written out ([`unroll`]); constants are folded and spread, and what was
//! computed already is not computed again ([`fold`]); what a loop computes alike each time is computed in its first
//! iteration ([`hoist`]); what nobody reads is left out ([`dead`]); chains of tensor operations become segments that the
//! machine hands to the tensor engine as one region ([`segments`]).
//!
//! Sums are never reordered and no rule of algebra is used that rounds otherwise: the levels agree to the last bit. What of
//! algebra holds to the last bit is used where the tensors are known, on the regions that segments become (`vm/fuse/cheaper.rs`).

mod dead;
mod edit;
mod fold;
mod hoist;
pub(crate) mod pure;
mod registers;
mod segments;
mod shorten;
mod unroll;

use nexus_model::{Execution, JitLevel};

use crate::flow::Flow;
use crate::ir::{FunctionCode, Image, Instruction};

/// Times that loops are written out and constants folded again, as each makes work for the other.
const ROUNDS_MAX: usize = 3;

/// What the optimiser did to a program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OptimiserCounts {
    /// Operations whose result is known before the program runs.
    pub folded: u64,
    /// Operations that take the result of an earlier one.
    pub shared: u64,
    /// Operations that a loop does once.
    pub hoisted: u64,
    /// Loops that were written out.
    pub unrolled: u64,
    /// Instructions that nobody needed.
    pub removed: u64,
    /// Chains of tensor operations that can run as one region.
    pub segments: u64,
}

/// The program as it runs with these settings, and what was done to it.
pub(crate) fn optimise(plain: &Image, execution: Execution) -> (Image, OptimiserCounts) {
    let mut image = plain.clone();
    let mut counts = OptimiserCounts::default();
    for id in 0..image.functions.len() {
        // Where blocks of `when`s are called, not all jumps are known.
        if image.functions[id].instructions.iter().any(|i| matches!(i, Instruction::CallBlock { .. })) {
            continue;
        }
        if execution.jit_level != JitLevel::Plain {
            function(&mut image, id, execution, &mut counts);
        }
        // Regions of tensors name their instructions by number.
        if execution.jit_level != JitLevel::Native && image.functions[id].segments.is_empty() {
            shorten::shorten(&mut image, id);
        }
    }
    (image, counts)
}

fn function(image: &mut Image, id: usize, execution: Execution, counts: &mut OptimiserCounts) {
    for _ in 0..ROUNDS_MAX {
        let folded = fold::fold(image, id, counts);
        let unrolled = execution.loop_unrolling && unroll::unroll(image, id, counts);
        if !folded && !unrolled {
            break;
        }
    }
    hoist::hoist(image, id, counts);
    dead::remove(image, id, counts);
    if execution.tensor_fusion {
        segments::find(image, id, execution.operator_fusion, counts);
    }
}

/// The code of a function with what flows through its registers; `None` for one that is too large to look at.
fn looked_at(image: &Image, id: usize) -> Option<(&FunctionCode, Flow)> {
    let code = &image.functions[id];
    Flow::of(image, code).map(|flow| (code, flow))
}
