//! Loops that ask at their end whether they go on, instead of going back to ask at their head: a jump fewer in each
//! iteration. What the head does is written out at each way back to it, and stays where the loop is come to from outside.

use crate::ir::{End, Function, Operation, Unit};
use crate::loops::heads_and_places;

/// Operations of a head that is written out again.
const HEAD_MAX: usize = 8;
/// Ways back that a head is written out at.
const WAYS_MAX: usize = 2;

/// The unit with its loops turned over.
pub(crate) fn rotate(mut unit: Unit) -> Unit {
    unit.functions.iter_mut().for_each(function);
    unit
}

fn function(function: &mut Function) {
    let (heads, place) = heads_and_places(function);
    for head in (0..function.blocks.len()).filter(|&block| heads[block]) {
        let is_short = function.blocks[head].operations.len() <= HEAD_MAX;
        let has_calls = function.blocks[head].operations.iter().any(|o| matches!(o, Operation::Call { .. }));
        if !is_short || has_calls || !matches!(function.blocks[head].end, End::Branch { .. }) {
            continue;
        }
        let goes_back = |&block: &usize| match function.blocks[block].end {
            End::Jump(to) => to.0 as usize == head && place[block] >= place[head] && block != head,
            _ => false,
        };
        let ways: Vec<usize> = (0..function.blocks.len()).filter(goes_back).collect();
        if ways.len() > WAYS_MAX {
            continue;
        }
        let again = function.blocks[head].clone();
        for way in ways {
            function.blocks[way].operations.extend(again.operations.iter().cloned());
            function.blocks[way].end = again.end.clone();
        }
    }
}
