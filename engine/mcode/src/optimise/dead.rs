//! What nobody reads: values that are put into registers whose content is not needed, by instructions that cannot fail.

use super::edit::Edits;
use super::{OptimiserCounts, looked_at};
use crate::flow::access;
use crate::ir::{Image, Instruction};

/// Rounds until nothing is new: leaving one out may leave another without a reader.
const ROUNDS_MAX: usize = 8;

/// Leaves them out.
pub(super) fn remove(image: &mut Image, id: usize, counts: &mut OptimiserCounts) {
    for _ in 0..ROUNDS_MAX {
        let Some((code, flow)) = looked_at(image, id) else { return };
        let mut edits = Edits::default();
        let mut removed = 0;
        for (at, &instruction) in code.instructions.iter().enumerate() {
            // `Clear` stays: it gives memory back.
            let harmless = matches!(
                instruction,
                Instruction::Int { .. }
                    | Instruction::Constant { .. }
                    | Instruction::Bool { .. }
                    | Instruction::None { .. }
                    | Instruction::Copy { .. }
            );
            let next = at + 1;
            let needed = |register| next < code.instructions.len() && flow.is_live(next, usize::from(register));
            if harmless && !access(image, instruction).writes().any(needed) {
                edits.remove(at);
                removed += 1;
            }
        }
        if removed == 0 {
            return;
        }
        let Some(edited) = edits.apply(code) else { return };
        image.functions[id] = edited;
        counts.removed += removed;
    }
}
